/**
 * Shares in words.
 *
 * @module
 */

/**
 * A share as a percentage with one decimal, for errors and drifts that are to be compared.
 *
 * @param share The share, 1 for all.
 * @returns Such as `6.1%` or `12.0%`.
 *
 * @example
 * ```ts
 * import { percent } from "./percent.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual([0.0609, 0.12, -0.004].map(percent), ["6.1%", "12.0%", "-0.4%"]);
 * ```
 */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
