/**
 * How far the samples of a shot lie apart.
 *
 * @module
 */
import { median } from "./median.ts";

/** Makes the median of absolute deviations the standard deviation of normal samples. */
const NORMAL = 1.4826;
/** Standard error of the median of normal samples, as a multiple of that of their mean: the square root of pi / 2. */
const MEDIAN_ERROR = 1.2533;
/** Croux and Rousseeuw's correction for 2 to 9 samples (Computational Statistics 1, 1992, table 2). */
const FEW = [1.196, 1.495, 1.363, 1.206, 1.2, 1.14, 1.129, 1.107];

/**
 * The standard deviation of samples as a share of their median, estimated from the median of their distances from
 * it, so that a lone outlier does not count.
 *
 * @param samples Positive numbers of one unit.
 * @returns The share; null for fewer than two samples.
 *
 * @example
 * ```ts
 * import { relativeSpread } from "./spread.ts";
 * import assert from "node:assert/strict";
 * assert.equal(relativeSpread([12, 12, 12]), 0);
 * assert.equal(relativeSpread([12]), null);
 * ```
 */
export function relativeSpread(samples: readonly number[]): number | null {
  const { length } = samples;
  if (length < 2) return null;
  const middle = median(samples);
  const distance = median(samples.map((value) => Math.abs(value - middle)));
  const correction = FEW[length - 2] ?? length / (length - 0.8);
  return NORMAL * correction * distance / middle;
}

/**
 * The standard error of the median as a share of it: what `precision` is about (`harness/PROTOCOL.md`, fire).
 *
 * @param samples Positive numbers of one unit.
 * @returns The share; null for fewer than two samples.
 */
export function relativeError(samples: readonly number[]): number | null {
  const spread = relativeSpread(samples);
  return spread === null ? null : MEDIAN_ERROR * spread / Math.sqrt(samples.length);
}
