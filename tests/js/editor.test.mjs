// @ts-check
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { RegionEditor } from "../../assets/ui/regions/editor.js";
import { box, polygon } from "../../assets/ui/regions/geometry.js";
import { closePolygon, tools } from "../../assets/ui/regions/tools.js";

/** @import { Point } from "../../assets/ui/shared/types" */
/** @import { Pen } from "../../assets/ui/regions/editor.js" */

class WithoutPage extends RegionEditor {
  /** @override */
  draw() {}
}

/** @type {string[]} */
let said = [];
/** @type {RegionEditor} */
let editor;

beforeEach(() => {
  const layer = /** @type {HTMLElement} */ (/** @type {unknown} */ ({ addEventListener() {} }));
  editor = new WithoutPage(layer, {
    changed: (committed) => said.push(committed ? "committed" : "selected"),
    spot: (x, y) => said.push(`spot ${x} ${y}`),
    pushed: (before, after) => said.push(`${before.length} to ${after.length}`),
    pan: (dx, dy) => said.push(`pan ${dx} ${dy}`),
  });
  editor.size = { width: 100, height: 50 };
  said = [];
});

/**
 * @param {Point} exact
 * @param {Partial<Pen> & { data?: DOMStringMap }} [more]
 * @returns {Pen}
 */
const pen = (exact, { data = {}, ...more } = {}) => ({
  exact,
  at: [Math.round(exact[0]), Math.round(exact[1])],
  scale: 1,
  screen: exact,
  target: /** @type {HTMLElement} */ ({ dataset: data }),
  altKey: false,
  pointerType: "mouse",
  ...more,
});

const boxes = () => editor.regions.map((it) => it.box_xyxy);

test("a region that is added is selected, and the history is told", () => {
  editor.add(box([0, 0, 10, 10]));
  assert.deepEqual([editor.selected, said], [0, ["0 to 1", "committed"]]);
  assert.equal(editor.remove(), true);
  assert.equal(editor.remove(), false);
});

test("regions are never changed in place", () => {
  editor.add(box([0, 0, 10, 10]));
  const before = editor.regions;
  editor.nudge(3, 0);
  assert.deepEqual([before[0].box_xyxy, boxes()], [[0, 0, 10, 10], [[3, 0, 13, 10]]]);
});

test("what is said of a region is a change only where it differs", () => {
  editor.add(box([0, 0, 10, 10]));
  said = [];
  assert.deepEqual([editor.set(0, { label: "" }), said], [true, []]);
  assert.deepEqual([editor.set(0, { label: "cat" }), said], [true, ["1 to 1", "committed"]]);
  assert.equal(editor.set(5, { label: "cat" }), false);
});

test("a copy lies beside the region, on the other side where the picture ends", () => {
  editor.add(box([0, 0, 10, 10])); // a fortieth of 100 px is 3
  editor.duplicate();
  editor.add(box([95, 45, 100, 50]));
  editor.duplicate();
  assert.deepEqual(
    [boxes()[1], boxes()[3]],
    [
      [3, 3, 13, 13],
      [92, 42, 97, 47],
    ],
  );
});

test("the selected region is turned, and without one what is drawn next", () => {
  editor.add(box([0, 0, 10, 10]));
  said = [];
  editor.turn();
  assert.deepEqual(
    [editor.regions[0].look, editor.looks, editor.look, said],
    [false, false, true, ["1 to 1", "committed"]],
  );
  editor.turn();
  assert.deepEqual([editor.regions[0].look, editor.looks], [true, true]);
  editor.select(-1);
  said = [];
  editor.turn();
  assert.deepEqual([editor.regions[0].look, editor.looks, said], [true, false, ["selected"]]); // nothing to undo
  tools.box.down(editor, pen([20, 20]))?.up?.(pen([30, 30]));
  editor.suggestions = [box([5, 5, 6, 6])];
  editor.settle(0, true);
  tools.polygon.down(editor, pen([50, 0]))?.click?.(pen([50, 0]));
  for (const at of /** @type {Point[]} */ ([
    [90, 0],
    [90, 40],
  ]))
    tools.polygon.down(editor, pen(at))?.click?.(pen(at));
  closePolygon(editor);
  assert.deepEqual(
    editor.regions.map((it) => it.look),
    [true, false, false, false],
  );
});

