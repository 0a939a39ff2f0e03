// @ts-check
/* The colour map that the page and files share: 256 colours, three bytes each, from the server. */

import { clamp } from "../shared/numbers.js";
import { bytesOf } from "./bytes.js";

// As in sayo_app/core/rendering/overlay.py: where the map is 0 a thin dark veil, so that bright pictures do not
// swallow it.
const VEIL = 0.3;

let rgb = new Uint8Array(3 * 256);
let table = { strength: -1, colours: new Uint32Array(256) };

/** @param {string} base64 */
export const useColours = (base64) => {
  rgb = bytesOf(base64);
  table = { strength: -1, colours: new Uint32Array(256) };
};

/**
 * 32-bit colours, one a value of a map.
 * @param {number} strength opacity at the highest value, from 0 to 1
 */
export const palette = (strength) => {
  if (table.strength === strength) return table.colours;
  const built = new Uint8ClampedArray(1024);
  for (let value = 0; value < 256; value++) {
    const opacity = Math.round(strength * (255 * VEIL + (1 - VEIL) * value));
    built.set([...rgb.subarray(3 * value, 3 * value + 3), opacity], 4 * value);
  }
  table = { strength, colours: new Uint32Array(built.buffer) };
  return table.colours;
};

/** @param {number} value from 0 to 255 */
const css = (value) => `rgb(${rgb.subarray(3 * value, 3 * value + 3).join(", ")})`;

/** @param {number} share from 0 to 1 */
export const colourAt = (share) => css(Math.round(255 * clamp(share, 0, 1)));

/** As the background of the scale. */
export const legend = () => `linear-gradient(90deg, ${[0, 51, 102, 153, 204, 255].map(css).join(", ")})`;
