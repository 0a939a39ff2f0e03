// @ts-check
/* What is drawn and typed is kept as a draft with every edit, offered again later, and never written over unseen.
 * The browser keeps each edit at once (kept.js), the server a moment later; then the browser forgets it. notes.js
 * says so and asks the person.
 */

/** @import { DraftField, DraftReply } from "../shared/types" */
/** @import { Viewer } from "../viewer/viewer.js" */
/** @import { Content } from "./contents.js" */
/** @import { Copy } from "./kept.js" */
import { field, setField } from "../shared/fields.js";
import { viewers } from "../shared/viewers.js";
import { covers, isHere, missing } from "./contents.js";
import { browser, copiesOf, drop, put, tab } from "./kept.js";

const PAUSE_MS = 300;
const AGAIN_MS = 4000; // with no reply by then, it is sent once more
const LOST = "The server does not reply. This browser keeps what you draw.";
const LOST_FOR_GOOD = "The server does not reply, and this browser has no room to keep what you draw.";

/**
 * Of an answer, for all viewers that show it.
 * @typedef {object} State
 * @property {number} version of the server's draft
 * @property {(Content & { when?: string }) | null} offer a draft of the server's that is not here
 * @property {Copy[]} copies what only this browser has
 * @property {string} conflict why nothing is written until the person has chosen
 * @property {string} note
 * @property {string} lost what to say when the server does not reply
 * @property {string} key of the draft, once something was edited
 * @property {number} open questions without a reply
 * @property {ReturnType<typeof setTimeout> | null} timer until the next save
 * @property {ReturnType<typeof setTimeout> | undefined} again until it is sent once more
 */

/** By the answer's id. @type {Record<string, State>} */
const states = {};
let asked = 0;

/** @returns {State} */
const newState = () => ({
  version: 0,
  offer: null,
  copies: [],
  conflict: "",
  note: "",
  lost: "",
  key: "",
  open: 0,
  timer: null,
  again: undefined,
});

/** @param {Viewer} viewer */
export const stateOf = ({ value }) => {
  states[value.id] ??= newState();
  return states[value.id];
};

/**
 * What is drawn on, where drafts of it are kept.
 * @param {Viewer} viewer
 */
export const draftOf = ({ options, value }) => (options.drafts && value.draft) || null;

/**
 * @param {Viewer} viewer
 * @param {DraftField} name
 */
export const typed = ({ options }, name) => (options.drafts && field(options.drafts[name])?.value) || "";

/**
 * @param {Viewer} viewer
 * @param {"load" | "save"} op
 * @param {object} [more]
 */
const ask = (viewer, op, more) =>
  viewer.trigger("draft", {
    id: viewer.value.id,
    op,
    revision: ++asked,
    tab,
    browser,
    author: typed(viewer, "author"),
    ...more,
  });

/** @param {Viewer} viewer */
export const askDraft = (viewer) => {
  viewer.fillDraft();
  if (draftOf(viewer)) ask(viewer, "load");
};

/** @param {Viewer} viewer */
export const autosave = (viewer) => {
  const draft = draftOf(viewer);
  if (!draft) return;
  const state = stateOf(viewer);
  const inBrowser = keep(copyOf(viewer, draft), draft.revises !== null);
  if (state.timer) clearTimeout(state.timer);
  if (state.conflict) return; // nothing is written until the person has chosen
  state.note = "Saving the draft …";
  state.lost = inBrowser ? LOST : LOST_FOR_GOOD;
  state.key = draft.key;
  const { id } = viewer.value;
  const last = contentOf(viewer);
  state.timer = setTimeout(() => {
    state.timer = null;
    if (viewer.value.id === id) send(viewer);
    else ask(viewer, "save", { id, version: state.version, content: last }); // something else is shown by now
  }, PAUSE_MS);
  viewer.fillDraft();
};

/**
 * While an earlier draft is still offered, it is kept beside the new edits.
 * @param {Viewer} viewer
 */
const contentOf = (viewer) => {
  const { offer } = stateOf(viewer);
  const answer = typed(viewer, "answer") || offer?.answer || "";
  return { regions: viewer.allRegions(), answer, earlier: offer?.regions || [] };
};

/**
 * @param {Viewer} viewer
 * @param {{ key: string, name: string }} draft
 * @returns {Copy}
 */
const copyOf = (viewer, { key, name }) => {
  const { regions, answer } = contentOf(viewer);
  const { version } = stateOf(viewer);
  const at = new Date().toISOString();
  return { key, name, tab, author: typed(viewer, "author"), version, regions, answer, at };
};

/**
 * Nothing drawn needs no keeping, but for a correction that had regions.
 * @param {Copy} copy
 * @param {boolean} revises
 */
const keep = (copy, revises) => {
  if (revises || copy.regions.length || copy.answer) return put(copy);
  forget(copy);
  return true;
};

/** @param {Viewer} viewer */
const send = (viewer) => {
  const state = stateOf(viewer);
  const { id } = viewer.value;
  ask(viewer, "save", { version: state.version, content: contentOf(viewer) });
  state.open++;
  clearTimeout(state.again);
  state.again = setTimeout(() => {
    state.open = 0;
    state.note = state.lost;
    viewer.fillDraft();
    if (viewer.root.isConnected && viewer.value.id === id) send(viewer);
  }, AGAIN_MS);
};

