// @ts-check
/* What this browser keeps of drafts until the server has them: the network, the server or the tab may go at any
 * moment, and Gradio loads the page anew when a lost server is back.
 */

/** @import { PlacedRegion } from "../shared/types" */

/**
 * Kept under the draft's key and the tab's own number.
 * @typedef {object} Copy
 * @property {string} key
 * @property {string} name of the question
 * @property {string} tab
 * @property {string} author
 * @property {number} version of the server's draft that it was made from
 * @property {PlacedRegion[]} regions
 * @property {string} answer
 * @property {string} at when, as ISO 8601
 */

const PREFIX = "sayo.draft.";
const BROWSER = "sayo.browser";
const MOST = 20;

const numbered = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((it) => it.toString(16).padStart(2, "0")).join("");

/** A number of this tab's own. */
export const tab = numbered();

/** @param {Copy} copy */
const placeOf = (copy) => `${PREFIX}${copy.key}.${copy.tab}`;

/**
 * @param {any} it
 * @returns {it is Copy}
 */
const isCopy = (it) =>
  it && Array.isArray(it.regions) && typeof it.answer === "string" && typeof it.key === "string";

/** @param {string} place */
const read = (place) => {
  try {
    const copy = JSON.parse(localStorage.getItem(place) ?? "null");
    return isCopy(copy) ? copy : null;
  } catch {
    return null;
  }
};

/** All copies, the newest first; none where the browser keeps nothing. */
export const all = () => {
  try {
    const places = Object.keys(localStorage).filter((it) => it.startsWith(PREFIX));
    const copies = places.map(read).filter((it) => it !== null);
    return copies.sort((one, other) => (one.at < other.at ? 1 : -1));
  } catch {
    return [];
  }
};

/** @param {string} key */
export const copiesOf = (key) => all().filter((it) => it.key === key);

/**
 * False where there is no room, or no storage at all.
 * @param {Copy} copy
 */
export const put = (copy) => {
  try {
    localStorage.setItem(placeOf(copy), JSON.stringify(copy));
  } catch {
    return false;
  }
  all().slice(MOST).forEach(drop);
  return true;
};

/** @param {Copy} copy */
export const drop = (copy) => {
  try {
    localStorage.removeItem(placeOf(copy));
  } catch {
    // nothing was kept then
  }
};

/** A number of this browser's own, so that people without a name do not share a draft. */
const numberOfBrowser = () => {
  try {
    const known = localStorage.getItem(BROWSER) || "";
    if (/^[0-9a-f]{32}$/.test(known)) return known;
    localStorage.setItem(BROWSER, tab);
  } catch {
    // without storage it is the tab's
  }
  return tab;
};
export const browser = numberOfBrowser();
