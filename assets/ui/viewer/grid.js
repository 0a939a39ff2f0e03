/* The grid of image tokens over the picture, the cells that the regions cover, and what lies under the pointer. */
(() => {
  const sayo = (window.sayo ??= {});

  const rectangles = (layout, cells) =>
    cells.map((cell) => layout.cell(cell)).map(([x0, y0, x1, y1]) => `M${x0} ${y0}H${x1}V${y1}H${x0}Z`).join("");

  /* What the model will be told of the regions, for the step that is selected or for the whole answer:
     {told: image tokens that count as theirs, covered: {cell: part}}. The server's word: it does the counting. */
  const cellsOf = (viewer) => {
    const { numbers, selection } = viewer;
    const { kind, index } = selection;
    const step = kind === "step" ? index : kind === "token" ? viewer.stepOf(index) : -1;
    return numbers?.cells && (numbers.cells.step[step] || numbers.cells.answer);
  };

  sayo.fillGrid = (viewer) => {
    const { parts, size, flags } = viewer;
    const layout = viewer.layouts?.[viewer.picture];
    parts.toggles.grid.hidden = !layout;
    parts.grid.replaceChildren();
    if (!layout || !flags.grid) return;
    const all = Array.from({ length: layout.count }, (_, cell) => cell);
    const node = sayo.svg("svg", { viewBox: `0 0 ${size.width} ${size.height}`, preserveAspectRatio: "none", class: "sv-gridlines" });
    node.append(sayo.svg("path", { d: rectangles(layout, all), class: "sv-gridline" }));
    const { told = [], covered = {} } = cellsOf(viewer) || {};
    for (const [cell, part] of Object.entries(covered))
      node.append(sayo.svg("path", { d: rectangles(layout, [Number(cell)]), class: "sv-touched", "fill-opacity": 0.45 * part }));
    node.append(sayo.svg("path", { d: rectangles(layout, told), class: "sv-covered" }));
    parts.grid.append(node);
  };

  /* Say in the caption which cell is under the pointer and what share of the shown map lies on it. */
  sayo.hoverCell = (viewer, event) => {
    const { parts, editor, flags, values } = viewer;
    const layout = viewer.layouts?.[viewer.picture];
    if (!layout || !flags.grid || !values || editor.drag) return;
    const { width, height } = viewer.size;
    const [x, y] = editor.pen(event).exact;
    const cell = layout.at(Math.min(x, width - 1), Math.min(y, height - 1));
    const before = viewer.layouts.slice(0, viewer.picture).reduce((sum, it) => sum + it.count, 0);
    const total = values.reduce((sum, it) => sum + it, 0);
    const share = total ? (100 * values[before + cell]) / total : 0;
    const name = layout.columns ? `row ${Math.floor(cell / layout.columns) + 1}, column ${(cell % layout.columns) + 1}` : `${cell + 1}`;
    const { told = [], covered = {} } = cellsOf(viewer) || {};
    const part = Math.round(100 * (covered[cell] || 0));
    const counts = told.includes(cell) ? "counts as theirs" : "does not count";
    const regions = part || told.includes(cell) ? ` · ${part} % of it in the regions: ${counts}` : "";
    parts.caption.textContent = `Cell ${name} · ${share.toFixed(1)} %${regions}`;
  };
})();
