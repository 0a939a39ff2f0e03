// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { History, historyOf } from "../../assets/ui/shared/history.js";

/** @import { Viewer } from "../../assets/ui/viewer/viewer.js" */

const viewer = /** @type {Viewer} */ ({});

/** A number that takes part in a history. */
const number = () => {
  const history = new History();
  const shown = { value: 0 };
  const change = (/** @type {number} */ after) => {
    const before = shown.value;
    shown.value = after;
    history.push({ before, after, apply: (value) => Object.assign(shown, { value }) });
  };
  return { history, shown, change };
};

test("changes are undone from the last to the first, and redone from the first to the last", () => {
  const { history, shown, change } = number();
  change(1);
  change(2);
  const seen = [];
  for (const step of ["undo", "undo", "undo", "redo", "redo", "redo"]) {
    history[/** @type {"undo" | "redo"} */ (step)](viewer);
    seen.push(shown.value);
  }
  assert.deepEqual(seen, [1, 0, 0, 1, 2, 2]);
});

test("a change after an undo takes the place of what was undone", () => {
  const { history, shown, change } = number();
  change(1);
  change(2);
  history.undo(viewer);
  change(3);
  history.redo(viewer);
  assert.equal(shown.value, 3);
  history.undo(viewer);
  assert.equal(shown.value, 1);
});

test("another answer has no past", () => {
  const { history, shown, change } = number();
  change(1);
  history.begin("answer-2");
  history.undo(viewer);
  assert.deepEqual([history.id, shown.value], ["answer-2", 1]);
});

test("it says when what can be undone changes", () => {
  const { history, change } = number();
  let said = 0;
  history.addEventListener("changed", () => said++);
  change(1);
  history.undo(viewer);
  history.undo(viewer); // nothing is left
  assert.equal(said, 2);
});

test("Ctrl+Shift+Z and Ctrl+Y redo, Ctrl+Z undoes", () => {
  const { history, shown, change } = number();
  change(1);
  const press = (/** @type {string} */ key, shiftKey = false) => {
    history.travel(viewer, /** @type {KeyboardEvent} */ ({ key, shiftKey }));
    return shown.value;
  };
  assert.deepEqual([press("z"), press("Z", true), press("z"), press("y")], [0, 1, 0, 1]);
});

test("viewers of a group have one history", () => {
  assert.equal(historyOf("group"), historyOf("group"));
  assert.notEqual(historyOf("group"), historyOf("other"));
});
