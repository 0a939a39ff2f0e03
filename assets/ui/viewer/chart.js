// @ts-check
/* The mark in the timeline: a line in the Plotly chart at the selected token, and a click there selects a token. */

/** @import { Viewer } from "./viewer.js" */
import { el } from "../shared/dom.js";

/**
 * What of Plotly's own node is used.
 * @typedef {HTMLElement & {
 *   on?: (event: string, run: (event: { points: { x: number }[] }) => void) => void,
 *   _fullLayout?: { xaxis?: { l2p: (x: number) => number }, _size: { l: number, t: number, h: number } },
 * }} Plot
 */

/** @param {Viewer} viewer */
export const markChart = (viewer) => {
  if (!viewer.options.chart || !viewer.rows) return;
  /** @type {Plot | null} */
  const plot = document.querySelector(`#${viewer.options.chart} .js-plotly-plot`);
  const layout = plot?._fullLayout;
  if (!plot?.on || !layout?.xaxis) {
    clearTimeout(viewer.chartTimer); // Plotly loads and draws in its own time
    viewer.chartTimer = setTimeout(() => viewer.root.isConnected && markChart(viewer), 400);
    return;
  }
  if (!plot.dataset.sayo) {
    plot.dataset.sayo = "1";
    plot.on("plotly_click", (event) => viewer.select("token", Math.round(event.points[0].x) - 1));
    plot.on("plotly_afterplot", () => markChart(viewer));
  }
  let mark = /** @type {HTMLElement | null} */ (plot.querySelector(".sv-mark"));
  if (!mark) {
    mark = el("div", "sv-mark");
    plot.append(mark);
  }
  const { kind, index } = viewer.selection;
  const { l, t, h } = layout._size;
  mark.hidden = kind !== "token" || !viewer.rows;
  mark.style.left = `${l + layout.xaxis.l2p(index + 1)}px`;
  mark.style.top = `${t}px`;
  mark.style.height = `${h}px`;
};
