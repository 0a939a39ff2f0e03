/* The tools under the picture: what to draw with, undo and redo, zoom, and what is shown. */
(() => {
  const sayo = (window.sayo ??= {});
  const { el } = sayo;

  sayo.toolBars = (viewer, parts) => {
    parts.toggles = {};
    parts.tools = {};
    const bars = [];
    if (viewer.options.editable) bars.push(drawBar(viewer, parts), hintBar(viewer, parts));
    bars.push(viewBar(viewer, parts));
    return bars;
  };

  const drawBar = (viewer, parts) => {
    const bar = el("div", "sv-bar sv-drawbar");
    const group = el("div", "sv-switch sv-tools");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "Tool");
    for (const name of sayo.toolNames) {
      const { label, title, key } = sayo.tools[name];
      parts.tools[name] = sayo.testId(sayo.button("sv-option", label, `${title} (${key.toUpperCase()})`, () => viewer.editor.setTool(name)), `tool-${name}`);
      group.append(parts.tools[name]);
    }
    const act = (testid, text, title, run) => (parts[testid] = sayo.testId(sayo.button("sv-tool sv-small", text, title, run), testid));
    bar.append(
      group,
      act("undo", "↶", "Undo (Ctrl+Z)", () => viewer.history.undo(viewer)),
      act("redo", "↷", "Redo (Ctrl+Shift+Z)", () => viewer.history.redo(viewer)),
      act("copy", "Copy last", "Copy the regions of the picture before (C)", () => sayo.copyLast(viewer)),
      act("propose", "Propose", "Propose regions: the peaks of the map that is shown (K)", () => sayo.propose(viewer)),
      act("help", "?", "All keys (?)", () => sayo.toggleSheet(viewer)),
    );
    parts.undo.setAttribute("aria-label", "Undo");
    parts.redo.setAttribute("aria-label", "Redo");
    return bar;
  };

  /* A line that is there only for tools which need it: what to do, and how large the brush is. */
  const hintBar = (viewer, parts) => {
    const bar = (parts.hintBar = el("div", "sv-bar sv-hintbar"));
    parts.brushSize = sayo.testId(el("input"), "brush-size");
    Object.assign(parts.brushSize, { type: "range", min: 1, max: 100, title: "Size of the brush in pixels of the picture" });
    parts.brushSize.addEventListener("input", () => sayo.setBrush(viewer, Number(parts.brushSize.value)));
    parts.brushName = el("span", "", "");
    parts.brushLabel = el("label", "sv-strength");
    parts.brushLabel.append(parts.brushName, parts.brushSize);
    parts.toolHint = el("span", "sv-note", "");
    bar.append(parts.brushLabel, parts.toolHint);
    return bar;
  };

  const viewBar = (viewer, parts) => {
    const bar = el("div", "sv-bar");
    const toggle = (name, text, title) => {
      parts.toggles[name] = sayo.testId(sayo.button("sv-tool", text, title, () => viewer.set(name, !viewer.flags[name])), `toggle-${name}`);
      return parts.toggles[name];
    };
    const zoom = (testid, text, title, run) => sayo.testId(sayo.button("sv-tool sv-small", text, title, run), testid);
    const zooms = el("span", "sv-zooms");
    zooms.append(
      zoom("zoom-out", "−", "Smaller (−, or Ctrl and the wheel)", () => viewer.zoom.by(-1)),
      (parts.fit = zoom("zoom-fit", "100 %", "Fit the picture (F)", () => viewer.zoom.fit())),
      zoom("zoom-in", "+", "Larger (+, or Ctrl and the wheel); drag with the space bar or the middle button to move", () => viewer.zoom.by(1)),
    );
    bar.append(
      toggle("overlay", "Overlay", "Show or hide the map (H)"),
      toggle("grid", "Grid", "Show the image tokens, and which of them the regions cover (G); point at one to read its attention"),
      toggle("truth", "True boxes", "Show the objects that were drawn into this scene"),
      toggle("sinks", "Sinks", "Outline attention sinks: image tokens that draw attention whatever is asked"),
      zooms,
    );
    return bar;
  };

  sayo.setBrush = (viewer, size) => {
    const { editor } = viewer;
    editor.brushSize = Math.min(Math.max(Math.round(size), 1), Math.max(editor.size.width, editor.size.height, 1));
    editor.draw();
    sayo.fillTools(viewer);
  };

  /* [ and ]: by one pixel for a small brush, by a tenth for a large one. */
  sayo.growBrush = (viewer, sign) => {
    const { brushSize, tool } = viewer.editor;
    if (!tool.sized) return false;
    sayo.setBrush(viewer, brushSize + sign * Math.max(1, Math.round(brushSize / 10)));
    return true;
  };

  sayo.fillTools = (viewer) => {
    const { parts, editor, history, options } = viewer;
    if (!editor || !options.editable) return;
    const { tool, size, enabled } = editor;
    for (const [name, node] of Object.entries(parts.tools)) node.setAttribute("aria-pressed", String(name === tool.name));
    parts.layer.classList.toggle("is-drawing", enabled && Boolean(tool.draws));
    parts.layer.classList.toggle("is-sized", enabled && Boolean(tool.sized));
    parts.undo.disabled = !history.past.length;
    parts.redo.disabled = !history.future.length;
    parts.copy.hidden = !sayo.lastRegions || sayo.lastRegions.picture === viewer.pictureId;
    if (!editor.brushSize && size.width) editor.brushSize = Math.max(1, Math.round(Math.max(size.width, size.height) / 25));
    parts.propose.hidden = !viewer.rows;
    parts.hintBar.hidden = !tool.hint;
    parts.toolHint.textContent = tool.hint || "";
    parts.brushLabel.hidden = !tool.sized;
    parts.brushName.textContent = `Size ${editor.brushSize} px`;
    parts.brushSize.max = Math.max(20, Math.round(Math.max(size.width, size.height) / 4));
    parts.brushSize.value = editor.brushSize;
  };
})();
