/**
 * Queries for a predictor as JSON.
 *
 * @module
 */
import { z } from "zod";
import { UsageError } from "../errors.ts";
import type { Model } from "../model/model.ts";
import type { Batch } from "../predict/batch.ts";
import type { ExpertKernel } from "../predict/expert_tiles.ts";
import { placed } from "../predict/interpolate.ts";
import { predictIteration } from "../predict/iteration.ts";
import type { Predictor } from "../predict/predictor.ts";
import { readJson } from "../shots/read_json.ts";

const above = { error: "must be a whole number above 0" };
const positive = z.int(above).min(1, above);
const from0 = { error: "must be a whole number from 0" };
const size = z.int(from0).min(0, from0);
const fromNone = { error: "must be a number of tokens from 0" };
const layer = z.string({ error: "must be a layer's name" });
const prefills = z.array(z.tuple([positive, size], { error: "must be [chunk, history]" }));
const decodes = z.array(z.tuple([size, positive], { error: "must be [kv, times]" }));

const querySchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("dense"), tp: positive, layer, tokens: size }),
  z.strictObject({ kind: z.literal("per_sequence"), tp: positive, layer, sequences: size }),
  z.strictObject({
    kind: z.literal("moe"),
    tp: positive.optional(),
    tokens: size,
    activated_experts: size,
    ep: positive.optional(),
  }),
  z.strictObject({
    kind: z.literal("attention"),
    tp: positive,
    prefill_chunk: size,
    kv_prefill: size.optional(),
    prefill_key: z.number(fromNone).min(0, fromNone).optional(),
    n_decode: size,
    kv_decode: size,
    layer: layer.optional(),
    decode_q_len: positive.optional(),
  }).refine(({ kv_prefill: history, prefill_key: key }) => (history === undefined) !== (key === undefined), {
    error: "must be given, or prefill_key in its place",
    path: ["kv_prefill"],
  }),
  z.strictObject({
    kind: z.literal("linear_attention"),
    tp: positive,
    layer,
    prefill_tokens: size,
    n_decode: size,
  }),
  z.strictObject({ kind: z.literal("mtp"), tp: positive, layer, sequences: size }),
  z.strictObject({ kind: z.literal("batch"), tp: positive, prefills, decodes }),
  z.strictObject({
    kind: z.literal("iteration"),
    tp: positive,
    ep: positive.optional(),
    model: z.string({ error: "must be <org>/<name>" }),
    prefills,
    decodes,
    decode_q_len: positive.optional(),
    activated_experts: z.union([size, z.array(z.number())]).optional(),
  }),
], {
  error: "must be dense, per_sequence, moe, attention, linear_attention, mtp, batch or iteration",
});

/** A query. */
export type Query = z.infer<typeof querySchema>;

/**
 * Reads a query.
 *
 * @param line The query as JSON.
 * @returns The query.
 * @throws {UsageError} when the line is none.
 */
export function parseQuery(line: string): Query {
  return readJson(querySchema, line, (rule) => new UsageError(`Cannot answer the query: ${rule}`));
}

/**
 * Answers one query.
 *
 * @param predictor What answers.
 * @param line The query as JSON.
 * @param model The model that a query of an iteration names. @default none
 * @param expertKernel The kernel of its experts, for shares of tokens in `activated_experts`. @default {null}
 * @returns The time as `ns`, null where a kernel does not run, and as `place` where it lies among what was measured
 * (`exact`, `between`, `clamped`, `extrapolated`; of a batch's lookups the least good). Of a batch also how it came about: `t_mean` and `t_max`
 * in nanoseconds, `skew_rate`, `bucket` and `alpha`, null where they were not asked for; for v1.2 `prefill_key` and
 * `lev`. Of an iteration also `layers`: the time of one run and how often it runs, `places`: the place of each, `skipped` where the bundle
 * lacks layers, and `notes` that its user should read.
 * @throws {UsageError} when the line is no query.
 * @throws {LookupError} when the bundle has no answer.
 *
 * @example
 * ```ts
 * import { answer } from "./queries.ts";
 * import { predictor } from "../predict/predictor.ts";
 * import assert from "node:assert/strict";
 * const rows = [{ layer: "qkv_proj", key: [16], timeUs: 10 }];
 * const source = predictor({ tps: [1], meta: {}, table: () => rows, skewFit: () => [] });
 * assert.deepEqual(answer(source, '{"kind":"dense","tp":1,"layer":"qkv_proj","tokens":16}'), {
 *   ns: 10_000,
 *   place: "exact",
 * });
 * ```
 */
