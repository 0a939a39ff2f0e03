// @ts-check
/* Who looked at the spot of the picture that was clicked. */

/** @import { Viewer } from "./viewer.js" */
import { button, el, testId } from "../shared/dom.js";
import { sum } from "../shared/numbers.js";
import { fillPictures } from "./pictures.js";

const MOST_LISTED = 6;

/** @param {Viewer} viewer */
export const fillSpot = (viewer) => {
  const { parts, spot } = viewer;
  fillPictures(viewer);
  parts.spot.replaceChildren();
  const view = viewer.views[viewer.view];
  if (!spot || !view) return;
  const values = view.column(spot.column);
  const ranked = values.map((value, index) => ({ value, index })).filter((it) => it.value > 0);
  ranked.sort((a, b) => b.value - a.value);
  const title = ranked.length ? "Looked at this spot most:" : "No token looked at this spot.";
  parts.spot.append(el("span", "sv-spotname", title));
  const total = sum(values);
  for (const { value, index } of ranked.slice(0, MOST_LISTED)) {
    const text = viewer.value.tokens?.[index].trim() || "·";
    const share = `${text} ${Math.round((100 * value) / total)} %`;
    const node = button("sv-tool", share, `Token ${index + 1}`, () => viewer.select("token", index));
    parts.spot.append(testId(node, `spot-token-${index}`));
  }
  const forget = button("sv-tool", "✕", "Forget the spot (Escape)", () => viewer.forget());
  parts.spot.append(testId(forget, "spot-clear"));
};
