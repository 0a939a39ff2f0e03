// @ts-check
/* Regions on a picture, drawn with a mouse, a pen or a finger: which there are, which is selected, and the pointer.
 *
 * All coordinates are whole pixels of the original picture: the layer lies exactly over the shown picture, so a
 * pointer position scales by picture width / layer width, whatever the zoom. What a drag does is up to the tool
 * (tools.js); how it looks, to draw.js. Regions are never changed in place, so that the history can keep them.
 */

/** @import { Point, Region, Box, Size } from "../shared/types" */
/** @import { Drag, Tool, ToolName } from "./tools.js" */
import { clamp } from "../shared/numbers.js";
import { drawRegions } from "./draw.js";
import { hits, moved, withCorner, withPoints } from "./geometry.js";
import { hasArea } from "./outlines.js";
import { tools } from "./tools.js";

const CLICK_SLACK = 3; // screen pixels a click may tremble
const HIT_SLACK = 4; // screen pixels beside a thin line that still count as on it

/**
 * Where the pointer is.
 * @typedef {object} Pen
 * @property {Point} exact in picture pixels
 * @property {Point} at the nearest whole ones
 * @property {number} scale screen pixels each
 * @property {Point} screen
 * @property {HTMLElement} target
 * @property {boolean} altKey
 * @property {string} pointerType
 */

/**
 * @typedef {object} Hooks
 * @property {(committed: boolean) => void} changed after every change of regions or selection
 * @property {(x: number, y: number) => void} spot after a click where no region is
 * @property {(before: Region[], after: Region[]) => void} pushed for the history
 * @property {(dx: number, dy: number) => void} pan in screen pixels
 */

export class RegionEditor {
  enabled = true;
  /** Of the brush, in pixels across; 0 before it was ever needed. */
  brushSize = 0;
  /** Is what is drawn next a place to look at (true), or one not to? */
  look = true;
  /** @type {Tool} */
  tool = tools.box;
  /** Of the picture. @type {Size} */
  size = { width: 0, height: 0 };
  /** @type {Region[]} */
  regions = [];
  /** No regions until they are accepted. @type {Region[]} */
  suggestions = [];
  /** Which region; -1 for none. */
  selected = -1;
  /** Which corner of it; -1 for none. */
  vertex = -1;
  /** @type {(Drag & { start: Pen }) | null} */
  drag = null;
  /** What the selected region is about to become. @type {Region | null} */
  preview = null;
  /** What is being drawn: a box, or the corners of a polygon so far. @type {{ box?: Box, points?: Point[] } | null} */
  draft = null;
  /** A painting while it is painted, in place of the region of that index. @type {{ canvas: HTMLCanvasElement, index: number } | null} */
  live = null;
  /** @type {Pen | null} */
  hover = null;

  /**
   * @param {HTMLElement} layer
   * @param {Hooks} hooks
   */
  constructor(layer, hooks) {
    this.layer = layer;
    this.hooks = hooks;
    this.reset([]);
    layer.addEventListener("pointerdown", (event) => this.down(event));
    layer.addEventListener("pointermove", (event) => this.move(event));
    layer.addEventListener("pointerup", (event) => this.up(event));
    layer.addEventListener("pointercancel", () => this.cancel());
    layer.addEventListener("pointerleave", () => this.leave());
  }

  /** @returns {Region | undefined} */
  get current() {
    return this.regions[this.selected];
  }

  /** Of the selected region; without one, of what is drawn next. */
  get looks() {
    return this.current?.look ?? this.look;
  }

  /**
   * Other regions than before, with nothing selected or begun.
   * @param {Region[]} regions
   */
  reset(regions) {
    this.suggestions = [];
    this.replace(regions);
  }

  /** @param {Region[]} regions */
  replace(regions) {
    this.regions = [...regions];
    Object.assign(this, { selected: -1, vertex: -1, drag: null, preview: null, draft: null, live: null });
    this.draw();
  }

  /**
   * @param {Region[]} regions
   * @param {number} selected
   * @param {number} [vertex]
   */
  commit(regions, selected, vertex = -1) {
    const before = this.regions;
    Object.assign(this, { regions, selected, vertex, preview: null, live: null });
    this.hooks.pushed(before, regions);
    this.draw();
    this.hooks.changed(true);
  }

  /**
   * @param {number} index
   * @param {number} [vertex]
   */
  select(index, vertex = -1) {
    Object.assign(this, { selected: index, vertex });
    this.draw();
    this.hooks.changed(false);
  }

  /** @param {ToolName} name */
  setTool(name) {
    this.cancel();
    this.draft = null;
    this.tool = tools[name];
    this.draw();
    this.hooks.changed(false);
  }

  // ---- changes

  /** @param {Region[]} regions */
  add(...regions) {
    this.commit([...this.regions, ...regions], this.regions.length + regions.length - 1);
  }

  /**
   * What was just drawn: to look at or not, as was chosen.
   * @param {Region} region
   */
  addDrawn(region) {
    this.add({ ...region, look: this.look });
  }

  /**
   * @param {number} index
   * @param {Region} region
   * @param {number} [vertex]
   */
  put(index, region, vertex = -1) {
    this.commit(
      this.regions.map((it, i) => (i === index ? region : it)),
      index,
      vertex,
    );
  }

