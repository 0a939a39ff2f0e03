// @ts-check
/* What a draft holds: regions and a typed answer, compared with what is here. Pure: nothing here touches the page. */

/** @import { DraftContent, PlacedRegion } from "../shared/types" */

/** @typedef {Pick<DraftContent, "regions" | "answer">} Content */

/**
 * The same text for the same region, whatever the order of its fields.
 * @param {PlacedRegion} region
 */
const mark = (region) =>
  JSON.stringify(Object.entries(region).sort(([one], [other]) => (one < other ? -1 : 1)));

/**
 * Which of these regions are not there.
 * @param {PlacedRegion[]} there
 * @param {PlacedRegion[]} regions
 */
export const missing = (there, regions) => {
  const known = new Set(there.map(mark));
  return regions.filter((it) => !known.has(mark(it)));
};

/**
 * Has one the regions of the other and no more, and its answer where it has one?
 * @param {Content} one
 * @param {Content} other
 */
export const covers = (one, other) =>
  !missing(one.regions, other.regions).length &&
  one.regions.length === other.regions.length &&
  (!other.answer || other.answer === one.answer);

/**
 * Is all of a draft here? What changes a correction has to be just this; elsewhere more may have been drawn.
 * @param {Content} here
 * @param {Content} draft
 * @param {boolean} revises
 */
export const isHere = (here, draft, revises) => {
  if (revises) return covers(here, draft) && draft.answer === here.answer;
  return !missing(here.regions, draft.regions).length && (!draft.answer || draft.answer === here.answer);
};

/** @param {Content} draft */
export const amount = ({ regions, answer }) =>
  `${regions.length === 1 ? "1 region" : `${regions.length} regions`}${answer ? " and an answer" : ""}`;

/** @param {string} at as ISO 8601 */
export const moment = (at) => `${String(at).slice(0, 16).replace("T", " ")} UTC`;
