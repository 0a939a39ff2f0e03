// @ts-check
/* How regions look: one node each, placed in per cent of the picture, so that any zoom is exact. */

/** @import { Box, Outlined, Painted, Point, Region, Size } from "../shared/types" */
/** @import { RegionEditor } from "./editor.js" */
import { el, pen2d, svg } from "../shared/dom.js";
import { labelColour } from "./labels.js";
import { brushCentre, decode } from "./masks.js";

const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
const DEFAULT = "#ff3d6e";
const NOT_HERE = "#8a5cf6";
const OPAQUE = 0xffffffff;

/** @typedef {{ look?: boolean, label?: string }} Look what the colour and the pattern of a region say */

/** @param {Look} region */
export const regionColour = ({ look, label }) => {
  if (look === false) return NOT_HERE;
  return label ? labelColour(label) : DEFAULT;
};

/**
 * @param {number} value
 * @param {number} whole
 */
const percent = (value, whole) => `${(100 * value) / whole}%`;

/**
 * A box as a node that needs no layout figures.
 * @param {Box} box_xyxy
 * @param {Size} size
 * @param {string} className
 * @param {string} [label]
 */
export const boxNode = ([x0, y0, x1, y1], { width, height }, className, label) => {
  const node = el("div", className);
  Object.assign(node.style, {
    left: percent(x0, width),
    top: percent(y0, height),
    width: percent(x1 - x0, width),
    height: percent(y1 - y0, height),
  });
  if (label) node.append(el("span", "sv-tag", label));
  return node;
};

/**
 * What to paint a region with: its colour, hatched where the model should not look.
 * @param {CanvasRenderingContext2D} context
 * @param {Size} size
 * @param {Look} region
 */
export const ink = (context, size, region) => {
  const colour = regionColour(region);
  if (region.look !== false) return colour;
  const stripe = Math.max(2, Math.round(Math.max(size.width, size.height) / 80));
  const tile = el("canvas");
  Object.assign(tile, { width: 2 * stripe, height: 1 });
  const pen = pen2d(tile);
  pen.fillStyle = colour;
  pen.fillRect(0, 0, stripe, 1);
  pen.globalAlpha = 0.25; // between the stripes as well, what is painted is to be seen
  pen.fillRect(stripe, 0, stripe, 1);
  const pattern = /** @type {CanvasPattern} */ (context.createPattern(tile, "repeat"));
  pattern.setTransform(new DOMMatrix().rotate(45));
  return pattern;
};

/**
 * The pixels of a mask within a box, a canvas pixel each.
 * @param {Uint8Array} mask
 * @param {Box} box_xyxy
 * @param {Size} size
 * @param {Look} region
 */
export const maskCanvas = (mask, [x0, y0, x1, y1], size, region) => {
  const { width } = size;
  const canvas = el("canvas", "sv-mask");
  Object.assign(canvas, { width: x1 - x0, height: y1 - y0 });
  const context = pen2d(canvas);
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let y = y0, i = 0; y < y1; y++)
    for (let x = x0; x < x1; x++, i++) if (mask[y * width + x]) pixels[i] = OPAQUE;
  context.putImageData(image, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = ink(context, size, region);
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.globalCompositeOperation = "source-over";
  return canvas;
};

/** The canvas of a painting, by its run lengths. @type {WeakMap<object, { colour: string, canvas: HTMLCanvasElement }>} */
const painted = new WeakMap();

/**
 * @param {Painted} region
 * @param {Size} size
 */
const paintedCanvas = (region, size) => {
  const colour = regionColour(region);
  const known = painted.get(region.rle);
  if (known?.colour === colour && !known.canvas.isConnected) return known.canvas;
  const canvas = maskCanvas(decode(region.rle), region.box_xyxy, size, region);
  painted.set(region.rle, { colour, canvas });
  return canvas;
};

/**
 * @param {Point[]} points
 * @param {Box} box_xyxy
 */
const outline = (points, [x0, y0, x1, y1], closed = true) => {
  const node = svg("svg", {
    viewBox: `${x0} ${y0} ${x1 - x0 || 1} ${y1 - y0 || 1}`,
    preserveAspectRatio: "none",
    class: "sv-outline",
  });
  const d = `M${points.map((point) => point.join(" ")).join("L")}${closed ? "Z" : ""}`;
  // A light line under the coloured one, so that it shows on any picture.
  node.append(svg("path", { d, class: "sv-line sv-line-under" }), svg("path", { d, class: "sv-line" }));
  return node;
};

/**
 * The pattern of "do not look here", as far as a polygon goes.
 * @param {Outlined} region
 */
const hatch = ({ points_xy, box_xyxy: [x0, y0, x1, y1] }) => {
  const node = el("span", "sv-hatch");
  const corners = points_xy.map(([x, y]) => `${percent(x - x0, x1 - x0)} ${percent(y - y0, y1 - y0)}`);
  node.style.clipPath = `polygon(evenodd, ${corners.join(", ")})`;
  return node;
};

