// @ts-check
/* The tools under the picture: what to draw with, undo and redo, the size of the brush. */

/** @import { Viewer } from "../viewer/viewer.js" */
import { button, el, testId } from "../shared/dom.js";
import { clamp } from "../shared/numbers.js";
import { canCopyLast, copyLast, propose } from "./pictures.js";
import { toolNames, tools } from "./tools.js";

/** @typedef {ReturnType<typeof drawBars>} DrawParts */

const AWAY = "What the model must not rely on: turns the selected region, or what you draw next";
const NEXT = "What you draw next says: not here.";

/** @param {Viewer} viewer */
export const drawBars = (viewer) => ({ ...drawBar(viewer), ...hintBar(viewer) });

/** @param {Viewer} viewer */
const drawBar = (viewer) => {
  const group = el("div", "sv-switch sv-tools");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Tool");
  const choices = toolNames.map((name) => {
    const { label, title, key } = tools[name];
    const choose = () => viewer.editor.setTool(name);
    const node = button("sv-option", label, `${title} (${key.toUpperCase()})`, choose);
    return { name, node: testId(node, `tool-${name}`) };
  });
  group.append(...choices.map(({ node }) => node));
  /**
   * @param {string} testid
   * @param {string} text
   * @param {string} title
   * @param {() => void} run
   */
  const act = (testid, text, title, run) => testId(button("sv-tool sv-small", text, title, run), testid);
  const undo = act("undo", "↶", "Undo (Ctrl+Z)", () => viewer.history.undo(viewer));
  undo.setAttribute("aria-label", "Undo");
  const redo = act("redo", "↷", "Redo (Ctrl+Shift+Z)", () => viewer.history.redo(viewer));
  redo.setAttribute("aria-label", "Redo");
  const copy = act("copy", "Copy last", "Copy the regions of the picture before (C)", () => copyLast(viewer));
  const peaks = act("propose", "Propose", "Propose regions: the peaks of the map that is shown (K)", () =>
    propose(viewer),
  );
  const away = act("not-here", "Not here", `${AWAY} (X)`, () => viewer.editor.turn());
  const help = act("help", "?", "All keys (?)", () => viewer.toggleSheet());
  const bar = el("div", "sv-bar sv-drawbar");
  bar.append(group, away, undo, redo, copy, peaks, help);
  return { bar, choices, away, undo, redo, copy, peaks };
};

/**
 * A line that is there only for tools which need it: what to do, and how large the brush is.
 * @param {Viewer} viewer
 */
const hintBar = (viewer) => {
  const slider = testId(el("input"), "brush-size");
  Object.assign(slider, {
    type: "range",
    min: 1,
    max: 100,
    title: "Size of the brush in pixels of the picture",
  });
  slider.addEventListener("input", () => setBrush(viewer, Number(slider.value)));
  const sizeName = el("span", "", "");
  const sizeLabel = el("label", "sv-strength");
  sizeLabel.append(sizeName, slider);
  const hint = testId(el("span", "sv-note", ""), "drawing-hint");
  hint.setAttribute("role", "status");
  const hints = el("div", "sv-bar sv-hintbar");
  hints.append(sizeLabel, hint);
  return { hints, hint, sizeLabel, sizeName, slider };
};

/**
 * @param {Viewer} viewer
 * @param {number} size
 */
const setBrush = (viewer, size) => {
  const { editor } = viewer;
  editor.brushSize = clamp(Math.round(size), 1, Math.max(editor.size.width, editor.size.height, 1));
  editor.draw();
  fillTools(viewer);
};

/**
 * [ and ]: by one pixel for a small brush, by a tenth for a large one.
 * @param {Viewer} viewer
 * @param {number} sign
 */
export const growBrush = (viewer, sign) => {
  const { brushSize, tool } = viewer.editor;
  if (!tool.sized) return false;
  setBrush(viewer, brushSize + sign * Math.max(1, Math.round(brushSize / 10)));
  return true;
};

/** @param {Viewer} viewer */
export const fillTools = (viewer) => {
  const { editor, history } = viewer;
  const { layer, drawing } = viewer.parts;
  if (!editor || !drawing) return;
  const { tool, size, enabled } = editor;
  for (const { name, node } of drawing.choices) node.setAttribute("aria-pressed", String(name === tool.name));
  layer.classList.toggle("is-drawing", enabled && Boolean(tool.draws));
  layer.classList.toggle("is-sized", enabled && Boolean(tool.sized));
  drawing.away.setAttribute("aria-pressed", String(!editor.looks));
  drawing.undo.disabled = !history.past.length;
  drawing.redo.disabled = !history.future.length;
  drawing.copy.hidden = !canCopyLast(viewer);
  drawing.peaks.hidden = !viewer.rows;
  const side = Math.max(size.width, size.height);
  if (!editor.brushSize && size.width) editor.brushSize = Math.max(1, Math.round(side / 25));
  const hint = [editor.looks || editor.current ? "" : NEXT, tool.hint].filter(Boolean).join(" ");
  drawing.hints.hidden = !hint;
  drawing.hint.textContent = hint;
  drawing.sizeLabel.hidden = !tool.sized;
  drawing.sizeName.textContent = `Size ${editor.brushSize} px`;
  drawing.slider.max = String(Math.max(20, Math.round(side / 4)));
  drawing.slider.value = String(editor.brushSize);
};
