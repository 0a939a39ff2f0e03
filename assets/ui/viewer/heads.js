/* Layers and heads: a matrix of all of them, coloured by a figure; a click shows what one of them looks at. */
(() => {
  const sayo = (window.sayo ??= {});
  const { el } = sayo;
  const FIGURES = {
    share: ["attention on the picture", "share"],
    energy: ["attention in the boxes", "share"],
    focus: ["how narrow its look is (low spatial entropy)", "nats"],
  };
  const MOST_LISTED = 6;

  sayo.headsPanel = (viewer, parts) => {
    const panel = el("details", "sv-panel sv-answered");
    sayo.testId(panel, "heads-panel");
    panel.append(el("summary", "", "Layers and heads"));
    const bar = el("div", "sv-bar");
    const layer = el("label", "sv-strength");
    layer.append(
      el("span", "", "Show"),
      sayo.choice("layer-choice", "The mean over heads of one layer", [], (value) => viewer.choose(value || "centred")),
    );
    const figure = el("label", "sv-strength");
    viewer.figure = "share";
    parts.figure = sayo.choice("head-figure", "What the colours of the matrix show", Object.entries(FIGURES).map(([value, [label]]) => ({ value, label })), (value) => {
      viewer.figure = value;
      sayo.fillHeads(viewer);
    });
    figure.append(el("span", "", "Colour"), parts.figure);
    const find = sayo.testId(sayo.button("sv-tool", "Find heads that look at the boxes", "Rank the heads by the share of their attention that is in the boxes", () => {
      viewer.figure = "energy";
      viewer.askHeads();
    }), "find-heads");
    bar.append(layer, figure, find);
    parts.matrix = sayo.testId(el("div", "sv-matrix"), "heads");
    parts.found = sayo.testId(el("div", "sv-spot"), "found-heads");
    parts.headsNote = el("p", "sv-note");
    panel.append(bar, parts.matrix, parts.found, parts.headsNote);
    panel.addEventListener("toggle", () => panel.open && viewer.askHeads());
    parts.heads = panel;
    return panel;
  };

  /* The figures of all heads for what is selected and for the boxes as they are. */
  sayo.askHeads = (viewer) => {
    const { value, selection, picture, editor } = viewer;
    viewer.heads = null;
    // Numbered, since a reply that equals the one before would not be noticed.
    viewer.headsAsked = (viewer.headsAsked || 0) + 1;
    viewer.trigger("heads", { id: value.id, revision: viewer.headsAsked, selection, picture, regions: editor.regions });
    sayo.fillHeads(viewer, true);
  };

  sayo.fillHeads = (viewer, waiting = false) => {
    const { parts, heads } = viewer;
    if (!parts.heads) return;
    parts.found.replaceChildren();
    parts.matrix.replaceChildren();
    parts.figure.value = viewer.figure;
    const reason = viewer.reason("heads");
    if (reason || !heads) {
      parts.headsNote.textContent = reason ? `Not here: ${reason}` : waiting ? "Reading every head …" : "";
      return;
    }
    const { layers, figures } = heads;
    const values = figures[viewer.figure];
    if (!values) {
      parts.headsNote.textContent = "Draw a box on the picture first.";
      return;
    }
    const flat = values.flat();
    const [least, most] = [Math.min(...flat), Math.max(...flat)];
    parts.matrix.style.setProperty("--columns", values[0].length);
    const name = (row, head) => `layer ${layers[row] + 1}, head ${head + 1}`;
    const figure = (value) => (FIGURES[viewer.figure][1] === "share" ? `${(100 * value).toFixed(1)} %` : value.toFixed(2));
    values.forEach((line, row) => {
      parts.matrix.append(el("span", "sv-rowname", String(layers[row] + 1)));
      line.forEach((value, head) => {
        const view = `head:${layers[row]}:${head}`;
        const cell = sayo.testId(sayo.button("sv-cell", "", `${name(row, head)}: ${figure(value)}`, () => viewer.choose(view)), view);
        cell.style.background = sayo.colourAt((value - least) / (most - least || 1));
        cell.classList.toggle("is-selected", viewer.view === view);
        cell.setAttribute("aria-label", cell.title);
        parts.matrix.append(cell);
      });
    });
    const ranked = flat.map((value, i) => ({ value, row: Math.floor(i / values[0].length), head: i % values[0].length }));
    ranked.sort((a, b) => b.value - a.value);
    parts.found.append(el("span", "sv-spotname", "Highest:"));
    for (const { value, row, head } of ranked.slice(0, MOST_LISTED)) {
      const view = `head:${layers[row]}:${head}`;
      const node = sayo.button("sv-tool", `${name(row, head)} · ${figure(value)}`, "Show what it looks at", () => viewer.choose(view));
      node.setAttribute("aria-pressed", String(viewer.view === view));
      parts.found.append(node);
    }
    parts.headsNote.textContent = `Rows are layers, columns heads; for ${heads.what}. Click a cell to see its map.`;
  };
})();
