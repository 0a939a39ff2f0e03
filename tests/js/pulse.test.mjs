// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { mountPulse } from "../../assets/ui/shared/pulse.js";

/** Whatever is promised already has come by then. */
const settled = () => new Promise((done) => setImmediate(done));

/** A tab, and a server that answers when it is told to. */
const tab = () => {
  /** @type {{ path: string, answer: (mark: string) => void, fail: () => void }[]} */
  const asked = [];
  /** @type {string[]} */
  const triggered = [];
  let hidden = false;
  let turned = () => {};
  let rested = 0;
  mountPulse({ trigger: (event) => triggered.push(event) }, "beat", {
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
    rest: async () => {
      rested += 1;
    },
  });
  const hide = async (/** @type {boolean} */ value) => {
    hidden = value;
    turned();
    await settled();
  };
  return { asked, triggered, hide, rested: () => rested };
};

test("a new mark is told once, and the next one is waited for", async () => {
  const { asked, triggered } = tab();
  assert.deepEqual([asked.length, asked[0].path], [1, "pulse?seen="]);
  asked[0].answer("a");
  await settled();
  assert.deepEqual(triggered, ["beat"]);
  assert.deepEqual([asked.length, asked[1].path], [2, "pulse?seen=a"]);
  asked[1].answer("a");
  await settled();
  assert.deepEqual([triggered.length, asked.length], [1, 3]);
});

test("a hidden tab asks nothing, and at once when it is looked at again", async () => {
  const { asked, triggered, hide, rested } = tab();
  await hide(true);
  assert.equal(asked.length, 1);
  await hide(false);
  assert.equal(asked.length, 2);
  asked[1].answer("b");
  await settled();
  assert.deepEqual([triggered.length, asked.length, rested()], [1, 3, 0]);
});

test("a tab that comes back before its request has ended asks once", async () => {
  const { asked, hide } = tab();
  const away = hide(true);
  const back = hide(false);
  await Promise.all([away, back]);
  await settled();
  assert.equal(asked.length, 2);
});

test("after a failure it rests, then asks again", async () => {
  const { asked, triggered, rested } = tab();
  asked[0].fail();
  await settled();
  assert.deepEqual([rested(), asked.length, triggered.length], [1, 2, 0]);
});
