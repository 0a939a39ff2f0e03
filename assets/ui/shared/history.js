// @ts-check
/* Undo and redo across everything that a person changes on an answer: regions and text fields alike.
 *
 * A history is that of a viewer or of a group of viewers; it lives as long as their answer. Whatever else can be
 * changed takes part by push({ before, after, apply }), where apply(state, viewer) brings a state back.
 */

/** @import { Viewer } from "../viewer/viewer.js" */
/**
 * @template [State=any]
 * @typedef {{
 *   before: State,
 *   after: State,
 *   apply: (state: State, viewer: Viewer) => void,
 *   field?: string,
 * }} Entry
 */

/** Says "changed" after every change of what can be undone or redone. */
export class History extends EventTarget {
  /** Of the answer. */
  id = "";
  /** @type {Entry[]} */
  past = [];
  /** @type {Entry[]} */
  future = [];

  /** @param {string} id */
  begin(id) {
    Object.assign(this, { id, past: [], future: [] });
    this.#changed();
  }

  /**
   * @template State
   * @param {Entry<State>} entry
   */
  push(entry) {
    this.past.push(entry);
    this.future = [];
    this.#changed();
  }

  /** @param {Viewer} viewer the one to work on */
  undo(viewer) {
    const entry = this.past.pop();
    if (!entry) return;
    this.future.push(entry);
    entry.apply(entry.before, viewer);
    this.#changed();
  }

  /** @param {Viewer} viewer the one to work on */
  redo(viewer) {
    const entry = this.future.pop();
    if (!entry) return;
    this.past.push(entry);
    entry.apply(entry.after, viewer);
    this.#changed();
  }

  /**
   * Ctrl+Z undoes; Ctrl+Shift+Z and Ctrl+Y redo.
   * @param {Viewer} viewer
   * @param {KeyboardEvent} event
   */
  travel(viewer, event) {
    if (event.shiftKey || event.key.toLowerCase() === "y") this.redo(viewer);
    else this.undo(viewer);
  }

  #changed() {
    this.dispatchEvent(new Event("changed"));
  }
}

/** @type {Record<string, History>} */
const all = {};

/** @param {string} key a viewer's or a group's name */
export const historyOf = (key) => {
  all[key] ??= new History();
  return all[key];
};
