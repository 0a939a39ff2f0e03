// @ts-check
/* The maps of an answer, a byte an image token: the server sends them once. */

/** @import { Kind, PackedMaps, ViewData } from "../shared/types" */
import { bytesOf } from "./bytes.js";

/** @param {PackedMaps} packed */
const unpacked = ({ bytes, peaks }) => ({ bytes: bytesOf(bytes), peaks });

/** All maps of one way of looking. */
export class View {
  /**
   * @param {ViewData} data
   * @param {number} nImages image tokens of all pictures together
   */
  constructor(data, nImages) {
    this.n = nImages;
    /** One map for the whole answer, whatever is selected. */
    this.once = data.scope === "answer";
    this.parts = { token: unpacked(data.token), step: unpacked(data.step), answer: unpacked(data.answer) };
  }

  /**
   * 255 stands for the largest value of the map; null where there is none.
   * @param {Kind} kind
   * @param {number} index
   */
  at(kind, index) {
    const part = this.once ? this.parts.answer : this.parts[kind];
    const place = this.once ? 0 : index;
    if (place < 0 || place >= part.peaks.length) return null;
    return part.bytes.subarray(place * this.n, (place + 1) * this.n);
  }

  /**
   * How much each token looked at one image token.
   * @param {number} cell
   */
  column(cell) {
    const { bytes, peaks } = this.parts.token;
    return peaks.map((peak, i) => (bytes[i * this.n + cell] / 255) * peak);
  }
}
