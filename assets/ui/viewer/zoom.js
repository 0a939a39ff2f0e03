// @ts-check
/* Zoom, pan and pinch of the picture. The frame scrolls and the stage grows in it, so that a region is placed
   and a pointer read in the same way at any zoom. A plain wheel scrolls the page, and the picture while zoomed. */

/** @import { Point } from "../shared/types" */
/** @import { RegionEditor } from "../regions/editor.js" */
import { clamp } from "../shared/numbers.js";

const STEP = 1.25;
const MOST_PIXEL = 24; // screen pixels for one of the picture's
const CRISP = 3; // from here on pixels are shown as squares

export class Zoom {
  zoom = 1;
  /** Where the fingers are on the screen. @type {Map<number, Point>} */
  fingers = new Map();
  spaceHeld = false;
  /** The picture was dragged while the space bar was held. */
  panned = false;
  /** @type {{ id: number, at: Point } | null} */
  panning = null;

  /**
   * @param {HTMLElement} frame
   * @param {HTMLElement} stage
   * @param {{ editor: RegionEditor, changed: () => void }} hooks
   */
  constructor(frame, stage, { editor, changed }) {
    this.frame = frame;
    this.stage = stage;
    this.editor = editor;
    this.changed = changed;
    frame.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    frame.addEventListener("pointerdown", (event) => this.pointerdown(event), true);
    frame.addEventListener("pointermove", (event) => this.pointermove(event), true);
    frame.addEventListener("pointerup", (event) => this.pointerup(event), true);
    frame.addEventListener("pointercancel", (event) => this.pointercancel(event), true);
  }

  get most() {
    if (!this.stage.offsetWidth) return 1; // not on the page now
    const plain = this.stage.offsetWidth / this.zoom;
    return Math.max(8, (MOST_PIXEL * this.editor.size.width) / plain);
  }

  /**
   * Zoom so that what lies under a point of the screen stays there; without one, the middle.
   * @param {number} zoom
   * @param {Point} [point]
   */
  set(zoom, point) {
    const { frame, stage } = this;
    const outer = frame.getBoundingClientRect();
    const [x, y] = point || [outer.left + outer.width / 2, outer.top + outer.height / 2];
    const before = stage.getBoundingClientRect();
    const [across, down] = [(x - before.left) / before.width, (y - before.top) / before.height];
    const next = clamp(zoom, 1, this.most);
    if (this.zoom === 1 && next > 1) frame.style.height = `${frame.offsetHeight}px`;
    if (next === 1) frame.style.height = "";
    this.zoom = next;
    frame.classList.toggle("is-zoomed", next > 1);
    stage.style.setProperty("--zoom", String(next));
    const after = stage.getBoundingClientRect();
    const page = after.width / stage.offsetWidth; // the browser's own zoom of the page
    frame.scrollLeft += (after.left + across * after.width - x) / page;
    frame.scrollTop += (after.top + down * after.height - y) / page;
    stage.classList.toggle("is-crisp", stage.offsetWidth / this.editor.size.width >= CRISP);
    this.changed();
  }

  /**
   * @param {number} steps
   * @param {Point} [point]
   */
  by(steps, point) {
    this.set(this.zoom * STEP ** steps, point);
  }

  fit() {
    if (this.zoom > 1) this.set(1);
  }

  /**
   * @param {number} dx screen pixels
   * @param {number} dy
   */
  pan(dx, dy) {
    this.frame.scrollLeft -= dx;
    this.frame.scrollTop -= dy;
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    if (!(event.ctrlKey || event.metaKey) || !this.editor.size.width) return;
    event.preventDefault();
    this.set(this.zoom * Math.exp(-event.deltaY / 400), [event.clientX, event.clientY]);
  }

  // ---- two fingers, the middle button, and a drag while the space bar is held

  /** @param {PointerEvent} event */
  pointerdown(event) {
    if (event.pointerType === "touch") {
      this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (this.fingers.size < 2) return;
      this.editor.cancel();
      return event.stopPropagation();
    }
    if (event.button !== 1 && !(this.spaceHeld && event.button === 0)) return;
    event.preventDefault();
    event.stopPropagation();
    this.frame.setPointerCapture(event.pointerId);
    this.panning = { id: event.pointerId, at: [event.clientX, event.clientY] };
  }

  /** @param {PointerEvent} event */
  pointermove(event) {
    if (this.panning?.id === event.pointerId) {
      const [x, y] = this.panning.at;
      this.pan(event.clientX - x, event.clientY - y);
      this.panning.at = [event.clientX, event.clientY];
      this.panned = true;
      return event.stopPropagation();
    }
    if (!this.fingers.has(event.pointerId)) return;
    const before = spread(this.fingers);
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.fingers.size !== 2) return;
    event.stopPropagation();
    const after = spread(this.fingers);
    this.pan(after.middle[0] - before.middle[0], after.middle[1] - before.middle[1]);
    if (before.far > 0) this.set((this.zoom * after.far) / before.far, after.middle);
  }

  /** @param {PointerEvent} event */
  pointerup(event) {
    if (this.panning?.id === event.pointerId) {
      this.panning = null;
      event.stopPropagation();
    }
    if (this.fingers.size > 1) event.stopPropagation();
    this.fingers.delete(event.pointerId);
  }

  /** @param {PointerEvent} event */
  pointercancel(event) {
    this.fingers.delete(event.pointerId);
    this.panning = null;
  }

  /** The space bar plays, unless the picture was dragged while it was held. True where it was. */
  releaseSpace() {
    const { panned } = this;
    Object.assign(this, { spaceHeld: false, panned: false });
    return panned;
  }
}

/**
 * How far apart the first two fingers are, and what lies in their middle.
 * @param {Map<number, Point>} fingers at least one
 * @returns {{ far: number, middle: Point }}
 */
export const spread = (fingers) => {
  const [[ax, ay], [bx, by] = [ax, ay]] = fingers.values();
  return { far: Math.hypot(ax - bx, ay - by), middle: [(ax + bx) / 2, (ay + by) / 2] };
};
