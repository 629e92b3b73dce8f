/**
 * What a model of attention's time is told about a shot: the shot itself, and its layout on the device.
 *
 * `docs/adaptive.md` lists the features.
 *
 * @module
 */
import { type AttentionKernel, layOut } from "./layout.ts";
import { layOutSplit } from "./split_layout.ts";

/** Features of some shots. */
export interface Features {
  /** Names of the columns. */
  readonly names: readonly string[];
  /** The columns, a value per shot. */
  readonly columns: readonly Float64Array[];
  /** The columns that the logarithm of the time is nearly linear in. */
  readonly linear: readonly number[];
  /** Shots of different kernels have different numbers here; a linear model is made for each. */
  readonly kernel: Uint8Array;
}

/** Columns: name, whether the logarithm of the time is nearly linear in it. */
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
];

/** What starting and ending a part of a walk costs in a split layout, in tiles: the usual, and next to nothing. */
const OVERHEAD = 3;
const LIGHT_OVERHEAD = 1;

/**
 * The features of attention shots.
 *
 * @param keys The shots' keys: prefill_chunk, kv_prefill, n_decode, kv_decode.
 * @param kernel Model and device.
 * @returns The features, in the order of the keys.
 *
 * @example
 * ```ts
 * import { attentionFeatures } from "./features.ts";
 * import assert from "node:assert/strict";
 * const kernel = { heads: 4, kvHeads: 2, multiprocessors: 8 };
 * const { names, columns, kernel: kernels } = attentionFeatures([[128, 0, 0, 0], [0, 0, 2, 63]], kernel);
 * const tiles = columns[names.indexOf("log_tiles")]!;
 * assert.equal(Math.round(Math.exp(tiles[0]!)), 28); // 4 heads of blocks that walk 1 and 2 tiles, and 2 each
 * assert.equal(Math.round(Math.exp(tiles[1]!)), 12); // 2 KV heads of 2 decodes that walk 1 tile, and 2
 * assert.deepEqual([...kernels], [1, 0]);
 * ```
 */
export function attentionFeatures(
  keys: readonly (readonly number[])[],
  kernel: AttentionKernel,
): Features {
  return tabulated(COLUMNS, keys, (key) => featuresOf(key, kernel));
}

/**
 * The features of attention shots where walks are split, as FlashAttention-3 does on Hopper devices.
 *
 * @param keys The shots' keys: prefill_chunk, kv_prefill, n_decode, kv_decode.
 * @param kernel Model and device.
 * @returns The features, in the order of the keys.
 */
export function splitFeatures(keys: readonly (readonly number[])[], kernel: AttentionKernel): Features {
  return tabulated(SPLIT_COLUMNS, keys, (key) => splitFeaturesOf(key, kernel));
}

function tabulated(
  names: Columns,
  keys: readonly (readonly number[])[],
  valuesOf: (key: readonly number[]) => number[],
): Features {
  const columns = names.map(() => new Float64Array(keys.length));
  for (const [row, key] of keys.entries()) {
    for (const [at, value] of valuesOf(key).entries()) columns[at]![row] = value;
  }
  return {
    names: names.map(([name]) => name),
    columns,
    linear: names.flatMap(([, linear], at) => linear ? [at] : []),
    kernel: Uint8Array.from(keys, ([chunk]) => chunk! > 0 ? 1 : 0),
  };
}

function featuresOf(key: readonly number[], kernel: AttentionKernel): number[] {
  const [chunk = 0, history = 0, decodes = 0, kv = 0] = key;
  const { lists, blocks, emptyBlocks, tiles, decodeTiles, longestWalk, makespan, pairedMakespan } = layOut(
    { chunk, history, decodes: [[kv, decodes]] },
    kernel,
  );
  const decodeTokens = decodes * (kv + 1);
  return [
    Math.log1p(chunk),
    Math.log1p(history),
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
    Math.log((chunk + history + decodeTokens) * kernel.kvHeads),
    Math.log1p(decodeTokens * lists),
  ];
}

function splitFeaturesOf(key: readonly number[], kernel: AttentionKernel): number[] {
  const [chunk = 0, history = 0, decodes = 0, kv = 0] = key;
  const layout = layOutSplit({ chunk, history, decodes: [[kv, decodes]] }, kernel);
  const { prefillBlocks, decodeBlocks, prefillTiles, decodeTiles } = layout;
  const makespan = layout.makespan(OVERHEAD);
  const imbalance = (span: number, overhead: number): number => {
    const work = prefillTiles + decodeTiles + overhead * (prefillBlocks + decodeBlocks);
    return Math.log(span * kernel.multiprocessors / work);
  };
  return [
    Math.log1p(chunk),
    Math.log1p(history),
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
    Math.log((chunk + history + decodes * (kv + 1)) * kernel.kvHeads),
  ];
}
