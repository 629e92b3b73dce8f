/**
 * What shots and limits in files must look like.
 *
 * @module
 */
import { z } from "zod";
import { placedShot } from "./newer_shots.ts";
import type { AttentionShot } from "./shot.ts";
import { SKEW_PARTS } from "./skew_parts.ts";

const whole = { error: "must be a whole number of at least 0" };
const above = { error: "must be a whole number above 0" };
const count = z.int(whole).min(0, whole);
const positive = z.int(above).min(1, above);
const size = z.number({ error: "must be a number above 0" }).gt(0, "must be a number above 0");
const experts = z.int(above).min(1, above).nullable().default(null);

const prefills = z.array(z.tuple([positive, count], { error: "must be [chunk, history]" }), {
  error: "must be a list of [chunk, history]",
});

/** A shot of attention: one prefill by its history, or prefills at a place as plans of v1.2's grid list them. */
export const attentionShotSchema = z.strictObject({
  category: z.literal("attention"),
  tp: positive,
  prefill_chunk: count.optional(),
  kv_prefill: count.optional(),
  prefills: prefills.optional(),
  prefill_key: z.number({ error: "must be a number of tokens" }).optional(),
  n_decode: count,
  kv_decode: count,
  decode_q_len: positive.default(1),
}).transform((shot, context): AttentionShot => {
  const { tp, prefill_chunk, kv_prefill, prefills, prefill_key, n_decode, kv_decode, decode_q_len } = shot;
  if (prefills !== undefined && prefill_key !== undefined) {
    return placedShot(tp, prefills, prefill_key, n_decode, kv_decode, decode_q_len);
  }
  const missing = prefills !== undefined
    ? "prefill_key"
    : prefill_chunk === undefined
    ? "prefill_chunk"
    : kv_prefill === undefined
    ? "kv_prefill"
    : null;
  if (missing === null) {
    return {
      category: "attention",
      tp,
      prefill_chunk: prefill_chunk!,
      kv_prefill: kv_prefill!,
      n_decode,
      kv_decode,
      ...decode_q_len > 1 && { decode_q_len },
    };
  }
  const message = missing === "prefill_key" ? "must be a number of tokens" : whole.error;
  context.addIssue({ code: "custom", path: [missing], message, input: undefined });
  return z.NEVER;
});

/** A shot: one of the six, named by its category. */
export const shotSchema = z.discriminatedUnion("category", [
  z.strictObject({ category: z.literal("dense"), tp: positive, tokens: positive }),
  z.strictObject({ category: z.literal("per_sequence"), tp: positive, sequences: positive }),
  attentionShotSchema,
  z.strictObject({
    category: z.literal("linear_attention"),
    tp: positive,
    prefill_tokens: count,
    n_decode: count,
  }),
  z.strictObject({
    category: z.literal("moe"),
    tp: positive,
    tokens: positive,
    activated_experts: positive,
    ep: positive.optional(),
  }),
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
], { error: "must be dense, per_sequence, attention, linear_attention, moe or skew" });

/** Limits as a user writes them: a KV block has 16 tokens and there are no experts unless they say so. */
export const limitsSchema = z.strictObject({
  max_num_batched_tokens: positive,
  max_num_seqs: positive,
  num_cache_tokens: positive,
  max_model_len: positive,
  num_experts: experts,
  top_k: experts,
  block_size: positive.default(16),
  pool: z.strictObject({
    blocks: positive,
    groups: z.array(z.strictObject({
      kind: z.enum(["full", "sliding", "chunked", "state"], {
        error: "must be full, sliding, chunked or state",
      }),
      block_size: positive,
      span: z.int(above).min(1, above).nullable(),
    })).min(1, { error: "must name a group" }),
  }).optional(),
});
