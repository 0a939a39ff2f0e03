// @ts-check
/* Layers and heads: a matrix of all of them, coloured by a figure; a click shows what one of them looks at. */

import { button, choice, el, testId } from "../shared/dom.js";
/** @import { HeadsReply } from "../shared/types" */
/** @import { Viewer } from "../viewer/viewer.js" */
import { colourAt } from "./colours.js";

/** @typedef {keyof typeof FIGURES} Figure */

const FIGURES = {
  share: { label: "attention on the picture", unit: "share" },
  energy: { label: "attention in the boxes", unit: "share" },
  focus: { label: "how narrow its look is (low spatial entropy)", unit: "nats" },
};
const MOST_LISTED = 6;

/** @param {Viewer} viewer */
export const headsPanel = (viewer) => {
  const layer = choice("layer-choice", "The mean over heads of one layer", [], (value) =>
    viewer.choose(value || "centred"),
  );
  const layerLabel = el("label", "sv-strength");
  layerLabel.append(el("span", "", "Show"), layer);
  const figures = Object.entries(FIGURES).map(([value, { label }]) => ({ value, label }));
  const figure = choice("head-figure", "What the colours of the matrix show", figures, (value) => {
    viewer.figure = /** @type {Figure} */ (value);
    fillHeads(viewer);
  });
  const figureLabel = el("label", "sv-strength");
  figureLabel.append(el("span", "", "Colour"), figure);
  const find = button(
    "sv-tool",
    "Find heads that look at the boxes",
    "Rank the heads by the share of their attention that is in the boxes",
    () => {
      viewer.figure = "energy";
      askHeads(viewer);
    },
  );
  const bar = el("div", "sv-bar");
  bar.append(layerLabel, figureLabel, testId(find, "find-heads"));
  const matrix = testId(el("div", "sv-matrix"), "heads");
  const found = testId(el("div", "sv-spot"), "found-heads");
  const note = el("p", "sv-note");
  const panel = testId(el("details", "sv-panel sv-answered"), "heads-panel");
  panel.append(el("summary", "", "Layers and heads"), bar, matrix, found, note);
  panel.addEventListener("toggle", () => panel.open && askHeads(viewer));
  return { panel, layer, figure, matrix, found, note };
};

/**
 * The figures of all heads for what is selected and for the boxes as they are.
 * @param {Viewer} viewer
 */
const askHeads = (viewer) => {
  const { value, selection, picture, editor } = viewer;
  viewer.heads = null;
  // Numbered, since a reply that equals the one before would not be noticed.
  const revision = ++viewer.headsAsked;
  viewer.trigger("heads", { id: value.id, revision, selection, picture, regions: editor.regions });
  fillHeads(viewer, true);
};

/**
 * @param {Viewer} viewer
 * @param {boolean} [waiting]
 */
export const fillHeads = (viewer, waiting = false) => {
  const { heads, figure } = viewer;
  const parts = viewer.parts.heads;
  if (!parts) return;
  parts.found.replaceChildren();
  parts.matrix.replaceChildren();
  parts.figure.value = figure;
  const reason = viewer.reason("heads");
  if (reason || !heads) {
    parts.note.textContent = reason ? `Not here: ${reason}` : waiting ? "Reading every head …" : "";
    return;
  }
  const values = heads.figures[figure];
  if (!values) {
    parts.note.textContent = "Draw a box on the picture first.";
    return;
  }
  parts.matrix.style.setProperty("--columns", String(values[0].length));
  parts.matrix.append(...matrix(viewer, heads, values));
  parts.found.append(el("span", "sv-spotname", "Highest:"), ...highest(viewer, heads, values));
  parts.note.textContent = `Rows are layers, columns heads; for ${heads.what}. Click a cell to see its map.`;
};

/**
 * @param {HeadsReply} heads
 * @param {number} row
 * @param {number} head
 */
const named = ({ layers }, row, head) => ({
  name: `layer ${layers[row] + 1}, head ${head + 1}`,
  view: `head:${layers[row]}:${head}`,
});

/**
 * @param {number} value
 * @param {Figure} figure
 */
const written = (value, figure) =>
  FIGURES[figure].unit === "share" ? `${(100 * value).toFixed(1)} %` : value.toFixed(2);

/**
 * @param {Viewer} viewer
 * @param {HeadsReply} heads
 * @param {number[][]} values
 */
const matrix = (viewer, heads, values) => {
  const flat = values.flat();
  const [least, most] = [Math.min(...flat), Math.max(...flat)];
  return values.flatMap((line, row) => [
    el("span", "sv-rowname", String(heads.layers[row] + 1)),
    ...line.map((value, head) => {
      const { name, view } = named(heads, row, head);
      const title = `${name}: ${written(value, viewer.figure)}`;
      const cell = testId(
        button("sv-cell", "", title, () => viewer.choose(view)),
        view,
      );
      cell.style.background = colourAt((value - least) / (most - least || 1));
      cell.classList.toggle("is-selected", viewer.view === view);
      cell.setAttribute("aria-label", title);
      return cell;
    }),
  ]);
};

/**
 * @param {Viewer} viewer
 * @param {HeadsReply} heads
 * @param {number[][]} values
 */
const highest = (viewer, heads, values) => {
  const ranked = values.flatMap((line, row) => line.map((value, head) => ({ value, row, head })));
  ranked.sort((a, b) => b.value - a.value);
  return ranked.slice(0, MOST_LISTED).map(({ value, row, head }) => {
    const { name, view } = named(heads, row, head);
    const text = `${name} · ${written(value, viewer.figure)}`;
    const node = button("sv-tool", text, "Show what it looks at", () => viewer.choose(view));
    node.setAttribute("aria-pressed", String(viewer.view === view));
    return node;
  });
};
