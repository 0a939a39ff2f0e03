// @ts-check
/* What the keys do. sheet.js lists them for the person. */

/** @import { Viewer } from "./viewer.js" */
import { growBrush } from "../regions/bar.js";
import { labels } from "../regions/labels.js";
import { chooseLabel } from "../regions/list.js";
import { copyLast, propose } from "../regions/pictures.js";
import { closePolygon, toolNames, tools } from "../regions/tools.js";

/** @type {Record<string, [dx: number, dy: number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * With Ctrl or Cmd.
 * @param {Viewer} viewer
 * @param {KeyboardEvent} event
 */
const withControl = (viewer, event) => {
  const key = event.key.toLowerCase();
  if (key === "z" || key === "y") viewer.history.travel(viewer, event);
  else if (key === "d") return viewer.options.editable && viewer.editor.duplicate();
  else return false;
  return true;
};

/**
 * Keys of drawing; false where the key is none, or has nothing to do now.
 * @param {Viewer} viewer
 * @param {string} key
 */
const drawn = (viewer, key) => {
  const { editor } = viewer;
  if (!viewer.options.editable) return false;
  const tool = toolNames.find((name) => tools[name].key === key);
  if (tool) editor.setTool(tool);
  else if (key === "[" || key === "]") return growBrush(viewer, key === "]" ? 1 : -1);
  else if (key === "Enter") return closePolygon(editor);
  else if (key === "Delete" || key === "Backspace") return editor.removeMarked();
  else if (key === "x") return editor.turn();
  else if (key === "k") return propose(viewer);
  else if (key === "c") return copyLast(viewer);
  else if (key === "l" && editor.current)
    nodeOf(viewer, `[data-testid=region-label-${editor.selected}]`)?.focus();
  else if (/^[1-9]$/.test(key) && editor.current && labels.length)
    return chooseLabel(viewer, Number(key) - 1);
  else return false;
  return true;
};

/**
 * @param {Viewer} viewer
 * @param {string} selector
 */
const nodeOf = (viewer, selector) => /** @type {HTMLElement | null} */ (viewer.root.querySelector(selector));

/** @param {Viewer} viewer */
const leave = (viewer) => {
  const { editor } = viewer;
  if (editor.draft) editor.setTool(editor.tool.name);
  else {
    editor.select(-1);
    viewer.forget();
  }
};

/**
 * Keys of looking.
 * @param {Viewer} viewer
 * @param {string} key
 * @param {boolean} onTool the focus is on a button, which the space bar presses
 */
const seen = (viewer, key, onTool) => {
  const method = /^[1-9]$/.test(key) && viewer.options.methods[Number(key) - 1];
  if (method) viewer.choose(method.name);
  else if (key === " " && !onTool) viewer.zoom.spaceHeld = true;
  else if (key === "a") viewer.select("answer", 0);
  else if (key === "h") viewer.set("overlay", !viewer.flags.overlay);
  else if (key === "g") viewer.set("grid", !viewer.flags.grid);
  else if (key === "v") viewer.root.classList.add("is-hiding");
  else if (key === "f") viewer.zoom.fit();
  else if (key === "+" || key === "=") viewer.zoom.by(1);
  else if (key === "-") viewer.zoom.by(-1);
  else if (key === "?") viewer.toggleSheet();
  else if (key === "Escape") leave(viewer);
  else return false;
  return true;
};

/**
 * @param {Viewer} viewer
 * @param {KeyboardEvent} event
 */
export const viewerKey = (viewer, event) => {
  const target = /** @type {HTMLInputElement} */ (event.target); // or another element, without a type
  const onSlider = target.type === "range";
  if (/^(INPUT|SELECT|TEXTAREA|SUMMARY)$/.test(target.tagName) && !onSlider) return;
  const onAnswer = target.matches(".sv-chip, .sv-stephead");
  const onTool = target.tagName === "BUTTON" && !onAnswer;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (!used(viewer, event, key, { onSlider, onTool })) return;
  event.preventDefault();
  if (ARROWS[key] && !event.altKey && onAnswer)
    nodeOf(viewer, ".sv-tokens :is(.is-selected, .sv-stephead[aria-pressed=true])")?.focus({
      preventScroll: true,
    });
};

/**
 * Do what the key means; false where it means nothing here.
 * @param {Viewer} viewer
 * @param {KeyboardEvent} event
 * @param {string} key
 * @param {{ onSlider: boolean, onTool: boolean }} focus
 */
const used = (viewer, event, key, { onSlider, onTool }) => {
  const [dx, dy] = ARROWS[key] || [0, 0];
  if (event.altKey) {
    const by = event.shiftKey ? 10 : 1;
    return Boolean((dx || dy) && viewer.options.editable && viewer.editor.nudge(dx * by, dy * by));
  }
  if (event.ctrlKey || event.metaKey) return withControl(viewer, event);
  if (onSlider && key.length > 1) return false; // arrows move the slider
  if (dx) viewer.stepToken(dx);
  else if (dy) viewer.stepStep(dy);
  else return (!(onTool && key === "Enter") && drawn(viewer, key)) || seen(viewer, key, onTool);
  return true;
};

/**
 * What is held ends: the space bar plays where it did not move the picture, V shows everything again.
 * @param {Viewer} viewer
 * @param {KeyboardEvent} event
 */
export const viewerKeyUp = (viewer, event) => {
  if (event.key.toLowerCase() === "v") viewer.root.classList.remove("is-hiding");
  if (event.key !== " " || !viewer.zoom.spaceHeld) return;
  event.preventDefault();
  if (!viewer.zoom.releaseSpace()) viewer.play();
};

/** @param {Viewer} viewer */
export const viewerBlur = (viewer) => {
  viewer.root.classList.remove("is-hiding");
  viewer.zoom.releaseSpace();
};
