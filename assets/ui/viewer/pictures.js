// @ts-check
/* The picture that is worked on, large, and the others of the question as a strip, each with its overlay. */

/** @import { Box, Picture } from "../shared/types" */
/** @import { Viewer } from "./viewer.js" */
import { boxNode } from "../regions/draw.js";
import { button, el, testId } from "../shared/dom.js";

/**
 * @param {Viewer} viewer
 * @param {boolean} anew whatever was there before
 */
export const fillPictures = (viewer, anew = false) => {
  const { parts, value } = viewer;
  const pictures = value.pictures || [];
  const shown = pictures[viewer.picture];
  if (shown && parts.image.getAttribute("src") !== shown.src) parts.image.src = shown.src;
  if (shown) parts.stage.style.setProperty("--ratio", String(shown.width / shown.height));
  const ids = pictures.map((it) => it.id).join();
  if (ids !== parts.strip.dataset.ids || anew) {
    parts.strip.dataset.ids = ids;
    parts.strip.replaceChildren();
    viewer.canvases = pictures.map((picture, index) =>
      index === viewer.picture ? parts.heat : thumbnail(viewer, picture, index),
    );
  }
  fillMarks(viewer);
};

/**
 * @param {Viewer} viewer
 * @param {Picture} picture
 * @param {number} index
 * @returns {HTMLCanvasElement} that of its overlay
 */
const thumbnail = (viewer, { src, width, height }, index) => {
  const title = `Picture ${index + 1}: look closer and draw on it`;
  const node = testId(
    button("sv-thumb", "", title, () => viewer.showPicture(index)),
    `picture-${index}`,
  );
  node.style.setProperty("--ratio", String(width / height));
  const image = Object.assign(el("img", "sv-image"), { src, alt: `Picture ${index + 1}` });
  const canvas = el("canvas", "sv-heat");
  node.append(image, canvas, el("span", "sv-thumbname", String(index + 1)));
  viewer.parts.strip.append(node);
  return canvas;
};

/**
 * True boxes, attention sinks and the spot that was clicked.
 * @param {Viewer} viewer
 */
const fillMarks = (viewer) => {
  const { parts, value, size, flags, spot, picture, layout } = viewer;
  const mark = (/** @type {Box} */ box, /** @type {string} */ className, /** @type {string} */ label) =>
    parts.marks.append(boxNode(box, size, className, label));
  parts.marks.replaceChildren();
  if (flags.truth && picture === 0)
    for (const it of value.truth || []) mark(it.box_xyxy, "sv-true", it.label);
  if (!layout) return;
  if (flags.sinks) for (const cell of value.sinks?.[picture] || []) mark(layout.cell(cell), "sv-sink", "");
  if (spot?.picture === picture) mark(layout.cell(spot.cell), "sv-look", "");
};
