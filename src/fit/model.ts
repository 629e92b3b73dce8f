/**
 * What a fit gives: an alpha for each bucket, and one for all else.
 *
 * @module
 */
import type { PlacedCases } from "./cases.ts";
import type { UniformTimes } from "./uniform_times.ts";

/** Whether a case takes part, by its index. */
export type Selection = (index: number) => boolean;

/** Alphas by bucket. */
export interface AlphaModel {
  /** The alpha of a bucket at a pc, undefined where the fit knows nothing of it. */
  alphaAt(pc: number, bucket: number): number | undefined;
  /** The alpha of a batch without a bucket. */
  readonly fallback: number;
}

/** Fits alphas to the selected cases. */
export type Fitter = (selected: Selection) => AlphaModel;

/**
 * The relative errors that a simulator makes with some alphas.
 *
 * @param model The alphas.
 * @param cases The cases.
 * @param ends The times that it interpolates between, and the measured one, in microseconds.
 * @param selected The cases that count.
 * @returns The signed relative error of each case; NaN for one that does not count, or whose measured time is not
 * above 0.
 */
export function relativeErrors(
  model: AlphaModel,
  cases: PlacedCases,
  ends: UniformTimes,
  selected: Selection,
): Float64Array {
  const errors = new Float64Array(cases.pc.length).fill(NaN);
  for (let i = 0; i < errors.length; i++) {
    const measured = ends.skew[i]!;
    if (!(measured > 0) || !selected(i)) continue;
    const mean = ends.mean[i]!;
    const alpha = model.alphaAt(cases.pc[i]!, cases.bucket[i]!) ?? model.fallback;
    errors[i] = (mean + alpha * (ends.max[i]! - mean) - measured) / measured;
  }
  return errors;
}
