/**
 * Statistics of numbers: different values, median, quantile and spread, and shares in words.
 *
 * @module
 */

/**
 * The different values in order.
 *
 * @param values Numbers.
 * @returns Each of them once, ascending.
 *
 * @example
 * ```ts
 * import { distinct } from "./stats.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(distinct([16, 2, 16, 1]), [1, 2, 16]);
 * ```
 */
export function distinct(values: Iterable<number>): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

/**
 * The median.
 *
 * @param values One number or more.
 * @returns The middle one in order, the mean of the two middle ones for an even count.
 *
 * @example
 * ```ts
 * import { median } from "./stats.ts";
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

/**
 * The upper median, which is one of the values: what the most typical of them is where a mean of two would be none of
 * them, as of ratios near 1 and near 3.
 *
 * @param values One number or more.
 * @returns The middle one in order, the larger of the two middle ones for an even count.
 *
 * @example
 * ```ts
 * import { upperMedian } from "./stats.ts";
 * import assert from "node:assert/strict";
 * assert.equal(upperMedian([3, 1, 1, 3]), 3);
 * ```
 */
export function upperMedian(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}

/**
 * A quantile by linear interpolation between order statistics.
 *
 * @param sorted Values in ascending order, at least one.
 * @param q Share of the values below, from 0 to 1.
 * @returns The quantile.
 */
export function quantile(sorted: Float64Array, q: number): number {
  const place = (sorted.length - 1) * q;
  const below = Math.floor(place);
  const lower = sorted[below]!;
  const upper = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return lower + (place - below) * (upper - lower);
}

/**
 * The standard deviation of samples as a share of their median, estimated from their mean distance from it as that of
 * normal samples (`harness/PROTOCOL.md`, fire).
 *
 * @param samples Positive numbers of one unit.
 * @returns The share; null for fewer than two samples.
 *
 * @example
 * ```ts
 * import { relativeSpread } from "shotlab/run";
 * import assert from "node:assert/strict";
 * assert.equal(relativeSpread([12, 12, 12]), 0);
 * assert.equal(relativeSpread([12]), null);
 * ```
 */
export function relativeSpread(samples: readonly number[]): number | null {
  const n = samples.length;
  if (n < 2) return null;
  const middle = median(samples);
  const distance = samples.reduce((sum, value) => sum + Math.abs(value - middle), 0) / n;
  return Math.sqrt(Math.PI / 2 * n / (n - 1)) * distance / middle;
}

/**
 * The standard error of the median as a share of it: what `precision` is about (`harness/PROTOCOL.md`, fire).
 *
 * @param samples Positive numbers of one unit.
 * @returns The share; null for fewer than two samples.
 *
 * @example
 * ```ts
 * import { relativeError } from "shotlab/run";
 * import assert from "node:assert/strict";
 * assert.equal(relativeError([10, 10, 10]), 0);
 * assert.equal(relativeError([10]), null);
 * ```
 */
export function relativeError(samples: readonly number[]): number | null {
  const spread = relativeSpread(samples);
  return spread === null ? null : Math.sqrt(Math.PI / 2 / samples.length) * spread;
}

/**
 * A share as a percentage with one decimal, for errors and drifts that are to be compared.
 *
 * @param share The share, 1 for all.
 * @returns Such as `6.1%` or `12.0%`.
 *
 * @example
 * ```ts
 * import { percent } from "./stats.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual([0.0609, 0.12, -0.004].map(percent), ["6.1%", "12.0%", "-0.4%"]);
 * ```
 */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}

/**
 * The mean.
 *
 * @param values One number or more.
 * @returns Their sum over their count.
 *
 * @example
 * ```ts
 * import { mean } from "./stats.ts";
 * import assert from "node:assert/strict";
 * assert.equal(mean([1, 2, 6]), 3);
 * ```
 */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
