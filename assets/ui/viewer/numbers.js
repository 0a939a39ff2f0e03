/* How well the attention agrees with the regions. */
(() => {
  const sayo = (window.sayo ??= {});
  const { el } = sayo;

  const shown = (value, unit) => {
    if (value === null || value === undefined) return "–";
    if (unit === "share") return `${Math.round(100 * value)} %`;
    if (unit === "flag") return value ? "hit" : "miss";
    return value.toFixed(2).replace("-", "−");
  };

  sayo.fillNumbers = (viewer) => {
    const root = viewer.parts.numbers;
    root.replaceChildren();
    sayo.fillGrid(viewer);
    if (!viewer.rows) return;
    if (!viewer.editor?.regions.length) {
      if (viewer.options.editable) root.append(el("p", "sv-note", "Draw a box on the picture to see how well the model looked there. Click a free spot to see which tokens looked at it."));
      return;
    }
    const { numbers } = viewer;
    const { kind, index } = viewer.selection;
    const step = kind === "step" ? index : kind === "token" ? viewer.stepOf(index) : -1;
    const columns = [];
    if (kind === "token") columns.push(["Token", "token", index]);
    if (step >= 0) columns.push([sayo.stepName(viewer, step), "step", step]);
    columns.push(["Whole answer", "answer", 0]);
    const table = el("table", "sv-table");
    const line = (tag, name, cells, meaning) => {
      const row = el("tr");
      const head = el("th", "", name);
      head.title = row.title = meaning;
      row.append(head, ...cells.map((text) => el(tag, "", text)));
      table.append(row);
      return row;
    };
    line("th", "In the regions", columns.map(([name]) => name), "");
    for (const { name, label, meaning, unit } of viewer.options.metrics) {
      const cells = columns.map(([, part, i]) => (numbers ? shown(numbers[part][name]?.[i], unit) : "…"));
      sayo.testId(line("td", label, cells, meaning), `number-${name}`);
    }
    root.append(table);
    for (const note of numbers?.notes || []) root.append(el("p", "sv-note is-warning", note));
    const help = el("details", "sv-help");
    help.append(el("summary", "", "What do these numbers mean?"));
    for (const { label, meaning } of viewer.options.metrics) {
      const line = el("p", "");
      line.append(el("b", "", `${label}: `), document.createTextNode(meaning));
      help.append(line);
    }
    root.append(help);
    help.open = viewer.helpOpen || false;
    help.addEventListener("toggle", () => (viewer.helpOpen = help.open));
  };
})();
