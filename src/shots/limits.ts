/**
 * What a live engine allows.
 *
 * @module
 */

/** Limits that a booted engine reports; a shot that breaks one is not fired. */
export interface Limits {
  /** New tokens that one batch may hold (the logical value; the engine has `max_num_seqs` tokens of room above it). */
  readonly max_num_batched_tokens: number;
  /** Requests that one batch may hold (the logical value; the engine has room for one more). */
  readonly max_num_seqs: number;
  /** Tokens that the KV pool holds. */
  readonly num_cache_tokens: number;
  /** Longest request, history and new tokens together. */
  readonly max_model_len: number;
  /** Routed experts of a layer, null for a dense model. */
  readonly num_experts: number | null;
  /** Experts per token, null for a dense model. */
  readonly top_k: number | null;
  /** Tokens of one KV block. */
  readonly block_size: number;
}

/**
 * Whether the KV pool holds some requests; each takes whole blocks.
 *
 * @param requests Runs of equal requests: tokens of each (history and new ones together), how many of them.
 * @param limits The block size and the pool, in tokens.
 * @returns Whether they fit.
 *
 * @example
 * ```ts
 * import { fitsPool } from "./limits.ts";
 * import assert from "node:assert/strict";
 * assert.equal(fitsPool([[17, 3]], { block_size: 16, num_cache_tokens: 96 }), true);
 * assert.equal(fitsPool([[17, 3], [1, 1]], { block_size: 16, num_cache_tokens: 96 }), false);
 * ```
 */
export function fitsPool(
  requests: Iterable<readonly [tokens: number, count: number]>,
  limits: Pick<Limits, "block_size" | "num_cache_tokens">,
): boolean {
  const { block_size: block, num_cache_tokens: pool } = limits;
  let taken = 0;
  for (const [tokens, count] of requests) taken += count * Math.ceil(tokens / block) * block;
  return taken <= pool;
}
