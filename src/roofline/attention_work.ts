/**
 * What attention computes and moves.
 *
 * @module
 */
import type { Sizes } from "./sizes.ts";
import { ACTIVATION, TILE, type Work } from "./work.ts";

/** What attention's schedule depends on besides the sizes. */
export interface Device {
  /** Multiprocessors. */
  readonly multiprocessors: number;
  /** Bytes of the last cache. */
  readonly cacheBytes: number;
}

/** What starting and ending a block of queries costs, in tiles. */
const TILE_OVERHEAD = 2;
/** Rounds of walks (two at a time on a multiprocessor) after which query heads have drifted apart; seen in bundles. */
const SIDE_BY_SIDE = 8;

/** A batch that attention works on. */
export interface AttentionBatch {
  /** New tokens of the prefill, 0 for none. */
  readonly chunk: number;
  /** History of the prefill in tokens. */
  readonly history: number;
  /** Runs of equal decodes: tokens of their history, and how many. */
  readonly decodes: readonly (readonly [kv: number, count: number])[];
  /** New tokens of each decode. @default {1} */
  readonly decodeTokens?: number;
  /** Tokens that a window looks back at. @default {all} */
  readonly span?: number;
}

/**
 * The work of attention as FlashAttention-2 schedules it. With one new token a request, the query heads of a KV head share its
 * tiles, and a request is split over the multiprocessors. With one, each query head walks its own tiles and reads
 * the KV cache for itself: from memory, once the heads no longer walk side by side and what they walk through does
 * not fit in the cache.
 *
 * @param batch The batch.
 * @param sizes The model's sizes.
 * @param device What the schedule depends on.
 * @returns The work; `flops` are those of whole tiles, and of the longest walk if it decides.
 */
export function attentionWork(
  { chunk, history, decodes, decodeTokens = 1, span = Infinity }: AttentionBatch,
  sizes: Sizes,
  { multiprocessors, cacheBytes }: Device,
): Work {
  const { heads, kvHeads, headDim, kvBytes } = sizes;
  const mixed = chunk > 0 || decodeTokens > 1;
  const walk = (tokens: number): number => Math.ceil(tokens / TILE) + TILE_OVERHEAD;
  let longest = 0;
  let tiles = 0;
  let requests = 0;
  let tokens = 0;
  for (const [kv, count] of decodes) {
    const seen = Math.min(kv + decodeTokens, span);
    if (count > 0 && mixed) longest = Math.max(longest, walk(seen));
    tiles += count * walk(seen);
    requests += count;
    tokens += count * seen;
  }
  for (let end = 0; end < chunk;) {
    end = Math.min(end + TILE, chunk);
    const seen = Math.min(history + end, span + TILE);
    longest = Math.max(longest, walk(seen));
    tiles += walk(seen);
  }
  const tokenBytes = 2 * kvHeads * headDim * kvBytes;
  const decodeBytes = tokens * tokenBytes;
  const slots = 2 * multiprocessors;
  const apart = requests * heads > SIDE_BY_SIDE * slots &&
    Math.ceil(slots / heads) * tokens / requests * tokenBytes > cacheBytes;
  const reads = mixed && apart ? heads / kvHeads : 1;
  return {
    kernels: 4,
    flops: 4 * TILE * TILE * headDim * Math.max(longest * multiprocessors, tiles * (mixed ? heads : kvHeads)),
    memoryBytes: (chunk + Math.min(history, span)) * tokenBytes + decodeBytes * reads,
    activationBytes: 2 * (chunk + requests * decodeTokens) * heads * headDim * ACTIVATION,
    attention: true,
  };
}
