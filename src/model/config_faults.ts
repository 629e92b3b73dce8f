/**
 * What a configuration must not say: sizes that no model has, and fields of another type than they are read as.
 *
 * @module
 */
import { plural } from "../count_text.ts";
import { count, EXPERTS, fieldOf, isObject, textConfig, TOP_K } from "./config.ts";
import type { ModelConfig } from "./model.ts";

/** Sizes and counts that a model has one of. */
const SIZES = [
  ...["hidden_size", "num_hidden_layers", "head_dim", "vocab_size", "max_position_embeddings"],
  ...["qk_nope_head_dim", "v_head_dim", "index_n_heads", "index_head_dim"],
  ...["linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim", "linear_value_head_dim"],
  ...["linear_conv_kernel_dim", "mamba_num_heads", "mamba_n_heads", "mamba_d_head", "mamba_head_dim"],
  ...["mamba_n_groups", "n_groups", "mamba_d_state", "ssm_state_size", "state_size", "mamba_d_conv"],
  ...["conv_kernel", "mamba_expand", "mamba_d_ssm", "num_heads"],
];
/** Sizes that may be listed layer by layer. */
const LISTED_SIZES = ["intermediate_size", "num_attention_heads", "num_key_value_heads"];
/** Sizes and counts that some layers or models lack: 0 says so. */
const SIZES_FROM_0 = [
  ...["shared_expert_intermediate_size", "shared_intermediate_size", "intermediate_size_mlp"],
  ...["n_shared_experts", "first_k_dense_replace", "sliding_window", "attention_chunk_size"],
  ...["kv_lora_rank", "q_lora_rank", "qk_rope_head_dim", "index_topk", "index_skip_topk_offset"],
  ...["attn_layer_offset", "expert_layer_offset", "moe_layer_start_index", "max_window_layers"],
  ...["num_nextn_predict_layers", "full_attention_interval", "interleave_moe_layer_step"],
  ...["no_rope_layer_interval", "sliding_window_pattern", "_sliding_window_pattern"],
];
/** The same, which may be listed layer by layer. */
const LISTED_SIZES_FROM_0 = ["moe_intermediate_size"];
/** Every how many layers something comes. */
const PERIODS = [
  ...["attn_layer_period", "expert_layer_period", "decoder_sparse_step", "moe_layer_interval"],
  ...["index_topk_freq"],
];
/** Lists that name every layer, where they are lists and not empty. */
const LISTS_BY_LAYER = [
  ...["layer_types", "layers_block_type", "mlp_layer_types", "attn_type_list", "no_rope_layers"],
  ...["moe_layer_freq"],
];
/** Lists of layers, by their places. */
const PLACES = ["mlp_only_layers", "attn_layer_indices"];
const OBJECTS = [
  ...["text_config", "quantization_config", "compression_config", "rope_scaling", "rope_parameters"],
  ...["sparse_attention_config"],
];
const TEXTS = ["model_type", "torch_dtype", "dtype", "hybrid_override_pattern"];
const FLAGS = ["tie_word_embeddings", "use_sliding_window"];

/** Engines hold sizes in 32 bits. */
const LARGEST = 2 ** 31 - 1;

/** A rule for one field's value, which is there. */
type Rule = (value: unknown, text: ModelConfig) => string | null;

const whole = (least: number, rule: string): Rule => (value) => {
  if (!Number.isSafeInteger(value) || (value as number) < least) return `must be a whole number ${rule}`;
  return (value as number) > LARGEST ? `must be ${LARGEST} at most` : null;
};
const listedOr = (rule: Rule): Rule => (value, text) => {
  if (!Array.isArray(value)) return rule(value, text);
  return value.map((part) => part === null ? null : rule(part, text)).find((fault) => fault !== null) ?? null;
};
const byLayer: Rule = (value, { num_hidden_layers: layers }) => {
  if (!Array.isArray(value) || value.length === 0 || typeof layers !== "number") return null;
  return value.length === layers ? null : `must name as many layers as num_hidden_layers says (${layers})`;
};
const typed = (is: (value: unknown) => boolean, what: string): Rule => (value) =>
  is(value) ? null : `must be ${what}`;
const above0 = whole(1, "above 0");
const from0 = whole(0, "from 0");

const RULES: readonly (readonly [names: readonly string[], rule: Rule])[] = [
  [OBJECTS, typed(isObject, "an object")],
  [TEXTS, typed((value) => typeof value === "string", "a text")],
  [FLAGS, typed((value) => typeof value === "boolean", "true or false")],
  [SIZES, above0],
  [PERIODS, above0],
  [LISTED_SIZES, listedOr(above0)],
  [SIZES_FROM_0, from0],
  [LISTED_SIZES_FROM_0, listedOr(from0)],
  [PLACES, (value) => Array.isArray(value) ? listedOr(from0)(value, {}) : "must be a list of layers"],
  [LISTS_BY_LAYER, byLayer],
];

/**
 * Checks a configuration's fields, once for whoever reads them later.
 *
 * @param config The configuration.
 * @returns What is wrong with it, as `hidden_size must be a whole number above 0, got "4096"`; null when nothing is. A field
 * that is absent or null is left to the engine's default.
 *
 * @example
 * ```ts
 * import { configFault } from "./config_faults.ts";
 * import assert from "node:assert/strict";
 * assert.equal(configFault({ hidden_size: 4096, head_dim: null }), null);
 * assert.equal(configFault({ head_dim: -1 }), "head_dim must be a whole number above 0, got -1");
 * assert.equal(
 *   configFault({ num_experts: 128 }),
 *   "num_experts is 128, and no field names the experts per token, such as num_experts_per_tok",
 * );
 * ```
 */
export function configFault(config: ModelConfig): string | null {
  const text = textConfig(config);
  return fieldFault(config) ?? (text === config ? null : fieldFault(text)) ?? headsFault(text) ??
    expertsFault(text);
}

function fieldFault(text: ModelConfig): string | null {
  for (const [names, rule] of RULES) {
    for (const name of names) {
      const value = text[name] ?? null;
      const fault = value === null ? null : rule(value, text);
      if (fault !== null) return `${name} ${fault}, got ${shown(value)}`;
    }
  }
  return null;
}

function headsFault(
  { num_attention_heads: heads, num_key_value_heads: kvHeads }: ModelConfig,
): string | null {
  if (typeof heads !== "number" || typeof kvHeads !== "number" || heads % kvHeads === 0) return null;
  return `num_key_value_heads must divide num_attention_heads, got ${kvHeads} and ${heads}`;
}

function expertsFault(text: ModelConfig): string | null {
  const experts = count(text, EXPERTS);
  const topK = fieldOf(text, TOP_K);
  if (experts !== null && experts > 1 && topK === undefined) {
    return `${fieldOf(text, EXPERTS)} is ${experts}, and no field names the experts per token, such as ${
      TOP_K[0]
    }`;
  }
  const chosen = count(text, TOP_K);
  if (experts !== null && experts > 1 && chosen === null) {
    return `${topK} must be above 0, as there are ${plural(experts, "expert")} (${
      fieldOf(text, EXPERTS)
    }), got 0`;
  }
  if (experts !== null && chosen !== null && chosen > experts) {
    return `${topK} must be ${experts} at most, as there are so many experts, got ${chosen}`;
  }
  return null;
}

/** A value's beginning. */
function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
