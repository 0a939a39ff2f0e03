// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { beat, mountPulse } from "../../assets/ui/shared/pulse.js";

/** Whatever is promised already has come by then. */
const settled = () => new Promise((done) => setImmediate(done));

/** A tab, and a server that answers when it is told to. */
const tab = () => {
  /** @type {{ path: string, answer: (mark: string) => void, fail: () => void }[]} */
  const asked = [];
  /** @type {[string, unknown][]} */
  const triggered = [];
  /** @type {(() => void)[]} */
  const resting = [];
  const props = { value: "" };
  let hidden = false;
  let turned = () => {};
  let acted = () => {};
  let told = () => {};
  const mount = {
    props,
    trigger: (/** @type {string} */ event, /** @type {object | undefined} */ detail) => {
      triggered.push([event, detail]);
    },
    watch: (/** @type {string} */ _, /** @type {() => void} */ run) => {
      told = run;
    },
  };
  mountPulse(mount, "beat", {
    fetchMark: (path, signal) =>
      new Promise((answer, reject) => {
        const fail = () => reject(new Error("gone"));
        signal.addEventListener("abort", fail);
        asked.push({ path, answer, fail });
      }),
    hidden: () => hidden,
    onVisibility: (act) => {
      turned = act;
    },
    onAction: (act) => {
      acted = act;
    },
    rest: () => new Promise((done) => resting.push(() => done())),
  });
  const answer = async (/** @type {string} */ mark) => {
    asked[asked.length - 1].answer(mark);
    await settled();
  };
  const show = async (/** @type {string} */ mark) => {
    props.value = mark;
    told();
    await settled();
  };
  const hide = async (/** @type {boolean} */ value) => {
    hidden = value;
    turned();
    await settled();
  };
  const rested = async () => {
    for (const done of resting.splice(0)) done();
    await settled();
  };
  const act = async () => {
    acted();
    await settled();
  };
  return { asked, triggered, answer, show, hide, act, rested };
};

test("a new mark is told once, and the next is waited for as soon as what it says is shown", async () => {
  const { asked, triggered, answer, show } = tab();
  assert.deepEqual([asked.length, asked[0].path], [1, "pulse?seen="]);
  await answer("a");
  assert.deepEqual([triggered, asked.length], [[["beat", { mark: "a" }]], 1]);
  await show("a");
  assert.deepEqual([asked.length, asked[1].path], [2, "pulse?seen=a"]);
  await answer("a");
  assert.deepEqual([triggered.length, asked.length], [1, 3]);
});

test("what was told and never shown is told again", async () => {
  const { asked, triggered, answer, rested } = tab();
  await answer("a");
  await rested();
  assert.deepEqual([asked.length, asked[1].path], [2, "pulse?seen="]);
  await answer("a");
  assert.equal(triggered.length, 2);
});

test("a handler's js refreshes at once", async () => {
  const { triggered, answer, show } = tab();
  await answer("a");
  await show("a");
  beat();
  assert.deepEqual(triggered[1], ["beat", { mark: "a" }]);
});

test("a hidden tab asks nothing, and at once when it is looked at again", async () => {
  const { asked, triggered, answer, hide } = tab();
  await hide(true);
  assert.equal(asked.length, 1);
  await hide(false);
  assert.equal(asked.length, 2);
  await answer("b");
  assert.equal(triggered.length, 1);
});

test("a tab that comes back before its request has ended asks once", async () => {
  const { asked, hide } = tab();
  const away = hide(true);
  const back = hide(false);
  await Promise.all([away, back]);
  await settled();
  assert.equal(asked.length, 2);
});

test("whoever does something gets the connection that only waits", async () => {
  const { asked, act, rested } = tab();
  await act();
  await rested();
  assert.equal(asked.length, 1);
  await act();
  assert.equal(asked.length, 1);
  await rested();
  assert.equal(asked.length, 2);
});

test("after a failure it rests, then asks again", async () => {
  const { asked, triggered, rested } = tab();
  asked[0].fail();
  await settled();
  assert.equal(asked.length, 1);
  await rested();
  assert.deepEqual([asked.length, triggered.length], [2, 0]);
});
