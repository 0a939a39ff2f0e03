// @ts-check
/* The answer as tokens in steps: chips, their colours, and a small map of each step. */

/** @import { Step } from "../shared/types" */
/** @import { Viewer } from "./viewer.js" */
import { paint } from "../maps/paint.js";
import { button, el, fillChoice, testId } from "../shared/dom.js";
import { fillSpot } from "./spot.js";

const THUMB_PX = 44;

/**
 * While an answer is written only the new chips are added.
 * @param {Viewer} viewer
 * @param {string} [before] the status of the same answer before; none for another answer
 */
export const fillTokens = (viewer, before) => {
  const { tokens = [], status } = viewer.value;
  const { chips, tail } = viewer;
  if (tail && status === "streaming" && before === "streaming" && chips.length <= tokens.length) {
    for (let i = chips.length; i < tokens.length; i++) tail.append(chip(viewer, i));
    return;
  }
  const root = viewer.parts.tokens;
  root.replaceChildren();
  Object.assign(viewer, { chips: [], marked: null, thumbs: [] });
  if (!tokens.length && status !== "streaming" && viewer.options.waiting)
    root.append(el("p", "sv-note", viewer.options.waiting));
  const inStep = new Set();
  viewer.steps.forEach((step, index) => {
    const row = stepRow(viewer, step, index);
    for (let i = step.start; i < step.stop; i++) {
      row.append(chip(viewer, i));
      inStep.add(i);
    }
  });
  const rest = tokens.map((_, i) => i).filter((i) => !inStep.has(i));
  if (rest.length || status === "streaming") {
    const line = el("div", "sv-step");
    const head = button("sv-stephead", viewer.steps.length ? "End" : "…", "", () => {});
    head.disabled = true;
    viewer.tail = el("span", "sv-chips");
    line.append(head, viewer.tail);
    root.append(line);
    viewer.tail.append(...rest.map((i) => chip(viewer, i)));
  }
  fillSpot(viewer);
  drawSteps(viewer);
  colourTokens(viewer);
};

/**
 * A step: its name, a small picture of its own map, and its tokens, which can be folded away.
 * @param {Viewer} viewer
 * @param {Step} step
 * @param {number} index
 * @returns {HTMLElement} the place for its tokens
 */
const stepRow = (viewer, step, index) => {
  const name = viewer.stepName(index);
  const choose = () => viewer.select("step", index);
  const head = button("sv-stephead", name, "Select this step as a whole (Up and Down arrows)", choose);
  head.dataset.step = String(index);
  const thumb = el("canvas", "sv-stepmap");
  thumb.title = `Where ${name.toLowerCase()} looked`;
  thumb.addEventListener("click", choose);
  viewer.thumbs.push(thumb);
  const chips = el("span", "sv-chips");
  const folded = el("span", "sv-folded", step.text);
  folded.hidden = true;
  const fold = button("sv-fold", "▾", "Fold or unfold this step", () => {
    chips.hidden = !chips.hidden;
    folded.hidden = !chips.hidden;
    fold.textContent = chips.hidden ? "▸" : "▾";
    fold.setAttribute("aria-expanded", String(!chips.hidden));
  });
  fold.setAttribute("aria-expanded", "true");
  const heading = el("span", "sv-stepside");
  heading.append(testId(fold, `fold-${index}`), testId(head, `step-${index}`));
  const line = el("div", "sv-step");
  line.dataset.row = String(index);
  line.append(heading, thumb, chips, folded);
  viewer.parts.tokens.append(line);
  return chips;
};

/**
 * @param {Viewer} viewer
 * @param {number} index
 */
const chip = (viewer, index) => {
  const text = viewer.value.tokens?.[index] ?? "";
  const node = testId(el("button", "sv-chip", text.replace(/\n/g, "↵") || "·"), `token-${index}`);
  node.type = "button";
  node.dataset.token = String(index);
  node.disabled = index >= viewer.rows;
  node.tabIndex = -1;
  if (/^<\|.*\|>$/.test(text)) node.classList.add("is-special");
  if (viewer.value.top?.includes(index)) node.classList.add("is-top");
  node.addEventListener("click", () => viewer.select("token", index));
  viewer.chips[index] = node;
  return node;
};