test("a copy says what its region says, whatever is drawn next", () => {
  editor.turn();
  editor.add({ ...box([0, 0, 10, 10]), look: true });
  editor.duplicate();
  assert.deepEqual(
    editor.regions.map((it) => it.look),
    [true, true],
  );
});

test("a polygon keeps three corners that enclose something", () => {
  editor.add(
    polygon([
      [0, 0],
      [10, 0],
      [10, 10],
      [0, 10],
    ]),
  );
  editor.select(0, 3);
  editor.removeMarked();
  assert.equal(editor.regions[0].points_xy.length, 3);
  editor.removeVertex(0);
  assert.equal(editor.regions[0].points_xy.length, 3);
});

test("a suggestion is a region once it is accepted", () => {
  editor.suggestions = [box([0, 0, 1, 1]), box([5, 5, 6, 6])];
  editor.settle(0, false);
  assert.deepEqual([boxes(), editor.suggestions.length], [[], 1]);
  editor.settle(0, true);
  assert.deepEqual([boxes(), editor.suggestions.length], [[[5, 5, 6, 6]], 0]);
});

test("the last region under the pointer is hit first", () => {
  editor.add(box([0, 0, 20, 20]));
  editor.add(box([10, 10, 30, 30]));
  assert.deepEqual(
    [editor.hit(pen([15, 15])), editor.hit(pen([2, 2])), editor.hit(pen([80, 40]))],
    [1, 0, -1],
  );
});

test("a box is what was dragged over, and a line is none", () => {
  tools.box.down(editor, pen([30, 20]))?.up?.(pen([10, 5]));
  assert.deepEqual(boxes(), [[10, 5, 30, 20]]);
  editor.select(-1);
  tools.box.down(editor, pen([60, 20]))?.up?.(pen([60, 40]));
  assert.equal(editor.regions.length, 1);
});

test("a click without a region says which spot", () => {
  tools.box.down(editor, pen([60, 20]))?.click?.(pen([60, 20]));
  assert.deepEqual(said, ["selected", "spot 60 20"]);
});

test("a handle changes the selected region, and the picture is where it ends", () => {
  editor.add(box([10, 10, 20, 20]));
  tools.select.down(editor, pen([20, 20], { data: { handle: "se" } }))?.up?.(pen([40, 30]));
  tools.select.down(editor, pen([15, 15]))?.up?.(pen([95, 15]));
  assert.deepEqual(boxes(), [[70, 10, 100, 30]]);
});

test("a free spot is dragged to move the picture", () => {
  const drag = tools.select.down(editor, pen([60, 20]));
  drag?.move?.(pen([63, 19]));
  drag?.move?.(pen([64, 19]));
  assert.deepEqual(said, ["pan 3 -1", "pan 1 0"]);
});

test("a polygon is closed by its first corner, and only where it encloses something", () => {
  const click = (/** @type {Point} */ at) => tools.polygon.down(editor, pen(at))?.click?.(pen(at));
  click([0, 0]);
  click([40, 0]);
  assert.equal(closePolygon(editor), true); // still being drawn
  assert.equal(editor.regions.length, 0);
  click([40, 30]);
  click([3, 3]); // within 8 screen pixels of the first one
  assert.deepEqual(editor.regions[0].points_xy, [
    [0, 0],
    [40, 0],
    [40, 30],
  ]);
  assert.equal(closePolygon(editor), false);
});

test("Alt and a click take a corner away", () => {
  editor.add(
    polygon([
      [0, 0],
      [10, 0],
      [10, 10],
      [0, 10],
    ]),
  );
  tools.select.down(editor, pen([10, 0], { altKey: true, data: { vertex: "1" } }))?.click?.(pen([10, 0]));
  assert.deepEqual(editor.regions[0].points_xy, [
    [0, 0],
    [10, 10],
    [0, 10],
  ]);
});