/**
 * @param {RegionEditor} editor
 * @param {Region} region
 * @param {string} className
 * @param {string} text
 */
const regionNode = (editor, region, className, text) => {
  const node = boxNode(region.box_xyxy, editor.size, `sv-box is-${region.kind} ${className}`, text);
  if (region.look === false) node.classList.add("is-not-here");
  node.style.setProperty("--colour", regionColour(region));
  if (region.kind === "polygon") {
    node.prepend(outline(region.points_xy, region.box_xyxy));
    if (region.look === false) node.prepend(hatch(region));
  }
  if (region.kind === "brush") node.prepend(paintedCanvas(region, editor.size));
  return node;
};

/**
 * @param {HTMLElement} parent
 * @param {string} className
 * @param {Record<string, string | number>} data
 * @param {[left: string, top: string]} [place]
 */
const handle = (parent, className, data, place) => {
  const node = el("span", className);
  Object.assign(node.dataset, data);
  if (place) Object.assign(node.style, { left: place[0], top: place[1] });
  parent.append(node);
  return node;
};

/**
 * @param {RegionEditor} editor
 * @param {Region} region
 * @param {HTMLElement} node
 */
const addHandles = (editor, region, node) => {
  for (const name of HANDLES)
    if (region.kind !== "polygon" || name.length === 2)
      handle(node, `sv-handle sv-handle-${name}`, { handle: name });
  const [x0, y0, x1, y1] = region.box_xyxy;
  /** @returns {[string, string]} */
  const at = (/** @type {number} */ x, /** @type {number} */ y) => [
    percent(x - x0, x1 - x0),
    percent(y - y0, y1 - y0),
  ];
  const { points_xy } = region;
  points_xy.forEach(([x, y], i) => {
    const [nx, ny] = points_xy[(i + 1) % points_xy.length];
    handle(node, "sv-handle sv-middle", { middle: i }, at((x + nx) / 2, (y + ny) / 2));
  });
  points_xy.forEach((point, i) => {
    const corner = handle(node, "sv-handle sv-vertex", { vertex: i }, at(...point));
    corner.classList.toggle("is-picked", i === editor.vertex);
  });
};

/**
 * @param {Region} region
 * @param {number} index
 */
const tag = (region, index) =>
  [String(index + 1), region.label, region.look === false ? "not here" : ""].filter(Boolean).join(" · ");

/** @param {RegionEditor} editor */
export const drawRegions = (editor) => {
  const { layer, regions, suggestions, selected, preview, live, draft, size, tool, hover } = editor;
  /** @type {HTMLElement[]} */
  const nodes = [];
  regions.forEach((region, index) => {
    if (live?.index === index) return;
    const active = index === selected;
    const shown = active && preview ? preview : region;
    const node = regionNode(editor, shown, active ? "is-selected" : "", tag(shown, index));
    node.dataset.index = String(index);
    if (active && editor.enabled && !tool.sized) addHandles(editor, shown, node);
    nodes.push(node);
  });
  suggestions.forEach((region, index) => {
    nodes.push(regionNode(editor, region, "is-suggestion", `? ${index + 1}`));
  });
  if (live) nodes.push(live.canvas);
  if (draft?.box) nodes.push(begun(editor, boxNode(draft.box, size, "sv-box is-draft")));
  if (draft?.points) nodes.push(draftPolygon(editor, draft.points));
  if (editor.enabled && tool.sized && hover) nodes.push(brushRing(hover.exact, editor.brushSize, size));
  layer.replaceChildren(...nodes);
};

/**
 * What is being drawn already looks as it will.
 * @param {RegionEditor} editor
 * @param {HTMLElement} node
 */
const begun = ({ look }, node) => {
  if (look) return node;
  node.classList.add("is-not-here");
  node.style.setProperty("--colour", NOT_HERE);
  return node;
};

/**
 * @param {RegionEditor} editor
 * @param {Point[]} corners
 */
const draftPolygon = (editor, corners) => {
  const { hover, size, drag } = editor;
  /** @type {Box} */
  const whole = [0, 0, size.width, size.height];
  const node = begun(editor, boxNode(whole, size, "sv-draft"));
  node.append(outline(hover && !drag ? [...corners, hover.at] : corners, whole, false));
  for (const [x, y] of corners)
    handle(node, "sv-handle sv-vertex", {}, [percent(x, size.width), percent(y, size.height)]);
  return node;
};

/**
 * The footprint of the brush: as many pixels across as it has.
 * @param {Point} point
 * @param {number} brushSize
 * @param {Size} size
 */
const brushRing = (point, brushSize, size) => {
  const [x, y] = brushCentre(point, brushSize, size);
  const r = brushSize / 2;
  return boxNode([x - r, y - r, x + r, y + r], size, brushSize > 3 ? "sv-ring is-round" : "sv-ring");
};
