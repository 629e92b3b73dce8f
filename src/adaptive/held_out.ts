/**
 * How far a table is from the truth, judged by shots that the model did not see.
 *
 * @module
 */
import { quantile } from "../stats.ts";

/** An estimate of one quantile of the relative errors. */
export interface ErrorBound {
  /** The estimate, as a share of the time. */
  readonly estimate: number;
  /** What the quantile stays below with 95% confidence; Infinity when too few shots are known to say. */
  readonly upper: number;
}

/** Estimates of the relative errors of a table's rows, measured ones counted as exact. */
export interface TableErrors {
  /** The median. */
  readonly p50: ErrorBound;
  /** What 90% of the rows stay within. */
  readonly p90: ErrorBound;
  /** What 99% of the rows stay within. */
  readonly p99: ErrorBound;
  /** Shots that the estimates rest on. */
  readonly shots: number;
}

/** The quantile of the normal distribution at 95%. */
const CONFIDENT = 1.645;

/**
 * Estimates the errors of a table of which a part is predicted.
 *
 * A fair sample of the predicted rows would give the errors' quantiles, and the binomial distribution of how many of
 * a sample lie below a quantile (its normal approximation) gives their bounds. The shots that chance chose are such
 * a sample, as far as they were predicted by a model that did not see them; each was drawn when the doubtful rows
 * were still among those left, so they err a little on the large side.
 *
 * @param errors Relative errors of a fair sample of the predicted rows, as shares of the time, of any sign.
 * @param predictedShare The share of the table's rows that are predicted.
 * @returns The estimates.
 *
 * @example
 * ```ts
 * import { tableErrors } from "./held_out.ts";
 * import assert from "node:assert/strict";
 * const errors = Float64Array.from({ length: 1001 }, (_, i) => i / 10_000); // 0 to 10%
 * const { p50, p90 } = tableErrors(errors, 0.8);
 * assert.equal(p50.estimate.toFixed(4), "0.0375"); // 3/8 of the predicted rows and all measured ones are half
 * assert.equal(p90.estimate.toFixed(4), "0.0875");
 * assert.equal(p90.upper.toFixed(4), "0.0894");
 * ```
 */
export function tableErrors(errors: Float64Array, predictedShare: number): TableErrors {
  const sizes = errors.map(Math.abs).sort();
  const bound = (level: number): ErrorBound => {
    const place = predictedShare > 0 ? 1 - (1 - level) / predictedShare : 0;
    if (place <= 0) return { estimate: 0, upper: 0 };
    if (sizes.length === 0) return { estimate: NaN, upper: Infinity };
    const rank = sizes.length * place + CONFIDENT * Math.sqrt(sizes.length * place * (1 - place));
    return { estimate: quantile(sizes, place), upper: sizes[Math.ceil(rank)] ?? Infinity };
  };
  return { p50: bound(0.5), p90: bound(0.9), p99: bound(0.99), shots: sizes.length };
}
