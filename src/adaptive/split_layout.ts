/**
 * How FlashAttention-3 lays a batch out on a Hopper device.
 *
 * The query heads that share a KV head walk together, also in a prefill: 128 rows of queries (64 when the longest
 * request has no more) walk along its keys in tiles of 128. Walks of a batch that would leave multiprocessors idle are
 * split, each request's into as many parts as spread all tiles evenly, up to a limit; the parts are combined by a
 * second kernel. Blocks wait in a list: requests, prefills first, then heads, then blocks, those with most keys
 * first; each goes to the multiprocessor that is free first (vllm-project/flash-attention, hopper/: heuristics.h,
 * flash_prepare_scheduler.cu, tile_size.h and tile_scheduler.hpp, for heads of up to 128 values and a paged cache).
 *
 * @module
 */
import type { AttentionBatch, AttentionKernel } from "./layout.ts";
import { type Jobs, listSchedule } from "./list_schedule.ts";

/** A layout; lengths in tiles. */
export interface SplitLayout {
  /** How many parts a walk may have at most. */
  readonly splitLimit: number;
  /** How many parts those of a prefill have at most; 1 without one. */
  readonly prefillSplits: number;
  /** Parts of walks in the prefills. */
  readonly prefillBlocks: number;
  /** Those of the decodes. */
  readonly decodeBlocks: number;
  /** Tiles in the prefills. */
  readonly prefillTiles: number;
  /** Those of the decodes. */
  readonly decodeTiles: number;
  /** The longest part of a walk. */
  readonly longestWalk: number;
  /**
   * When the last part ends.
   *
   * @param overhead What starting and ending one costs, in whole tiles.
   */
  makespan(overhead: number): number;
}

/** What starting and ending a part of a walk costs, in tiles: the usual, and next to nothing. */
export const OVERHEAD = 3;
export const LIGHT_OVERHEAD = 1;

/** Queries and keys in a tile. */
const TILE = 128;
/** Queries in a tile when no request has more. */
const SMALL_TILE = 64;
/** Bytes that heads whose blocks take turns may hold, shared by the query heads of each. */
const CACHE_BYTES = 32 * 1024 * 1024;
/** Bytes of a tile's keys and values. */
const TILE_BYTES = TILE * 2 * 128 * 2;
/** Keys of so few tiles are never split. */
const WHOLE = 4;
const MOST_SPLITS = 128;

/**
 * How much later the last part ends than it would if all multiprocessors had the same to do.
 *
 * @param layout The layout.
 * @param span When its last part ends, in tiles.
 * @param overhead What starting and ending a part costs there, in tiles.
 * @param multiprocessors Those of the device.
 * @returns The logarithm of the ratio.
 */
export function logImbalance(
  { prefillTiles, decodeTiles, prefillBlocks, decodeBlocks }: SplitLayout,
  span: number,
  overhead: number,
  multiprocessors: number,
): number {
  const work = prefillTiles + decodeTiles + overhead * (prefillBlocks + decodeBlocks);
  return Math.log(span * multiprocessors / work);
}

/**
 * Lays a batch out.
 *
 * @param batch The batch.
 * @param kernel Model and device.
 * @returns The layout.
 *
 * @example
 * ```ts
 * import { layOutSplit } from "./split_layout.ts";
 * import assert from "node:assert/strict";
 * const kernel = { heads: 32, kvHeads: 8, multiprocessors: 132 };
 * const one = layOutSplit({ prefills: [], decodes: [[4095, 1]] }, kernel);
 * assert.deepEqual([one.splitLimit, one.decodeBlocks, one.decodeTiles], [14, 88, 256]); // 8 heads in 11 parts
 * assert.equal(one.makespan(1), 4); // 3 tiles and 1
 * ```
 */
