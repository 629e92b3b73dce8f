/**
 * Whether a bundle's skew times are sums: the reference profiler adds up the iterations that it averages elsewhere.
 *
 * @module
 */
import { attentionNs, makeAttentionTable } from "../predict/attention.ts";
import type { Row } from "../bundle/tables.ts";
import type { SkewRow } from "../bundle/skew.ts";
import { upperMedian } from "../stats.ts";

/** Cases that are looked at. */
const PROBES = 500;
/** How far the median ratio may be from a whole number. */
const TOLERANCE = 0.1;

/**
 * How many times the times of skew.csv are those of attention.csv for the same batches.
 *
 * @param skew The cases.
 * @param attention The rows of attention.csv at the same degree.
 * @returns The factor, a whole number: 1 when they agree, or when there is nothing to compare.
 *
 * @example
 * ```ts
 * import { skewScale } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const attention = [{ layer: null, key: [0, 0, 4, 512], timeUs: 10 }];
 * const skew = [{
 *   regime: "pure", n: 4, nb: 1, ratio: 0.25, skew: 4, pc: 0, kp: 0, kvs: 128, kv_big: 512, kv_mean: 224,
 *   t_mean_us: 30.1, t_max_us: 30.2, t_skew_us: 30.1, alpha: 0,
 * }];
 * assert.equal(skewScale(skew, attention), 3);
 * ```
 */
export function skewScale(skew: readonly SkewRow[], attention: readonly Row[]): number {
  const table = makeAttentionTable(attention);
  if (table === null || skew.length === 0) return 1;
  const step = Math.ceil(skew.length / PROBES);
  const ratios = skew.filter((_, i) => i % step === 0)
    .map(({ pc, kp, n, kv_big: kv, t_max_us: timeUs }) => timeUs * 1000 / attentionNs(table, pc, kp, n, kv));
  const ratio = upperMedian(ratios);
  const whole = Math.round(ratio);
  return whole >= 2 && Math.abs(ratio / whole - 1) < TOLERANCE ? whole : 1;
}
