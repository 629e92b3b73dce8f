/**
 * What a model of skewed batches is told about a case: the case, the times at its ends, and three layouts.
 *
 * @module
 */
import type { SkewRow } from "../bundle/skew.ts";
import type { SkewCase } from "../shots/skew_cases.ts";
import type { Features } from "./features.ts";
import { type AttentionKernel, layOut } from "./layout.ts";

/** Times between which a case's own lies, in microseconds, a value per case. */
export interface EndTimes {
  /** Every history at the mean. */
  readonly mean: Float64Array;
  /** Every history at the longest. */
  readonly max: Float64Array;
}

/** A case without its place in the grid. */
export type AnyCase = Omit<SkewCase, "tier" | "regime"> & Pick<SkewRow, "regime">;

/** A case, without what follows from it. */
export type CaseKey = Pick<SkewCase, "n" | "nb" | "pc" | "kp" | "kvs" | "kv_big" | "kv_mean">;

/** The columns: name, whether the logarithm of the time is nearly linear in it. */
const COLUMNS: readonly (readonly [name: string, linear: boolean])[] = [
  ["log_t_mean", true],
  ["log_t_max", true],
  ["log_skewed_makespan_ratio", true],
  ["log_longest_makespan_ratio", true],
  ["log_skewed_paired_makespan_ratio", true],
  ["log_longest_walk_ratio", false],
  ["log_imbalance", false],
  ["decode_share", false],
  ["waves", false],
  ["skew_rate", false],
  ["log_pc", false],
  ["log_kp", false],
  ["log_n", false],
  ["log_nb", false],
  ["log_kvs", false],
  ["log_kv_big", false],
];

/**
 * The features of skew cases; the ratios are to the layout with every history at the mean.
 *
 * @param cases The cases.
 * @param ends The times at their ends, as attention.csv gives them.
 * @param kernel Model and device.
 * @returns The features, in the order of the cases.
 */
export function skewFeatures(
  cases: readonly CaseKey[],
  ends: EndTimes,
  kernel: AttentionKernel,
): Features {
  const columns = COLUMNS.map(() => new Float64Array(cases.length));
  /** Many cases share what they would be with every history the longest. */
  const longestMakespans = new Map<string, number>();
  const longestMakespan = ({ n, pc, kp, kv_big }: CaseKey): number => {
    const key = [n, pc, kp, kv_big].join();
    let makespan = longestMakespans.get(key);
    if (makespan === undefined) {
      makespan = layOut({ prefills: prefillOf(pc, kp), decodes: [[kv_big, n]] }, kernel).makespan;
      longestMakespans.set(key, makespan);
    }
    return makespan;
  };
  for (const [i, each] of cases.entries()) {
    const values = featuresOf(each, ends.mean[i]!, ends.max[i]!, longestMakespan(each), kernel);
    for (const [at, value] of values.entries()) columns[at]![i] = value;
  }
  return {
    names: COLUMNS.map(([name]) => name),
    columns,
    linear: COLUMNS.flatMap(([, linear], at) => linear ? [at] : []),
    kernel: Uint8Array.from(cases, ({ pc }) => pc > 0 ? 1 : 0),
  };
}

function featuresOf(
  each: CaseKey,
  mean: number,
  max: number,
  longestMakespan: number,
  kernel: AttentionKernel,
): number[] {
  const { n, nb, pc, kp, kvs, kv_big, kv_mean } = each;
  const prefills = prefillOf(pc, kp);
  const skewed = layOut({ prefills, decodes: [[kv_big, nb], [kvs, n - nb]] }, kernel);
  const even = layOut({ prefills, decodes: [[kv_mean, n]] }, kernel);
  const { makespan } = skewed;
  const evenMakespan = even.makespan;
  return [
    Math.log(mean),
    Math.log(max),
    Math.log(makespan / evenMakespan),
    Math.log(longestMakespan / evenMakespan),
    Math.log(skewed.pairedMakespan / even.pairedMakespan),
    Math.log(skewed.longestWalk / even.longestWalk),
    Math.log(makespan * kernel.multiprocessors / skewed.tiles),
    skewed.decodeTiles / skewed.tiles,
    skewed.blocks / kernel.multiprocessors,
    (kv_mean - kvs) / Math.max(kv_big - kvs, 1),
    Math.log1p(pc),
    Math.log1p(kp),
    Math.log(n),
    Math.log(nb),
    Math.log(kvs),
    Math.log(kv_big),
  ];
}

function prefillOf(chunk: number, history: number): [number, number][] {
  return chunk > 0 ? [[chunk, history]] : [];
}
