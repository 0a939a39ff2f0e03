// @ts-check
/* Worked out by hand; that any region means the same pixels to the server is tested from Python
   (tests/ui/viewer/test_region_geometry.py). */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  box,
  carried,
  hits,
  moved,
  ordered,
  polygon,
  rasterise,
  resized,
  withCorner,
} from "../../assets/ui/regions/geometry.js";
import { decode, encode } from "../../assets/ui/regions/masks.js";
import { crossings, distanceToOutline, hasArea } from "../../assets/ui/regions/outlines.js";

/** @import { Region } from "../../assets/ui/shared/types" */

const SIZE = { width: 20, height: 10 };

test("the corners of a box in any order", () => {
  assert.deepEqual(ordered(9, 1, 2, 7), [2, 1, 9, 7]);
});

test("a run length is read column by column, unset pixels first", () => {
  // Two rows of three: the first column is unset and set, the second set, the third unset.
  const rle = encode(Uint8Array.from([0, 1, 0, 1, 1, 0]), { width: 3, height: 2 });
  assert.deepEqual(rle, { size: [2, 3], counts: [1, 3, 2] });
  assert.deepEqual([...decode(rle)], [0, 1, 0, 1, 1, 0]);
});

test("a region stays on the picture and what is said of it stays", () => {
  /** @type {Region} */
  const region = { ...box([1, 1, 5, 4]), label: "cat", look: false, step: 2 };
  const there = moved(region, 100, -100, SIZE);
  assert.deepEqual(there, { ...region, box_xyxy: [16, 0, 20, 3] });
});

test("a polygon that is squeezed on to a line is none", () => {
  const flat = polygon([
    [0, 0],
    [10, 0],
    [10, 8],
  ]);
  assert.equal(resized(flat, [0, 0, 10, 0], SIZE), null);
  assert.deepEqual(resized(flat, [0, 0, 5, 4], SIZE)?.points_xy, [
    [0, 0],
    [5, 0],
    [5, 4],
  ]);
});

test("a box is carried to another picture by its corners", () => {
  assert.deepEqual(carried(box([2, 2, 10, 4]), SIZE, { width: 10, height: 30 })?.box_xyxy, [1, 6, 5, 12]);
  assert.equal(carried(box([2, 2, 3, 4]), SIZE, { width: 2, height: 10 }), null);
});

test("one corner of a polygon moves, and its box with it", () => {
  const triangle = polygon([
    [0, 0],
    [10, 0],
    [10, 8],
  ]);
  const changed = withCorner(triangle, 2, [4, 9]);
  assert.deepEqual(
    [changed.points_xy[2], changed.box_xyxy],
    [
      [4, 9],
      [0, 0, 10, 9],
    ],
  );
  assert.deepEqual(triangle.points_xy[2], [10, 8]);
});

test("an outline that is traced twice encloses nothing", () => {
  /** @type {[number, number][]} */
  const square = [
    [0, 0],
    [4, 0],
    [4, 4],
    [0, 4],
  ];
  assert.deepEqual(crossings(square, 1), [0, 4]);
  assert.equal(hasArea(square), true);
  assert.equal(hasArea([...square, ...square]), false);
});

test("a click beside an outline is on the polygon", () => {
  const square = polygon([
    [2, 2],
    [8, 2],
    [8, 8],
    [2, 8],
  ]);
  assert.equal(distanceToOutline(square.points_xy, [10, 5]), 2);
  assert.deepEqual([hits(square, [10, 5], 2, SIZE), hits(square, [10, 5], 1, SIZE)], [true, false]);
  assert.equal(hits(square, [5, 5], 0, SIZE), true);
});

test("a corner at the height of the click is one crossing", () => {
  const notched = polygon([
    [0, 0],
    [4, 5],
    [0, 10],
    [20, 10],
    [20, 0],
  ]);
  assert.deepEqual([hits(notched, [10, 5], 0, SIZE), hits(notched, [1, 5], 0, SIZE)], [true, false]);
});

test("a painting is hit on its pixels and beside them, not elsewhere in its box", () => {
  const mask = new Uint8Array(200);
  mask[0] = 1; // (0, 0)
  mask[9 * 20 + 19] = 1; // (19, 9)
  /** @type {Region} */
  const painting = { ...box([0, 0, 20, 10]), kind: "brush", rle: encode(mask, SIZE) };
  assert.deepEqual(
    [hits(painting, [0.5, 0.5], 0, SIZE), hits(painting, [10, 5], 3, SIZE), hits(painting, [17, 9], 2, SIZE)],
    [true, false, true],
  );
});

test("a box covers whole pixels", () => {
  const mask = rasterise(box([1, 0, 3, 2]), { width: 4, height: 3 });
  assert.deepEqual([...mask], [0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
});
