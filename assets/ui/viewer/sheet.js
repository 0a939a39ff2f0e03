// @ts-check
/* The sheet that lists the keys. */

/** @import { Viewer } from "./viewer.js" */
import { button, el, testId } from "../shared/dom.js";

/** @type {Record<string, [key: string, meaning: string][]>} */
const SHEET = {
  "The answer": [
    ["← →", "token before, next token"],
    ["↑ ↓", "step before, next step"],
    ["A", "the whole answer"],
    ["Space", "play the tokens"],
    ["1 – 9", "choose a map (a label while a region is selected)"],
  ],
  "The picture": [
    ["H", "show or hide the map"],
    ["G", "show the grid of image tokens and what the regions cover"],
    ["V held", "hide everything but the picture"],
    ["+ −, Ctrl + wheel", "zoom"],
    ["F", "fit the picture"],
    ["Space + drag, middle button", "move the picture"],
  ],
  Drawing: [
    ["S B P R E", "select, box, polygon, brush, erase"],
    ["X", "look here, or do not look here: the selected region, or what you draw next"],
    ["[ ]", "size of the brush"],
    ["Enter", "close a polygon"],
    ["Backspace", "take a polygon's last corner back"],
    ["Alt + click", "remove a corner of a polygon"],
    ["Escape", "leave what is begun or selected"],
    ["Ctrl + Z, Ctrl + Shift + Z", "undo, redo"],
    ["K", "propose regions: the peaks of the map"],
    ["C", "copy the regions of the picture before"],
  ],
  "The selected region": [
    ["Alt + arrows", "move by a pixel, with Shift by ten"],
    ["1 – 9", "choose a label"],
    ["L", "write a label"],
    ["Ctrl + D", "duplicate"],
    ["Delete", "delete it, or its selected corner"],
  ],
};

/** @param {Viewer} viewer */
export const toggleSheet = (viewer) => {
  const open = /** @type {HTMLDialogElement | null} */ (viewer.root.querySelector(".sv-sheet"));
  if (open) return open.close();
  const sheet = testId(el("dialog", "sv-sheet"), "sheet");
  const close = button("sv-tool", "Close", "Close (Escape)", () => sheet.close());
  const head = el("div", "sv-sheethead");
  head.append(el("b", "", "Keys"), testId(close, "sheet-close"));
  const columns = el("div", "sv-sheetcolumns");
  columns.append(...Object.entries(SHEET).map(([title, keys]) => section(title, keys)));
  sheet.append(head, columns);
  sheet.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "?") sheet.close();
  });
  sheet.addEventListener("close", () => {
    sheet.remove();
    viewer.root.focus({ preventScroll: true });
  });
  viewer.root.append(sheet);
  sheet.showModal();
};

/**
 * @param {string} title
 * @param {[key: string, meaning: string][]} keys
 */
const section = (title, keys) => {
  const list = el("dl");
  for (const [key, meaning] of keys) list.append(el("dt", "", key), el("dd", "", meaning));
  const part = el("section");
  part.append(el("h4", "", title), list);
  return part;
};
