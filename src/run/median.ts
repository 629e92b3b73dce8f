/**
 * The statistic that makes a row from samples.
 *
 * @module
 */

/**
 * The median.
 *
 * @param values One number or more.
 * @returns The middle one in order, the mean of the two middle ones for an even count.
 *
 * @example
 * ```ts
 * import { median } from "./median.ts";
 * import assert from "node:assert/strict";
 * assert.equal(median([9, 1, 4]), 4);
 * assert.equal(median([9, 1, 4, 2]), 3);
 * ```
 */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}
