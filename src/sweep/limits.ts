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
