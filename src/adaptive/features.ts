/**
 * What a model of attention's time is told about a shot: the shot itself, and its layout on the device.
 *
 * `docs/adaptive.md` lists the features.
 *
 * @module
 */
import type { AttentionShot } from "../shots/shot.ts";
import { type AttentionBatch, type AttentionKernel, layOut } from "./layout.ts";
import { prefillsOf } from "./packed_shots.ts";
import { layOutSplit, LIGHT_OVERHEAD, logImbalance, OVERHEAD } from "./split_layout.ts";

/** Features of some shots. */
export interface Features {
  /** Names of the columns. */
  readonly names: readonly string[];
  /** The columns, a value per shot; threads that predict may share them. */
  readonly columns: readonly Float64Array[];
  /** The columns that the logarithm of the time is nearly linear in. */
  readonly linear: readonly number[];
  /** Shots of different kernels have different numbers here; a linear model is made for each. */
  readonly kernel: Uint8Array;
}

/**
 * Columns: name, whether the logarithm of the time is nearly linear in it. The last two are left out of grids of August,
 * whose shots have one prefill at most and decodes of one token.
 */
type Columns = readonly (readonly [name: string, linear: boolean])[];

const COLUMNS: Columns = [
  ["log_prefill_chunk", true],
  ["log_kv_prefill", true],
  ["log_n_decode", true],
  ["log_kv_decode", true],
  ["log_makespan", true],
  ["log_paired_makespan", true],
  ["log_tiles", true],
  ["log_longest_walk", true],
  ["decode_share", false],
  ["log_empty_blocks", false],
  ["waves", false],
  ["log_imbalance", false],
  ["log_kv_values", true],
  ["log_kv_reads", false],
  ["log_prefills", true],
  ["log_decode_tokens", true],
];

const SPLIT_COLUMNS: Columns = [
  ["log_prefill_chunk", true],
  ["log_kv_prefill", true],
  ["log_n_decode", true],
  ["log_kv_decode", true],
  ["log_makespan", true],
  ["log_imbalance", false],
  ["log_light_imbalance", false],
  ["log_longest_walk", true],
  ["log_prefill_blocks", true],
  ["log_split_limit", true],
  ["log_prefill_splits", true],
  ["log_prefill_tiles", true],
  ["log_decode_tiles", true],
  ["decode_share", false],
  ["log_kv_values", true],
  ["log_prefills", true],
  ["log_decode_tokens", true],
];

/**
 * The features of attention shots.
 *
 * @param shots The shots.
 * @param kernel Model and device.
 * @returns The features, in the order of the shots.
 *
 * @example
 * ```ts
 * import { attentionFeatures } from "./features.ts";
 * import assert from "node:assert/strict";
 * const kernel = { heads: 4, kvHeads: 2, multiprocessors: 8 };
 * const shot = { category: "attention", tp: 1, prefill_chunk: 128, kv_prefill: 0, n_decode: 0, kv_decode: 0 } as const;
 * const decodes = { ...shot, prefill_chunk: 0, n_decode: 2, kv_decode: 63 };
 * const { names, columns, kernel: kernels } = attentionFeatures([shot, decodes], kernel);
 * const tiles = columns[names.indexOf("log_tiles")]!;
 * assert.equal(Math.round(Math.exp(tiles[0]!)), 28); // 4 heads of blocks that walk 1 and 2 tiles, and 2 each
 * assert.equal(Math.round(Math.exp(tiles[1]!)), 12); // 2 KV heads of 2 decodes that walk 1 tile, and 2
 * assert.deepEqual([...kernels], [1, 0]);
 * ```
 */
export function attentionFeatures(
  shots: readonly AttentionShot[],
  kernel: AttentionKernel,
): Features {
  return filled("whole", shots, kernel);
}

/**
 * The features of attention shots where walks are split, as FlashAttention-3 does on Hopper devices.
 *
 * @param shots The shots.
 * @param kernel Model and device.
 * @returns The features, in the order of the shots.
 */
export function splitFeatures(shots: readonly AttentionShot[], kernel: AttentionKernel): Features {
  return filled("split", shots, kernel);
}

/** Whose layout the features are of: FlashAttention-2's, or FlashAttention-3's where walks are split. */
export type LayoutKind = "whole" | "split";

const LAYOUTS = {
  whole: { columns: COLUMNS, valuesOf: featuresOf },
  split: { columns: SPLIT_COLUMNS, valuesOf: splitFeaturesOf },
} as const;

/**
 * Features whose columns have no values yet, in memory that threads can share.
 *
 * @param kind Whose layout they are of.
 * @param shots The shots.
 * @returns The features, for {@linkcode fillFeatures}.
 */
