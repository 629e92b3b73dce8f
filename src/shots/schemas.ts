/**
 * What shots and limits in files must look like.
 *
 * @module
 */
import { z } from "zod";
import { SKEW_PARTS } from "./skew_parts.ts";

const whole = { error: "must be a whole number of at least 0" };
const above = { error: "must be a whole number above 0" };
const count = z.int(whole).min(0, whole);
const positive = z.int(above).min(1, above);
const size = z.number({ error: "must be a number above 0" }).gt(0, "must be a number above 0");
const experts = z.int(above).min(1, above).nullable().default(null);

/** A shot of attention. */
export const attentionShotSchema = z.strictObject({
  category: z.literal("attention"),
  tp: positive,
  prefill_chunk: count,
  kv_prefill: count,
  n_decode: count,
  kv_decode: count,
});

/** A shot: one of the five, named by its category. */
export const shotSchema = z.discriminatedUnion("category", [
  z.strictObject({ category: z.literal("dense"), tp: positive, tokens: positive }),
  z.strictObject({ category: z.literal("per_sequence"), tp: positive, sequences: positive }),
  attentionShotSchema,
  z.strictObject({ category: z.literal("moe"), tp: positive, tokens: positive, activated_experts: positive }),
  z.strictObject({
    category: z.literal("skew"),
    tp: positive,
    n: positive,
    nb: positive,
    skew: size,
    ratio: size,
    pc: count,
    kp: count,
    kvs: positive,
    kv_big: positive,
    kv_mean: positive,
    regime: z.enum(["pure", "mixed"], { error: "must be pure or mixed" }),
    tier: z.literal([1, 2], { error: "must be 1 or 2" }),
    parts: z.array(z.enum(SKEW_PARTS, { error: "must be t_mean, t_max or t_skew" })).min(1, {
      error: "must name a part",
    }),
  }),
], { error: "must be dense, per_sequence, attention, moe or skew" });

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
