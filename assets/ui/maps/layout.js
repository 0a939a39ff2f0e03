// @ts-check
/* Where the image tokens of one picture lie, and how their values become pixels of a canvas. */

/** @import { Box, Grid, Size } from "../shared/types" */
import { clamp } from "../shared/numbers.js";

const PAINT_SIDE = 512; // as in sayo_app/core/geometry/grid.py

/** @typedef {Float32Array | Uint8Array} Values one number a pixel, or one an image token */

/**
 * What is known of a picture's image tokens: its canvas is `width` x `height`, not the picture.
 * @typedef {object} Layout
 * @property {Size} size of the picture
 * @property {number} width of the canvas
 * @property {number} height
 * @property {number} count of image tokens
 * @property {number} [columns] of a regular grid
 * @property {(values: Uint8Array) => Values} painted one number a canvas pixel; cells that overlap are added
 * @property {(index: number) => Box} cell in pixels of the picture
 * @property {(x: number, y: number) => number} at the image token under a point of the picture
 */

/**
 * @param {Size & { grid: Grid }} picture
 * @returns {Layout}
 */
export const layoutOf = ({ width, height, grid }) =>
  grid.grid_hw
    ? regularLayout({ width, height }, ...grid.grid_hw)
    : cellLayout({ width, height }, grid.cells_xyxy ?? []);

/**
 * @param {Size} size
 * @param {number} rows
 * @param {number} columns
 * @returns {Layout}
 */
const regularLayout = (size, rows, columns) => {
  const [w, h] = [size.width / columns, size.height / rows];
  const place = (/** @type {number} */ value, /** @type {number} */ whole, /** @type {number} */ count) =>
    Math.min(Math.floor((value / whole) * count), count - 1);
  return {
    size,
    width: columns,
    height: rows,
    columns,
    count: rows * columns,
    painted: (values) => values,
    cell(index) {
      const [row, column] = [Math.floor(index / columns), index % columns];
      return [column * w, row * h, (column + 1) * w, (row + 1) * h];
    },
    at: (x, y) => place(y, size.height, rows) * columns + place(x, size.width, columns),
  };
};

const area = (/** @type {Box} */ [x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);

/**
 * Tiles, thumbnails and whatever else is no regular grid.
 * @param {Size} size
 * @param {Box[]} cells
 * @returns {Layout}
 */
const cellLayout = (size, cells) => {
  const scale = Math.min(1, PAINT_SIDE / Math.max(size.width, size.height));
  const height = Math.max(1, Math.round(size.height * scale));
  const width = Math.max(1, Math.round(size.width * scale));
  const shown = cells.filter((cell) => area(cell) > 0).length;
  const spans = cells.map((cell) => (area(cell) > 0 ? span(cell, scale, { width, height }) : null));
  const spread = (width * height) / shown;
  return {
    size,
    width,
    height,
    count: cells.length,
    painted(values) {
      const canvas = new Float32Array(width * height);
      spans.forEach((box, index) => {
        if (!box || !values[index]) return;
        const [x0, y0, x1, y1] = box;
        const part = (values[index] * spread) / area(box);
        for (let y = y0; y < y1; y++) for (let i = y * width + x0; i < y * width + x1; i++) canvas[i] += part;
      });
      return canvas;
    },
    cell: (index) => cells[index],
    at: (x, y) => nearest(cells, x, y),
  };
};

/**
 * A cell in whole canvas pixels: at least one, and inside the canvas.
 * @param {Box} cell
 * @param {number} scale
 * @param {Size} canvas
 * @returns {Box}
 */
const span = (cell, scale, { width, height }) => {
  const inside = (/** @type {number} */ value, /** @type {number} */ most) =>
    clamp(Math.round(value), 0, most);
  const [left, top, right, bottom] = cell.map((edge) => edge * scale);
  const [x0, y0] = [inside(left, width - 1), inside(top, height - 1)];
  return [x0, y0, Math.max(inside(right, width), x0 + 1), Math.max(inside(bottom, height), y0 + 1)];
};

/**
 * The cell under a point; the smallest where several overlap, the nearest where there is none.
 * @param {Box[]} cells
 * @param {number} x
 * @param {number} y
 */
const nearest = (cells, x, y) => {
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  cells.forEach(([x0, y0, x1, y1], index) => {
    const inside = x >= x0 && x < x1 && y >= y0 && y < y1;
    const far = Math.hypot((x0 + x1) / 2 - x, (y0 + y1) / 2 - y);
    const rank = inside ? (x1 - x0) * (y1 - y0) : 1e12 * (1 + far);
    if (rank < least) [best, least] = [index, rank];
  });
  return best;
};
