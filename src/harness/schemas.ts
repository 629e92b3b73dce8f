/**
 * What every message of the protocol must look like; unknown fields are dropped.
 *
 * @module
 */
import { QUANTITIES } from "../quantity.ts";
import { z } from "zod";
import { SKEW_PARTS } from "../shots/skew_parts.ts";

const count = z.number().int().nonnegative();
const positive = z.number().int().positive();
const object = z.record(z.string(), z.unknown());
const micros = z.number().nonnegative();
const reading = z.number().nullable();
const quantity = z.enum(QUANTITIES);
/** The clock in MHz right before a shot and right behind it. */
export const shotClocks = z.tuple([z.number().positive(), z.number().positive()]).readonly();

const shot = z.discriminatedUnion("category", [
  z.object({ category: z.literal("dense"), tp: positive, tokens: positive }),
  z.object({ category: z.literal("per_sequence"), tp: positive, sequences: positive }),
  z.object({
    category: z.literal("attention"),
    tp: positive,
    prefill_chunk: count,
    kv_prefill: z.number(),
    n_decode: count,
    kv_decode: count,
    prefills: z.array(z.tuple([positive, count])).optional(),
    prefill_key: z.number().optional(),
    decode_q_len: positive.optional(),
  }),
  z.object({ category: z.literal("linear_attention"), tp: positive, prefill_tokens: count, n_decode: count }),
  z.object({
    category: z.literal("moe"),
    tp: positive,
    tokens: positive,
    activated_experts: positive,
    ep: positive.optional(),
  }),
  z.object({
    category: z.literal("skew"),
    tp: positive,
    n: positive,
    nb: positive,
    skew: z.number().positive(),
    ratio: z.number().positive(),
    pc: count,
    kp: count,
    kvs: positive,
    kv_big: positive,
    kv_mean: positive,
    regime: z.enum(["pure", "mixed"]),
    tier: z.literal([1, 2]),
    parts: z.array(z.enum(SKEW_PARTS)).min(1),
  }),
]);

const names = z.array(z.string());
const catalogEntry = z.object({
  vllm: names,
  within: names.optional(),
  not_within: names.optional(),
  kernels: names.min(1).optional(),
  tp_stable: z.boolean().optional(),
}).refine(({ vllm, kernels }) => vllm.length > 0 || kernels !== undefined, {
  error: "a layer has classes of modules or names of kernels",
});
const layers = z.record(z.string(), catalogEntry);
const architecture = z.object({
  modelType: z.string(),
  sequence: z.record(z.string(), z.array(z.string())),
  layers: z.array(z.array(z.string())).optional(),
  catalog: z.object({
    dense: layers,
    per_sequence: layers,
    attention: layers,
    linear_attention: layers.optional(),
    moe: layers,
  }),
  sha256: z.string(),
});

const limits = z.object({
  max_num_batched_tokens: positive,
  max_num_seqs: positive,
  num_cache_tokens: positive,
  max_model_len: positive,
  num_experts: positive.nullable(),
  top_k: positive.nullable(),
  block_size: positive,
});

/** A processor: see `Processor` in processor.ts. */
const processorSchema = z.object({
  name: z.string(),
  cores: positive,
  instruction_sets: z.array(z.string()).readonly(),
});

const cacheGroup = z.object({
  kind: z.enum(["full", "sliding", "chunked", "state"]),
  block_size: positive,
  span: positive.nullable(),
});
const node = z.object({
  path: z.string(),
  class: z.string(),
  parent: count.nullable(),
  rows: count.nullable(),
  elements: count,
  weights: count,
  cache: count.nullable(),
  layer: z.string().nullable(),
  experts: z.boolean(),
  after: count,
  kernels: z.array(z.tuple([z.string(), micros, z.string().exactOptional()])),
});