export function answer(
  predictor: Predictor,
  line: string,
  model?: Model,
  expertKernel: ExpertKernel | null = null,
): Record<string, unknown> {
  const query = parseQuery(line);
  if (query.kind === "iteration") {
    if (model === undefined) {
      throw new UsageError(`Cannot answer the query: model ${query.model} is not known`);
    }
    return iteration(predictor, query, model, expertKernel);
  }
  const { value, place } = placed(() => lookUp(predictor, query));
  return { ...typeof value === "object" && value !== null ? value : { ns: value }, place };
}

/** The time of a lookup in nanoseconds; of a batch also how it came about. */
function lookUp(
  predictor: Predictor,
  query: Exclude<Query, { kind: "iteration" }>,
): number | null | Record<string, unknown> {
  switch (query.kind) {
    case "dense":
      return predictor.dense(query.tp, query.layer, query.tokens);
    case "per_sequence":
      return predictor.perSequence(query.tp, query.layer, query.sequences);
    case "moe":
      return predictor.moe({
        tokens: query.tokens,
        activatedExperts: query.activated_experts,
        ...query.ep !== undefined && { ep: query.ep },
      });
    case "attention":
      return attentionNs(predictor, query);
    case "linear_attention":
      return predictor.linearAttention(query.tp, query.layer, {
        prefillTokens: query.prefill_tokens,
        nDecode: query.n_decode,
      });
    case "mtp":
      return predictor.mtp(query.tp, query.layer, query.sequences);
    case "batch": {
      const { ns, mean, max, facts, bucket, alpha, prefillKey, lev } = predictor.explainBatch(
        query.tp,
        batchOf(query),
      );
      return {
        ns,
        t_mean: mean.ns,
        t_max: max?.ns ?? null,
        skew_rate: facts.skewRate,
        bucket,
        alpha,
        ...prefillKey !== undefined && { prefill_key: prefillKey, lev },
      };
    }
  }
}

function attentionNs(predictor: Predictor, query: Extract<Query, { kind: "attention" }>): number {
  const { tp, prefill_chunk: chunk, kv_prefill: history, prefill_key: key, n_decode: n, kv_decode: kv } =
    query;
  const { layer, decode_q_len: decodeQLen } = query;
  if (key === undefined && layer === undefined && decodeQLen === undefined) {
    return predictor.attention(tp, { chunk, kvPrefill: history!, nDecode: n, kvDecode: kv });
  }
  const place = key ?? (chunk === 0 ? 0 : history! + chunk / 2);
  return predictor.kernelAttention(tp, {
    ...layer !== undefined && { layer },
    ...decodeQLen !== undefined && { decodeQLen },
    chunk,
    prefillKey: place,
    nDecode: n,
    kvDecode: kv,
  });
}

function iteration(
  predictor: Predictor,
  query: Extract<Query, { kind: "iteration" }>,
  model: Model,
  expertKernel: ExpertKernel | null,
): Record<string, unknown> {
  const { tp, ep, decode_q_len: decodeQLen, activated_experts: activatedExperts } = query;
  if (query.prefills.length + query.decodes.length === 0) {
    throw new UsageError("Cannot answer the query: an iteration has a request at least");
  }
  const { totalNs, contributions, places, skipped, notes } = predictIteration(predictor, {
    model,
    tp,
    ...ep !== undefined && { ep },
    ...batchOf(query),
    ...decodeQLen !== undefined && { decodeQLen },
    ...activatedExperts !== undefined && { activatedExperts },
    ...expertKernel !== null && { expertKernel },
    routing: "simulator",
  });
  const layers: Record<string, { ns: number; times: number }> = {};
  for (const { layer, ns, times } of contributions) {
    layers[layer] = { ns, times: (layers[layer]?.times ?? 0) + times };
  }
  return {
    ns: totalNs,
    layers,
    places,
    ...skipped.length > 0 && { skipped },
    ...notes.length > 0 && { notes },
  };
}

/** Query files hold pairs. */
function batchOf({ prefills, decodes }: Extract<Query, { kind: "batch" | "iteration" }>): Batch {
  return {
    prefills: prefills.map(([chunk, history]) => ({ chunk, history })),
    decodes: decodes.map(([kv, count]) => ({ kv, count })),
  };
}