export function layOutSplit(
  { prefills, decodes, decodeTokens = 1 }: AttentionBatch,
  { heads, kvHeads, multiprocessors }: AttentionKernel,
): SplitLayout {
  const group = heads / kvHeads;
  const requests = decodes.filter(([, count]) => count > 0);
  const most = prefills.reduce(
    (most, [chunk]) => Math.max(most, chunk),
    requests.length > 0 ? decodeTokens : 1,
  );
  const rows = most * group <= SMALL_TILE ? SMALL_TILE : TILE;
  const tilesOf = (keys: number): number => Math.ceil(keys / TILE);
  const own = prefills.map(([chunk, history]) => ({
    chunk,
    history,
    blocks: Math.ceil(chunk * group / rows),
    tiles: tilesOf(history + chunk),
  }));
  const perDecode = Math.ceil(decodeTokens * group / rows);
  const longest = requests.reduce(
    (longest, [kv]) => Math.max(longest, tilesOf(kv + decodeTokens)),
    own.reduce((longest, { tiles }) => Math.max(longest, tiles), 0),
  );
  const splitLimit = mostSplits(
    kvHeads *
      own.reduce((blocks, each) => Math.max(blocks, each.blocks), requests.length > 0 ? perDecode : 0),
    longest,
    multiprocessors,
  );
  const all = requests.reduce(
    (sum, [kv, count]) => sum + count * perDecode * tilesOf(kv + decodeTokens),
    own.reduce((sum, { blocks, tiles }) => sum + blocks * tiles, 0),
  );
  const even = Math.ceil(1.1 * all * kvHeads / multiprocessors);
  const splitsOf = (tiles: number): number => Math.max(1, Math.min(Math.ceil(tiles / even), splitLimit));

  /** Parts of walks, without what starting and ending one costs. */
  const list: Jobs[] = [];
  let prefillSplits = 1;
  for (const { chunk, history, blocks, tiles } of own) {
    const splits = splitsOf(tiles);
    prefillSplits = Math.max(prefillSplits, splits);
    const turns = splits > 1 ? 1 : headsThatTakeTurns(tiles, group, kvHeads);
    for (let head = 0; head < kvHeads; head += turns) {
      for (let block = blocks - 1; block >= 0; block--) {
        const last = Math.min(Math.floor(((block + 1) * rows - 1) / group), chunk - 1);
        const parts = partsOf(tilesOf(history + last + 1), splits);
        for (const [walk, count] of parts) list.push([walk, count * Math.min(turns, kvHeads - head)]);
      }
    }
  }
  const prefillParts = list.length;
  for (const [kv, count] of requests) {
    const tiles = tilesOf(kv + decodeTokens);
    const parts = partsOf(tiles, splitsOf(tiles));
    const walks = count * kvHeads * perDecode;
    if (parts.length === 1) list.push([parts[0]![0], parts[0]![1] * walks]);
    else for (let i = 0; i < walks; i++) list.push(...parts);
  }
  const sums = (part: readonly Jobs[]): [blocks: number, tiles: number] => [
    part.reduce((sum, [, count]) => sum + count, 0),
    part.reduce((sum, [walk, count]) => sum + walk * count, 0),
  ];
  const [prefill, decode] = [sums(list.slice(0, prefillParts)), sums(list.slice(prefillParts))];
  return {
    splitLimit,
    prefillSplits,
    prefillBlocks: prefill[0],
    decodeBlocks: decode[0],
    prefillTiles: prefill[1],
    decodeTiles: decode[1],
    longestWalk: list.reduce((most, [walk]) => Math.max(most, walk), 0),
    makespan: (overhead) => listSchedule(list, multiprocessors, { overhead }),
  };
}

/** The parts of a walk: as many of equal length as there is room for, what is left, and empty ones. */
function partsOf(tiles: number, splits: number): Jobs[] {
  const length = Math.ceil(tiles / splits);
  const whole = Math.floor(tiles / length);
  const left = tiles - whole * length;
  const empty = splits - whole - (left > 0 ? 1 : 0);
  return ([[length, whole], [left, left > 0 ? 1 : 0], [0, empty]] as const).filter(([, count]) => count > 0);
}

/**
 * The fewest parts with 85% of the best use of the multiprocessors, were the longest request alone; 1 when it nearly
 * fills them as it is.
 */
function mostSplits(blocks: number, tiles: number, multiprocessors: number): number {
  if (blocks >= 0.8 * multiprocessors || tiles <= WHOLE) return 1;
  const most = Math.min(MOST_SPLITS, multiprocessors, tiles);
  const useOf = (parts: number): number => {
    const waves = blocks * parts / multiprocessors;
    return waves / Math.ceil(waves);
  };
  let best = 0;
  for (let parts = 1; parts <= most; parts++) best = Math.max(best, useOf(parts));
  let fewest = 1;
  while (useOf(fewest) < 0.85 * best) fewest++;
  return fewest;
}

/** Heads whose blocks of equal place follow each other, as their keys stay in the cache together. */
function headsThatTakeTurns(tiles: number, group: number, kvHeads: number): number {
  const share = [1, 2, 4, 8].find((most) => group <= most) ?? 16;
  const held = Math.floor(CACHE_BYTES / share / TILE_BYTES);
  return Math.min(kvHeads, [16, 8, 4, 2].find((turns) => tiles * turns <= held) ?? 1);
}
