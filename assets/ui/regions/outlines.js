// @ts-check
/* Outlines of polygons: what lies inside by the even-odd rule. Pure: nothing here touches the page. */

/** @import { Box, Point } from "../shared/types" */
import { clamp } from "../shared/numbers.js";

/**
 * @param {Point[]} points
 * @returns {Box}
 */
export const bounds = (points) => {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
};

/**
 * Where a polygon's sides cross a level line, from left to right.
 * @param {Point[]} points
 * @param {number} y
 */
export const crossings = (points, y) => {
  /** @type {number[]} */
  const found = [];
  points.forEach(([ax, ay], i) => {
    const [bx, by] = points[(i + 1) % points.length];
    if (Math.min(ay, by) <= y && y < Math.max(ay, by)) found.push(ax + (y - ay) * ((bx - ax) / (by - ay)));
  });
  return found.sort((a, b) => a - b);
};

/**
 * Does anything lie inside? Not where all corners lie on one line, nor in an outline that is traced twice. As in
 * sayo_app/core/geometry/raster.py: one level between neighbouring corners' heights tells.
 * @param {Point[]} points
 */
export const hasArea = (points) => {
  const heights = [...new Set(points.map(([, y]) => y))].sort((a, b) => a - b);
  return heights.slice(1).some((height, i) => {
    const found = crossings(points, heights[i] + 0.381966 * (height - heights[i]));
    return found.some((x, k) => k % 2 && x - found[k - 1] > 1e-9);
  });
};

/**
 * @param {Point[]} points
 * @param {Point} point
 */
export const distanceToOutline = (points, [x, y]) =>
  Math.min(
    ...points.map(([ax, ay], i) => {
      const [bx, by] = points[(i + 1) % points.length];
      const length = (bx - ax) ** 2 + (by - ay) ** 2;
      const along = length ? clamp(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0, 1) : 0;
      return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
    }),
  );