/**
 * @param {Viewer} viewer
 * @param {DraftReply | undefined} reply
 */
export const showDraft = (viewer, reply) => {
  if (!reply) return;
  if (reply.id !== viewer.value.id) return leftBehind(reply);
  const state = stateOf(viewer);
  if (reply.op !== "load") state.open = Math.max(state.open - 1, 0);
  if (!state.open) clearTimeout(state.again);
  if (reply.conflict && state.timer) clearTimeout(state.timer);
  const { content, when } = reply;
  const there = content
    ? { regions: [...content.regions, ...(content.earlier || [])], answer: content.answer, when }
    : null;
  if (reply.conflict)
    Object.assign(state, { conflict: reply.conflict, version: reply.version, offer: there, note: "" });
  else if (reply.off) state.note = reply.off;
  else if (reply.op === "load") found(viewer, state, reply.version, there);
  else saved(viewer, state, reply.version);
  viewer.fillDraft();
};

/**
 * @param {Viewer} viewer
 * @param {State} state
 * @param {number} version
 */
const saved = (viewer, state, version) => {
  state.version = version;
  // A reply to an earlier edit does not speak for one that is still on its way.
  if (state.timer || state.open) return;
  state.note = "Draft saved";
  const draft = draftOf(viewer);
  if (draft) forgetOwn(draft.key);
};

/**
 * The last edit of what is no longer shown has arrived: as a draft, or in the correction that it became.
 * @param {DraftReply} reply
 */
const leftBehind = (reply) => {
  const state = states[reply.id];
  if (reply.op !== "save" || reply.conflict || reply.off || !state?.key || state.timer) return;
  clearTimeout(state.again);
  forgetOwn(state.key);
};

/**
 * What the server has, and what this browser kept: a copy that was made from the server's goes before it.
 * @param {Viewer} viewer
 * @param {State} state
 * @param {number | undefined} version
 * @param {State["offer"]} there
 */
const found = (viewer, state, version, there) => {
  if (version) state.version = version;
  const draft = draftOf(viewer);
  if (!draft) return;
  const revises = draft.revises !== null;
  const here = { regions: viewer.allRegions(), answer: typed(viewer, "answer") };
  /** @param {Content} it */
  const shown = (it) => isHere(here, it, revises);
  /** @param {Copy} it */
  const stored = (it) => (there && covers(there, it)) || (revises && shown(it));
  forget(...copiesOf(draft.key).filter(stored));
  state.copies = copiesOf(draft.key).filter((it) => !shown(it));
  const author = typed(viewer, "author");
  const newer = state.copies.some((it) => it.version === version && it.author === author);
  state.offer = there && !newer && !shown(there) ? there : null;
};

// ---- what this browser kept

/** Where nothing is open, what this browser keeps is listed. */
const fillIdle = () => {
  for (const viewer of Object.values(viewers))
    if (viewer.options.drafts && !draftOf(viewer)) viewer.fillDraft();
};

let followed = false;
/** Other tabs keep and forget copies too. */
export const followStorage = () => {
  if (!followed) window.addEventListener("storage", fillIdle);
  followed = true;
};

/** @param {Copy[]} copies */
export const forget = (...copies) => {
  copies.forEach(drop);
  if (copies.length) fillIdle();
};

/** @param {string} key */
const forgetOwn = (key) => forget(...copiesOf(key).filter((it) => it.tab === tab));

// ---- what the person chooses

/**
 * Regions that are not there yet, as they were: an undo takes them away again.
 * @param {Viewer} viewer
 * @param {Content} content
 * @param {boolean} instead of what is here
 */
const takeUp = ({ editor, options }, { regions, answer }, instead) => {
  const more = missing(editor.regions, regions);
  if (instead) editor.commit(regions, -1);
  else if (more.length) editor.add(...more);
  if (answer && options.drafts) setField(options.drafts.answer, answer);
};

/**
 * A changed correction is what its draft says; elsewhere new regions may have been drawn beside the draft.
 * @param {Viewer} viewer
 * @param {boolean} choose the draft, and not what is here
 */
export const settle = (viewer, choose) => {
  const state = stateOf(viewer);
  const { offer, conflict } = state;
  Object.assign(state, { offer: null, conflict: "" });
  if (choose && offer) takeUp(viewer, offer, Boolean(conflict) || draftOf(viewer)?.revises !== null);
  autosave(viewer);
  settled(viewer);
};

/**
 * @param {Viewer} viewer
 * @param {Copy} copy
 * @param {boolean} choose
 */
export const settleCopy = (viewer, copy, choose) => {
  const state = stateOf(viewer);
  state.copies = state.copies.filter((it) => it !== copy);
  forget(copy);
  if (choose) {
    takeUp(viewer, copy, draftOf(viewer)?.revises !== null);
    autosave(viewer);
  }
  settled(viewer);
};

/** @param {Viewer} viewer */
const settled = (viewer) => {
  viewer.fillDraft();
  viewer.root.focus({ preventScroll: true }); // the button that was pressed is gone, and keys are to go on
};
