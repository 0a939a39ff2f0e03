// @ts-check
/* What a viewer shows: the answer, and what of it is selected. Pure: nothing here touches the page. */

/** @import { HeadsReply, Numbers, PlacedRegion, Region, Selection, Value } from "../shared/types" */
/** @import { Figure } from "../maps/heads.js" */
/** @import { Layout } from "../maps/layout.js" */
/** @import { Colour } from "./tokens.js" */
import { bytesOf } from "../maps/bytes.js";
import { layoutOf } from "../maps/layout.js";
import { View } from "../maps/view.js";
import { sum } from "../shared/numbers.js";

/** @typedef {"overlay" | "truth" | "sinks" | "grid"} Flag what can be shown or hidden */

export class ViewerState {
  /** What the server sent last. */
  value = /** @type {Value} */ ({});
  /** @type {Record<string, View>} */
  views = {};
  /** Of each picture; null before there is an answer. @type {(Layout | null)[]} */
  layouts = [];
  /** The name of the map that is shown. */
  view = "centred";
  /** Opacity of the overlay. */
  strength = 0.75;
  /** Which picture is shown large. */
  picture = 0;
  /** @type {Selection} */
  selection = { kind: "answer", index: 0 };
  /** @type {Record<Flag, boolean>} */
  flags = { overlay: true, truth: false, sinks: false, grid: false };
  /** The regions of each picture; those of the one that is shown are the editor's. @type {Record<number, Region[]>} */
  byPicture = {};
  /** @type {Numbers | null} */
  numbers = null;
  /** @type {HeadsReply | null} */
  heads = null;
  /** What the colours of the matrix of heads show. @type {Figure} */
  figure = "share";
  /** What the colours of the tokens show. @type {Colour} */
  colour = "none";
  /** An image token that was clicked: of its picture, and among those of all pictures. @type {{ picture: number, cell: number, column: number } | null} */
  spot = null;

  /** Read the maps that came with the answer. */
  unpack() {
    this.layouts = (this.value.pictures || []).map((it) =>
      it.grid ? layoutOf({ ...it, grid: it.grid }) : null,
    );
    this.views = {};
    for (const [name, data] of Object.entries(this.value.views || {}))
      this.views[name] = new View(data, this.nImages);
  }

  get steps() {
    return this.value.steps || [];
  }

  /** Rows of attention: one a token but for the last; 0 while there is no whole answer. */
  get rows() {
    return this.value.status === "done" ? Math.max((this.value.tokens?.length || 0) - 1, 0) : 0;
  }

  /** Image tokens of all pictures together. */
  get nImages() {
    return sum(this.layouts.map((it) => it?.count || 0));
  }

  /** Image tokens of the pictures before the one that is shown. */
  get tokensBefore() {
    return sum(this.layouts.slice(0, this.picture).map((it) => it?.count || 0));
  }

  /** Of the picture that is shown. */
  get layout() {
    return this.layouts[this.picture] || null;
  }

  get size() {
    const { width = 0, height = 0 } = this.value.pictures?.[this.picture] || {};
    return { width, height };
  }

  get pictureId() {
    return this.value.pictures?.[this.picture]?.id;
  }

  /** The step that is selected, or to which the selected token belongs; -1 for none. */
  get selectedStep() {
    const { kind, index } = this.selection;
    if (kind === "token") return this.steps.findIndex((step) => index >= step.start && index < step.stop);
    return kind === "step" ? index : -1;
  }

  /** @param {number} index */
  stepName(index) {
    return this.steps[index].kind === "answer" ? "Answer" : `Step ${index + 1}`;
  }

  /** The map that is to be seen now: of the selection, or of the newest token while the answer is written. */
  get values() {
    if (this.value.live) return bytesOf(this.value.live);
    return this.views[this.view]?.at(this.selection.kind, this.selection.index) || null;
  }

  /** @returns {PlacedRegion[]} */
  allRegions() {
    return Object.entries(this.byPicture).flatMap(([picture, regions]) =>
      regions.map((region) => (Number(picture) ? { ...region, picture: Number(picture) } : region)),
    );
  }

  /**
   * Why a view cannot be shown; "" where it can.
   * @param {string} name
   */
  reason(name) {
    return this.value.unavailable?.[name] || "";
  }
}
