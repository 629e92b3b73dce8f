/**
 * meta.yaml: what was measured, with what, and how its alphas are looked up.
 *
 * @module
 */
import type { Precision, Quantity } from "../quantity.ts";
import { UsageError } from "../errors.ts";
import type { Processor } from "../processor.ts";
import type { AttentionGridSpec } from "../shots/axis_spec.ts";
import type { CacheGroup } from "../shots/limits.ts";
import type { SweepCategory } from "../shots/shot.ts";
import { renderIssue } from "./issue.ts";
import type {
  AdaptiveProfile,
  EngineEffective,
  EngineResolved,
  Noise,
  SkewFit,
  SkewProfile,
  Sustained,
} from "./meta_blocks.ts";
import { metaTypeIssues } from "./meta_types.ts";
import { formatYaml, parseYaml } from "../files/yaml.ts";

export type * from "./meta_blocks.ts";

/**
 * A bundle's meta.yaml. Every key may be absent in a file that somebody else wrote; keys that are not named here
 * are kept when it is written again.
 */
export interface Meta {
  /** Version of the profiler. */
  readonly profiler_version?: string;
  /** Version of vLLM, null when another engine was measured. */
  readonly vllm_version?: string | null;
  /** Version of CUDA, null when there is none. */
  readonly cuda_version?: string | null;
  /** Device name as its driver reports it. */
  readonly gpu?: string | null;
  /** Hardware's name: the bundle's folder. */
  readonly hardware?: string;
  /** Start of the run, ISO 8601. */
  readonly profiled_at?: string;
  /** Architecture's name: the model's `model_type`. */
  readonly architecture?: string;
  /** SHA-256 of the architecture file, in hex. */
  readonly architecture_sha256?: string;
  /** `<org>/<name>`. */
  readonly model?: string;
  /** Variant's name: the bundle's last folder. */
  readonly variant?: string;
  /** Tensor-parallel degrees that were measured. */
  readonly tp_degrees?: readonly number[];
  /** What the engine was booted with. */
  readonly engine_effective?: EngineEffective;
  /** What the engine made of it; v1.2 reads the block size. */
  readonly engine_resolved?: EngineResolved;
  /** The grid of the attention sweep. */
  readonly attention_grid?: AttentionGridSpec;
  /** Step of the token axis of the dense sweep from 64 tokens on; absent where it is 16. */
  readonly dense_step?: number;
  /** Timed forwards per shot. */
  readonly measurement_iterations?: number;
  /** The skew sweep. */
  readonly skew_profile?: SkewProfile;
  /** The alpha fits. */
  readonly skew_fit?: SkewFit;
  /** Name of the harness. */
  readonly harness?: string;
  /** Version of the harness. */
  readonly harness_version?: string;
  /** What was timed. */
  readonly quantity?: Quantity;
  /** How samples become a row's time. */
  readonly statistic?: "median";
  /** Names of the devices that were measured on. */
  readonly devices?: readonly string[];
  /** What the harness booted. */
  readonly engine?: string;
  /** Version of the engine. */
  readonly engine_version?: string;
  /** Driver version, `none` where there is none. */
  readonly driver?: string;
  /** Numeric runtime, such as `torch 2.13.0+cpu`. */
  readonly runtime?: string;
  /** The processor that was measured; absent where the engine computes on another device. */
  readonly processor?: Processor;
  /** Under which conditions rows were timed: the cache before each forward, values, the layer, the routing. */
  readonly conditions?: Readonly<Record<string, unknown>>;
  /** Tokens of one KV block. */
  readonly kv_block_size?: number;
  /** Groups of the KV cache; absent when one group keeps all tokens. */
  readonly kv_groups?: readonly CacheGroup[];
  /** Layers that are measured and that no simulator reads yet; absent where there are none. */
  readonly unread_layers?: readonly string[];
  /** Blocks of the KV pool. */
  readonly num_gpu_blocks?: number;
  /** Type of the weights. */
  readonly dtype?: string;
  /** Type of the KV cache, `auto` for that of the weights. */
  readonly kv_cache_dtype?: string;
  /** Revision of the hub that the model's configuration was downloaded from; absent for a file of the user's own. */
  readonly model_revision?: string;
  /** Samples taken, by category. */
  readonly samples?: Readonly<Partial<Record<SweepCategory, number>>>;
  /** Rows of each table, by `tp<N>` and table. */
  readonly rows?: Readonly<Record<string, Readonly<Partial<Record<string, number>>>>>;
  /** Seconds in which shots were fired, by tensor-parallel degree and category; choosing and predicting come beside. */
  readonly duration_s?: Readonly<Record<string, Readonly<Partial<Record<SweepCategory, number>>>>>;
  /** Seconds of these in which the device worked, where the harness tells. */
  readonly device_busy_s?: Readonly<Record<string, Readonly<Partial<Record<SweepCategory, number>>>>>;
  /** When a shot had enough samples; without it, after as many as `measurement_iterations` says. */
  readonly precision?: Precision;
  /** How noisy the measurements are. */
  readonly noise?: Noise;
  /** `sustained` where the tables are an estimate for a device that is at work all the time. */
  readonly state?: "sustained";
  /** What layers take under a lasting load, where that was measured. */
  readonly sustained?: readonly Sustained[];
  /** How many shots were fired at which clock of the multiprocessors: by category, then by MHz. */
  readonly sm_clock_mhz?: Readonly<Partial<Record<SweepCategory, Readonly<Record<string, number>>>>>;
  /** What is predicted, not measured. */
  readonly adaptive?: AdaptiveProfile;
  /** Shots that failed and have no row. */
  readonly failed_shots?: number;
  /** SHA-256 of the source that measured, in hex. */
  readonly source_sha256?: string;
  /** Differences between the runs in this bundle, when mixing them was allowed. */
  readonly mixed?: readonly string[];
}

