/**
 * The times between which an alpha interpolates: measured beside the skewed one, or read from attention.csv.
 *
 * @module
 */
import type { SkewRow } from "../bundle/skew.ts";
import { attentionNs, type AttentionTable } from "../predict/attention.ts";
import { quantile } from "../stats.ts";

/** The three times of each case, in microseconds. */
export interface UniformTimes {
  /** Every history at the mean. */
  readonly mean: Float64Array;
  /** Every history at the longest. */
  readonly max: Float64Array;
  /** The skewed KV lengths. */
  readonly skew: Float64Array;
}

/**
 * The times as skew.csv holds them.
 *
 * @param rows The cases.
 * @returns The times in microseconds.
 */
export function measuredTimes(rows: readonly SkewRow[]): UniformTimes {
  return {
    mean: Float64Array.from(rows, (row) => row.t_mean_us),
    max: Float64Array.from(rows, (row) => row.t_max_us),
    skew: Float64Array.from(rows, (row) => row.t_skew_us),
  };
}

/** Times on the scale of attention.csv. */
export interface InterpolatedTimes extends UniformTimes {
  /** How many times larger the times of skew.csv are; `skew` is divided by it. */
  readonly timeScale: number;
}

/**
 * The times at the ends as a simulator interpolates them.
 *
 * The reference profiler sums the samples of a skew shot where attention.csv averages them, so its skew.csv is on
 * another scale: the median ratio of the two t_mean, rounded to a whole number, is taken out of t_skew.
 * Where t_max is below t_mean it is raised to it: a simulator answers t_mean there, whatever the alpha.
 *
 * @param rows The cases.
 * @param attention The attention table.
 * @returns The times in microseconds.
 */
export function interpolatedTimes(rows: readonly SkewRow[], attention: AttentionTable): InterpolatedTimes {
  const mean = new Float64Array(rows.length);
  const max = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    const { pc, kp, n, kv_mean, kv_big } = rows[i]!;
    mean[i] = attentionNs(attention, pc, kp, n, kv_mean) / 1000;
    max[i] = Math.max(mean[i]!, attentionNs(attention, pc, kp, n, kv_big) / 1000);
  }
  const ratios = Float64Array.from(rows, (row, i) => row.t_mean_us / mean[i]!).sort();
  const timeScale = rows.length === 0 ? 1 : Math.max(1, Math.round(quantile(ratios, 0.5)));
  return { mean, max, skew: Float64Array.from(rows, (row) => row.t_skew_us / timeScale), timeScale };
}
