/**
 * The types of meta.yaml's keys, checked.
 *
 * @module
 */
import { z } from "zod";
import { QUANTITIES } from "../quantity.ts";
import { CATEGORY_ORDER } from "../shots/shot.ts";
import type { Issue } from "./issue.ts";

const text = z.string();
const count = z.int().nonnegative();
const positive = z.int().positive();
const axis = z.union([text, z.array(z.number())]);

const bucketAxes = z.looseObject({
  pc: text.optional(),
  n_bins: z.array(z.number()),
  n_labels: z.array(text),
  skew_rate_bins: z.array(z.number()),
  skew_rate_labels: z.array(text),
  kv_big_bins: z.array(z.number()),
  kv_big_labels: z.array(text),
  kp_bins: z.array(z.number()),
  kp_labels: z.array(text),
});

/** The parts of a fit in v1.2's form. */
const calibration = {
  schema: text,
  identity: z.record(text, z.unknown()),
  reference: z.looseObject({
    attention_sha256: text,
    lookup_sha256: text,
    key_saturation: z.number().nullable(),
    saturation_by_layer: z.record(text, z.boolean()),
  }),
  min_rows: z.number(),
  axes: z.looseObject({
    pc_bins: z.array(z.number()),
    pc_labels: z.array(text),
    lev_bins: z.array(z.number()),
    lev_labels: z.array(text),
  }),
  alpha_clip: z.array(z.number()),
  alpha_default_by_kernel: z.record(text, z.number()),
  n_range_by_kernel: z.record(text, z.array(z.number())),
  bucket_table_sha256: text,
};

const skewFitEntry = z.looseObject({
  ...calibration,
  alpha_by_bucket: z.record(text, z.number()),
  method: text,
  n_samples: count,
  n_estimated: count,
  alpha_default: z.number(),
  bucket_table: text,
  bucket_axes: bucketAxes.nullable(),
}).partial();

const adaptiveEntry = z.looseObject({ estimated: count }).catchall(z.number().nullable());

const META = z.looseObject({
  profiler_version: text,
  vllm_version: text.nullable(),
  cuda_version: text.nullable(),
  gpu: text.nullable(),
  hardware: text,
  profiled_at: text,
  architecture: text,
  architecture_sha256: text,
  model: text,
  variant: text,
  tp_degrees: z.array(positive),
  engine_effective: z.looseObject({
    max_num_batched_tokens: positive,
    max_num_seqs: positive,
    hf_overrides: z.record(text, z.unknown()),
  }).partial(),
  engine_resolved: z.looseObject({
    per_tp: z.record(
      text,
      z.looseObject({
        block_size: positive,
        max_model_len: positive,
        num_cache_tokens: positive,
        methods: z.record(text, text),
      }).partial(),
    ),
  }).partial(),
  attention_grid: z.looseObject({
    max_kv: count,
    chunk_factor: z.number(),
    kv_factor: z.number(),
    chunks: axis,
    n_decode: axis,
    kv: axis,
    window: positive.optional(),
  }),
  measurement_iterations: positive,
  skew_profile: z.looseObject({
    enabled: z.boolean(),
    mode: z.enum(["interpolated", "exact"]).optional(),
    factors: z.record(text, z.number()).optional(),
    grid: z.record(text, z.union([axis, z.number()])).optional(),
  }),
  skew_fit: z.looseObject({
    enabled: z.boolean(),
    bucket_axes: bucketAxes.nullable(),
    alpha_default: z.number(),
    per_tp: z.record(text, skewFitEntry),
  }).partial(),
  harness: text,
  harness_version: text,
  quantity: z.enum(QUANTITIES),
  statistic: z.enum(["median"]),
  devices: z.array(text),
  engine: text,
  engine_version: text,
  driver: text,
  runtime: text,
  processor: z.looseObject({ name: text, cores: positive, instruction_sets: z.array(text) }),
  dense_step: positive,
  kv_block_size: positive,
  unread_layers: z.array(text),
  kv_groups: z.array(z.looseObject({ kind: text, block_size: positive, span: positive.nullable() })),
  num_gpu_blocks: positive,
  dtype: text,
  kv_cache_dtype: text,
  model_revision: text,
  samples: z.record(text, count),
  rows: z.record(text, z.record(text, count)),
  duration_s: z.record(text, z.record(text, z.number().nonnegative())),
  device_busy_s: z.record(text, z.record(text, z.number().nonnegative())),
  precision: z.looseObject({ relative: z.number(), min: positive, max: positive }),
  noise: z.looseObject({
    spread_p50: z.number(),
    spread_p90: z.number(),
    sentinels: count,
    sentinel_drift_p50: z.number(),
    sentinel_drift_max: z.number(),
    measured_again: z.number(),
    in_doubt: count,
    lowers_clock: count,
    other_kernels: z.array(text),
  }).partial(),
  conditions: z.record(text, z.unknown()),
  state: z.enum(["sustained"]),
  sm_clock_mhz: z.record(text, z.record(text, count)),
  sustained: z.array(z.looseObject({
    category: z.enum(CATEGORY_ORDER),
    tp: positive,
    key: z.array(count),
    layer: text,
    time_us: z.number().positive().nullable(),
    power_w: z.number().nullable(),
    sm_clock_mhz: z.number().nullable(),
    busy_share: z.number().min(0).max(1).optional(),
  })),
  adaptive: z.looseObject({
    target: z.record(text, z.number()).optional(),
    budget_s: z.number().optional(),
    seed: count,
    prior: text.optional(),
    per_tp: z.record(
      text,
      z.looseObject({ attention: adaptiveEntry.optional(), skew: adaptiveEntry.optional() }),
    ),
  }),
  failed_shots: count,
  source_sha256: text,
  mixed: z.array(text),
}).partial();

/** Zod's names of types in words. */
const WORDS: Readonly<Record<string, string>> = {
  string: "a text (in quotes when it looks like a number)",
  boolean: "true or false",
  int: "a whole number",
  number: "a number",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
};

/**
 * Checks the types of the keys that a meta.yaml has.
 *
 * @param data What the file says.
 * @param path The file's path, for the issues.
 * @returns One issue per key with a wrong type.
 */
export function metaTypeIssues(data: unknown, path: string): Issue[] {
  if (data === null) {
    return [{
      code: "file-empty",
      severity: "error",
      path,
      message: "The file is empty",
      expected: "a mapping",
    }];
  }
  // Checks that run once for a file take longer to compile than to run as they are.
  const result = META.safeParse(data, { reportInput: true, jitless: true });
  return (result.error?.issues ?? []).map((issue) => ({
    code: "meta-type",
    severity: "error",
    path,
    ...(issue.path.length > 0 ? { column: issue.path.join(".") } : {}),
    // The file may be another one, behind a link: what is no meta.yaml at all is not shown.
    found: issue.path.length === 0 ? kindOf(issue.input) : JSON.stringify(issue.input) ?? "nothing",
    expected: expectation(issue),
    message: "The value has a wrong type",
  }));
}

function kindOf(value: unknown): string {
  return WORDS[Array.isArray(value) ? "array" : typeof value]?.replace(/ \(.*/, "") ?? "something else";
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return WORDS[issue.expected] ?? issue.expected;
    case "invalid_value":
      return `one of ${issue.values.join(", ")}`;
    case "too_small":
      return `a number ${issue.inclusive ? "from" : "above"} ${issue.minimum}`;
    case "invalid_union":
      return "a text or numbers";
    default:
      return issue.message;
  }
}