/**
 * Only what changes is touched: an answer may have a thousand tokens.
 * @param {Viewer} viewer
 */
export const markTokens = (viewer) => {
  const { parts, marked } = viewer;
  const { kind, index } = viewer.selection;
  viewer.root.classList.toggle("is-whole", kind === "answer");
  if (marked) {
    marked.classList.remove("is-selected");
    marked.setAttribute("aria-pressed", "false");
    marked.tabIndex = -1;
  }
  const node = viewer.chips[kind === "token" ? index : 0]; // one tab stop, arrows do the rest
  viewer.marked = node || null;
  if (node) node.tabIndex = 0;
  if (node && kind === "token") {
    node.classList.add("is-selected");
    node.setAttribute("aria-pressed", "true");
    if (node.offsetParent) keepInView(parts.tokens, node);
  }
  for (const row of parts.tokens.querySelectorAll(".sv-step[data-row]")) {
    const on = kind === "step" && row.getAttribute("data-row") === String(index);
    row.classList.toggle("is-step", on);
    row.querySelector(".sv-stephead")?.setAttribute("aria-pressed", String(on));
  }
};

/**
 * @param {HTMLElement} box
 * @param {HTMLElement} node
 */
const keepInView = (box, node) => {
  const [outer, inner] = [box.getBoundingClientRect(), node.getBoundingClientRect()];
  if (inner.bottom > outer.bottom) box.scrollTop += inner.bottom - outer.bottom + 8;
  if (inner.top < outer.top) box.scrollTop -= outer.top - inner.top + 8;
};

/** @param {Viewer} viewer */
export const drawSteps = (viewer) => {
  const { layout, tokensBefore } = viewer;
  const view = viewer.views[viewer.view];
  viewer.thumbs.forEach((canvas, index) => {
    const values = view?.at("step", index);
    canvas.hidden = !values || !layout;
    if (!values || !layout) return;
    const scale = THUMB_PX / Math.max(layout.size.width, layout.size.height);
    canvas.style.width = `${scale * layout.size.width}px`;
    canvas.style.height = `${scale * layout.size.height}px`;
    paint([canvas], [layout], values.subarray(tokensBefore, tokensBefore + layout.count), 1);
  });
};

// ---- colours

/** @typedef {keyof typeof COLOURS} Colour what the colour of the tokens shows */

const COLOURS = {
  none: "nothing",
  share: "attention on the picture",
  entropy: "entropy",
  region: "attention in the boxes",
  spot: "attention on the clicked spot",
};

/**
 * A value a token.
 * @param {Viewer} viewer
 * @returns {(number | null)[] | null | undefined}
 */
const coloured = ({ colour, value, numbers, spot, views, view }) => {
  if (colour === "share") return value.image_share;
  if (colour === "entropy") return value.entropies;
  if (colour === "region") return numbers?.token?.energy;
  if (colour === "spot") return spot && views[view]?.column(spot.column);
  return null;
};

/** @param {Viewer} viewer */
export const colourTokens = (viewer) => {
  const select = viewer.parts.play.colour;
  const missing = { region: !viewer.editor.regions.length, spot: !viewer.spot };
  fillChoice(
    select,
    Object.entries(COLOURS).map(([value, label]) => ({
      value,
      label,
      disabled: (value === "region" && missing.region) || (value === "spot" && missing.spot),
    })),
  );
  select.value = viewer.colour;
  const values = (viewer.rows && coloured(viewer)) || [];
  const most = values.reduce((/** @type {number} */ best, it) => Math.max(best, it || 0), 0);
  viewer.root.classList.toggle("is-coloured", most > 0);
  viewer.chips.forEach((node, index) => {
    const share = most > 0 ? (values[index] || 0) / most : 0;
    node.style.setProperty("--shade", `${Math.round(100 * share)}%`);
  });
};
