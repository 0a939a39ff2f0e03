// @ts-check
/* How well the attention agrees with the regions. */

import { fillGrid } from "../maps/grid.js";
/** @import { Kind, Metric } from "../shared/types" */
/** @import { Viewer } from "./viewer.js" */
import { el, testId } from "../shared/dom.js";

const HINT =
  "Draw a box on the picture to see how well the model looked there. Click a free spot to see which tokens looked at it.";

/**
 * @param {number | null | undefined} value
 * @param {Metric["unit"]} unit
 */
export const shown = (value, unit) => {
  if (value === null || value === undefined) return "–";
  if (unit === "share") return `${Math.round(100 * value)} %`;
  if (unit === "flag") return value ? "hit" : "miss";
  return value.toFixed(2).replace("-", "−");
};

/** @param {Viewer} viewer */
export const fillNumbers = (viewer) => {
  const { numbers, options } = viewer;
  const root = viewer.parts.numbers;
  root.replaceChildren();
  fillGrid(viewer);
  if (!viewer.rows) return;
  if (!viewer.editor.regions.length) {
    if (options.editable) root.append(el("p", "sv-note", HINT));
    return;
  }
  root.append(table(viewer));
  for (const note of numbers?.notes || []) root.append(el("p", "sv-note is-warning", note));
  root.append(help(viewer));
};

/** @param {Viewer} viewer */
const table = (viewer) => {
  const { numbers, options, selection, selectedStep } = viewer;
  /** @type {{ title: string, part: Kind, index: number }[]} */
  const columns = [];
  if (selection.kind === "token") columns.push({ title: "Token", part: "token", index: selection.index });
  if (selectedStep >= 0)
    columns.push({ title: viewer.stepName(selectedStep), part: "step", index: selectedStep });
  columns.push({ title: "Whole answer", part: "answer", index: 0 });
  const node = el("table", "sv-table");
  node.append(
    line(
      "th",
      "In the regions",
      columns.map(({ title }) => title),
      "",
    ),
  );
  for (const { name, label, meaning, unit } of options.metrics) {
    const cells = columns.map(({ part, index }) =>
      numbers ? shown(numbers[part][name]?.[index], unit) : "…",
    );
    node.append(testId(line("td", label, cells, meaning), `number-${name}`));
  }
  return node;
};

/**
 * @param {"th" | "td"} tag
 * @param {string} name
 * @param {string[]} cells
 * @param {string} meaning
 */
const line = (tag, name, cells, meaning) => {
  const row = el("tr");
  const head = el("th", "", name);
  head.title = meaning;
  row.title = meaning;
  row.append(head, ...cells.map((text) => el(tag, "", text)));
  return row;
};

/** @param {Viewer} viewer */
const help = (viewer) => {
  const node = el("details", "sv-help");
  node.append(el("summary", "", "What do these numbers mean?"));
  for (const { label, meaning } of viewer.options.metrics) {
    const text = el("p", "");
    text.append(el("b", "", `${label}: `), document.createTextNode(meaning));
    node.append(text);
  }
  node.open = viewer.helpOpen;
  node.addEventListener("toggle", () => {
    viewer.helpOpen = node.open;
  });
  return node;
};