export function emptyFeatures(kind: LayoutKind, shots: readonly AttentionShot[]): Features {
  const hasSeveral = shots.some(({ prefills = [] }) => prefills.length > 1);
  const hasDrafts = shots.some(({ decode_q_len = 1 }) => decode_q_len > 1);
  const chosen = LAYOUTS[kind].columns.filter(([name]) =>
    name === "log_prefills" ? hasSeveral : name === "log_decode_tokens" ? hasDrafts : true
  );
  return {
    names: chosen.map(([name]) => name),
    columns: chosen.map(() => new Float64Array(new SharedArrayBuffer(8 * shots.length))),
    linear: chosen.flatMap(([, linear], at) => linear ? [at] : []),
    kernel: Uint8Array.from(
      shots,
      ({ prefill_chunk, decode_q_len = 1 }) => prefill_chunk > 0 || decode_q_len > 1 ? 1 : 0,
    ),
  };
}

/**
 * Writes the features of some shots.
 *
 * @param kind Whose layout they are of.
 * @param features Names and columns; the values of the shots are written.
 * @param kernel Model and device.
 * @param shotAt A shot by its number.
 * @param start The first shot.
 * @param end Where the shots end.
 */
export function fillFeatures(
  kind: LayoutKind,
  { names, columns }: Pick<Features, "names" | "columns">,
  kernel: AttentionKernel,
  shotAt: (shot: number) => AttentionShot,
  start: number,
  end: number,
): void {
  const layout = LAYOUTS[kind];
  const places = names.map((name) => layout.columns.findIndex(([column]) => column === name));
  for (let shot = start; shot < end; shot++) {
    const values = layout.valuesOf(shotAt(shot), kernel);
    for (let at = 0; at < places.length; at++) columns[at]![shot] = values[places[at]!]!;
  }
}

function filled(kind: LayoutKind, shots: readonly AttentionShot[], kernel: AttentionKernel): Features {
  const features = emptyFeatures(kind, shots);
  fillFeatures(kind, features, kernel, (shot) => shots[shot]!, 0, shots.length);
  return features;
}

/** A shot as the layouts take it, with the sum of its prefills' histories. */
function batchOf(shot: AttentionShot): AttentionBatch & { readonly histories: number } {
  const { n_decode, kv_decode, decode_q_len: decodeTokens = 1 } = shot;
  const prefills = prefillsOf(shot);
  const histories = prefills.reduce((sum, [, history]) => sum + history, 0);
  return { prefills, decodes: [[kv_decode, n_decode]], decodeTokens, histories };
}

function featuresOf(shot: AttentionShot, kernel: AttentionKernel): readonly number[] {
  const { prefill_chunk: chunk, n_decode: decodes, kv_decode: kv, decode_q_len: q = 1 } = shot;
  const { histories, ...batch } = batchOf(shot);
  const { prefills } = batch;
  const { lists, blocks, emptyBlocks, tiles, decodeTiles, longestWalk, makespan, pairedMakespan } = layOut(
    batch,
    kernel,
  );
  const decodeTokens = decodes * (kv + q);
  return [
    Math.log1p(chunk),
    Math.log1p(histories / Math.max(1, prefills.length)),
    Math.log1p(decodes),
    Math.log1p(kv),
    Math.log(makespan),
    Math.log(pairedMakespan),
    Math.log(tiles),
    Math.log(longestWalk),
    decodeTiles / tiles,
    Math.log1p(emptyBlocks),
    blocks / kernel.multiprocessors,
    Math.log(makespan * kernel.multiprocessors / tiles),
    Math.log((chunk + histories + decodeTokens) * kernel.kvHeads),
    Math.log1p(decodeTokens * lists),
    Math.log1p(prefills.length),
    Math.log(q),
  ];
}

function splitFeaturesOf(shot: AttentionShot, kernel: AttentionKernel): readonly number[] {
  const { prefill_chunk: chunk, n_decode: decodes, kv_decode: kv, decode_q_len: q = 1 } = shot;
  const { histories, ...batch } = batchOf(shot);
  const { prefills } = batch;
  const layout = layOutSplit(batch, kernel);
  const { prefillBlocks, prefillTiles, decodeTiles } = layout;
  const makespan = layout.makespan(OVERHEAD);
  const imbalance = (span: number, overhead: number): number =>
    logImbalance(layout, span, overhead, kernel.multiprocessors);
  return [
    Math.log1p(chunk),
    Math.log1p(histories / Math.max(1, prefills.length)),
    Math.log1p(decodes),
    Math.log1p(kv),
    Math.log(makespan),
    imbalance(makespan, OVERHEAD),
    imbalance(layout.makespan(LIGHT_OVERHEAD), LIGHT_OVERHEAD),
    Math.log1p(layout.longestWalk),
    Math.log1p(prefillBlocks),
    Math.log(layout.splitLimit),
    Math.log(layout.prefillSplits),
    Math.log1p(prefillTiles),
    Math.log1p(decodeTiles),
    decodeTiles / (prefillTiles + decodeTiles),
    Math.log((chunk + histories + decodes * (kv + q)) * kernel.kvHeads),
    Math.log1p(prefills.length),
    Math.log(q),
  ];
}
