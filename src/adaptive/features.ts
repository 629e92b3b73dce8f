/**
 * What a model of attention's time is told about a shot, beside the shot itself: how FlashAttention-2 would lay it
 * out on the device.
 *
 * A block of queries (a decode, or 64 tokens of a prefill) walks along its keys in tiles of 64; starting and ending
 * costs about two tiles more. With a prefill in the batch, every query head walks for itself; without, the heads
 * that share a KV head walk together. Blocks wait in a list: heads outermost, then requests, the prefill first, then
 * blocks; each goes to the multiprocessor that is free first (Dao, "FlashAttention-2: Faster attention with better
 * parallelism and work partitioning", 2023, section 3.2, and its forward kernels for a paged KV cache). Constants
 * need not be exact: the model that reads these features corrects them. `docs/adaptive.md` lists them.
 *
 * @module
 */
import { listSchedule } from "./list_schedule.ts";

/** What the features need to know about model and device. */
export interface AttentionKernel {
  /** Query heads, after sharding. */
  readonly heads: number;
  /** Key and value heads, after sharding. */
  readonly kvHeads: number;
  /** Multiprocessors of the device (cores of a CPU). */
  readonly multiprocessors: number;
}

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

/** Rows of queries and of keys in a tile. */
const TILE = 64;
/** What starting and ending a walk costs, in tiles. */
const OVERHEAD = 2;

/** The columns: name, whether the logarithm of the time is nearly linear in it. */
const COLUMNS: readonly (readonly [name: string, linear: boolean])[] = [
  ["log_prefill_chunk", true],
  ["log_kv_prefill", true],
  ["log_n_decode", true],
  ["log_kv_decode", true],
  ["log_makespan", true],
  ["log_makespan_two_per_multiprocessor", true],
  ["log_tiles", true],
  ["log_longest_walk", true],
  ["decode_share", false],
  ["log_empty_blocks", false],
  ["waves", false],
  ["log_imbalance", false],
  ["log_kv_values", true],
  ["log_kv_reads", false],
];

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
  const columns = COLUMNS.map(() => new Float64Array(keys.length));
  for (const [row, key] of keys.entries()) {
    for (const [at, value] of featuresOf(key, kernel).entries()) columns[at]![row] = value;
  }
  return {
    names: COLUMNS.map(([name]) => name),
    columns,
    linear: COLUMNS.flatMap(([, linear], at) => linear ? [at] : []),
    kernel: Uint8Array.from(keys, ([chunk]) => chunk! > 0 ? 1 : 0),
  };
}

function featuresOf(key: readonly number[], { heads, kvHeads, multiprocessors }: AttentionKernel): number[] {
  const [chunk = 0, history = 0, decodes = 0, kv = 0] = key;
  const walks: number[] = [];
  for (let end = 0; end < chunk;) {
    end = Math.min(end + TILE, chunk);
    walks.push(Math.ceil((history + end) / TILE) + OVERHEAD);
  }
  const decodeWalk = decodes > 0 ? Math.ceil((kv + 1) / TILE) + OVERHEAD : 0;
  const lists = chunk > 0 ? heads : kvHeads;
  const oneHead = [...walks.map((walk) => [walk, 1] as const), [decodeWalk, decodes] as const];
  const jobs = Array.from({ length: lists }, () => oneHead).flat();
  const makespan = listSchedule(jobs, multiprocessors);
  const decodeTiles = decodes * decodeWalk * lists;
  const tiles = decodeTiles + lists * walks.reduce((sum, walk) => sum + walk, 0);
  return [
    Math.log1p(chunk),
    Math.log1p(history),
    Math.log1p(decodes),
    Math.log1p(kv),
    Math.log(makespan),
    Math.log(listSchedule(jobs, 2 * multiprocessors)),
    Math.log(tiles),
    Math.log(Math.max(decodeWalk, walks.at(-1) ?? 0)),
    decodeTiles / tiles,
    // Every request gets as many blocks as the longest has; a decode's others end at once.
    Math.log1p(Math.max(0, walks.length - 1) * decodes * lists),
    (walks.length + decodes) * lists / multiprocessors,
    Math.log(makespan * multiprocessors / tiles),
    Math.log((chunk + history + decodes * (kv + 1)) * kvHeads),
    Math.log1p(decodes * (kv + 1) * lists),
  ];
}
