// @ts-check
/* The viewer: pictures with an attention overlay, the answer as tokens and steps, and regions.
 *
 * Viewers of one group step together; those that show the same answer share its boxes too. Stepping, blending and
 * drawing never ask the server. The fields of what it sends are in shared/types.d.ts.
 */

/** @import { HeadsReply, Kind, MapsReply, Numbers, Options, PlacedRegion, Selection, Value } from "../shared/types" */
/** @import { Flag } from "./state.js" */
import { askDraft, autosave } from "../drafts/autosave.js";
import { fillDraft } from "../drafts/notes.js";
import { fillHeads } from "../maps/heads.js";
import { paint } from "../maps/paint.js";
import { View } from "../maps/view.js";
import { fillTools } from "../regions/bar.js";
import { RegionEditor } from "../regions/editor.js";
import { fillRegions } from "../regions/list.js";
import { beginRegions, editorHooks, keepLast, takeRegions } from "../regions/pictures.js";
import { tools } from "../regions/tools.js";
import { followField } from "../shared/fields.js";
import { historyOf } from "../shared/history.js";
import { clamp } from "../shared/numbers.js";
import { groups } from "../shared/viewers.js";
import { markChart } from "./chart.js";
import { viewerBlur, viewerKey, viewerKeyUp } from "./keys.js";
import { fillNumbers } from "./numbers.js";
import { viewerParts } from "./parts.js";
import { fillPictures } from "./pictures.js";
import { toggleSheet } from "./sheet.js";
import { fillSpot } from "./spot.js";
import { ViewerState } from "./state.js";
import { fillMethods, fillState } from "./status.js";
import { colourTokens, drawSteps, fillTokens } from "./tokens.js";
import { Zoom } from "./zoom.js";

const PLAY_MS = 350;
let revisions = 0;

/** @typedef {"regions" | "view" | "model" | "heads" | "draft" | "propose"} Question what it asks the server */

/**
 * What viewers of a group tell one another.
 * @typedef {object} Sync
 * @property {Viewer} source
 * @property {string | null} group
 * @property {string} id of the answer
 * @property {Selection} [selection]
 * @property {PlacedRegion[]} [regions]
 * @property {Numbers} [numbers]
 */

export class Viewer extends ViewerState {
  /** The one that the server was asked for. @type {string | null} */
  waiting = null;
  /** The one that is to be shown when its maps have come. @type {string | null} */
  wanted = null;
  /** Of the last question for numbers. */
  revision = 0;
  proposalsAsked = 0;
  headsAsked = 0;
  /** While it plays. @type {ReturnType<typeof setInterval> | null} */
  timer = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  chartTimer = undefined;
  helpOpen = false;
  /** What the list of regions was made of. */
  listed = "";
  /** The overlay of each picture. @type {HTMLCanvasElement[]} */
  canvases = [];
  /** The tokens. @type {HTMLButtonElement[]} */
  chips = [];
  /** The one that is marked. @type {HTMLButtonElement | null} */
  marked = null;
  /** Maps of the steps. @type {HTMLCanvasElement[]} */
  thumbs = [];
  /** Where further tokens go. @type {HTMLElement | null} */
  tail = null;

  /**
   * @param {HTMLElement} root
   * @param {Options} options
   * @param {(name: Question, detail: object) => void} trigger
   */
  constructor(root, options, trigger) {
    super();
    this.root = root;
    this.options = options;
    this.trigger = trigger;
    this.history = historyOf(options.group || options.id);
    this.parts = viewerParts(this);
    root.dataset.viewer = options.id;
    root.classList.toggle("is-narrow", options.narrow);
    root.replaceChildren(...this.parts.tops);
    const { frame, stage, layer, view } = this.parts;
    this.editor = new RegionEditor(layer, editorHooks(this));
    this.editor.enabled = options.editable;
    if (matchMedia("(pointer: coarse)").matches) this.editor.tool = tools.select; // a finger scrolls at first
    this.zoom = new Zoom(frame, stage, {
      editor: this.editor,
      changed: () => {
        view.fit.textContent = `${Math.round(100 * this.zoom.zoom)} %`;
      },
    });
    root.addEventListener("keydown", (event) => viewerKey(this, event));
    root.addEventListener("keyup", (event) => viewerKeyUp(this, event));
    window.addEventListener("blur", () => viewerBlur(this));
    this.history.addEventListener("changed", () => fillTools(this));
    for (const field of options.fields) followField(field, this);
    window.addEventListener("sayo:sync", (event) =>
      this.synced(/** @type {CustomEvent<Sync>} */ (event).detail),
    );
  }

