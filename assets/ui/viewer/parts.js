/* The nodes of the viewer: made once (viewerParts), then filled from its state (fill...). */
(() => {
  const sayo = (window.sayo ??= {});
  const el = sayo.el;

  const button = (sayo.button = (className, text, title, onClick) => {
    const node = el("button", className, text);
    node.type = "button";
    node.title = title;
    node.addEventListener("click", onClick);
    return node;
  });
  const id = (sayo.testId = (node, testid) => {
    node.dataset.testid = testid;
    return node;
  });
  sayo.choice = (testid, title, options, onChange) => {
    const node = id(el("select", "sv-choice"), testid);
    node.title = title;
    sayo.fillChoice(node, options);
    node.addEventListener("change", () => onChange(node.value));
    return node;
  };
  sayo.fillChoice = (node, options) => {
    node.replaceChildren(
      ...options.map(({ value, label, disabled, title }) => {
        const option = el("option", "", label);
        Object.assign(option, { value, disabled: Boolean(disabled), title: title || "" });
        return option;
      }),
    );
  };

  sayo.viewerParts = (viewer) => {
    const parts = {};
    const left = el("div", "sv-left");
    const right = el("div", "sv-right");
    const stage = (parts.stage = id(el("div", "sv-stage"), "stage"));
    parts.image = el("img", "sv-image");
    parts.image.alt = "The picture";
    parts.image.draggable = false;
    parts.heat = id(el("canvas", "sv-heat"), "heat");
    parts.marks = el("div", "sv-layer sv-layer-truth");
    parts.layer = id(el("div", "sv-layer sv-layer-boxes"), "layer");
    parts.grid = id(el("div", "sv-layer sv-layer-truth"), "grid");
    parts.layer.addEventListener("pointermove", (event) => sayo.hoverCell(viewer, event));
    parts.layer.addEventListener("pointerleave", () => sayo.fillState(viewer));
    stage.append(parts.image, parts.heat, parts.grid, parts.marks, parts.layer);
    parts.empty = id(el("p", "sv-hint"), "empty");
    const frame = (parts.frame = el("div", "sv-frame"));
    frame.append(stage, parts.empty);
    parts.strip = id(el("div", "sv-strip"), "pictures");
    parts.regions = id(el("ul", "sv-regions"), "regions");
    parts.draft = id(el("div", "sv-bar sv-draftbar"), "draft");
    left.append(parts.draft, mapBar(viewer, parts), frame, parts.strip, ...sayo.toolBars(viewer, parts), parts.regions);
    parts.tokens = id(el("div", "sv-tokens"), "tokens");
    parts.caption = id(el("p", "sv-caption"), "caption");
    parts.spot = id(el("div", "sv-spot"), "spot");
    parts.numbers = id(el("div", "sv-numbers"), "numbers");
    right.append(playBar(viewer, parts), parts.tokens, parts.caption, parts.spot, parts.numbers);
    if (viewer.options.inspect) right.append(sayo.headsPanel(viewer, parts));
    parts.tops = [left, right];
    return parts;
  };

  const mapBar = (viewer, parts) => {
    const bar = el("div", "sv-bar sv-answered");
    parts.methods = el("div", "sv-switch");
    parts.methods.setAttribute("role", "group");
    parts.methods.setAttribute("aria-label", "Map");
    viewer.options.methods.forEach(({ name, label }, index) => {
      const node = id(button("sv-option", label, "", () => viewer.choose(name)), `method-${name}`);
      node.dataset.method = name;
      node.dataset.key = index + 1;
      parts.methods.append(node);
    });
    const label = el("label", "sv-strength");
    const slider = id(el("input"), "strength");
    Object.assign(slider, { type: "range", min: 0, max: 100, value: 100 * viewer.strength });
    slider.addEventListener("input", () => {
      viewer.strength = slider.value / 100;
      viewer.draw();
    });
    const legend = id(el("span", "sv-legend"), "legend");
    const scale = el("span", "sv-scale");
    scale.style.background = sayo.legend();
    legend.append(el("span", "", "little"), scale, el("span", "", "most"));
    legend.title = "Each map is scaled to its own largest value. Nothing is painted where the model did not look.";
    label.append(el("span", "", "Overlay"), slider);
    bar.append(parts.methods, label, legend);
    return bar;
  };

  const playBar = (viewer, parts) => {
    const bar = el("div", "sv-bar sv-answered");
    parts.colour = sayo.choice("colour", "What the colour of the tokens shows", [], (value) => {
      viewer.colour = value;
      sayo.colourTokens(viewer);
    });
    const label = el("label", "sv-strength");
    label.append(el("span", "", "Colour"), parts.colour);
    bar.append(
      id(button("sv-tool", "‹", "Token before (Left arrow)", () => viewer.stepToken(-1)), "previous"),
      (parts.play = id(button("sv-tool sv-play", "▶ Play", "Play the tokens (Space)", () => viewer.play()), "play")),
      id(button("sv-tool", "›", "Next token (Right arrow)", () => viewer.stepToken(1)), "next"),
      (parts.whole = id(button("sv-tool", "Whole answer", "The map of the whole answer (A)", () => viewer.select("answer", 0)), "whole")),
      label,
    );
    return bar;
  };

  // ---- filling

  /* The picture that is worked on, large, and the others of the question as a strip, each with its overlay. */
  sayo.fillPictures = (viewer, before) => {
    const { parts, value } = viewer;
    const pictures = value.pictures || [];
    const shown = pictures[viewer.picture];
    if (shown && parts.image.getAttribute("src") !== shown.src) parts.image.src = shown.src;
    if (shown) parts.stage.style.setProperty("--ratio", shown.width / shown.height);
    const ids = pictures.map((it) => it.id).join();
    if (ids !== parts.strip.dataset.ids || !before.pictures) {
      parts.strip.dataset.ids = ids;
      parts.strip.replaceChildren();
      parts.canvases = pictures.map((picture, index) => {
        if (index === viewer.picture) return parts.heat;
        const node = id(button("sv-thumb", "", `Picture ${index + 1}: look closer and draw on it`, () => viewer.showPicture(index)), `picture-${index}`);
        node.style.setProperty("--ratio", picture.width / picture.height);
        const [image, canvas] = [el("img", "sv-image"), el("canvas", "sv-heat")];
        Object.assign(image, { src: picture.src, alt: `Picture ${index + 1}` });
        node.append(image, canvas, el("span", "sv-thumbname", String(index + 1)));
        parts.strip.append(node);
        return canvas;
      });
    }
    const { truth = [], sinks } = value;
    const marks = viewer.flags.truth && viewer.picture === 0 ? truth : [];
    parts.marks.replaceChildren(...marks.map((it) => sayo.boxNode(it.box_xyxy, viewer.size, "sv-true", it.label)));
    const layout = viewer.layouts?.[viewer.picture];
    const outline = (cell, className, label) => layout && parts.marks.append(sayo.boxNode(layout.cell(cell), viewer.size, className, label));
    if (viewer.flags.sinks) for (const cell of sinks?.[viewer.picture] || []) outline(cell, "sv-sink", "");
    if (viewer.spot?.picture === viewer.picture) outline(viewer.spot.cell, "sv-look", "");
  };

  sayo.fillMethods = (viewer) => {
    const { parts, options, view, wanted } = viewer;
    for (const node of parts.methods.children) {
      const { name, description, formula } = options.methods.find((it) => it.name === node.dataset.method);
      const reason = viewer.reason(name);
      node.disabled = Boolean(reason);
      node.title = reason ? `Not here: ${reason}` : `${description}\n${formula}\n(key ${node.dataset.key})`;
      node.setAttribute("aria-pressed", String(name === view));
      node.classList.toggle("is-waiting", name === wanted);
    }
    viewer.root.classList.toggle("is-reward", view === "reward");
    const layers = viewer.value.layers || [];
    const known = viewer.root.querySelector("[data-testid=layer-choice]");
    if (known) {
      sayo.fillChoice(known, [{ value: "", label: "as the map says" }, ...layers.map((it) => ({ value: `layer:${it}`, label: `layer ${it + 1}` }))]);
      known.value = view.startsWith("layer:") ? view : "";
    }
  };

  sayo.stepName = (viewer, index) => (viewer.steps[index].kind === "answer" ? "Answer" : `Step ${index + 1}`);

  sayo.fillState = (viewer) => {
    const { parts, selection, flags, value } = viewer;
    const { kind, index } = selection;
    sayo.markTokens(viewer);
    for (const [name, node] of Object.entries(parts.toggles)) node.setAttribute("aria-pressed", String(flags[name]));
    parts.toggles.truth.hidden = !value.truth?.length;
    parts.toggles.overlay.hidden = !viewer.rows;
    const sinks = (value.sinks || []).reduce((sum, it) => sum + it.length, 0);
    parts.toggles.sinks.hidden = !sinks;
    if (sinks) parts.toggles.sinks.textContent = sinks === 1 ? "1 sink" : `${sinks} sinks`;
    parts.whole.setAttribute("aria-pressed", String(kind === "answer"));
    parts.play.textContent = viewer.timer ? "❚❚ Pause" : "▶ Play";
    parts.caption.textContent = caption(viewer);
    sayo.fillTools(viewer);
    sayo.fillGrid(viewer);
  };

  const caption = (viewer) => {
    const { selection, value, view } = viewer;
    if (!viewer.rows) return value.status === "streaming" ? "Answering … the overlay shows where the newest word looked." : "";
    const { kind, index } = selection;
    const [, layer, head] = view.match(/^(?:layer|head):(\d+):?(\d*)$/) || [];
    const one = layer ? ` Map: layer ${Number(layer) + 1}${head ? `, head ${Number(head) + 1}` : ""}.` : "";
    const once = viewer.views[view]?.once ? " This map is one for the whole answer." : one;
    if (kind === "answer") return `Showing the whole answer. Choose a token or a step, or use the arrow keys.${once}`;
    if (kind === "step") return `Showing ${sayo.stepName(viewer, index).toLowerCase()} as a whole.${once}`;
    const share = value.image_share?.[index];
    const entropy = value.entropies?.[index];
    const reads = value.top?.includes(index) ? " The reward reads this token." : "";
    return `Token ${index + 1} of ${value.tokens.length}: ${(100 * share).toFixed(1)} % of its attention is on the picture, entropy ${entropy.toFixed(2)} nats.${reads}${once}`;
  };
})();
