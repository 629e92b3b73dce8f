/**
 * A fit before it is made: cases in buckets, their times, and the way to alphas.
 *
 * @module
 */
import type { BucketAxes } from "../bundle/meta_blocks.ts";
import type { SkewRow } from "../bundle/skew.ts";
import { numberBuckets } from "../predict/bucket.ts";
import { bucketAxes } from "./axes.ts";
import { placeCases, type PlacedCases } from "./cases.ts";
import { measuredTimes, type UniformTimes } from "./uniform_times.ts";
import type { Fitter, Selection } from "./model.ts";
import { referenceFitter } from "./reference.ts";
import { isUsable, shrinkageFitter } from "./shrinkage.ts";

/** A fit to make. */
export interface FitProblem {
  /** The bucket axes, from the usable cases. */
  readonly axes: BucketAxes;
  /** The cases, usable or not, in their buckets. */
  readonly cases: PlacedCases;
  /** The times that are fitted, in microseconds. */
  readonly ends: UniformTimes;
  /** The cases that may be fitted on. */
  readonly usable: Selection;
  /** How many they are. */
  readonly usableCount: number;
  /** Makes alphas. */
  readonly fitter: Fitter;
}

/**
 * The reference method's problem: times from skew.csv, cases with a defined alpha.
 *
 * @param rows The cases.
 * @returns The problem, null without a usable case.
 */
export function referenceProblem(rows: readonly SkewRow[]): FitProblem | null {
  return makeProblem(rows, measuredTimes(rows), (i) => rows[i]!.alpha !== null, referenceFitter);
}

/**
 * The shrinkage method's problem: ends as a simulator interpolates them, cases whose t_max is above t_mean.
 *
 * @param rows The cases.
 * @param ends The ends.
 * @returns The problem, null without a usable case.
 */
export function shrinkageProblem(rows: readonly SkewRow[], ends: UniformTimes): FitProblem | null {
  return makeProblem(rows, ends, (i) => isUsable(ends, i), shrinkageFitter);
}

function makeProblem(
  rows: readonly SkewRow[],
  ends: UniformTimes,
  usable: Selection,
  fitterOf: (cases: PlacedCases, ends: UniformTimes) => Fitter,
): FitProblem | null {
  const counted = rows.filter((_, i) => usable(i));
  if (counted.length === 0) return null;
  const axes = bucketAxes(counted);
  const cases = placeCases(rows, numberBuckets(axes));
  return { axes, cases, ends, usable, usableCount: counted.length, fitter: fitterOf(cases, ends) };
}
