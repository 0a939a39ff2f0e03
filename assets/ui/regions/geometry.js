// @ts-check
/* Regions as shapes, in whole pixels of the original picture. Pure: nothing here touches the page, and every change
 * gives a new region.
 *
 * As in sayo_app/core/geometry/region.py: a pixel belongs to a region that holds its centre, polygons by the
 * even-odd rule.
 */

/** @import { Box, Boxed, Outlined, Painted, Point, Region, Size } from "../shared/types" */
import { clamp } from "../shared/numbers.js";
import { decode, encode, maskBox, resampled } from "./masks.js";
import { bounds, crossings, distanceToOutline, hasArea } from "./outlines.js";

/** @typedef {Partial<Pick<Region, "label" | "step" | "look">>} Fields */

/** @param {Fields} [fields] */
const plain = ({ label = "", step = null, look = true } = {}) => ({ label, step, look });

/**
 * @param {number} xa
 * @param {number} ya
 * @param {number} xb
 * @param {number} yb
 * @returns {Box}
 */
export const ordered = (xa, ya, xb, yb) => [
  Math.min(xa, xb),
  Math.min(ya, yb),
  Math.max(xa, xb),
  Math.max(ya, yb),
];

/**
 * @param {Box} box_xyxy
 * @returns {Boxed}
 */
export const box = (box_xyxy) => ({ ...plain(), kind: "box", box_xyxy, points_xy: [] });

/**
 * @param {Point[]} points_xy
 * @returns {Outlined}
 */
export const polygon = (points_xy) => ({
  ...plain(),
  kind: "polygon",
  points_xy,
  box_xyxy: bounds(points_xy),
});

/**
 * @param {Region} region
 * @param {Point[]} points_xy
 * @returns {Region}
 */
export const withPoints = (region, points_xy) => ({ ...region, points_xy, box_xyxy: bounds(points_xy) });

/**
 * @param {Region} region
 * @param {number} index of the corner
 * @param {Point} at
 */
export const withCorner = (region, index, at) =>
  withPoints(
    region,
    region.points_xy.map((it, i) => (i === index ? at : it)),
  );

/**
 * A brush region of a mask; null where no pixel is set.
 * @param {Uint8Array} mask
 * @param {Size} size
 * @param {Fields} [fields]
 * @returns {Painted | null}
 */
export const brush = (mask, size, fields) => {
  const box_xyxy = maskBox(mask, size);
  return box_xyxy && { ...plain(fields), kind: "brush", points_xy: [], box_xyxy, rle: encode(mask, size) };
};

/**
 * The region's pixels; those of a painting are shared, so copy them before you change them.
 * @param {Region} region
 * @param {Size} size
 */
export const rasterise = (region, size) => {
  if (region.kind === "brush") return decode(region.rle);
  const { width, height } = size;
  const mask = new Uint8Array(width * height);
  const [x0, y0, x1, y1] = region.box_xyxy.map(Math.round);
  if (region.kind === "box") {
    for (let y = y0; y < y1; y++) mask.fill(1, y * width + x0, y * width + x1);
    return mask;
  }
  const points = region.points_xy;
  for (let y = Math.max(y0 - 1, 0); y < Math.min(y1 + 1, height); y++) {
    const flips = crossings(points, y + 0.5).map((at) => clamp(Math.ceil(at - 0.5), 0, width));
    for (let i = 0; i + 1 < flips.length; i += 2)
      mask.fill(1, y * width + flips[i], y * width + flips[i + 1]);
  }
  return mask;
};

/**
 * As far as the picture goes.
 * @param {Region} region
 * @param {number} dx
 * @param {number} dy
 * @param {Size} size
 */
export const moved = (region, dx, dy, size) => {
  const [x0, y0, x1, y1] = region.box_xyxy;
  const [across, down] = [clamp(dx, -x0, size.width - x1), clamp(dy, -y0, size.height - y1)];
  if (region.kind === "brush") {
    const mask = resampled(region.rle, size, (x, y) => [x - across, y - down]);
    return /** @type {Painted} */ (brush(mask, size, region)); // none of its pixels leaves the picture
  }
  if (region.kind === "polygon")
    return withPoints(
      region,
      region.points_xy.map(([x, y]) => [x + across, y + down]),
    );
  return /** @type {Region} */ ({ ...region, box_xyxy: [x0 + across, y0 + down, x1 + across, y1 + down] });
};

/**
 * Stretched into another box; null where that has no area.
 * @param {Region} region
 * @param {Box} to
 * @param {Size} size
 * @returns {Region | null}
 */
export const resized = (region, to, size) => {
  const [x0, y0, x1, y1] = region.box_xyxy;
  const [u0, v0, u1, v1] = to;
  if (u1 <= u0 || v1 <= v0) return null;
  if (region.kind === "box") return { ...region, box_xyxy: to };
  const [across, down] = [(u1 - u0) / (x1 - x0), (v1 - v0) / (y1 - y0)];
  if (region.kind === "polygon") {
    /** @type {Point[]} */
    const points = region.points_xy.map(([x, y]) => [
      Math.round(u0 + (x - x0) * across),
      Math.round(v0 + (y - y0) * down),
    ]);
    return hasArea(points) ? withPoints(region, points) : null;
  }
  const mask = resampled(region.rle, size, (x, y) =>
    x >= u0 && x < u1 && y >= v0 && y < v1
      ? [Math.floor(x0 + (x + 0.5 - u0) / across), Math.floor(y0 + (y + 0.5 - v0) / down)]
      : [-1, -1],
  );
  return brush(mask, size, region);
};

/**
 * The same region on a picture of another size; null where nothing is left of it.
 * @param {Region} region
 * @param {Size} from
 * @param {Size} to
 * @returns {Region | null}
 */
export const carried = (region, from, to) => {
  if (from.width === to.width && from.height === to.height) return region;
  const [across, down] = [to.width / from.width, to.height / from.height];
  if (region.kind === "brush") {
    const mask = resampled(region.rle, to, (x, y) => [
      Math.floor((x + 0.5) / across),
      Math.floor((y + 0.5) / down),
    ]);
    return brush(mask, to, region);
  }
  const [x0, y0, x1, y1] = region.box_xyxy;
  const scaled = [x0 * across, y0 * down, x1 * across, y1 * down].map(Math.round);
  return resized(region, /** @type {Box} */ (scaled), to);
};

/**
 * Does the region lie under a point, give or take `slack` pixels?
 * @param {Region} region
 * @param {Point} point
 * @param {number} slack
 * @param {Size} size
 */
export const hits = (region, [x, y], slack, size) => {
  const [x0, y0, x1, y1] = region.box_xyxy;
  if (x < x0 - slack || x > x1 + slack || y < y0 - slack || y > y1 + slack) return false;
  if (region.kind === "box") return x >= x0 && x <= x1 && y >= y0 && y <= y1;
  if (region.kind === "polygon") {
    const before = crossings(region.points_xy, y).filter((at) => at <= x).length;
    return distanceToOutline(region.points_xy, [x, y]) <= slack || before % 2 === 1;
  }
  const mask = decode(region.rle);
  for (let py = Math.max(0, Math.floor(y - slack)); py <= Math.min(size.height - 1, y + slack); py++)
    for (let px = Math.max(0, Math.floor(x - slack)); px <= Math.min(size.width - 1, x + slack); px++)
      if (mask[py * size.width + px]) return true;
  return false;
};
