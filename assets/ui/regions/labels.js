// @ts-check
/* Labels: a colour each, remembered in this browser so that an annotator keeps the same list. */

const KEY = "sayo.labels";
const MOST = 30;
// Told apart by colour-blind people as well (after Okabe and Ito), on dark and on light pictures.
const COLOURS = [
  "#e69f00",
  "#0072b2",
  "#009e73",
  "#d55e00",
  "#cc79a7",
  "#56b4e9",
  "#b8a500",
  "#7b3294",
  "#4d9221",
];

/** @returns {string[]} */
const stored = () => {
  try {
    const names = JSON.parse(localStorage.getItem(KEY) || "[]");
    return Array.isArray(names) ? names.filter((it) => typeof it === "string").slice(0, MOST) : [];
  } catch {
    return []; // no storage, or something else in it: labels then live as long as the page
  }
};

export const labels = stored();

/** @param {string} name */
const learn = (name) => {
  if (labels.includes(name) || labels.length >= MOST) return;
  labels.push(name);
  try {
    localStorage.setItem(KEY, JSON.stringify(labels));
  } catch {
    // as above
  }
};

/**
 * A label that is new is remembered.
 * @param {string} name
 */
export const labelColour = (name) => {
  learn(name);
  return COLOURS[Math.max(labels.indexOf(name), 0) % COLOURS.length];
};