  remove(index = this.selected) {
    if (index < 0 || index >= this.regions.length) return false;
    this.commit(
      this.regions.filter((_, i) => i !== index),
      -1,
    );
    return true;
  }

  /** Delete and Backspace: the last corner of a polygon that is being drawn, a selected corner, or the region. */
  removeMarked() {
    if (this.draft) return this.takeBack();
    if (this.vertex >= 0) return this.removeVertex(this.vertex);
    return this.remove();
  }

  takeBack() {
    this.draft?.points?.pop();
    if (!this.draft?.points?.length) this.draft = null;
    this.draw();
    return true;
  }

  /** @param {number} index */
  removeVertex(index) {
    const region = this.current;
    const points = region ? region.points_xy.filter((_, i) => i !== index) : [];
    if (region && points.length >= 3 && hasArea(points)) this.put(this.selected, withPoints(region, points));
    return true;
  }

  /**
   * Change what is said of a region; false where there is none.
   * @param {number} index
   * @param {Partial<Pick<Region, "label" | "step" | "look">>} fields
   */
  set(index, fields) {
    const region = this.regions[index];
    if (!region) return false;
    const changed = { ...region, ...fields };
    if (changed.label !== region.label || changed.step !== region.step || changed.look !== region.look)
      this.put(index, changed);
    return true;
  }

  /** "Look here" or "do not look here": turn the selected region; without one, what is drawn next. */
  turn() {
    if (this.set(this.selected, { look: !this.looks })) return true;
    this.look = !this.look;
    this.draw();
    this.hooks.changed(false);
    return true;
  }

  duplicate() {
    if (!this.current) return false;
    const { width, height } = this.size;
    const by = Math.max(1, Math.round(Math.max(width, height) / 40));
    const [, , x1, y1] = this.current.box_xyxy;
    const [dx, dy] = [x1 + by > width ? -by : by, y1 + by > height ? -by : by];
    this.add(moved(this.current, dx, dy, this.size));
    return true;
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  nudge(dx, dy) {
    if (!this.current) return false;
    if (this.vertex < 0) this.put(this.selected, moved(this.current, dx, dy, this.size));
    else {
      const [x, y] = this.current.points_xy[this.vertex];
      /** @type {Point} */
      const to = [clamp(x + dx, 0, this.size.width), clamp(y + dy, 0, this.size.height)];
      this.put(this.selected, withCorner(this.current, this.vertex, to), this.vertex);
    }
    return true;
  }

  /**
   * Accept a suggestion, or drop it.
   * @param {number} index
   * @param {boolean} accept
   */
  settle(index, accept) {
    const region = this.suggestions[index];
    this.suggestions = this.suggestions.filter((_, i) => i !== index);
    if (accept) return this.addDrawn(region);
    this.draw();
    this.hooks.changed(false);
  }

  // ---- pointer

  /**
   * @param {PointerEvent} event
   * @returns {Pen}
   */
  pen(event) {
    const rect = this.layer.getBoundingClientRect();
    const { width, height } = this.size;
    /** @type {Point} */
    const exact = [
      clamp(((event.clientX - rect.left) * width) / rect.width, 0, width),
      clamp(((event.clientY - rect.top) * height) / rect.height, 0, height),
    ];
    return {
      exact,
      at: [Math.round(exact[0]), Math.round(exact[1])],
      scale: rect.width / width,
      screen: [event.clientX, event.clientY],
      target: /** @type {HTMLElement} */ (event.target),
      altKey: event.altKey,
      pointerType: event.pointerType,
    };
  }

  /** @param {Pen} pen */
  hit(pen) {
    const slack = HIT_SLACK / pen.scale;
    return this.regions.findLastIndex((region) => hits(region, pen.exact, slack, this.size));
  }

  /** @param {Pen} pen */
  clicked(pen) {
    const index = this.hit(pen);
    this.select(index);
    if (index < 0) this.hooks.spot(...pen.at);
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button !== 0 || !this.size.width || this.drag) return;
    const pen = this.pen(event);
    if (!this.enabled) return this.hooks.spot(...pen.at);
    const keys = /** @type {HTMLElement | null} */ (this.layer.closest("[tabindex]"));
    keys?.focus({ preventScroll: true }); // so that Delete and arrows work at once
    this.layer.setPointerCapture(event.pointerId);
    this.drag = { start: pen, ...this.tool.down(this, pen) };
    event.preventDefault();
    this.draw();
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (!this.size.width) return;
    const pen = this.pen(event);
    this.hover = pen;
    if (this.drag) this.drag.move?.(pen);
    else if (!this.tool.hover || !this.enabled) return;
    this.draw();
  }

  /** @param {PointerEvent} event */
  up(event) {
    if (!this.drag) return;
    const pen = this.pen(event);
    const { start, up, click } = this.drag;
    const far = Math.hypot(pen.screen[0] - start.screen[0], pen.screen[1] - start.screen[1]) >= CLICK_SLACK;
    Object.assign(this, { drag: null, preview: null });
    if (far) up?.(pen);
    else if (click) click(pen);
    else this.clicked(start);
    this.draw();
  }

  cancel() {
    this.drag?.cancel?.();
    Object.assign(this, { drag: null, preview: null, live: null });
    this.draw();
  }

  leave() {
    this.hover = null;
    if (!this.drag) this.draw();
  }

  draw() {
    drawRegions(this);
  }
}
