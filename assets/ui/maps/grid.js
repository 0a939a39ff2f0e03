// @ts-check
/* The grid of image tokens over the picture, the cells that the regions cover, and what lies under the pointer. */

/** @import { Cells } from "../shared/types" */
/** @import { Layout } from "./layout.js" */
/** @import { Viewer } from "../viewer/viewer.js" */
import { svg } from "../shared/dom.js";
import { sum } from "../shared/numbers.js";

/** @type {Cells} */
const NONE = { told: [], covered: {} };

/**
 * @param {Layout} layout
 * @param {number[]} cells
 */
const rectangles = (layout, cells) =>
  cells
    .map((cell) => layout.cell(cell))
    .map(([x0, y0, x1, y1]) => `M${x0} ${y0}H${x1}V${y1}H${x0}Z`)
    .join("");

/**
 * What the model will be told of the regions, for the step that is selected or for the whole answer. The server's
 * word: it does the counting.
 * @param {Viewer} viewer
 */
const cellsOf = ({ numbers, selectedStep }) =>
  (numbers?.cells && (numbers.cells.step[selectedStep] || numbers.cells.answer)) || NONE;

/** @param {Viewer} viewer */
export const fillGrid = (viewer) => {
  const { parts, size, flags, layout } = viewer;
  parts.view.toggles.grid.hidden = !layout;
  parts.grid.replaceChildren();
  if (!layout || !flags.grid) return;
  const viewBox = `0 0 ${size.width} ${size.height}`;
  const node = svg("svg", { viewBox, preserveAspectRatio: "none", class: "sv-gridlines" });
  const all = Array.from({ length: layout.count }, (_, cell) => cell);
  node.append(svg("path", { d: rectangles(layout, all), class: "sv-gridline" }));
  const { told, covered } = cellsOf(viewer);
  for (const [cell, part] of Object.entries(covered)) {
    const d = rectangles(layout, [Number(cell)]);
    node.append(svg("path", { d, class: "sv-touched", "fill-opacity": 0.45 * part }));
  }
  node.append(svg("path", { d: rectangles(layout, told), class: "sv-covered" }));
  parts.grid.append(node);
};

/**
 * Say in the caption which cell is under the pointer and what share of the shown map lies on it.
 * @param {Viewer} viewer
 * @param {PointerEvent} event
 */
export const hoverCell = (viewer, event) => {
  const { parts, editor, flags, values, layout } = viewer;
  if (!layout || !flags.grid || !values || editor.drag) return;
  const { width, height } = viewer.size;
  const [x, y] = editor.pen(event).exact;
  const cell = layout.at(Math.min(x, width - 1), Math.min(y, height - 1));
  const total = sum(values);
  const share = total ? (100 * values[viewer.tokensBefore + cell]) / total : 0;
  const { columns } = layout;
  const name = columns
    ? `row ${Math.floor(cell / columns) + 1}, column ${(cell % columns) + 1}`
    : `${cell + 1}`;
  const { told, covered } = cellsOf(viewer);
  const part = Math.round(100 * (covered[cell] || 0));
  const counts = told.includes(cell) ? "counts as theirs" : "does not count";
  const regions = part || told.includes(cell) ? ` · ${part} % of it in the regions: ${counts}` : "";
  parts.caption.textContent = `Cell ${name} · ${share.toFixed(1)} %${regions}`;
};
