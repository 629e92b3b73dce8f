/**
 * The KV blocks that a batch holds.
 *
 * @module
 */
import { type CacheGroup, keptBlocks } from "../shots/limits.ts";
import type { Batch } from "./batch.ts";

/** A pool of KV blocks. */
export interface BlockPool {
  /** Blocks in all, vLLM's `num_gpu_blocks`: one of them holds nothing. */
  readonly blocks: number;
  /** Tokens of a block. */
  readonly blockSize: number;
  /** Groups of layers that share the blocks, such as `fits` gives. @default {one that keeps all tokens} */
  readonly groups?: readonly CacheGroup[];
}

/**
 * The blocks that a batch holds when it has been computed.
 *
 * @param batch The batch.
 * @param pool The engine's pool, such as `fits` gives.
 * @returns The blocks, and whether there are as many.
 *
 * @example
 * ```ts
 * import { batchBlocks } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * const batch = { prefills: [], decodes: [{ kv: 4096, count: 128 }] };
 * assert.deepEqual(batchBlocks(batch, { blocks: 28_000, blockSize: 16 }), { blocks: 32_896, fits: false });
 * ```
 */
export function batchBlocks(
  { prefills, decodes }: Batch,
  pool: BlockPool,
): { readonly blocks: number; readonly fits: boolean } {
  const of = (history: number, added: number): number =>
    requestBlocks(pool, { tokens: history + added, history });
  const blocks = prefills.reduce((sum, { chunk, history }) => sum + of(history, chunk), 0) +
    decodes.reduce((sum, { kv, count }) => sum + of(kv, 1) * count, 0);
  return { blocks, fits: blocks <= pool.blocks - 1 };
}

/**
 * The blocks that one request holds.
 *
 * @param pool The engine's pool.
 * @param request Tokens of the request, and those of them that were computed before.
 * @returns The blocks of all groups.
 */
export function requestBlocks(
  { blockSize, groups }: Omit<BlockPool, "blocks">,
  request: { readonly tokens: number; readonly history: number },
): number {
  return groups === undefined ? Math.ceil(request.tokens / blockSize) : keptBlocks(groups, request);
}
