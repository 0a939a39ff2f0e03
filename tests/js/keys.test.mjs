// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { viewerKey } from "../../assets/ui/viewer/keys.js";
import { letterOf, letters } from "../../assets/ui/worklist/keys.js";

/** @import { Viewer } from "../../assets/ui/viewer/viewer.js" */

/** A viewer that says what it was told, with a selected region and everything that a key could need. */
const listening = (editable = true) => {
  /** @type {string[]} */
  const told = [];
  const tell =
    (/** @type {string} */ name) =>
    (/** @type {unknown[]} */ ...given) => {
      told.push([name, ...given.map((it) => JSON.stringify(it))].join(" "));
      return true;
    };
  const all = (/** @type {string[]} */ ...names) =>
    Object.fromEntries(names.map((name) => [name, tell(name)]));
  const viewer = {
    options: { editable, methods: [{ name: "centred" }, { name: "raw" }] },
    flags: { overlay: true, grid: false },
    rows: 3,
    value: { id: "a" },
    proposalsAsked: 0,
    root: { classList: all("add"), querySelector: () => null },
    zoom: { spaceHeld: false, ...all("fit", "by") },
    history: all("travel"),
    editor: {
      current: { look: true, label: "" },
      selected: 0,
      tool: { name: "box" },
      size: { width: 0, height: 0 },
      ...all("setTool", "removeMarked", "set", "turn", "select", "duplicate", "nudge"),
    },
    ...all("choose", "select", "set", "stepToken", "stepStep", "toggleSheet", "forget", "trigger"),
  };
  const press = (/** @type {string} */ key, more = {}) => {
    let used = false;
    const target = { tagName: "DIV", matches: () => false };
    const event = { key, target, preventDefault: () => (used = true), ...more };
    told.length = 0;
    viewerKey(/** @type {Viewer} */ (/** @type {unknown} */ (viewer)), /** @type {any} */ (event));
    return used ? told.join("; ") : null;
  };
  return press;
};

test("letters choose tools, capitals too", () => {
  const press = listening();
  const tools = ["s", "b", "P", "r", "E"].map((key) => press(key));
  assert.deepEqual(
    tools,
    ["select", "box", "polygon", "brush", "erase"].map((name) => `setTool "${name}"`),
  );
});

test("X turns a region to look-away and back", () => {
  assert.deepEqual([listening()("x"), listening()("X")], ["turn", "turn"]);
});

test("arrows step through the answer, and with Alt they move the region", () => {
  const press = listening();
  assert.deepEqual([press("ArrowLeft"), press("ArrowDown")], ["stepToken -1", "stepStep 1"]);
  const alt = { altKey: true };
  assert.deepEqual(
    [press("ArrowLeft", alt), press("ArrowDown", { ...alt, shiftKey: true })],
    ["nudge -1 0", "nudge 0 10"],
  );
});

test("where nothing can be drawn the same keys only look", () => {
  const press = listening(false);
  assert.deepEqual([press("b"), press("x"), press("ArrowLeft", { altKey: true })], [null, null, null]);
  assert.deepEqual(
    [press("a"), press("h"), press("2")],
    ['select "answer" 0', 'set "overlay" false', 'choose "raw"'],
  );
});

test("Ctrl is for undo, redo and a copy, and leaves the browser its own keys", () => {
  const press = listening();
  const control = { ctrlKey: true };
  assert.deepEqual(
    [press("d", control), press("c", control), press("r", control)],
    ["duplicate", null, null],
  );
  assert.match(press("z", control) ?? "", /^travel/);
});

test("keys in a text field are text, and arrows on a slider are the slider's", () => {
  const press = listening();
  assert.equal(press("b", { target: { tagName: "INPUT", type: "text", matches: () => false } }), null);
  const slider = { tagName: "INPUT", type: "range", matches: () => false };
  assert.deepEqual(
    [press("ArrowLeft", { target: slider }), press("b", { target: slider })],
    [null, 'setTool "box"'],
  );
});

test("no letter of the work list means anything to the viewer", () => {
  const press = listening();
  const used = Object.keys(letters)
    .flatMap((key) => [key, key.toUpperCase()])
    .filter((key) => press(key) !== null);
  assert.deepEqual(used, []);
  assert.notEqual(press("b"), null);
});

test("with Alt a key is known by its place", () => {
  assert.equal(letterOf({ altKey: true, code: "KeyN", key: "ñ" }), "n");
  assert.equal(letterOf({ altKey: false, code: "KeyN", key: "N" }), "n");
});
