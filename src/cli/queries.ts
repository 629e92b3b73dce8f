/**
 * Queries for a predictor as JSON.
 *
 * @module
 */
import { z } from "zod";
import { UsageError } from "../errors.ts";
import type { Predictor } from "../predict/predictor.ts";
import { readJson } from "../shots/read_json.ts";

const above = { error: "must be a whole number above 0" };
const positive = z.int(above).min(1, above);
/** Below what was measured a simulator takes the least of it, so that no size is too small. */
const size = z.int({ error: "must be a whole number" });
const layer = z.string({ error: "must be a layer's name" });

const querySchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("dense"), tp: positive, layer, tokens: size }),
  z.strictObject({ kind: z.literal("per_sequence"), tp: positive, layer, sequences: size }),
  z.strictObject({
    kind: z.literal("moe"),
    tp: positive.optional(),
    tokens: size,
    activated_experts: size,
  }),
  z.strictObject({
    kind: z.literal("attention"),
    tp: positive,
    prefill_chunk: size,
    kv_prefill: size,
    n_decode: size,
    kv_decode: size,
  }),
  z.strictObject({
    kind: z.literal("batch"),
    tp: positive,
    prefills: z.array(z.tuple([positive, size], { error: "must be [chunk, history]" })),
    decodes: z.array(z.tuple([size, positive], { error: "must be [kv, times]" })),
  }),
], { error: "must be dense, per_sequence, moe, attention or batch" });

/**
 * Answers one query.
 *
 * @param predictor What answers.
 * @param line The query as JSON.
 * @returns The time as `ns`; of a batch also how it came about: `t_mean` and `t_max` in nanoseconds, `skew_rate`,
 * `bucket` and `alpha`, null where they were not asked for.
 * @throws {UsageError} when the line is no query.
 * @throws {LookupError} when the bundle has no answer.
 *
 * @example
 * ```ts
 * import { answer } from "./predict_query.ts";
 * import { predictor } from "../predict/predictor.ts";
 * import assert from "node:assert/strict";
 * const rows = [{ layer: "qkv_proj", key: [16], timeUs: 10 }];
 * const source = predictor({ tps: [1], meta: {}, table: () => rows, skewFit: () => [] });
 * assert.deepEqual(answer(source, '{"kind":"dense","tp":1,"layer":"qkv_proj","tokens":16}'), { ns: 10_000 });
 * ```
 */
export function answer(predictor: Predictor, line: string): Record<string, unknown> {
  const query = readJson(querySchema, line, (rule) => new UsageError(`Cannot answer the query: ${rule}`));
  switch (query.kind) {
    case "dense":
      return { ns: predictor.dense(query.tp, query.layer, query.tokens) };
    case "per_sequence":
      return { ns: predictor.perSequence(query.tp, query.layer, query.sequences) };
    case "moe":
      return { ns: predictor.moe({ tokens: query.tokens, activatedExperts: query.activated_experts }) };
    case "attention": {
      const { tp, prefill_chunk, kv_prefill, n_decode, kv_decode } = query;
      const place = { chunk: prefill_chunk, kvPrefill: kv_prefill, nDecode: n_decode, kvDecode: kv_decode };
      return { ns: predictor.attention(tp, place) };
    }
    case "batch": {
      const { ns, mean, max, facts, bucket, alpha } = predictor.explainBatch(query.tp, {
        prefills: query.prefills.map(([chunk, history]) => ({ chunk, history })),
        decodes: query.decodes.map(([kv, count]) => ({ kv, count })),
      });
      return { ns, t_mean: mean.ns, t_max: max?.ns ?? null, skew_rate: facts.skewRate, bucket, alpha };
    }
  }
}
