/**
 * Relative errors in a few figures.
 *
 * @module
 */
import { roundDecimals } from "../number_format.ts";
import { quantile } from "../stats.ts";

/** Decimals of a figure. */
const DECIMALS = 4;

/** The distribution of relative errors, as shares of the measured time, each rounded to 4 decimals. */
export interface ErrorFigures {
  /** Median of the error's size. */
  readonly rel_err_p50: number;
  /** The size that 90% of the errors stay within. */
  readonly rel_err_p90: number;
  /** The size that 99% of the errors stay within. */
  readonly rel_err_p99: number;
  /** Mean of the signed error; above 0 when predictions are too long. */
  readonly signed_mean: number;
}

/**
 * Reduces errors to figures.
 *
 * @param errors Signed relative errors, all finite.
 * @returns The figures, null without errors.
 *
 * @example
 * ```ts
 * import { errorFigures } from "./errors.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(errorFigures([-0.1, 0.2, 0.3]), {
 *   rel_err_p50: 0.2, rel_err_p90: 0.28, rel_err_p99: 0.298, signed_mean: 0.1333,
 * });
 * ```
 */
export function errorFigures(errors: ArrayLike<number>): ErrorFigures | null {
  if (errors.length === 0) return null;
  const sizes = Float64Array.from(errors, Math.abs).sort();
  let sum = 0;
  for (let i = 0; i < errors.length; i++) sum += errors[i]!;
  return {
    rel_err_p50: roundDecimals(quantile(sizes, 0.5), DECIMALS),
    rel_err_p90: roundDecimals(quantile(sizes, 0.9), DECIMALS),
    rel_err_p99: roundDecimals(quantile(sizes, 0.99), DECIMALS),
    signed_mean: roundDecimals(sum / errors.length, DECIMALS),
  };
}
