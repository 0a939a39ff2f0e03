// @ts-check
/* Keys of the work list. None of its letters is one of the region editor's (viewer/keys.js), so each means one thing
 * wherever the focus is; in a text field they need Alt, as the field wants them.
 */

import { el } from "../shared/dom.js";

/** @typedef {() => void} Act */

/**
 * @param {string} name
 * @returns {HTMLElement | null}
 */
const at = (name) => document.querySelector(`#corrections-${name}`);
/** @param {string} name */
const visible = (name) => Boolean(at(name)?.offsetParent);
/** @param {string} name */
const press = (name) => () => at(name)?.click();
/** @param {string} name */
const focus = (name) => () =>
  /** @type {HTMLElement | null} */ (
    document.querySelector(`#corrections-${name} :is(textarea, input)`)
  )?.focus();

const next = press("next");
const previous = press("previous");
const onward = () => {
  if (visible("detail")) return next();
  /** @type {HTMLElement | null} */ (document.querySelector("#corrections-gallery .sc-card"))?.click();
};
/** Out of the text field at once: what is pressed next is a key, and no text of the next one's answer. */
const submit = () => {
  /** @type {HTMLElement} */ (document.activeElement).blur();
  press("submit")();
};

/** @type {Record<string, Act>} */
export const letters = {
  n: onward,
  t: focus("answer"),
  m: press("ask"),
  u: focus("reason"),
  i: press("flag"),
  y: press("accept"),
  w: focus("comment"),
};
const SHEET = [
  ["N", "next; opens the first one"],
  ["Shift + N", "previous"],
  ["Ctrl + Enter", "submit, go to the next"],
  ["T", "type the right answer"],
  ["U, why, Enter", "skip: unusable"],
  ["I", "flag, or take the flag away"],
  ["M", "ask the model"],
  ["Y", "accept"],
  ["W, what, Enter", "send back: wrong"],
  ["Escape", "leave a text field"],
];

/**
 * With Alt some keyboards give other characters: there the key's place counts.
 * @param {Pick<KeyboardEvent, "altKey" | "code" | "key">} event
 */
export const letterOf = ({ altKey, code, key }) => (altKey ? code.replace("Key", "") : key).toLowerCase();

/**
 * @param {KeyboardEvent} event
 * @returns {Act | null}
 */
const meaning = (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || target.isContentEditable;
  if (event.ctrlKey || event.metaKey)
    return event.key === "Enter" && !event.altKey && visible("detail") ? submit : null;
  if (event.key === "Escape") return typing ? () => target.blur() : null;
  if (typing && !event.altKey) return null;
  const letter = letterOf(event);
  if (event.shiftKey) return letter === "n" ? previous : null;
  return Object.hasOwn(letters, letter) ? letters[letter] : null;
};

/** @param {KeyboardEvent} event */
const onKey = (event) => {
  if (event.defaultPrevented || event.isComposing || !visible("gallery")) return;
  const act = meaning(event);
  if (!act) return;
  event.preventDefault();
  act();
};

/**
 * Enter in a field that ends with the next one leaves the field as submitting does; Gradio acts on the keypress.
 * @param {KeyboardEvent} event
 */
const onKeyUp = (event) => {
  if (event.key !== "Enter" || event.shiftKey) return;
  const target = /** @type {HTMLElement} */ (event.target);
  if (target.closest?.("#corrections-reason, #corrections-comment")) target.blur();
};

/** What was picked by a key or a click is to be seen. */
export const showOpened = () => at("detail")?.scrollIntoView({ block: "start" });

let listening = false;

/**
 * The list of keys; from now on they work.
 * @param {HTMLElement} element
 */
export const mountKeys = (element) => {
  if (!listening) {
    document.addEventListener("keydown", onKey);
    document.addEventListener("keyup", onKeyUp);
  }
  listening = true;
  const list = el("dl");
  for (const [key, what] of SHEET) list.append(el("dt", "", key), el("dd", "", what));
  const hint = "In a text field the letters need Alt. On the picture, ? lists the keys of drawing.";
  element.querySelector(".work-keys")?.append(el("summary", "", "Keys"), list, el("p", "hint", hint));
};
