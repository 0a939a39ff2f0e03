// @ts-check
/* What a drag on the picture does: select, box, polygon, brush, erase. */

/** @import { Box, Point, Region } from "../shared/types" */
/** @import { Pen, RegionEditor } from "./editor.js" */
import { pen2d } from "../shared/dom.js";
import { ink, maskCanvas } from "./draw.js";
import {
  box as boxOf,
  brush as brushOf,
  hits,
  moved,
  ordered,
  polygon as polygonOf,
  rasterise,
  resized,
  withCorner,
  withPoints,
} from "./geometry.js";
import { between, brushCentre, decode, stamp } from "./masks.js";
import { hasArea } from "./outlines.js";

/**
 * @typedef {object} Drag
 * @property {(pen: Pen) => void} [move] while it lasts
 * @property {(pen: Pen) => void} [up] at its end
 * @property {(pen: Pen) => void} [click] where the pointer stayed in place; without one what lies there is selected
 * @property {() => void} [cancel]
 */

/**
 * @typedef {object} Tool
 * @property {ToolName} name
 * @property {string} label
 * @property {string} key
 * @property {string} title
 * @property {string} [hint] what to do, in a line under the tools
 * @property {boolean} [draws] a drag changes something, and does not scroll the page
 * @property {boolean} [hover] something is to be seen where the pointer is
 * @property {boolean} [sized] with a size in pixels
 * @property {(editor: RegionEditor, pen: Pen) => Drag | null} down
 */

/** @typedef {"select" | "box" | "polygon" | "brush" | "erase"} ToolName */

const CLOSE_SLACK = 8; // screen pixels from the first corner that close a polygon
const SAME_SLACK = 4; // and from the last one: a double click

/**
 * A drag that changes the selected region.
 * @param {RegionEditor} editor
 * @param {(pen: Pen) => Region | null} make the changed one, or null where there is none
 * @param {(pen: Pen) => void} [click]
 * @param {number} [vertex]
 * @returns {Drag}
 */
const reshape = (editor, make, click, vertex = -1) => ({
  move(pen) {
    editor.preview = make(pen);
  },
  up(pen) {
    const region = make(pen);
    if (region) editor.put(editor.selected, region, vertex);
  },
  click,
});

/**
 * @param {Box} box
 * @param {string} handle
 * @param {Point} at
 */
const dragged = (box, handle, [x, y]) => {
  let [x0, y0, x1, y1] = box;
  if (handle.includes("w")) x0 = x;
  if (handle.includes("e")) x1 = x;
  if (handle.includes("n")) y0 = y;
  if (handle.includes("s")) y1 = y;
  return ordered(x0, y0, x1, y1);
};

/**
 * A drag of one of the selected region's handles or corners, if the pointer is on one.
 * @param {RegionEditor} editor
 * @param {Pen} pen
 * @returns {Drag | null}
 */
const onHandle = (editor, pen) => {
  const region = editor.current;
  if (!region) return null;
  const { handle, vertex, middle } = pen.target.dataset;
  if (handle) {
    const to = (/** @type {Pen} */ { at }) =>
      resized(region, dragged(region.box_xyxy, handle, at), editor.size);
    return reshape(editor, to, () => {});
  }
  if (vertex !== undefined) {
    const index = Number(vertex);
    if (pen.altKey) return { click: () => editor.removeVertex(index) };
    const to = (/** @type {Pen} */ { at }) => {
      const changed = withCorner(region, index, at);
      return hasArea(changed.points_xy) ? changed : null;
    };
    return reshape(editor, to, () => editor.select(editor.selected, index), index);
  }
  if (middle === undefined) return null;
  const index = Number(middle) + 1;
  const added = (/** @type {Pen} */ { at }) => withPoints(region, region.points_xy.toSpliced(index, 0, at));
  return reshape(editor, added, (to) => editor.put(editor.selected, added(to), index), index);
};

/**
 * @param {RegionEditor} editor
 * @param {Pen} pen
 */
const onSelected = (editor, pen) => {
  const region = editor.current;
  if (!region || !hits(region, pen.exact, SAME_SLACK / pen.scale, editor.size)) return null;
  return reshape(editor, ({ at }) => moved(region, at[0] - pen.at[0], at[1] - pen.at[1], editor.size));
};

/** @type {Tool} */
const select = {
  name: "select",
  label: "Select",
  key: "s",
  title: "Click a region to select it, drag to move it. Click a free spot to see which tokens looked there.",
  down(editor, pen) {
    const grip = onHandle(editor, pen) || onSelected(editor, pen);
    if (grip) return grip;
    const index = editor.hit(pen);
    if (index >= 0 && pen.pointerType === "mouse") {
      editor.select(index);
      return onSelected(editor, pen);
    }
    let last = pen.screen;
    return {
      move({ screen }) {
        editor.hooks.pan(screen[0] - last[0], screen[1] - last[1]);
        last = screen;
      },
    };
  },
};

/** @type {Tool} */
const box = {
  name: "box",
  label: "Box",
  key: "b",
  draws: true,
  title: "Drag on the picture to draw a box; click a free spot to see which tokens looked there",
  down(editor, pen) {
    const grip = onHandle(editor, pen) || onSelected(editor, pen);
    if (grip) return grip;
    const drawn = (/** @type {Pen} */ { at }) => ordered(...pen.at, ...at);
    return {
      move(to) {
        editor.draft = { box: drawn(to) };
      },
      up(to) {
        editor.draft = null;
        const [x0, y0, x1, y1] = drawn(to);
        if (x1 > x0 && y1 > y0) editor.addDrawn(boxOf([x0, y0, x1, y1])); // a line has no area
      },
      click(to) {
        editor.draft = null;
        editor.clicked(to);
      },
      cancel() {
        editor.draft = null;
      },
    };
  },
};

