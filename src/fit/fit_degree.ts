/**
 * The alpha fit of one tensor-parallel degree.
 *
 * @module
 */
import type { BucketAxes, SkewFitEntry } from "../bundle/meta_blocks.ts";
import type { SkewRow } from "../bundle/skew.ts";
import type { SkewFitRow } from "../bundle/skew_fit.ts";
import { crossValidate, type SplitOptions } from "./cross_validation.ts";
import type { InterpolatedTimes } from "./uniform_times.ts";
import { relativeErrors, type Selection } from "./model.ts";
import { pcEntries, type PrefillGrid } from "./prefill_grid.ts";
import { type FitProblem, referenceProblem, shrinkageProblem } from "./problem.ts";
import { regimeErrors } from "./regime_errors.ts";
import type { DegreeReport } from "./report.ts";
import { SHRINKAGE } from "./shrinkage.ts";
import { fitTable, roundedModel } from "./table.ts";

/** How the fit is made and measured. */
export interface FitOptions extends SplitOptions {
  /**
   * Which pc have rows in the tables of `shrinkage`.
   * @default {"common"}
   */
  readonly pcValues?: PrefillGrid;
}

/** How a fit by shrinkage is made and measured. */
export interface ShrinkageOptions extends FitOptions {
  /** How many of the cases were measured, the first ones; of the others t_skew is a prediction. @default all */
  readonly measured?: number;
}

/** The fit of one degree. */
export interface DegreeFit {
  /** Its entry in meta.yaml. */
  readonly entry: SkewFitEntry;
  /** Its axes. */
  readonly axes: BucketAxes;
  /** The rows of its skew_fit.csv. */
  readonly table: SkewFitRow[];
  /** Its errors. */
  readonly report: DegreeReport;
}

/**
 * Fits one degree as the reference profiler does.
 *
 * @param tp The tensor-parallel degree.
 * @param rows The rows of skew.csv.
 * @param ends The ends as a simulator interpolates them, for the errors on unseen cases; null to do without.
 * @param options How the errors are measured.
 * @returns The fit, null without a usable case.
 */
export function fitByReference(
  tp: number,
  rows: readonly SkewRow[],
  ends: InterpolatedTimes | null,
  options: FitOptions,
): DegreeFit | null {
  const problem = referenceProblem(rows);
  if (problem === null) return null;
  const made = makeFit(tp, "per_bucket_wls_5axis", problem, "profiled", problem.usable);
  if (ends === null) return made;
  return { ...made, report: { ...made.report, out_of_sample: crossValidate(problem, ends, options) } };
}

/**
 * Fits one degree by shrinkage.
 *
 * @param tp The tensor-parallel degree.
 * @param rows The rows of skew.csv.
 * @param ends The ends as a simulator interpolates them.
 * @param options Which pc have rows, and how the errors are measured.
 * @returns The fit, null without a usable case.
 */
export function fitByShrinkage(
  tp: number,
  rows: readonly SkewRow[],
  ends: InterpolatedTimes,
  options: ShrinkageOptions,
): DegreeFit | null {
  const problem = shrinkageProblem(rows, ends);
  if (problem === null) return null;
  const pcValues = options.pcValues ?? "common";
  const { measured = rows.length } = options;
  const isMeasured = (i: number): boolean => i < measured;
  const made = makeFit(tp, "hierarchical_shrinkage", problem, pcValues, isMeasured);
  const outOfSample = crossValidate(problem, ends, options, isMeasured);
  const estimated = rows.filter((_, i) => !isMeasured(i) && problem.usable(i)).length;
  const details = {
    ...estimated > 0 && { n_estimated: estimated },
    shrinkage: SHRINKAGE,
    ends: "attention.csv",
    time_scale: ends.timeScale,
    pc_values: pcValues,
    out_of_sample: outOfSample,
  };
  return {
    ...made,
    entry: { ...made.entry, ...details },
    report: { ...made.report, out_of_sample: outOfSample },
  };
}

function makeFit(
  tp: number,
  method: string,
  { axes, cases, ends, usable, usableCount, fitter }: FitProblem,
  pcValues: PrefillGrid,
  judged: Selection,
): DegreeFit {
  const model = roundedModel(fitter(usable));
  const inSample = regimeErrors(cases.pc, relativeErrors(model, cases, ends, judged));
  const profiled = [...new Set(cases.pc.filter((_, i) => usable(i)))];
  return {
    entry: {
      method,
      n_samples: usableCount,
      alpha_default: model.fallback,
      bucket_table: `tp${tp}/skew_fit.csv`,
      ...inSample.all,
    },
    axes,
    table: fitTable(model, cases, usable, pcEntries(pcValues, profiled, axes)),
    report: { method, cases: usableCount, in_sample: inSample },
  };
}
