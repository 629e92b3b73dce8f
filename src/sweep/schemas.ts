/**
 * What shots and limits in files must look like.
 *
 * @module
 */
import { z } from "zod";

const whole = { error: "must be a whole number of at least 0" };
const above = { error: "must be a whole number above 0" };
const count = z.int(whole).min(0, whole);
const positive = z.int(above).min(1, above);
const experts = z.int(above).min(1, above).nullable().default(null);

/** A shot: one of the four, named by its category. */
export const shotSchema = z.discriminatedUnion("category", [
  z.strictObject({ category: z.literal("dense"), tp: positive, tokens: positive }),
  z.strictObject({ category: z.literal("per_sequence"), tp: positive, sequences: positive }),
  z.strictObject({
    category: z.literal("attention"),
    tp: positive,
    prefill_chunk: count,
    kv_prefill: count,
    n_decode: count,
    kv_decode: count,
  }),
  z.strictObject({ category: z.literal("moe"), tp: positive, tokens: positive, activated_experts: positive }),
], { error: "must be dense, per_sequence, attention or moe" });

/** Limits as a user writes them: a KV block has 16 tokens and there are no experts unless they say so. */
export const limitsSchema = z.strictObject({
  max_num_batched_tokens: positive,
  max_num_seqs: positive,
  num_cache_tokens: positive,
  max_model_len: positive,
  num_experts: experts,
  top_k: experts,
  block_size: positive.default(16),
});
