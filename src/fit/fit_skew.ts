/**
 * The alpha fit of a bundle: its skew_fit.csv tables, and the block of meta.yaml that leads to them.
 *
 * @module
 */
import type { BucketAxes, SkewFit, SkewFitEntry } from "../bundle/meta_blocks.ts";
import type { SkewRow } from "../bundle/skew.ts";
import type { SkewFitRow } from "../bundle/skew_fit.ts";
import type { Row } from "../bundle/tables.ts";
import { UsageError } from "../errors.ts";
import { makeAttentionTable } from "../predict/attention.ts";
import { type InterpolatedTimes, interpolatedTimes } from "./uniform_times.ts";
import { type DegreeFit, fitByReference, fitByShrinkage, type FitOptions } from "./fit_degree.ts";
import type { DegreeReport } from "./report.ts";

/** How alphas are fitted. */
export type FitMethod = "reference" | "shrinkage";

/** What to fit. */
export interface FitInput extends FitOptions {
  /** `reference`: each bucket by itself, as the reference profiler; `shrinkage`: with the buckets around it. */
  readonly method: FitMethod;
  /** The rows of each degree's skew.csv. */
  readonly rowsByTp: ReadonlyMap<number, readonly SkewRow[]>;
  /** Cases of which a model predicts t_skew: `shrinkage` fits them too; its errors are those of the other cases. */
  readonly predictedByTp?: ReadonlyMap<number, readonly SkewRow[]>;
  /**
   * The rows of each degree's attention.csv: `shrinkage` needs them; `reference` fits without, and measures its
   * errors on unseen cases with them.
   */
  readonly attentionByTp?: ReadonlyMap<number, readonly Row[]>;
}

/** A fit. */
export interface Fit {
  /** meta.yaml's skew_fit block. */
  readonly block: SkewFit;
  /** The rows of each degree's skew_fit.csv; a degree without a usable case has none, and no entry in the block. */
  readonly tables: ReadonlyMap<number, readonly SkewFitRow[]>;
  /** The errors of each degree's fit. */
  readonly report: ReadonlyMap<number, DegreeReport>;
}

/**
 * Fits the alphas of a bundle.
 *
 * @param input What to fit, and how.
 * @returns The block, the tables and the errors; without a usable case, a block that is not enabled.
 * @throws {UsageError} when `shrinkage` has no attention rows at a degree that has cases.
 *
 * @example
 * ```ts
 * import { fitSkew } from "shotlab";
 * import assert from "node:assert/strict";
 * const row = {
 *   regime: "mixed", n: 4, nb: 1, ratio: 0.25, skew: 4, pc: 16, kp: 512, kvs: 256, kv_big: 1024, kv_mean: 448,
 *   t_mean_us: 100, t_max_us: 200, t_skew_us: 130, alpha: 0.3,
 * };
 * const { tables } = fitSkew({ method: "reference", rowsByTp: new Map([[1, [row]]]) });
 * assert.deepEqual(tables.get(1), [{
 *   pc: 16, n_label: "n<=4", skew_rate_label: "sr<=40%", kv_big_label: "kvB<=1k", kp_label: "kp<=512",
 *   alpha: 0.3, n_samples: 1,
 * }]);
 * ```
 */
export function fitSkew(input: FitInput): Fit {
  const fits = [...input.rowsByTp].sort(([a], [b]) => a - b).flatMap(([tp, rows]) => {
    const fit = rows.length === 0 ? null : fitDegree(input, tp, rows);
    return fit === null ? [] : [[tp, fit] as const];
  });
  return {
    block: fitBlock(fits.map(([tp, { entry, axes }]) => [tp, entry, axes])),
    tables: new Map(fits.map(([tp, { table }]) => [tp, table])),
    report: new Map(fits.map(([tp, { report }]) => [tp, report])),
  };
}

function fitDegree(input: FitInput, tp: number, rows: readonly SkewRow[]): DegreeFit | null {
  const attention = makeAttentionTable(input.attentionByTp?.get(tp) ?? []);
  const endsOf = (cases: readonly SkewRow[]): InterpolatedTimes | null =>
    attention === null ? null : interpolatedTimes(cases, attention);
  if (input.method === "reference") return fitByReference(tp, rows, endsOf(rows), input);
  const cases = [...rows, ...input.predictedByTp?.get(tp) ?? []];
  const ends = endsOf(cases);
  if (ends !== null) return fitByShrinkage(tp, cases, ends, { ...input, measured: rows.length });
  throw new UsageError(
    `Cannot fit skew at tp ${tp}: shrinkage reads t_mean and t_max from tp${tp}/attention.csv, which has no rows; measure attention first, or fit by the reference method`,
  );
}

/** Axes that all degrees share stand once, others in each entry. */
function fitBlock(entries: readonly (readonly [tp: number, SkewFitEntry, BucketAxes])[]): SkewFit {
  const [first] = entries;
  if (first === undefined) return { enabled: false };
  const [, , axes] = first;
  const shared = entries.every(([, , own]) => JSON.stringify(own) === JSON.stringify(axes));
  return {
    enabled: true,
    ...(shared ? { bucket_axes: axes } : {}),
    per_tp: Object.fromEntries(
      entries.map(([tp, entry, own]) => [tp, shared ? entry : { ...entry, bucket_axes: own }]),
    ),
  };
}
