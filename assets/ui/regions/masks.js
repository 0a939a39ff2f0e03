// @ts-check
/* Masks: a byte a pixel, row by row. Pure: nothing here touches the page. */

/** @import { Box, Point, Rle, Size } from "../shared/types" */
import { clamp } from "../shared/numbers.js";

/**
 * @param {Uint8Array} mask
 * @param {Size} size
 * @returns {Rle}
 */
export const encode = (mask, { width, height }) => {
  const counts = [];
  let [run, value] = [0, 0];
  for (let x = 0; x < width; x++)
    for (let i = x; i < width * height; i += width) {
      if (mask[i] !== value) {
        counts.push(run);
        [run, value] = [0, mask[i]];
      }
      run++;
    }
  counts.push(run);
  return { size: [height, width], counts };
};

/** Masks by their run lengths, which are never changed. @type {WeakMap<Rle, Uint8Array>} */
const decoded = new WeakMap();

/**
 * Shared by all who ask: copy it before you change it.
 * @param {Rle} rle
 */
export const decode = (rle) => {
  const known = decoded.get(rle);
  if (known) return known;
  const [height, width] = rle.size;
  const mask = new Uint8Array(width * height);
  let place = 0;
  rle.counts.forEach((count, run) => {
    if (run % 2)
      for (let k = place; k < place + count; k++) mask[(k % height) * width + Math.floor(k / height)] = 1;
    place += count;
  });
  decoded.set(rle, mask);
  return mask;
};

/**
 * The smallest box round the set pixels; null where none is.
 * @param {Uint8Array} mask
 * @param {Size} size
 * @returns {Box | null}
 */
export const maskBox = (mask, { width, height }) => {
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++)
      if (mask[i]) {
        if (x < x0) x0 = x;
        if (x >= x1) x1 = x + 1;
        if (y < y0) y0 = y;
        y1 = y + 1;
      }
  return x1 > x0 ? [x0, y0, x1, y1] : null;
};

/**
 * Each pixel of the new picture takes that of the old one which `source` names.
 * @param {Rle} rle
 * @param {Size} size
 * @param {(x: number, y: number) => Point} source
 */
export const resampled = (rle, size, source) => {
  const [oldHeight, oldWidth] = rle.size;
  const [old, mask] = [decode(rle), new Uint8Array(size.width * size.height)];
  for (let y = 0, i = 0; y < size.height; y++)
    for (let x = 0; x < size.width; x++, i++) {
      const [sx, sy] = source(x, y);
      if (sx >= 0 && sy >= 0 && sx < oldWidth && sy < oldHeight) mask[i] = old[sy * oldWidth + sx];
    }
  return mask;
};

/**
 * The pixels of a round brush as [y, x from, x to): those whose centre is at most half the size away.
 * @param {Point} centre of a pixel where the size is odd, a corner between pixels where it is even
 * @param {number} brushSize
 * @param {Size} size
 */
export const stamp = ([cx, cy], brushSize, { width, height }) => {
  const r = brushSize / 2;
  const spans = [];
  for (let y = Math.max(0, Math.ceil(cy - r - 0.5)); y < height && y + 0.5 - cy <= r; y++) {
    const half = Math.sqrt(r * r - (y + 0.5 - cy) ** 2);
    const from = Math.max(0, Math.ceil(cx - half - 0.5));
    const to = Math.min(width, Math.floor(cx + half - 0.5) + 1);
    if (to > from) spans.push([y, from, to]);
  }
  return spans;
};

/**
 * @param {Point} point
 * @param {number} brushSize
 * @param {Size} size
 * @returns {Point}
 */
export const brushCentre = ([x, y], brushSize, { width, height }) =>
  brushSize % 2
    ? [clamp(Math.floor(x), 0, width - 1) + 0.5, clamp(Math.floor(y), 0, height - 1) + 0.5]
    : [Math.round(x), Math.round(y)];

/**
 * Centres from one to the other, a pixel apart, so that a stroke of one pixel has no gap.
 * @param {Point} from
 * @param {Point} to
 * @returns {Point[]}
 */
export const between = ([ax, ay], [bx, by]) => {
  const count = Math.max(Math.abs(bx - ax), Math.abs(by - ay));
  return Array.from({ length: count }, (_, k) => [
    ax + Math.round(((bx - ax) * (k + 1)) / count),
    ay + Math.round(((by - ay) * (k + 1)) / count),
  ]);
};
