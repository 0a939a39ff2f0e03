// @ts-check
/* Drafts without a page: what is sent when, and what the browser keeps until the server has it. */
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { beforeEach, test } from "node:test";
import { box } from "../../assets/ui/regions/geometry.js";

/** @import { DraftReply, Region } from "../../assets/ui/shared/types" */
/** @import { Viewer } from "../../assets/ui/viewer/viewer.js" */

/** A Storage whose keys are its own properties, as in a browser. */
class FakeStorage {
  full = false;
  constructor() {
    Object.defineProperty(this, "full", { enumerable: false, writable: true });
  }
  /** @param {string} name */
  getItem(name) {
    return Object.hasOwn(this, name) ? Reflect.get(this, name) : null;
  }
  /**
   * @param {string} name
   * @param {string} text
   */
  setItem(name, text) {
    if (this.full) throw new Error("QuotaExceededError");
    Reflect.set(this, name, text);
  }
  /** @param {string} name */
  removeItem(name) {
    Reflect.deleteProperty(this, name);
  }
}
/** Timers by their number: when, and what. @type {Map<number, { at: number, run: () => void }>} */
const waiting = new Map();
let now = 0;
let timers = 0;
/** Let time pass. */
const tick = (/** @type {number} */ ms) => {
  const end = now + ms;
  for (;;) {
    const [next] = [...waiting].sort(([, one], [, other]) => one.at - other.at);
    if (!next || next[1].at > end) break;
    waiting.delete(next[0]);
    now = next[1].at;
    next[1].run();
  }
  now = end;
};

const storage = new FakeStorage();
globalThis.crypto ??= /** @type {Crypto} */ (webcrypto); // Node 18 has it under this name only
Object.assign(globalThis, {
  localStorage: storage,
  document: { querySelector: () => ({ value: "" }) },
  setTimeout(/** @type {() => void} */ run, /** @type {number} */ ms) {
    waiting.set(++timers, { at: now + ms, run });
    return timers;
  },
  clearTimeout: (/** @type {number} */ timer) => waiting.delete(timer),
});
const { autosave, showDraft, stateOf } = await import("../../assets/ui/drafts/autosave.js");
const { amount, covers, isHere, missing, moment } = await import("../../assets/ui/drafts/contents.js");
const { all, browser, put, tab } = await import("../../assets/ui/drafts/kept.js");

const REGION = box([0, 0, 10, 10]);
const OTHER = box([5, 5, 9, 9]);

let answers = 0;
beforeEach(() => {
  storage.full = false;
  for (const name of Object.keys(storage)) storage.removeItem(name);
  waiting.clear();
});

/** A viewer on an answer of its own. */
const drawnOn = (/** @type {Region[]} */ ...regions) => {
  const id = `answer-${++answers}`;
  /** @type {any[]} */
  const sent = [];
  const viewer = {
    options: { drafts: { answer: "answer", author: "author" } },
    value: { id, status: "done", draft: { key: `key-${id}`, name: "What?", revises: null } },
    regions,
    root: { isConnected: true },
    allRegions: () => viewer.regions,
    trigger: (/** @type {string} */ _, /** @type {object} */ detail) => sent.push(detail),
    fillDraft() {},
  };
  const reply = (/** @type {Partial<DraftReply>} */ more) =>
    showDraft(shown, { id, op: "save", version: 1, ...more });
  const shown = /** @type {Viewer} */ (/** @type {unknown} */ (viewer));
  return { viewer, shown, sent, reply };
};

test("an edit is kept here at once and sent a moment later, only the last of a few", () => {
  const { viewer, shown, sent, reply } = drawnOn(REGION);
  autosave(shown);
  viewer.regions = [REGION, OTHER];
  autosave(shown);
  assert.deepEqual([all().length, all()[0].regions, sent.length], [1, [REGION, OTHER], 0]);
  tick(300);
  assert.equal(sent.length, 1);
  assert.deepEqual(
    [sent[0].op, sent[0].content.regions, sent[0].tab, sent[0].browser],
    ["save", [REGION, OTHER], tab, browser],
  );
  reply({ version: 4 });
  assert.deepEqual([all(), stateOf(shown).version, stateOf(shown).note], [[], 4, "Draft saved"]);
});

