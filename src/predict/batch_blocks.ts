/**
 * The KV blocks that a batch holds.
 *
 * @module
 */
import type { Batch } from "./batch.ts";

/** A pool of KV blocks. */
export interface BlockPool {
  /** Blocks in all, vLLM's `num_gpu_blocks`: one of them holds nothing. */
  readonly blocks: number;
  /** Tokens of a block. */
  readonly blockSize: number;
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
  const of = (tokens: number): number => Math.ceil(tokens / pool.blockSize);
  const blocks = prefills.reduce((sum, { chunk, history }) => sum + of(chunk + history), 0) +
    decodes.reduce((sum, { kv, count }) => sum + of(kv + 1) * count, 0);
  return { blocks, fits: blocks <= pool.blocks - 1 };
}
