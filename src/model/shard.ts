/**
 * Tensor parallelism on one device: the sizes of one rank, in a model of a layer of each kind.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { keepNumbers } from "../files/json.ts";
import { textConfig } from "./config.ts";
import type { ModelConfig } from "./model.ts";
import { brokenBlock } from "./quantized_blocks.ts";
import { fewestLayers, namesLayers } from "./fewest_layers.ts";

/** What a rank has a share of, where it is there; experts are not sharded. */
const SHARDED = [
  "intermediate_size",
  "intermediate_size_mlp",
  "shared_intermediate_size",
  "num_attention_heads",
  "num_key_value_heads",
  "linear_num_key_heads",
  "linear_num_value_heads",
  "mamba_num_heads",
  "mamba_n_heads",
  "mamba_d_ssm",
  "vocab_size",
];
/** Groups of a Mamba mixer: with one for all heads each rank has a copy of it. */
const GROUPS = ["mamba_n_groups", "n_groups"];
/** What a nested configuration may leave out, as it says only what differs from the engine's defaults. */
const NEEDED = ["num_attention_heads", "vocab_size"];

/** How a model is sharded. */
export interface ShardOptions {
  /** Shards as the reference profiler does, to which more ranks than KV heads are an error. @default {false} */
  readonly parity?: boolean;
}

/**
 * The configuration of one rank: one layer of each kind, sizes divided by the degree, head_dim as it was.
 * With more ranks than KV heads each has one, as vLLM replicates them.
 *
 * @param config The model's configuration; the language model's fields may be in `text_config`.
 * @param tp Tensor-parallel degree.
 * @param options How it is sharded.
 * @returns The configuration to boot.
 * @throws {UsageError} when a size is missing, no integer or does not divide, naming the first such field, or
 * layers of one kind differ.
 *
 * @example
 * ```ts
 * import { shardConfig } from "shotlab";
 * import assert from "node:assert/strict";
 * assert.deepEqual(shardConfig({ hidden_size: 4096, num_attention_heads: 32, num_hidden_layers: 32 }, 4), {
 *   hidden_size: 4096,
 *   num_attention_heads: 8,
 *   num_hidden_layers: 1,
 *   head_dim: 128,
 * });
 * ```
 */
export function shardConfig(config: ModelConfig, tp: number, options: ShardOptions = {}): ModelConfig {
  const text = textConfig(config);
  const sharded = keepNumbers({ ...text, ...hfOverrides(config, tp, options) }, text);
  return text === config ? sharded : keepNumbers({ ...config, text_config: sharded }, config);
}

/**
 * What sharding sets, as meta.yaml records it.
 *
 * The engine derives a missing head_dim from hidden_size and the number of heads, which would grow by `tp` with the
 * heads divided: it is set to what the undivided heads give.
 *
 * @param config The model's configuration.
 * @param tp Tensor-parallel degree.
 * @param options How it is sharded.
 * @returns The fields that are there to be divided, after num_hidden_layers; then head_dim, when it was missing, and
 * what leaves one layer of each kind.
 * @throws {UsageError} when a size is missing, no integer or does not divide, naming the first such field, or
 * layers of one kind differ.
 *
 * @example
 * ```ts
 * import { loadModel } from "shotlab";
 * import { hfOverrides } from "shotlab/model";
 * import assert from "node:assert/strict";
 * const { config } = await loadModel("meta-llama/Llama-3.1-8B");
 * const { num_attention_heads, head_dim } = hfOverrides(config, 2);
 * assert.deepEqual([num_attention_heads, head_dim], [16, 128]);
 * ```
 */
export function hfOverrides(
  config: ModelConfig,
  tp: number,
  { parity = false }: ShardOptions = {},
): Record<string, unknown> {
  const text = textConfig(config);
  const missing = text === config ? undefined : NEEDED.find((field) => (text[field] ?? null) === null);
  if (missing !== undefined && tp > 1) {
    throw cannotShard(tp, `${missing} must be in its text_config, got none`);
  }
  const few = layersOf(config);
  const overrides: Record<string, unknown> = { num_hidden_layers: few.num_hidden_layers };
  for (const field of SHARDED) {
    const size = text[field] ?? null;
    if (size === null) continue;
    const replicated = field === "num_key_value_heads" && !parity && replicatesKvHeads(config, tp);
    overrides[field] = replicated ? 1 : share(field, size, tp);
  }
  Object.assign(overrides, mixerShares(text, tp));
  const headDim = derivedHeadDim(text);
  const broken = brokenBlock(config, {
    head_dim: headDim ?? text.head_dim,
    v_head_dim: text.v_head_dim,
    ...overrides,
  });
  if (broken !== null) throw cannotShard(tp, `${broken}; leave this degree out`);
  return { ...overrides, ...(headDim === null ? {} : { head_dim: headDim }), ...few };
}

/**
 * Whether vLLM gives each rank a copy of one KV head: there are fewer heads than ranks, and their number divides.
 *
 * @param config The model's configuration.
 * @param tp Tensor-parallel degree.
 * @returns Whether it does.
 */
export function replicatesKvHeads(config: ModelConfig, tp: number): boolean {
  const heads = textConfig(config).num_key_value_heads;
  return typeof heads === "number" && heads > 0 && heads < tp && tp % heads === 0;
}

/** A rank's groups of a Mamba mixer, and its width where that is said as a multiple of the model's. */
function mixerShares(text: ModelConfig, tp: number): Record<string, number> {
  const isMixer = (text.mamba_n_heads ?? text.mamba_num_heads ?? null) !== null;
  if (!isMixer) return {};
  const shares: Record<string, number> = {};
  for (const field of GROUPS) {
    const groups = text[field] ?? null;
    if (groups !== null) shares[field] = groups === 1 ? 1 : share(field, groups, tp);
  }
  const { mamba_expand: expand, mamba_d_ssm: width } = text;
  if (typeof expand === "number" && (width ?? null) === null) shares.mamba_expand = expand / tp;
  return shares;
}

/** What leaves one layer of each kind; a configuration that names no number of layers is taken to have one. */
function layersOf(config: ModelConfig): Readonly<Record<string, unknown>> {
  return namesLayers(config) ? fewestLayers({ id: "the model", config }).overrides : { num_hidden_layers: 1 };
}

function share(field: string, size: unknown, tp: number): number {
  if (typeof size !== "number" || !Number.isSafeInteger(size)) {
    throw cannotShard(tp, `${field} must be an integer, got ${JSON.stringify(size)}`);
  }
  if (size % tp !== 0) {
    throw cannotShard(tp, `${field} must be divisible by it, got ${size}; leave this degree out`);
  }
  return size / tp;
}

function cannotShard(tp: number, rule: string): UsageError {
  return new UsageError(`Cannot shard the model to tp ${tp}: ${rule}`);
}

/** Heads of latent attention have sizes of their own, which nothing is derived from. */
function derivedHeadDim(text: ModelConfig): number | null {
  const { head_dim: headDim, hidden_size: hidden, num_attention_heads: heads } = text;
  const has = (typeof headDim === "number" && headDim > 0) || typeof text.qk_rope_head_dim === "number";
  return !has && typeof hidden === "number" && typeof heads === "number" ? Math.floor(hidden / heads) : null;
}
