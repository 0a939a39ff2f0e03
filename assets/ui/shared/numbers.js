// @ts-check

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** @param {Iterable<number>} values */
export const sum = (values) => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};
