/**
 * All skew cases from a part of their t_skew shots.
 *
 * @module
 */
import type { SkewRow } from "../bundle/skew.ts";
import type { Row } from "../bundle/tables.ts";
import { UsageError } from "../errors.ts";
import { attentionNs, makeAttentionTable } from "../predict/attention.ts";
import type { SkewCase } from "../sweep/skew_cases.ts";
import { design, type DesignOptions } from "./design.ts";
import type { TableErrors } from "./held_out.ts";
import type { AttentionKernel } from "./layout.ts";
import { type EndTimes, skewFeatures } from "./skew_features.ts";

/** A case without its place in the grid. */
export type AnyCase = Omit<SkewCase, "tier" | "regime"> & Pick<SkewRow, "regime">;

/** Cases of which a part was measured. */
export interface AdaptedSkew {
  /** Rows of the cases whose t_skew was measured: what skew.csv holds. */
  readonly measured: readonly SkewRow[];
  /** Rows of the others, t_skew predicted: alphas are fitted to both. */
  readonly predicted: readonly SkewRow[];
  /** How far the t_skew of all rows are from the truth, measured ones counted as exact. */
  readonly errors: TableErrors;
}

/**
 * Measures t_skew of a part of the cases and predicts it for the rest; t_mean and t_max are read from attention.csv.
 *
 * @param cases All cases, at one degree.
 * @param attention The rows of the degree's attention.csv, measured or not.
 * @param kernel Model and device.
 * @param measure Measures t_skew of cases: the time of each in microseconds, null for one that failed.
 * @param options When to stop.
 * @returns The rows, for `fitSkew` by `shrinkage`; cases that failed have none.
 * @throws {UsageError} when there are no attention rows, an option is out of range, or too few cases are left to
 * learn from.
 * @throws {Error} when so many cases failed that nothing can be learned.
 */
export async function adaptSkew<T extends AnyCase>(
  cases: readonly T[],
  attention: readonly Row[],
  kernel: AttentionKernel,
  measure: (cases: readonly T[]) => Promise<readonly (number | null)[]>,
  options: DesignOptions = {},
): Promise<AdaptedSkew> {
  const ends = endTimes(cases, attention);
  const { timesUs, measured, predicted, errors } = await design(
    [skewFeatures(cases, ends, kernel)],
    async (asked) => {
      const times = await measure(Array.from(asked, (i) => cases[i]!));
      return times.map((time) => time ?? NaN);
    },
    options,
  );
  const rowOf = (i: number): SkewRow => rowFrom(cases[i]!, ends.mean[i]!, ends.max[i]!, timesUs[i]!);
  return { measured: Array.from(measured, rowOf), predicted: Array.from(predicted, rowOf), errors };
}

function endTimes(cases: readonly AnyCase[], attention: readonly Row[]): EndTimes {
  const table = makeAttentionTable(attention);
  if (table === null) {
    throw new UsageError(
      "Cannot choose skew cases: t_mean and t_max are read from attention.csv, which has no rows; measure attention first",
    );
  }
  const endOf = ({ pc, kp, n }: AnyCase, kv: number): number => attentionNs(table, pc, kp, n, kv) / 1000;
  return {
    mean: Float64Array.from(cases, (each) => endOf(each, each.kv_mean)),
    max: Float64Array.from(cases, (each) => endOf(each, each.kv_big)),
  };
}

function rowFrom(each: AnyCase, mean: number, max: number, skewed: number): SkewRow {
  const { regime, n, nb, ratio, skew, pc, kp, kvs, kv_big, kv_mean } = each;
  return {
    ...{ regime, n, nb, ratio, skew, pc, kp, kvs, kv_big, kv_mean },
    t_mean_us: mean,
    t_max_us: max,
    t_skew_us: skewed,
    alpha: max > mean ? (skewed - mean) / (max - mean) : null,
  };
}