  // ---- what the server sends

  /** @param {Value} value */
  show(value) {
    const before = this.value;
    this.value = value;
    const fresh = value.id !== before.id;
    const changed = fresh || value.status !== before.status;
    this.root.classList.toggle("is-empty", !value.pictures?.length);
    this.root.classList.toggle("is-streaming", value.status === "streaming");
    this.root.classList.toggle("has-answer", Boolean(value.tokens?.length));
    this.parts.empty.textContent = value.pictures?.length ? "" : value.hint || "";
    if (fresh) this.startAnswer(before);
    // Boxes that come with a finished answer and not with its first words.
    else if (changed && !this.options.editable) takeRegions(this, value.regions || []);
    if (value.status === "streaming" && before.status !== "streaming") this.bringIntoView();
    if (changed) this.takeMaps();
    fillPictures(this, !before.pictures);
    fillTokens(this, fresh ? undefined : before.status);
    fillMethods(this);
    this.draw();
    if (changed) {
      this.measure();
      askDraft(this);
    }
  }

  /** @param {Value} before */
  startAnswer(before) {
    this.stop();
    const left = before.pictures?.[0];
    const samePicture = left !== undefined && left.id === this.value.pictures?.[0]?.id;
    if (!samePicture) {
      keepLast(this, before.pictures?.[this.picture]);
      this.picture = 0;
    }
    Object.assign(this, { spot: null, heads: null, numbers: null, waiting: null, wanted: null });
    this.selection = { kind: "answer", index: 0 };
    beginRegions(this, before, samePicture);
    this.zoom.fit();
  }

  takeMaps() {
    this.unpack();
    if (!this.views[this.view]) this.view = this.options.methods[0].name;
  }

  bringIntoView() {
    const { top } = this.root.getBoundingClientRect();
    if (top < 0 || top > 0.6 * innerHeight) this.root.scrollIntoView({ block: "start" });
  }

  /** @param {Numbers | undefined} numbers */
  showNumbers(numbers) {
    if (!numbers || numbers.id !== this.value.id || numbers.revision !== this.revision) return;
    this.numbers = numbers;
    this.sync({ numbers });
    fillNumbers(this);
    colourTokens(this);
  }

  /** @param {MapsReply | undefined} reply */
  showMaps(reply) {
    if (!reply || reply.id !== this.value.id) return;
    this.waiting = null;
    if (reply.data) this.views[reply.view] = new View(reply.data, this.nImages);
    else if (this.wanted === reply.view) this.wanted = null;
    const next = this.wanted;
    if (next && next !== reply.view) return this.choose(next);
    if (next) {
      this.wanted = null;
      this.setView(next);
    } else fillMethods(this);
  }

  /** @param {HeadsReply | undefined} heads */
  showHeads(heads) {
    if (!heads || heads.id !== this.value.id || heads.revision !== this.headsAsked) return;
    this.heads = heads;
    fillHeads(this);
  }

  // ---- what the person does

  /** @param {boolean} committed */
  edited(committed) {
    if (committed) {
      this.byPicture[this.picture] = this.editor.regions;
      this.measure();
      this.sync({ regions: this.allRegions() });
      this.autosave();
    }
    fillTools(this);
    fillRegions(this);
    fillNumbers(this);
  }

  autosave() {
    autosave(this);
  }

  fillDraft() {
    fillDraft(this);
  }

  /** Ask for the figures of the boxes in the view that is shown. */
  measure() {
    this.numbers = null;
    this.revision = ++revisions;
    const { options, picture, revision, view } = this;
    const { id, measured } = this.value;
    if (options.group && options.editable) groups[options.group] = { id, regions: this.allRegions() };
    if (!this.rows || !this.views[view]) return;
    // Saved with a page, which has no server to ask.
    if (measured) this.numbers = measured[view] ?? null;
    else this.trigger("regions", { id, revision, view, picture, regions: this.editor.regions });
  }

  state() {
    const { value, view, selection, strength, picture } = this;
    const { regions } = this.editor;
    return { id: value.id || "", regions, all: this.allRegions(), view, selection, strength, picture };
  }

