/**
 * What a run asks of a bundle.
 *
 * @module
 */
import type { Bundle } from "../bundle/open.ts";

/** How far the batches of a run reach. */
export interface CoverageNeed {
  /** New tokens that a batch may hold. */
  readonly maxNumBatchedTokens: number;
  /** Requests that a batch may hold. */
  readonly maxNumSeqs: number;
  /** Longest KV length of a request in tokens. */
  readonly maxKv: number;
}

/**
 * What the bundle was measured for: the need that is taken where none is given.
 *
 * @param bundle The bundle.
 * @returns Its own budgets and longest KV length, 2048, 256 and 16384 where meta.yaml does not say them.
 *
 * @example
 * ```ts
 * import { ownNeed } from "shotlab/view";
 * import assert from "node:assert/strict";
 * assert.deepEqual(ownNeed({ meta: {} }), { maxNumBatchedTokens: 2048, maxNumSeqs: 256, maxKv: 16384 });
 * ```
 */
export function ownNeed({ meta }: Pick<Bundle, "meta">): CoverageNeed {
  return {
    maxNumBatchedTokens: meta.engine_effective?.max_num_batched_tokens ?? 2048,
    maxNumSeqs: meta.engine_effective?.max_num_seqs ?? 256,
    maxKv: meta.attention_grid?.max_kv ?? 16384,
  };
}
