// @ts-check
/* Text fields of the page that belong to a viewer: Gradio's own, found by their elem_id. */

/** @import { Viewer } from "../viewer/viewer.js" */
/** @typedef {HTMLInputElement | HTMLTextAreaElement} Field */

/**
 * Gradio sets a field up when its tab is opened, and may do so again.
 * @param {string} elemId
 * @returns {Field | null}
 */
export const field = (elemId) => document.querySelector(`#${elemId} textarea, #${elemId} input`);

/**
 * @param {string} elemId
 * @param {string} text
 */
export const setField = (elemId, text) => {
  const node = field(elemId);
  if (!node || node.value === text) return;
  node.value = text;
  node.dispatchEvent(new Event("input", { bubbles: true }));
};

/**
 * Let a text field take part in undo and redo: one entry a word, and Ctrl+Z in the field undoes like everywhere else.
 * @param {string} elemId
 * @param {Viewer} viewer
 */
export const followField = (elemId, viewer) => {
  const { history } = viewer;
  let applying = false;
  let before = "";
  /** @param {string} text */
  const apply = (text) => {
    applying = true;
    setField(elemId, text);
    applying = false;
    before = text;
    viewer.autosave();
  };
  /**
   * @param {EventTarget | null} target
   * @returns {target is Field}
   */
  const isField = (target) => target !== null && target === field(elemId);
  document.addEventListener("focusin", ({ target }) => {
    if (isField(target)) before = target.value;
  });
  document.addEventListener("input", ({ target }) => {
    if (applying || !isField(target) || target.value === before) return;
    const last = history.past.at(-1);
    if (last?.field === elemId && last.after === before && !beginsWord(before, target.value))
      last.after = target.value;
    else history.push({ field: elemId, before, after: target.value, apply });
    before = target.value;
    viewer.autosave();
  });
  document.addEventListener(
    "keydown",
    (event) => {
      if (!isField(event.target) || !(event.ctrlKey || event.metaKey) || !/^[zy]$/i.test(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      history.travel(viewer, event);
    },
    true,
  );
};

/**
 * @param {string} before
 * @param {string} after
 */
export const beginsWord = (before, after) => /\S$/.test(before) && /\s$/.test(after);