/** What a boot comes to: see `Booted` in harness.ts. */
export const bootedFields = {
  limits,
  num_gpu_blocks: count,
  layers: z.record(z.string(), z.object({ class: z.string(), modules: positive })),
  engine_args: object,
  conditions: object.exactOptional(),
  caches: z.array(cacheGroup).exactOptional(),
  sustains: z.boolean().exactOptional(),
};

/** Who measures: what a harness says of itself, its engine and its device. */
export const measurerFields = {
  harness: z.string(),
  harness_version: z.string(),
  engine: z.string(),
  engine_version: z.string(),
  device: z.string(),
  driver: z.string(),
  runtime: z.string(),
  processor: processorSchema.optional(),
};

/** A request: see `Request` in protocol.ts. */
export const requestSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("hello"), protocol: z.number() }),
  z.object({
    type: z.literal("boot"),
    tp: positive,
    config: object,
    architecture,
    dtype: z.string(),
    kv_cache_dtype: z.string(),
    block_size: positive.nullable(),
    max_num_batched_tokens: positive,
    max_num_seqs: positive,
    clock_mhz: positive.optional(),
  }),
  z.object({
    type: z.literal("fire"),
    seq: count,
    shots: z.array(shot),
    iterations: positive,
    precision: z.object({ relative: z.number().positive(), min: positive, max: positive }).optional(),
    quantity,
  }),
  z.object({ type: z.literal("sustain"), seq: count, shots: z.array(shot), seconds: z.number().positive() }),
  z.object({
    type: z.literal("walk"),
    batches: z.record(z.string(), z.array(z.tuple([positive, count])).min(1)),
  }),
  z.object({ type: z.literal("shutdown") }),
]);

/** An answer: see `Answer` in protocol.ts. */
export const answerSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("result"),
    seq: count,
    index: count,
    samples: z.record(z.string(), z.array(z.number().positive()).min(1)),
    stop: z.enum(["iterations", "precision", "max"]).optional(),
    kernels: z.record(z.string(), z.array(z.string())).optional(),
    recordings: positive.optional(),
    kernel_sums: z.record(z.string(), z.array(z.number().positive())).optional(),
    shot_clocks_mhz: shotClocks.optional(),
  }),
  z.object({
    type: z.literal("sustained"),
    seq: count,
    index: count,
    layers: z.record(
      z.string(),
      z.object({
        time_us: z.number().positive().nullable(),
        power_w: reading,
        sm_clock_mhz: reading,
        busy_share: z.number().min(0).max(1).optional(),
      }),
    ),
  }),
  z.object({
    type: z.literal("failed"),
    seq: count,
    index: count,
    kind: z.enum(["infeasible", "out_of_memory", "unsupported", "engine_dead", "bad_request", "timeout"]),
    message: z.string(),
  }),
  z.object({
    type: z.literal("done"),
    seq: count,
    device_busy_us: micros.optional(),
    wall_us: micros.optional(),
  }),
  z.object({
    type: z.literal("state"),
    seq: count,
    sm_clock_mhz: reading,
    memory_clock_mhz: reading,
    temperature_c: reading,
    power_w: reading,
    throttle: z.array(z.string()),
    energy_j: z.number().nonnegative().optional(),
  }),
  z.object({ type: z.literal("kernels"), names: z.record(z.string(), z.string()) }),
  z.object({
    type: z.literal("hello"),
    protocol: z.number(),
    ...measurerFields,
    quantities: z.array(quantity).min(1),
    lanes: positive,
    device_uuid: z.string().optional(),
  }),
  z.object({
    type: z.literal("booted"),
    tp: positive,
    ...bootedFields,
  }),
  z.object({
    type: z.literal("error"),
    kind: z.string(),
    message: z.string(),
    detail: z.string().nullable().default(null),
  }),
  z.object({
    type: z.literal("walked"),
    decoders: z.array(z.string()),
    caches: z.array(cacheGroup),
    batches: z.record(z.string(), z.object({ nodes: z.array(node).min(1) })),
  }),
  z.object({ type: z.literal("bye") }),
]);
