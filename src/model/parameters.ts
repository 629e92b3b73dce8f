/**
 * How many parameters a model has, by its configuration.
 *
 * @module
 */
import { moeParameters, textConfig } from "./config.ts";
import { type LayerKind, layerKinds } from "./kinds.ts";
import type { Model, ModelConfig } from "./model.ts";

/** Parameters of a model. */
export interface ParameterCount {
  /** All of them. */
  readonly total: number;
  /** Those that a token is multiplied with: of the experts as many as it is sent to, of the embeddings the head. */
  readonly active: number;
}

/** Kinds of mixers that keep keys and values. */
const ATTENTION = /attention$/;

/**
 * Counts the parameters of a model by its sizes: embeddings, attention (with latent projections where it has them),
 * recurrent mixers, MLPs and experts. Norms, biases and quantization scales are left out: together below 0.1%.
 *
 * @param model The model's name, for messages, and its configuration.
 * @returns The counts; an estimate from sizes, not a count of a checkpoint.
 * @throws {UsageError} when the configuration does not say how many layers there are.
 *
 * @example
 * ```ts
 * import { loadModel } from "shotlab";
 * import { countParameters } from "shotlab/model";
 * import assert from "node:assert/strict";
 * const { total } = countParameters(await loadModel("meta-llama/Llama-3.1-8B"));
 * assert.equal((total / 1e9).toFixed(2), "8.03");
 * ```
 */
export function countParameters(model: Pick<Model, "id" | "config">): ParameterCount {
  const text = textConfig(model.config);
  const size = sizesOf(text);
  const vocabulary = size("vocab_size") * size("hidden_size");
  let active = vocabulary;
  let total = text.tie_word_embeddings === true ? vocabulary : 2 * vocabulary;
  for (const kind of layerKinds(model)) {
    const mixer = mixerWeights(text, kind);
    const { all, met } = mlpWeights(text, kind);
    total += mixer + all;
    active += mixer + met;
  }
  return { total, active };
}

function mixerWeights(text: ModelConfig, { attn, sparse }: LayerKind): number {
  const recurrent = attn === "linear_attention" || attn === "hybrid_attention" ? recurrentWeights(text) : 0;
  return recurrent +
    (ATTENTION.test(attn) && attn !== "linear_attention"
      ? attentionWeights(text) + (sparse ? indexerWeights(text) : 0)
      : 0);
}

function attentionWeights(text: ModelConfig): number {
  const size = sizesOf(text);
  const [hidden, heads] = [size("hidden_size"), size("num_attention_heads")];
  const latent = size("kv_lora_rank");
  if (latent > 0) {
    const [nope, rope, values, queries] = [
      "qk_nope_head_dim",
      "qk_rope_head_dim",
      "v_head_dim",
      "q_lora_rank",
    ].map(size);
    const q = queries! > 0 ? queries! * (hidden + heads * (nope! + rope!)) : hidden * heads * (nope! + rope!);
    return q + hidden * (latent + rope!) + latent * heads * (nope! + values!) + heads * values! * hidden;
  }
  const headDim = size("head_dim") || hidden / heads;
  const gated = text.model_type === "qwen3_next" ? heads : 0;
  return hidden * headDim * (2 * heads + gated + 2 * (size("num_key_value_heads") || heads));
}

function indexerWeights(text: ModelConfig): number {
  const size = sizesOf(text);
  const [heads, dim] = [size("index_n_heads"), size("index_head_dim")];
  return size("q_lora_rank") * heads * dim + size("hidden_size") * (dim + heads);
}

function recurrentWeights(text: ModelConfig): number {
  const size = sizesOf(text);
  const hidden = size("hidden_size");
  if (size("linear_num_value_heads") > 0) {
    const keys = size("linear_num_key_heads") * size("linear_key_head_dim");
    const values = size("linear_num_value_heads") * size("linear_value_head_dim");
    return hidden * (2 * keys + 2 * values + 2 * size("linear_num_value_heads")) + values * hidden;
  }
  const heads = size("mamba_n_heads") || size("mamba_num_heads") || size("num_heads");
  const inner = size("mamba_d_ssm") ||
    heads * (size("mamba_d_head") || size("mamba_head_dim") || size("head_dim"));
  const groups = size("mamba_n_groups") || size("n_groups") || 1;
  const state = size("mamba_d_state") || size("ssm_state_size") || size("state_size");
  return hidden * (2 * inner + 2 * groups * state + heads) + inner * hidden;
}

function mlpWeights(text: ModelConfig, { mlp }: LayerKind): { all: number; met: number } {
  const size = sizesOf(text);
  const hidden = size("hidden_size");
  const matrices = text.mlp_hidden_act === "relu2" ? 2 : 3;
  const shared = matrices * hidden * (size("shared_intermediate_size"));
  if (mlp === "none") return { all: 0, met: 0 };
  const experts = moeParameters(text);
  if (mlp === "dense" || experts === null) {
    const wide = matrices * hidden * (size("intermediate_size_mlp") || size("intermediate_size")) + shared;
    return { all: wide, met: wide };
  }
  const width = size("moe_intermediate_size") || size("intermediate_size");
  const one = matrices * hidden * width;
  const sharedWidth = size("shared_expert_intermediate_size") || size("n_shared_experts") * width ||
    (text.attention_chunk_size ? width : 0);
  const always = hidden * experts.numExperts + matrices * hidden * sharedWidth + shared;
  return { all: experts.numExperts * one + always, met: experts.topK * one + always };
}

/** Sizes by name, 0 where a configuration has none. */
function sizesOf(text: ModelConfig): (name: string) => number {
  return (name) => typeof text[name] === "number" ? text[name] : 0;
}
