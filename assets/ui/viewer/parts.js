// @ts-check
/* The nodes of the viewer: made once, then filled from its state by the other modules (fill...). */

import { hoverCell } from "../maps/grid.js";
import { headsPanel } from "../maps/heads.js";
import { drawBars } from "../regions/bar.js";
/** @import { Viewer } from "./viewer.js" */
import { el, testId } from "../shared/dom.js";
import { mapBar, playBar, viewBar } from "./bars.js";
import { fillState } from "./status.js";

/** @param {Viewer} viewer */
export const viewerParts = (viewer) => {
  const picture = pictureParts(viewer);
  const drawing = viewer.options.editable ? drawBars(viewer) : null;
  const heads = viewer.options.inspect ? headsPanel(viewer) : null;
  const maps = mapBar(viewer);
  const view = viewBar(viewer);
  const play = playBar(viewer);
  const strip = testId(el("div", "sv-strip"), "pictures");
  const regions = testId(el("ul", "sv-regions"), "regions");
  const draft = testId(el("div", "sv-bar sv-draftbar"), "draft");
  const left = el("div", "sv-left");
  left.append(draft, maps.bar, picture.frame, strip);
  if (drawing) left.append(drawing.bar, drawing.hints);
  left.append(view.bar, regions);
  const tokens = testId(el("div", "sv-tokens"), "tokens");
  const caption = testId(el("p", "sv-caption"), "caption");
  const spot = testId(el("div", "sv-spot"), "spot");
  const numbers = testId(el("div", "sv-numbers"), "numbers");
  const right = el("div", "sv-right");
  right.append(play.bar, tokens, caption, spot, numbers);
  if (heads) right.append(heads.panel);
  return {
    ...picture,
    drawing,
    heads,
    maps,
    view,
    play,
    strip,
    regions,
    draft,
    tokens,
    caption,
    spot,
    numbers,
    tops: [left, right],
  };
};

/**
 * The picture and what lies over it, from the bottom to the top.
 * @param {Viewer} viewer
 */
const pictureParts = (viewer) => {
  const image = el("img", "sv-image");
  image.alt = "The picture";
  image.draggable = false;
  const heat = testId(el("canvas", "sv-heat"), "heat");
  const grid = testId(el("div", "sv-layer sv-layer-truth"), "grid");
  const marks = el("div", "sv-layer sv-layer-truth");
  const layer = testId(el("div", "sv-layer sv-layer-boxes"), "layer");
  layer.addEventListener("pointermove", (event) => hoverCell(viewer, event));
  layer.addEventListener("pointerleave", () => fillState(viewer));
  const stage = testId(el("div", "sv-stage"), "stage");
  stage.append(image, heat, grid, marks, layer);
  const empty = testId(el("p", "sv-hint"), "empty");
  const frame = el("div", "sv-frame");
  frame.append(stage, empty);
  return { image, heat, grid, marks, layer, stage, empty, frame };
};
