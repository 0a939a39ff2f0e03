// @ts-check
/* Attention maps drawn over pictures. */

/** @import { Layout } from "./layout.js" */
import { pen2d } from "../shared/dom.js";
import { palette } from "./colours.js";

/**
 * Paint one map over several pictures on one scale, so that they can be compared.
 * @param {HTMLCanvasElement[]} canvases
 * @param {Layout[]} layouts
 * @param {Uint8Array} values of the image tokens of all these pictures
 * @param {number} strength opacity at the highest value of all, from 0 to 1
 */
export const paint = (canvases, layouts, values, strength) => {
  let start = 0;
  const painted = layouts.map((layout) => {
    const own = values.subarray(start, start + layout.count);
    start += layout.count;
    return layout.painted(own);
  });
  let most = 0;
  for (const part of painted) for (let i = 0; i < part.length; i++) if (part[i] > most) most = part[i];
  const colours = palette(strength);
  const scale = most > 0 ? 255 / most : 0;
  painted.forEach((part, index) => {
    const { width, height } = layouts[index];
    const canvas = canvases[index];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = pen2d(canvas);
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < part.length; i++) pixels[i] = colours[Math.round(part[i] * scale)];
    context.putImageData(image, 0, 0);
  });
};
