/**
 * Errors on cases that a fit has not seen.
 *
 * @module
 */
import type { UniformTimes } from "./uniform_times.ts";
import { relativeErrors, type Selection } from "./model.ts";
import type { FitProblem } from "./problem.ts";
import { randomFolds } from "./random_folds.ts";
import { type RegimeErrors, regimeErrors } from "./regime_errors.ts";

/** Errors on unseen cases. */
export interface OutOfSample {
  /** Parts that the cases were split into, at random; each was predicted by a fit on the others. */
  readonly folds: number;
  /** Seed of the split. */
  readonly seed: number;
  /** Errors over the parts. */
  readonly k_fold: RegimeErrors;
  /** Errors when all cases of one pc above 0 were left out; empty with fewer than two such pc. */
  readonly leave_one_pc_out: RegimeErrors;
}

/** How to split cases. */
export interface SplitOptions {
  /**
   * Parts.
   * @default {5}
   */
  readonly folds?: number;
  /**
   * Seed.
   * @default {1}
   */
  readonly seed?: number;
}

/**
 * Measures a fit on cases that it has not seen.
 *
 * @param problem The fit.
 * @param ends The times that a simulator interpolates between, and the measured one, in microseconds.
 * @param options How to split.
 * @param judged The cases whose errors count.
 * @returns The figures.
 */
export function crossValidate(
  problem: FitProblem,
  ends: UniformTimes,
  { folds = 5, seed = 1 }: SplitOptions = {},
  judged: Selection = () => true,
): OutOfSample {
  const { pc } = problem.cases;
  const errorsOf = (group: Int32Array): RegimeErrors => {
    const errors = unseenErrors(problem, ends, group);
    return regimeErrors(pc, errors.map((error, i) => judged(i) ? error : NaN));
  };
  return {
    folds,
    seed,
    k_fold: errorsOf(randomFolds(pc.length, folds, seed)),
    leave_one_pc_out: errorsOf(chunkGroups(pc)),
  };
}

/**
 * Predicts each group of cases by a fit on the others.
 *
 * @param problem The fit.
 * @param ends The times that a simulator interpolates between, and the measured one, in microseconds.
 * @param group The group of each case; below 0, the case is always fitted on and never predicted.
 * @returns The signed relative error of each case, NaN where there is none.
 */
export function unseenErrors(problem: FitProblem, ends: UniformTimes, group: Int32Array): Float64Array {
  const errors = new Float64Array(group.length).fill(NaN);
  for (const left of new Set(group)) {
    if (left < 0) continue;
    const model = problem.fitter((i) => group[i] !== left && problem.usable(i));
    const own = relativeErrors(model, problem.cases, ends, (i) => group[i] === left);
    for (let i = 0; i < group.length; i++) if (group[i] === left) errors[i] = own[i]!;
  }
  return errors;
}

/**
 * Groups cases by pc, decodes alone apart; a single pc above 0 makes no group, for nothing is like it.
 *
 * @param pc The pc of each case.
 * @returns The groups.
 */
export function chunkGroups(pc: Float64Array): Int32Array {
  const several = new Set(pc.filter((value) => value > 0)).size > 1;
  return Int32Array.from(pc, (value) => several && value > 0 ? value : -1);
}