test("what has no reply is sent once more, and the copy stays", () => {
  const { shown, sent } = drawnOn(REGION);
  autosave(shown);
  tick(300);
  tick(4000);
  assert.deepEqual([sent.length, all().length], [2, 1]);
  assert.match(stateOf(shown).note, /^The server does not reply\. This browser keeps/);
});

test("a browser without room says so", () => {
  const { shown } = drawnOn(REGION);
  storage.full = true;
  autosave(shown);
  tick(300);
  tick(4000);
  assert.match(stateOf(shown).note, /no room to keep/);
});

test("after a conflict nothing is sent until the person has chosen", () => {
  const { shown, sent, reply } = drawnOn(REGION);
  autosave(shown);
  tick(300);
  reply({ conflict: "Somebody else was here.", version: 7, content: { regions: [OTHER], answer: "" } });
  autosave(shown);
  tick(10_000);
  assert.equal(sent.length, 1);
  assert.deepEqual([stateOf(shown).offer?.regions, stateOf(shown).version], [[OTHER], 7]);
});

test("the edit of what is shown no more is sent for that", () => {
  const { viewer, shown, sent } = drawnOn(REGION);
  const { id } = viewer.value;
  autosave(shown);
  viewer.value = { ...viewer.value, id: "another" };
  viewer.regions = [];
  tick(300);
  assert.deepEqual([sent[0].id, sent[0].content.regions], [id, [REGION]]);
});

test("a draft of the server's that is not here is offered", () => {
  const { shown, reply } = drawnOn(REGION);
  reply({ op: "load", version: 2, content: { regions: [OTHER], answer: "red" }, when: "yesterday" });
  assert.deepEqual(stateOf(shown).offer, { regions: [OTHER], answer: "red", when: "yesterday" });
});

test("what this browser kept goes before the server's draft that it was made from", () => {
  const { viewer, shown, reply } = drawnOn();
  const copy = {
    key: viewer.value.draft.key,
    name: "What?",
    tab: "another",
    author: "",
    version: 2,
    regions: [OTHER, REGION],
    answer: "",
    at: "2024-01-01",
  };
  put(copy);
  reply({ op: "load", version: 2, content: { regions: [OTHER], answer: "" } });
  assert.deepEqual([stateOf(shown).copies, stateOf(shown).offer], [[copy], null]);
});

test("what the server has is forgotten here", () => {
  const { viewer, shown, reply } = drawnOn();
  put({
    key: viewer.value.draft.key,
    name: "What?",
    tab: "another",
    author: "",
    version: 0,
    regions: [OTHER],
    answer: "",
    at: "2024-01-01",
  });
  reply({ op: "load", version: 1, content: { regions: [OTHER], answer: "" } });
  assert.deepEqual([all(), stateOf(shown).copies], [[], []]);
});

test("only the newest twenty are kept", () => {
  for (let i = 0; i < 25; i++)
    put({
      key: `key-${i}`,
      name: "",
      tab,
      author: "",
      version: 0,
      regions: [REGION],
      answer: "",
      at: `2024-01-${10 + i}`,
    });
  assert.deepEqual([all().length, all()[0].key, all().at(-1)?.key], [20, "key-24", "key-5"]);
});

test("what is no copy is passed over", () => {
  storage.setItem("sayo.draft.x", "{");
  storage.setItem("sayo.draft.y", "null");
  storage.setItem("other", "1");
  assert.deepEqual(all(), []);
});

test("regions are the same whatever the order of their fields", () => {
  const turned = Object.fromEntries(Object.entries(REGION).reverse());
  assert.deepEqual(missing([REGION], [/** @type {Region} */ (/** @type {unknown} */ (turned)), OTHER]), [
    OTHER,
  ]);
});

test("a changed correction has to be just what its draft says", () => {
  const draft = { regions: [REGION], answer: "" };
  const here = { regions: [REGION, OTHER], answer: "red" };
  assert.deepEqual([isHere(here, draft, false), isHere(here, draft, true)], [true, false]);
  assert.deepEqual([covers(here, draft), covers({ ...draft, answer: "red" }, draft)], [false, true]);
});

test("what is said of a draft", () => {
  assert.equal(amount({ regions: [REGION], answer: "" }), "1 region");
  assert.equal(amount({ regions: [], answer: "red" }), "0 regions and an answer");
  assert.equal(moment("2024-05-06T07:08:09.123Z"), "2024-05-06 07:08 UTC");
});
