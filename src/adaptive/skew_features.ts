/**
 * What a model of skewed batches is told about a case: the case, the times at its ends, and three layouts.
 *
 * @module
 */
import type { SkewRow } from "../bundle/skew.ts";
import type { SkewCase } from "../shots/skew_cases.ts";
import type { Features } from "./features.ts";
import { type AttentionBatch, type AttentionKernel, layOut } from "./layout.ts";
import { layOutSplit, LIGHT_OVERHEAD, logImbalance, OVERHEAD, type SplitLayout } from "./split_layout.ts";

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
  const longestMakespan = withLongest((batch) => layOut(batch, kernel).makespan);
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

/** Remembers what many cases share: what they would be with every history the longest. */
function withLongest(makespanOf: (batch: AttentionBatch) => number): (each: CaseKey) => number {
  const known = new Map<string, number>();
  return ({ n, pc, kp, kv_big }) => {
    const key = [n, pc, kp, kv_big].join();
    const makespan = known.get(key) ?? makespanOf({ prefills: prefillOf(pc, kp), decodes: [[kv_big, n]] });
    known.set(key, makespan);
    return makespan;
  };
}

function prefillOf(chunk: number, history: number): [number, number][] {
  return chunk > 0 ? [[chunk, history]] : [];
}

/** The columns where walks are split. */
const SPLIT_COLUMNS = [
  "log_t_mean",
  "log_t_max",
  "log_pc",
  "log_kp",
  "log_n",
  "log_nb",
  "log_kvs",
  "log_kv_big",
  "skew_rate",
  "log_makespan",
  "log_makespan_ratio",
  "log_longest_makespan_ratio",
  "log_imbalance",
  "log_light_imbalance",
  "log_longest_walk",
  "log_longest_walk_ratio",
  "log_decode_blocks",
  "log_decode_blocks_ratio",
  "log_split_limit",
  "log_prefill_splits",
  "decode_share",
];

/**
 * The features of skew cases where walks are split, as FlashAttention-3 does on Hopper devices; the ratios are to the
 * layout with every history at the mean.
 *
 * @param cases The cases.
 * @param ends The times at their ends, as attention.csv gives them.
 * @param kernel Model and device.
 * @returns The features, in the order of the cases.
 */
export function skewSplitFeatures(
  cases: readonly CaseKey[],
  ends: EndTimes,
  kernel: AttentionKernel,
): Features {
  const columns = SPLIT_COLUMNS.map(() => new Float64Array(cases.length));
  const longestMakespan = withLongest((batch) => layOutSplit(batch, kernel).makespan(OVERHEAD));
  for (const [i, each] of cases.entries()) {
    const values = splitFeaturesOf(each, ends.mean[i]!, ends.max[i]!, longestMakespan(each), kernel);
    for (const [at, value] of values.entries()) columns[at]![i] = value;
  }
  return { names: SPLIT_COLUMNS, columns, linear: [], kernel: new Uint8Array(cases.length) };
}

function splitFeaturesOf(
  each: CaseKey,
  mean: number,
  max: number,
  longestMakespan: number,
  kernel: AttentionKernel,
): number[] {
  const { n, nb, pc, kp, kvs, kv_big, kv_mean } = each;
  const lay = (decodes: AttentionBatch["decodes"]): SplitLayout =>
    layOutSplit({ prefills: prefillOf(pc, kp), decodes }, kernel);
  const skewed = lay([[kv_big, nb], [kvs, n - nb]]);
  const even = lay([[kv_mean, n]]);
  const { decodeBlocks, prefillTiles, decodeTiles } = skewed;
  const makespan = skewed.makespan(OVERHEAD);
  const evenMakespan = even.makespan(OVERHEAD);
  const imbalance = (span: number, overhead: number): number =>
    logImbalance(skewed, span, overhead, kernel.multiprocessors);
  return [
    Math.log(mean),
    Math.log(max),
    Math.log1p(pc),
    Math.log1p(kp),
    Math.log(n),
    Math.log(nb),
    Math.log(kvs),
    Math.log(kv_big),
    (kv_mean - kvs) / Math.max(kv_big - kvs, 1),
    Math.log(makespan),
    Math.log(makespan / evenMakespan),
    Math.log(longestMakespan / evenMakespan),
    imbalance(makespan, OVERHEAD),
    imbalance(skewed.makespan(LIGHT_OVERHEAD), LIGHT_OVERHEAD),
    Math.log1p(skewed.longestWalk),
    Math.log((1 + skewed.longestWalk) / (1 + even.longestWalk)),
    Math.log1p(decodeBlocks),
    Math.log((1 + decodeBlocks) / (1 + even.decodeBlocks)),
    Math.log(skewed.splitLimit),
    Math.log(skewed.prefillSplits),
    decodeTiles / (prefillTiles + decodeTiles),
  ];
}
