// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf } from "../../assets/ui/maps/bytes.js";
import { colourAt, legend, palette, useColours } from "../../assets/ui/maps/colours.js";
import { layoutOf } from "../../assets/ui/maps/layout.js";
import { View } from "../../assets/ui/maps/view.js";

/** @import { Box, ViewData } from "../../assets/ui/shared/types" */

const base64 = (/** @type {number[]} */ bytes) => Buffer.from(bytes).toString("base64");

/** @returns {ViewData} */
const data = (scope = "token") => ({
  scope,
  token: { bytes: base64([255, 0, 51, 255]), peaks: [0.5, 0.1] },
  step: { bytes: base64([1, 2]), peaks: [1] },
  answer: { bytes: base64([7, 8]), peaks: [1] },
});

test("bytes come as base64", () => {
  assert.deepEqual([...bytesOf(base64([0, 127, 255]))], [0, 127, 255]);
});

test("each token, step and answer has its own map", () => {
  const view = new View(data(), 2);
  assert.deepEqual([...(view.at("token", 1) ?? [])], [51, 255]);
  assert.deepEqual([...(view.at("step", 0) ?? [])], [1, 2]);
  assert.deepEqual([view.at("token", 2), view.at("token", -1)], [null, null]);
});

test("a map of the whole answer is that of every token", () => {
  const view = new View(data("answer"), 2);
  assert.equal(view.once, true);
  assert.deepEqual([...(view.at("token", 1) ?? [])], [7, 8]);
});

test("how much each token looked at one image token", () => {
  // Bytes are shares of the map's own peak: 255/255 of 0.5 and 51/255 of 0.1.
  assert.deepEqual(new View(data(), 2).column(0), [0.5, 0.1 * 0.2]);
});

test("a regular grid has a row of cells after the other", () => {
  const layout = layoutOf({ width: 60, height: 40, grid: { grid_hw: [2, 3] } });
  assert.deepEqual([layout.width, layout.height, layout.count], [3, 2, 6]);
  assert.deepEqual(layout.cell(4), [20, 20, 40, 40]);
  assert.deepEqual([layout.at(0, 0), layout.at(39.9, 20), layout.at(60, 40)], [0, 4, 5]);
});

test("cells that overlap are added, and one without an area is nowhere", () => {
  /** @type {Box[]} */
  const cells_xyxy = [
    [0, 0, 2, 2],
    [0, 0, 4, 2],
    [3, 0, 3, 2],
  ];
  const layout = layoutOf({ width: 4, height: 2, grid: { cells_xyxy } });
  // Two cells are shown on 8 pixels, so a value is worth 4 of them: 8 * 4 / 4 = 8 in the small cell, 16 * 4 / 8 = 8
  // in the large one.
  assert.deepEqual([...layout.painted(Uint8Array.from([8, 16, 200]))], [16, 16, 8, 8, 16, 16, 8, 8]);
});

test("under a point lies the smallest cell, or else the nearest one", () => {
  /** @type {Box[]} */
  const cells_xyxy = [
    [0, 0, 40, 40],
    [10, 10, 20, 20],
    [60, 0, 80, 40],
  ];
  const layout = layoutOf({ width: 100, height: 40, grid: { cells_xyxy } });
  assert.deepEqual([layout.at(15, 15), layout.at(5, 5), layout.at(95, 20)], [1, 0, 2]);
});

test("a large picture is painted at 512 pixels", () => {
  const layout = layoutOf({ width: 2048, height: 1024, grid: { cells_xyxy: [[0, 0, 2048, 1024]] } });
  assert.deepEqual([layout.width, layout.height, layout.cell(0)], [512, 256, [0, 0, 2048, 1024]]);
});

test("colours are those of the server, and opacity grows from the veil to the strength", () => {
  useColours(base64(Array.from({ length: 256 }, (_, i) => [i, 0, 255 - i]).flat()));
  assert.deepEqual(
    [colourAt(0), colourAt(1), colourAt(2)],
    ["rgb(0, 0, 255)", "rgb(255, 0, 0)", "rgb(255, 0, 0)"],
  );
  assert.match(legend(), /^linear-gradient\(90deg, rgb\(0, 0, 255\), .*rgb\(255, 0, 0\)\)$/);
  const colours = new Uint8Array(palette(0.5).buffer);
  // Half of 30 % of 255 where the map is 0, half of 255 at its top.
  assert.deepEqual(
    [[...colours.slice(0, 4)], [...colours.slice(-4)]],
    [
      [0, 0, 255, 38],
      [255, 0, 0, 128],
    ],
  );
});
