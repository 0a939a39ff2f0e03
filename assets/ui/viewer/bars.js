// @ts-check
/* The bars of the viewer: which map, what is shown and how large, and stepping through the answer. */

/** @import { Flag } from "./state.js" */
/** @import { Viewer } from "./viewer.js" */
import { legend } from "../maps/colours.js";
import { button, choice, el, testId } from "../shared/dom.js";
import { colourTokens } from "./tokens.js";

/** @param {Viewer} viewer */
export const mapBar = (viewer) => {
  const group = el("div", "sv-switch");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Map");
  const methods = viewer.options.methods.map((method, index) => {
    const node = button("sv-option", method.label, "", () => viewer.choose(method.name));
    node.dataset.method = method.name;
    return { method, key: index + 1, node: testId(node, `method-${method.name}`) };
  });
  group.append(...methods.map(({ node }) => node));
  const bar = el("div", "sv-bar sv-answered");
  bar.append(group, strengthSlider(viewer), scaleLegend());
  return { bar, methods };
};

/** @param {Viewer} viewer */
const strengthSlider = (viewer) => {
  const slider = testId(el("input"), "strength");
  Object.assign(slider, { type: "range", min: 0, max: 100, value: 100 * viewer.strength });
  slider.addEventListener("input", () => {
    viewer.strength = Number(slider.value) / 100;
    viewer.draw();
  });
  const label = el("label", "sv-strength");
  label.append(el("span", "", "Overlay"), slider);
  return label;
};

const scaleLegend = () => {
  const node = testId(el("span", "sv-legend"), "legend");
  const scale = el("span", "sv-scale");
  scale.style.background = legend();
  node.append(el("span", "", "little"), scale, el("span", "", "most"));
  node.title =
    "Each map is scaled to its own largest value. Nothing is painted where the model did not look.";
  return node;
};

/** @param {Viewer} viewer */
export const viewBar = (viewer) => {
  /**
   * @param {Flag} name
   * @param {string} text
   * @param {string} title
   */
  const toggle = (name, text, title) =>
    testId(
      button("sv-tool", text, title, () => viewer.set(name, !viewer.flags[name])),
      `toggle-${name}`,
    );
  const toggles = {
    overlay: toggle("overlay", "Overlay", "Show or hide the map (H)"),
    grid: toggle(
      "grid",
      "Grid",
      "Show the image tokens, and which of them the regions cover (G); point at one to read its attention",
    ),
    truth: toggle("truth", "True boxes", "Show the objects that were drawn into this scene"),
    sinks: toggle(
      "sinks",
      "Sinks",
      "Outline attention sinks: image tokens that draw attention whatever is asked",
    ),
  };
  /**
   * @param {string} name
   * @param {string} text
   * @param {string} title
   * @param {() => void} run
   */
  const zoom = (name, text, title, run) =>
    testId(button("sv-tool sv-small", text, title, run), `zoom-${name}`);
  const fit = zoom("fit", "100 %", "Fit the picture (F)", () => viewer.zoom.fit());
  const larger = "Larger (+, or Ctrl and the wheel); drag with the space bar or the middle button to move";
  const zooms = el("span", "sv-zooms");
  zooms.append(
    zoom("out", "−", "Smaller (−, or Ctrl and the wheel)", () => viewer.zoom.by(-1)),
    fit,
    zoom("in", "+", larger, () => viewer.zoom.by(1)),
  );
  const bar = el("div", "sv-bar");
  bar.append(toggles.overlay, toggles.grid, toggles.truth, toggles.sinks, zooms);
  return { bar, toggles, fit };
};

/** @param {Viewer} viewer */
export const playBar = (viewer) => {
  /**
   * @param {string} testid
   * @param {string} text
   * @param {string} title
   * @param {() => void} run
   */
  const act = (testid, text, title, run) => testId(button("sv-tool", text, title, run), testid);
  const previous = act("previous", "‹", "Token before (Left arrow)", () => viewer.stepToken(-1));
  const play = act("play", "▶ Play", "Play the tokens (Space)", () => viewer.play());
  play.classList.add("sv-play");
  const next = act("next", "›", "Next token (Right arrow)", () => viewer.stepToken(1));
  const whole = act("whole", "Whole answer", "The map of the whole answer (A)", () =>
    viewer.select("answer", 0),
  );
  const colour = choice("colour", "What the colour of the tokens shows", [], (value) => {
    viewer.colour = /** @type {Viewer["colour"]} */ (value);
    colourTokens(viewer);
  });
  const label = el("label", "sv-strength");
  label.append(el("span", "", "Colour"), colour);
  const bar = el("div", "sv-bar sv-answered");
  bar.append(previous, play, next, whole, label);
  return { bar, play, whole, colour };
};
