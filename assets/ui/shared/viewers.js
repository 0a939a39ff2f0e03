// @ts-check
/* The viewers of the page, and what those of one group share. */

/** @import { Viewer } from "../viewer/viewer.js" */
/** @import { PlacedRegion } from "./types" */

/** By elem_id. @type {Record<string, Viewer>} */
export const viewers = {};

/** The regions of the answer that a group shows, by the group's name. @type {Record<string, {id: string, regions: PlacedRegion[]}>} */
export const groups = {};
