// @ts-check
/* What the viewer says of its own state: pressed buttons, the caption, and why a map cannot be shown. */

import { fillGrid } from "../maps/grid.js";
/** @import { Flag } from "./state.js" */
/** @import { Viewer } from "./viewer.js" */
import { fillTools } from "../regions/bar.js";
import { fillChoice } from "../shared/dom.js";
import { sum } from "../shared/numbers.js";
import { markTokens } from "./tokens.js";

/** @param {Viewer} viewer */
export const fillMethods = (viewer) => {
  const { parts, view, wanted } = viewer;
  for (const { method, key, node } of parts.maps.methods) {
    const { name, description, formula } = method;
    const reason = viewer.reason(name);
    node.disabled = Boolean(reason);
    node.title = reason ? `Not here: ${reason}` : `${description}\n${formula}\n(key ${key})`;
    node.setAttribute("aria-pressed", String(name === view));
    node.classList.toggle("is-waiting", name === wanted);
  }
  viewer.root.classList.toggle("is-reward", view === "reward");
  if (!parts.heads) return;
  const layers = viewer.value.layers || [];
  fillChoice(parts.heads.layer, [
    { value: "", label: "as the map says" },
    ...layers.map((it) => ({ value: `layer:${it}`, label: `layer ${it + 1}` })),
  ]);
  parts.heads.layer.value = view.startsWith("layer:") ? view : "";
};

/** @param {Viewer} viewer */
export const fillState = (viewer) => {
  const { parts, selection, value } = viewer;
  const { toggles } = parts.view;
  markTokens(viewer);
  for (const name of /** @type {Flag[]} */ (Object.keys(toggles)))
    toggles[name].setAttribute("aria-pressed", String(viewer.flags[name]));
  toggles.truth.hidden = !value.truth?.length;
  toggles.overlay.hidden = !viewer.rows;
  const sinks = sum((value.sinks || []).map((it) => it.length));
  toggles.sinks.hidden = !sinks;
  if (sinks) toggles.sinks.textContent = sinks === 1 ? "1 sink" : `${sinks} sinks`;
  parts.play.whole.setAttribute("aria-pressed", String(selection.kind === "answer"));
  parts.play.play.textContent = viewer.timer ? "❚❚ Pause" : "▶ Play";
  parts.caption.textContent = caption(viewer);
  fillTools(viewer);
  fillGrid(viewer);
};

/**
 * @param {Viewer} viewer
 * @returns {string}
 */
export const caption = (viewer) => {
  const { selection, value, view } = viewer;
  if (!viewer.rows)
    return value.status === "streaming" ? "Answering … the overlay shows where the newest word looked." : "";
  const { kind, index } = selection;
  const [, layer, head] = view.match(/^(?:layer|head):(\d+):?(\d*)$/) || [];
  const one = layer ? ` Map: layer ${Number(layer) + 1}${head ? `, head ${Number(head) + 1}` : ""}.` : "";
  const once = viewer.views[view]?.once ? " This map is one for the whole answer." : one;
  if (kind === "answer")
    return `Showing the whole answer. Choose a token or a step, or use the arrow keys.${once}`;
  if (kind === "step") return `Showing ${viewer.stepName(index).toLowerCase()} as a whole.${once}`;
  const share = `${(100 * (value.image_share?.[index] ?? 0)).toFixed(1)} % of its attention is on the picture`;
  const entropy = `entropy ${(value.entropies?.[index] ?? 0).toFixed(2)} nats`;
  const reads = value.top?.includes(index) ? " The reward reads this token." : "";
  return `Token ${index + 1} of ${value.tokens?.length}: ${share}, ${entropy}.${reads}${once}`;
};
