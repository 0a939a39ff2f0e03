// @ts-check
/* What is said of drafts above the picture, and what the person can choose. */

/** @import { Viewer } from "../viewer/viewer.js" */
/** @import { Copy } from "./kept.js" */
import { button, el, testId } from "../shared/dom.js";
import { draftOf, forget, settle, settleCopy, stateOf, typed } from "./autosave.js";
import { amount, moment } from "./contents.js";
import { all } from "./kept.js";

/**
 * @param {string} testid
 * @param {string} text
 * @param {() => void} run
 */
const choice = (testid, text, run) => testId(button("sv-tool sv-small", text, "", run), testid);

/** @param {Viewer} viewer */
export const fillDraft = (viewer) => {
  const root = viewer.parts.draft;
  const draft = draftOf(viewer);
  root.replaceChildren();
  if (!viewer.options.drafts) return;
  if (!draft) return root.append(...waiting(viewer));
  const { note, copies } = stateOf(viewer);
  root.append(...offered(viewer, draft.revises !== null), ...copies.flatMap((copy) => kept(viewer, copy)));
  if (note) root.append(testId(el("span", "sv-note", note), "draft-note"));
};

/**
 * The server's draft.
 * @param {Viewer} viewer
 * @param {boolean} revises
 */
const offered = (viewer, revises) => {
  const { offer, conflict } = stateOf(viewer);
  const take = (/** @type {string} */ text) => choice("draft-take", text, () => settle(viewer, true));
  const keep = (/** @type {string} */ text) => choice("draft-keep", text, () => settle(viewer, false));
  if (conflict) {
    const warning = [el("p", "sv-note is-warning", conflict), keep("Keep what is here")];
    return offer ? [...warning, take("Take what is there")] : warning;
  }
  if (!offer) return [];
  const what = revises ? "this correction" : "this picture and question";
  const text = `There is a draft on ${what}, last changed ${offer.when}: ${amount(offer)}.`;
  return [el("p", "sv-note", text), take("Go on with it"), keep("Start afresh")];
};

/**
 * What only this browser has.
 * @param {Viewer} viewer
 * @param {Copy} copy
 */
const kept = (viewer, copy) => {
  const by = copy.author && copy.author !== typed(viewer, "author") ? ` by ${copy.author}` : "";
  const what = `last changed ${moment(copy.at)}: ${amount(copy)}.`;
  return [
    el("p", "sv-note", `This browser kept what the server did not get${by}, ${what}`),
    choice("kept-take", "Go on with that", () => settleCopy(viewer, copy, true)),
    choice("kept-drop", "Drop it", () => settleCopy(viewer, copy, false)),
  ];
};

/**
 * Before there is an answer: which questions this browser still keeps something for.
 * @param {Viewer} viewer
 */
const waiting = ({ value }) => {
  if (!["empty", "picture"].includes(value.status)) return [];
  return all().flatMap((copy) => {
    const what = `${amount(copy)} on “${copy.name}”, last changed ${moment(copy.at)}`;
    const line = `The server did not get ${what}. Open it again and you can go on.`;
    return [
      testId(el("p", "sv-note is-warning", line), "kept-waiting"),
      choice("kept-drop", "Drop it", () => forget(copy)),
    ];
  });
};