/** The keys that a simulator's bundle has, in their order. */
export const CONTRACT_KEYS = [
  "profiler_version",
  "vllm_version",
  "cuda_version",
  "gpu",
  "hardware",
  "profiled_at",
  "architecture",
  "architecture_sha256",
  "model",
  "variant",
  "tp_degrees",
  "engine_effective",
  "attention_grid",
  "measurement_iterations",
  "skew_profile",
  "skew_fit",
] as const satisfies readonly (keyof Meta)[];

/** Keys that v1.2 has beside them, and the key that each follows. */
const NEWER_KEYS: Readonly<Record<string, string>> = {
  category_provenance: "tp_degrees",
  engine_resolved: "engine_effective",
  moe_components: "skew_fit",
};

/** The keys of ours that follow, in their order. */
const OUR_KEYS = [
  "harness",
  "harness_version",
  "quantity",
  "statistic",
  "devices",
  "engine",
  "engine_version",
  "driver",
  "runtime",
  "processor",
  "conditions",
  "dense_step",
  "kv_block_size",
  "kv_groups",
  "unread_layers",
  "num_gpu_blocks",
  "dtype",
  "kv_cache_dtype",
  "model_revision",
  "samples",
  "rows",
  "duration_s",
  "device_busy_s",
  "precision",
  "noise",
  "state",
  "sustained",
  "sm_clock_mhz",
  "adaptive",
  "failed_shots",
  "source_sha256",
  "mixed",
] as const satisfies readonly (keyof Meta)[];

/** A fit that both simulators read has its alphas in the file: some thousands a degree. */
export const MAX_META_CHARS = 2 ** 22;

/** Keys under which a number is a float though it is whole. */
const FLOATS: ReadonlySet<string> = new Set([
  "chunk_factor",
  "kv_factor",
  "gpu_memory_utilization",
  "factors",
  "ratio",
  "skew_rep",
  "skew_rate_bins",
  "alpha_default",
  "alpha_by_bucket",
  "alpha_default_by_kernel",
  "alpha_clip",
  "lev_bins",
  "n_factor",
  "rel_err_p50",
  "rel_err_p90",
  "rel_err_p99",
  "signed_mean",
  "duration_s",
  "device_busy_s",
  "relative",
  "spread_p50",
  "spread_p90",
  "sentinel_drift_p50",
  "sentinel_drift_max",
  "measured_again",
  "budget_s",
  "upper_p50",
  "upper_p90",
  "upper_p99",
  "scatter_p50",
  "scatter_p90",
  "scatter_p99",
  "p90_without_prior",
  "p90_with_prior",
]);

/**
 * Reads a meta.yaml.
 *
 * @param text The file's text.
 * @param path The file's path, for the message.
 * @returns What it says, keys unknown to {@linkcode Meta} included.
 * @throws {UsageError} when it is no YAML, empty, no mapping, or a key has another type than {@linkcode Meta} says.
 *
 * @example
 * ```ts
 * import { parseMeta } from "./meta.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(parseMeta("hardware: H100\ntp_degrees: [1, 2]\n", "meta.yaml").tp_degrees, [1, 2]);
 * ```
 */
export function parseMeta(text: string, path: string): Meta {
  const data = parseYaml(text, path, MAX_META_CHARS);
  const [issue] = metaTypeIssues(data, path);
  if (issue !== undefined) throw new UsageError(renderIssue(issue).replace(/^error: /, "Cannot read "));
  return data as Meta;
}

/**
 * Writes a meta.yaml as PyYAML would: the contract's keys in their order, then ours, then any others.
 *
 * @param meta What to write.
 * @returns The file's text.
 *
 * @example
 * ```ts
 * import { formatMeta } from "./meta.ts";
 * import assert from "node:assert/strict";
 * assert.equal(
 *   formatMeta({ harness: "vllm", tp_degrees: [1, 2], hardware: "H100", cuda_version: "12.8" }),
 *   "cuda_version: '12.8'\nhardware: H100\ntp_degrees: [1, 2]\nharness: vllm\n",
 * );
 * ```
 */
export function formatMeta(meta: Meta): string {
  const contract = CONTRACT_KEYS.flatMap((key) => [
    key,
    ...Object.keys(NEWER_KEYS).filter((newer) => NEWER_KEYS[newer] === key),
  ]);
  const values: Readonly<Record<string, unknown>> = { ...meta };
  const ordered = Object.fromEntries(
    [...contract, ...OUR_KEYS].filter((key) => values[key] !== undefined).map((key) => [key, values[key]]),
  );
  return formatYaml({ ...ordered, ...meta }, { floats: FLOATS });
}
