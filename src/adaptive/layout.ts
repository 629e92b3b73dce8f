/**
 * How FlashAttention-2 would lay a batch out on a device.
 *
 * A block of queries (a decode, or 64 tokens of a prefill) walks along its keys in tiles of 64; starting and ending
 * costs about two tiles more. With a request of several new tokens in the batch, every query head walks for itself;
 * without, the heads that share a KV head walk together. Blocks wait in a list: heads outermost, then requests, prefills first, then
 * blocks; each goes to the multiprocessor that is free first (Dao, "FlashAttention-2: Faster attention with better
 * parallelism and work partitioning", 2023, section 3.2, and its forward kernels for a paged KV cache). The constants
 * need not be exact: the model that learns from these figures corrects them.
 *
 * @module
 */
import { listSchedule } from "./list_schedule.ts";

/** What a layout depends on besides the batch. */
export interface AttentionKernel {
  /** Query heads, after sharding. */
  readonly heads: number;
  /** Key and value heads, after sharding. */
  readonly kvHeads: number;
  /** Multiprocessors of the device (cores of a CPU). */
  readonly multiprocessors: number;
}

/** A batch of attention. */
export interface AttentionBatch {
  /** New tokens and history of each prefill. */
  readonly prefills: readonly (readonly [chunk: number, history: number])[];
  /** Decodes: history in tokens, how many of them; in the order of the batch. */
  readonly decodes: readonly (readonly [kv: number, count: number])[];
  /** New tokens of each decode. @default {1} */
  readonly decodeTokens?: number;
}

/** A layout; lengths in tiles. */
export interface Layout {
  /** Lists of blocks that go through the device one after the other: query heads or KV heads. */
  readonly lists: number;
  /** Blocks of queries in all lists. */
  readonly blocks: number;
  /** Blocks that have nothing to do: every request gets as many as the longest has. */
  readonly emptyBlocks: number;
  /** Tiles in all lists. */
  readonly tiles: number;
  /** Those of the decodes. */
  readonly decodeTiles: number;
  /** The longest walk. */
  readonly longestWalk: number;
  /** When the last block ends, one block at a time on a multiprocessor. */
  readonly makespan: number;
  /** The same with two at a time. */
  readonly pairedMakespan: number;
}

/** Rows of queries and of keys in a tile. */
const TILE = 64;
/** What starting and ending a walk costs, in tiles. */
const OVERHEAD = 2;

/**
 * Lays a batch out.
 *
 * @param batch The batch.
 * @param kernel Model and device.
 * @returns The layout.
 *
 * @example
 * ```ts
 * import { layOut } from "./layout.ts";
 * import assert from "node:assert/strict";
 * const kernel = { heads: 4, kvHeads: 2, multiprocessors: 8 };
 * assert.equal(layOut({ prefills: [[128, 0]], decodes: [] }, kernel).tiles, 28); // 4 heads of 1 + 2 and 2 + 2
 * assert.equal(layOut({ prefills: [], decodes: [[63, 2]] }, kernel).tiles, 12); // 2 KV heads of 2 · (1 + 2)
 * ```
 */
export function layOut(
  { prefills, decodes, decodeTokens = 1 }: AttentionBatch,
  { heads, kvHeads, multiprocessors }: AttentionKernel,
): Layout {
  const list: (readonly [walk: number, count: number])[] = [];
  let longestRequest = 1;
  for (const [chunk, history] of prefills) {
    longestRequest = Math.max(longestRequest, Math.ceil(chunk / TILE));
    for (let end = 0; end < chunk;) {
      end = Math.min(end + TILE, chunk);
      list.push([walkAlong(history + end), 1]);
    }
  }
  const prefillBlocks = list.length;
  for (const [kv, count] of decodes) list.push([walkAlong(kv + decodeTokens), count]);
  const lists = prefills.length > 0 || decodeTokens > 1 ? heads : kvHeads;
  const tilesOf = (part: typeof list): number =>
    lists * part.reduce((sum, [walk, count]) => sum + walk * count, 0);
  const decodeBlocks = decodes.reduce((sum, [, count]) => sum + count, 0);
  const blocks = prefillBlocks + decodeBlocks;
  return {
    lists,
    blocks: lists * blocks,
    emptyBlocks: lists * (longestRequest * (prefills.length + decodeBlocks) - blocks),
    tiles: tilesOf(list),
    decodeTiles: tilesOf(list.slice(prefillBlocks)),
    longestWalk: list.reduce((longest, [walk, count]) => count > 0 ? Math.max(longest, walk) : longest, 0),
    get makespan(): number {
      return listSchedule(list, multiprocessors, { times: lists });
    },
    get pairedMakespan(): number {
      return listSchedule(list, 2 * multiprocessors, { times: lists });
    },
  };
}

function walkAlong(keys: number): number {
  return Math.ceil(keys / TILE) + OVERHEAD;
}
