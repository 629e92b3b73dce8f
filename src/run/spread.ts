/**
 * How far the samples of a shot lie apart.
 *
 * @module
 */
import { median } from "./median.ts";

/**
 * The standard deviation of samples as a share of their median, estimated from their mean distance from it as that of
 * normal samples (`harness/PROTOCOL.md`, fire).
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
 */
export function relativeError(samples: readonly number[]): number | null {
  const spread = relativeSpread(samples);
  return spread === null ? null : Math.sqrt(Math.PI / 2 / samples.length) * spread;
}