  /**
   * Show a view; the server is asked for its maps where they are not here yet, one at a time.
   * @param {string} name
   */
  choose(name) {
    if (this.reason(name)) return;
    if (this.views[name]) {
      this.wanted = null;
      return this.setView(name);
    }
    this.wanted = name;
    fillMethods(this);
    if (this.waiting) return;
    this.waiting = name;
    const method = this.options.methods.find((it) => it.name === name);
    const needsModel = method ? method.needs === "model" : name.startsWith("head:");
    this.trigger(needsModel ? "model" : "view", { id: this.value.id, view: name });
  }

  /** @param {string} name */
  setView(name) {
    this.view = name;
    fillMethods(this);
    drawSteps(this);
    this.draw();
    this.measure();
    if (this.spot) fillSpot(this);
    colourTokens(this);
    fillHeads(this);
  }

  /**
   * @param {Kind} kind
   * @param {number} index
   * @param {boolean} [quiet] without telling the group
   */
  select(kind, index, quiet = false) {
    const most = { answer: 1, step: this.steps.length, token: this.rows }[kind];
    if (!most) return;
    this.selection = { kind, index: clamp(index, 0, most - 1) };
    this.draw();
    if (!quiet) this.sync({ selection: this.selection });
  }

  /** @param {number} by */
  stepToken(by) {
    const { kind, index } = this.selection;
    if (kind === "token") this.select("token", index + by);
    else if (kind === "step") this.select("token", this.steps[index].start);
    else this.select("token", by > 0 ? 0 : this.rows - 1);
  }

  /** @param {number} by */
  stepStep(by) {
    const from = this.selection.kind === "answer" ? (by > 0 ? -1 : this.steps.length) : this.selectedStep;
    this.select("step", from + by);
  }

  play() {
    if (this.timer) return this.stop();
    if (!this.rows) return;
    if (this.selection.kind !== "token" || this.selection.index >= this.rows - 1) this.select("token", 0);
    this.timer = setInterval(() => {
      if (!this.root.isConnected || this.selection.index >= this.rows - 1) return this.stop();
      this.stepToken(1);
    }, PLAY_MS);
    this.draw();
  }

  stop() {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    fillState(this);
  }

  /**
   * Reverse look-up: which tokens looked at this spot of the picture?
   * @param {number} x
   * @param {number} y
   */
  look(x, y) {
    const { layout, picture, size } = this;
    if (!this.rows || !layout) return;
    const cell = layout.at(Math.min(x, size.width - 1), Math.min(y, size.height - 1));
    this.spot = { picture, cell, column: this.tokensBefore + cell };
    this.colour = "spot";
    fillSpot(this);
    colourTokens(this);
  }

  forget() {
    this.spot = null;
    if (this.colour === "spot") this.colour = "none";
    fillSpot(this);
    colourTokens(this);
  }

  /** @param {number} index */
  showPicture(index) {
    this.byPicture[this.picture] = this.editor.regions;
    keepLast(this, this.value.pictures?.[this.picture]);
    this.picture = index;
    this.editor.size = this.size;
    this.editor.reset(this.byPicture[index] || []);
    this.zoom.fit();
    fillPictures(this, true);
    this.draw();
    this.measure();
  }

  /**
   * @param {Flag} name
   * @param {boolean} on
   */
  set(name, on) {
    this.flags[name] = on;
    fillPictures(this);
    this.draw();
  }

  toggleSheet() {
    toggleSheet(this);
  }

  /** @param {Pick<Sync, "selection" | "regions" | "numbers">} change */
  sync(change) {
    /** @type {Sync} */
    const detail = { source: this, group: this.options.group, id: this.value.id, ...change };
    window.dispatchEvent(new CustomEvent("sayo:sync", { detail }));
  }

  /** @param {Sync} told */
  synced({ source, group, id, selection, regions, numbers }) {
    if (source === this || !group || group !== this.options.group || !this.root.isConnected) return;
    if (selection) this.select(selection.kind, selection.index, true);
    if (id !== this.value.id || !this.options.editable) return;
    if (regions) {
      takeRegions(this, regions);
      this.numbers = null;
      fillRegions(this);
      fillNumbers(this);
    }
    if (numbers && numbers.view === this.view && numbers.picture === this.picture) {
      this.numbers = numbers;
      fillNumbers(this);
    }
  }

  // ---- drawing

  draw() {
    const layouts = this.layouts.filter((it) => it !== null);
    const values = layouts.length === this.layouts.length ? this.values : null;
    const shown = values !== null && this.flags.overlay;
    for (const canvas of this.canvases) canvas.hidden = !shown;
    if (shown) paint(this.canvases, layouts, values, this.strength);
    fillState(this);
    fillRegions(this);
    fillNumbers(this);
    markChart(this);
  }
}