/** @type {Tool} */
const polygon = {
  name: "polygon",
  label: "Polygon",
  key: "p",
  draws: true,
  hover: true,
  title: "Click corner after corner; double click, Enter or a click on the first corner closes it",
  hint: "Click corner after corner. Enter or a double click closes the polygon, Backspace takes a corner back.",
  down(editor, pen) {
    if (!editor.draft) {
      const grip = onHandle(editor, pen);
      if (grip) return grip;
      editor.select(-1);
    }
    const points = editor.draft?.points ?? [];
    editor.draft = { points };
    const near = (/** @type {Point | undefined} */ corner, /** @type {number} */ slack) =>
      corner && Math.hypot(corner[0] - pen.exact[0], corner[1] - pen.exact[1]) * pen.scale < slack;
    if (near(points.at(-1), SAME_SLACK) || (points.length >= 3 && near(points[0], CLOSE_SLACK)))
      return { click: () => closePolygon(editor) };
    points.push(pen.at);
    return {
      move({ at }) {
        points[points.length - 1] = at;
      },
      click: () => {},
      cancel: () => editor.takeBack(),
    };
  },
};

/**
 * What has an area becomes a region; anything less is still being drawn. False where nothing is.
 * @param {RegionEditor} editor
 */
export const closePolygon = (editor) => {
  const points = editor.draft?.points;
  if (!points || points.length < 3 || !hasArea(points)) return Boolean(points);
  editor.draft = null;
  editor.addDrawn(polygonOf(points));
  return true;
};

/**
 * A stroke on a mask, shown on a canvas that is changed pixel by pixel as the mask is.
 * @param {RegionEditor} editor
 * @param {Pen} pen
 * @param {object} work
 * @param {Uint8Array} work.mask which is changed
 * @param {{ look: boolean, label?: string }} work.region whose colour and pattern it has
 * @param {0 | 1} work.value
 * @param {number} work.shown the region in whose place it is shown; -1 for none
 * @param {(mask: Uint8Array) => void} work.done
 * @returns {Drag}
 */
const stroke = (editor, pen, { mask, region, value, shown, done }) => {
  const { size, brushSize } = editor;
  const canvas = maskCanvas(mask, [0, 0, size.width, size.height], size, region);
  const context = pen2d(canvas);
  context.fillStyle = ink(context, size, region);
  editor.live = { canvas, index: shown };
  let last = brushCentre(pen.exact, brushSize, size);
  const dab = (/** @type {Point} */ centre) => {
    for (const [y, from, to] of stamp(centre, brushSize, size)) {
      mask.fill(value, y * size.width + from, y * size.width + to);
      context[value ? "fillRect" : "clearRect"](from, y, to - from, 1);
    }
  };
  dab(last);
  const move = (/** @type {Pen} */ { exact }) => {
    const next = brushCentre(exact, brushSize, size);
    between(last, next).forEach(dab);
    last = next;
  };
  const end = (/** @type {Pen} */ to) => {
    move(to);
    editor.live = null;
    done(mask);
  };
  return { move, up: end, click: end };
};

/** @type {Tool} */
const brush = {
  name: "brush",
  label: "Brush",
  key: "r",
  draws: true,
  hover: true,
  sized: true,
  title: "Paint pixel by pixel; strokes go on with the selected painting",
  hint: "Paint with the pointer. [ and ] change the size, Escape begins another region.",
  down(editor, pen) {
    const { selected, size } = editor;
    const goesOn = editor.current?.kind === "brush" ? editor.current : null;
    return stroke(editor, pen, {
      mask: goesOn ? decode(goesOn.rle).slice() : new Uint8Array(size.width * size.height),
      region: goesOn ?? editor,
      value: 1,
      shown: goesOn ? selected : -1,
      done(mask) {
        const region = brushOf(mask, size, goesOn ?? undefined);
        if (!region) return; // the brush was nowhere on the picture
        if (goesOn) editor.put(selected, region);
        else editor.addDrawn(region);
      },
    });
  },
};

/** @type {Tool} */
const erase = {
  name: "erase",
  label: "Erase",
  key: "e",
  draws: true,
  hover: true,
  sized: true,
  title: "Take pixels away from the selected region, or from the one under the pointer",
  hint: "Take pixels away from a region; a box or polygon becomes a painting then. [ and ] change the size.",
  down(editor, pen) {
    const index = editor.current ? editor.selected : editor.hit(pen);
    const region = editor.regions[index];
    if (!region) return { click: () => editor.clicked(pen) };
    return stroke(editor, pen, {
      mask: rasterise(region, editor.size).slice(),
      region,
      value: 0,
      shown: index,
      done(mask) {
        const before = rasterise(region, editor.size);
        if (mask.every((value, i) => value === before[i])) return editor.select(index);
        const left = brushOf(mask, editor.size, region);
        if (left) editor.put(index, left);
        else editor.remove(index);
      },
    });
  },
};

/** In the order of their buttons. @type {Record<ToolName, Tool>} */
export const tools = { select, box, polygon, brush, erase };
export const toolNames = /** @type {ToolName[]} */ (Object.keys(tools));
