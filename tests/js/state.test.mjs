// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { box } from "../../assets/ui/regions/geometry.js";
import { shown } from "../../assets/ui/viewer/numbers.js";
import { ViewerState } from "../../assets/ui/viewer/state.js";
import { caption } from "../../assets/ui/viewer/status.js";
import { spread } from "../../assets/ui/viewer/zoom.js";

/** @import { Value } from "../../assets/ui/shared/types" */
/** @import { Viewer } from "../../assets/ui/viewer/viewer.js" */

const packed = { bytes: Buffer.from([255, 0, 0, 255]).toString("base64"), peaks: [0.5, 0.5] };

/** Two pictures of one image token and of two, three tokens in one step and the answer. @type {Value} */
const VALUE = {
  id: "answer-1",
  status: "done",
  pictures: [
    { id: "p0", src: "", width: 40, height: 30, grid: { grid_hw: [1, 1] } },
    { id: "p1", src: "", width: 20, height: 10, grid: { grid_hw: [1, 2] } },
  ],
  tokens: ["It", " is", " red", "<end>"],
  steps: [
    { start: 0, stop: 2, text: "It is", kind: "think" },
    { start: 2, stop: 3, text: " red", kind: "answer" },
  ],
  views: { centred: { scope: "token", token: packed, step: packed, answer: packed } },
  unavailable: { reward: "Not recorded." },
  image_share: [0.25, 0.5, 0.125],
  entropies: [1, 2, 3],
  top: [1],
};

const state = () => {
  const made = new ViewerState();
  made.value = VALUE;
  made.unpack();
  return made;
};
const said = (/** @type {ViewerState} */ it) => caption(/** @type {Viewer} */ (it));

test("the last token has no row of attention, and an answer that is being written none", () => {
  const it = state();
  assert.equal(it.rows, 3);
  it.value = { ...VALUE, status: "streaming" };
  assert.equal(it.rows, 0);
});

test("image tokens are counted over all pictures", () => {
  const it = state();
  it.picture = 1;
  assert.deepEqual([it.nImages, it.tokensBefore, it.layout?.count], [3, 1, 2]);
  assert.deepEqual([it.size, it.pictureId], [{ width: 20, height: 10 }, "p1"]);
});

test("the selected step is that of the selected token", () => {
  const it = state();
  const steps = [0, 1, 2, 3].map((index) => {
    it.selection = { kind: "token", index };
    return it.selectedStep;
  });
  assert.deepEqual(steps, [0, 0, 1, -1]);
  it.selection = { kind: "step", index: 1 };
  assert.deepEqual([it.selectedStep, it.stepName(0), it.stepName(1)], [1, "Step 1", "Answer"]);
});

test("regions say of which picture they are, but for the first", () => {
  const it = state();
  const region = box([0, 0, 1, 1]);
  it.byPicture = { 0: [region], 1: [region] };
  assert.deepEqual(it.allRegions(), [region, { ...region, picture: 1 }]);
});

test("while an answer is written the newest token's map is seen", () => {
  const it = state();
  it.value = { ...VALUE, live: Buffer.from([9, 8, 7]).toString("base64") };
  assert.deepEqual([...(it.values ?? [])], [9, 8, 7]);
});

test("the caption says what is selected, and which map", () => {
  const it = state();
  assert.match(said(it), /^Showing the whole answer\./);
  it.selection = { kind: "token", index: 1 };
  const token = "Token 2 of 4: 50.0 % of its attention is on the picture, entropy 2.00 nats.";
  assert.equal(said(it), `${token} The reward reads this token.`);
  it.view = "head:3:0";
  assert.equal(said(it), `${token} The reward reads this token. Map: layer 4, head 1.`);
  it.selection = { kind: "step", index: 1 };
  assert.equal(said(it), "Showing answer as a whole. Map: layer 4, head 1.");
});

test("why a map cannot be shown", () => {
  assert.deepEqual([state().reason("reward"), state().reason("centred")], ["Not recorded.", ""]);
});

test("figures in their units", () => {
  const written = [
    shown(0.256, "share"),
    shown(1, "flag"),
    shown(0, "flag"),
    shown(-0.5, "number"),
    shown(null, "share"),
  ];
  assert.deepEqual(written, ["26 %", "hit", "miss", "−0.50", "–"]);
});

test("two fingers have a middle, and one is it", () => {
  assert.deepEqual(spread(new Map([[1, [0, 0]]])), { far: 0, middle: [0, 0] });
  const two = spread(
    new Map([
      [1, [0, 0]],
      [2, [6, 8]],
    ]),
  );
  assert.deepEqual(two, { far: 10, middle: [3, 4] });
});
