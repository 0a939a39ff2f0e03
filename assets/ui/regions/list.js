// @ts-check
/* The regions as a list: their names, labels, what they hold for. */

/** @import { Region } from "../shared/types" */
/** @import { Viewer } from "../viewer/viewer.js" */
import { button, choice, el, testId } from "../shared/dom.js";
import { regionColour } from "./draw.js";
import { labels } from "./labels.js";

const NAMES = { box: "Box", polygon: "Polygon", brush: "Painting" };

/**
 * Rebuilt only where something of it changed: a label may be being typed.
 * @param {Viewer} viewer
 */
export const fillRegions = (viewer) => {
  const { regions: root } = viewer.parts;
  const { regions, selected, suggestions } = viewer.editor;
  const steps = viewer.steps.map((it) => it.text);
  const rows = regions.map(({ box_xyxy, label, look, step, kind }) => [box_xyxy, label, look, step, kind]);
  const seen = JSON.stringify([rows, selected, steps, suggestions.length, labels]);
  if (seen === viewer.listed) return;
  viewer.listed = seen;
  const held = root.contains(document.activeElement); // keys go on working when their row is gone
  root.replaceChildren(
    ...regions.map((region, index) => row(viewer, region, index, index === selected)),
    ...suggestions.map((_, index) => suggestionRow(viewer, index)),
  );
  if (held) viewer.root.focus({ preventScroll: true });
  if (viewer.options.editable && regions.length) root.append(knownLabels(viewer));
};

/**
 * @param {Viewer} viewer
 * @param {Region} region
 * @param {number} index
 * @param {boolean} active
 */
const row = (viewer, region, index, active) => {
  const { editor, options } = viewer;
  const item = el("li", active ? "sv-region is-selected" : "sv-region");
  item.classList.toggle("is-not-here", region.look === false);
  item.style.setProperty("--colour", regionColour(region));
  const [x0, y0, x1, y1] = region.box_xyxy.map(Math.round);
  const text = `${NAMES[region.kind]} ${index + 1}: ${region.look ? "look here" : "not here"}`;
  const name = button("sv-regionname", text, "Select this region", () => editor.select(index));
  item.append(
    testId(name, `region-${index}`),
    el("span", "sv-coordinates", `x ${x0}–${x1}, y ${y0}–${y1}`),
    ...(options.editable ? controls(viewer, region, index) : facts(viewer, region)),
  );
  return item;
};

/**
 * @param {Viewer} viewer
 * @param {Region} region
 * @param {number} index
 */
const controls = (viewer, region, index) => {
  const { editor } = viewer;
  const remove = button("sv-tool sv-small", "✕", "Delete this region (Delete)", () => editor.remove(index));
  return [
    labelField(viewer, region, index),
    stepChoice(viewer, region, index),
    testId(remove, `remove-${index}`),
  ];
};

/**
 * @param {Viewer} viewer
 * @param {Region} region
 */
const facts = (viewer, region) => {
  const found = [];
  if (region.label) found.push(el("b", "", region.label));
  if (region.step !== null && viewer.steps[region.step])
    found.push(el("span", "", viewer.stepName(region.step)));
  return found;
};

/**
 * @param {Viewer} viewer
 * @param {Region} region
 * @param {number} index
 */
const labelField = (viewer, region, index) => {
  const input = testId(el("input", "sv-label"), `region-label-${index}`);
  const title = "What this region shows (L); Enter keeps it";
  Object.assign(input, { value: region.label, placeholder: "label", maxLength: 100, title });
  input.setAttribute("list", `${viewer.options.id}-labels`);
  input.addEventListener("change", () => viewer.editor.set(index, { label: input.value.trim() }));
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") input.value = region.label;
    if (event.key === "Enter" || event.key === "Escape") {
      input.blur();
      viewer.root.focus({ preventScroll: true });
    }
  });
  return input;
};

/** @param {Viewer} viewer */
const knownLabels = (viewer) => {
  const list = el("datalist");
  list.id = `${viewer.options.id}-labels`;
  list.append(...labels.map((value) => Object.assign(el("option"), { value })));
  return list;
};

/**
 * The n-th label of the list for the selected region; once more takes it away.
 * @param {Viewer} viewer
 * @param {number} index
 */
export const chooseLabel = (viewer, index) => {
  const { editor } = viewer;
  const label = labels[index];
  if (label !== undefined)
    editor.set(editor.selected, { label: editor.current?.label === label ? "" : label });
  return true;
};

/**
 * @param {Viewer} viewer
 * @param {Region} region
 * @param {number} index
 */
const stepChoice = (viewer, { step }, index) => {
  const options = viewer.steps.map(({ text }, i) => ({
    value: String(i),
    label: `${viewer.stepName(i)}: ${text.trim().slice(0, 40)}`,
  }));
  // A region can belong to a step that this answer does not have; it keeps it.
  if (step !== null && !viewer.steps[step]) options.push({ value: String(step), label: `Step ${step + 1}` });
  const node = choice(
    `region-step-${index}`,
    "What this region holds for",
    [{ value: "", label: "whole answer" }, ...options],
    (value) => viewer.editor.set(index, { step: value === "" ? null : Number(value) }),
  );
  node.value = step === null ? "" : String(step);
  return node;
};

/**
 * @param {Viewer} viewer
 * @param {number} index
 */
const suggestionRow = (viewer, index) => {
  const item = el("li", "sv-region is-suggestion");
  /**
   * @param {string} testid
   * @param {string} text
   * @param {string} title
   * @param {boolean} accept
   */
  const settle = (testid, text, title, accept) => {
    const node = button("sv-tool sv-small", text, title, () => viewer.editor.settle(index, accept));
    return testId(node, `${testid}-${index}`);
  };
  item.append(
    el("span", "", `Suggestion ${index + 1}`),
    settle("accept", "✓ Accept", "Make it a region, which can then be changed", true),
    settle("reject", "✕ Reject", "Drop it", false),
  );
  return item;
};
