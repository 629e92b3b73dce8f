/**
 * Tiny models of many families: the sizes are small, the kinds of layers are the families' own.
 *
 * @module
 */
import type { ModelConfig } from "../../src/model/model.ts";

const BASE = {
  hidden_size: 128,
  intermediate_size: 256,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 32,
  vocab_size: 512,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-6,
  hidden_act: "silu",
  torch_dtype: "bfloat16",
};
const EXPERTS = { num_experts: 8, num_experts_per_tok: 2, moe_intermediate_size: 64 };
const SHARED = {
  n_routed_experts: 8,
  n_shared_experts: 1,
  num_experts_per_tok: 2,
  moe_intermediate_size: 64,
};
const LATENT = {
  ...SHARED,
  num_key_value_heads: 4,
  head_dim: null,
  q_lora_rank: 64,
  kv_lora_rank: 512,
  qk_nope_head_dim: 128,
  qk_rope_head_dim: 64,
  v_head_dim: 128,
  first_k_dense_replace: 1,
  moe_layer_freq: 1,
  n_group: 1,
  topk_group: 1,
  topk_method: "noaux_tc",
  scoring_func: "sigmoid",
  routed_scaling_factor: 1,
  norm_topk_prob: true,
};
const MAMBA = {
  mamba_n_heads: 8,
  mamba_n_groups: 1,
  mamba_d_state: 32,
  mamba_d_head: 32,
  mamba_d_conv: 4,
  mamba_expand: 2,
};
const MULTIPLIERS = {
  embedding_multiplier: 12,
  logits_scaling: 8,
  residual_multiplier: 0.22,
  attention_multiplier: 0.1,
};
const SLIDING = { layer_types: ["sliding_attention", "full_attention"], sliding_window: 64 };
const GEMMA = { ...SLIDING, query_pre_attn_scalar: 32, hidden_activation: "gelu_pytorch_tanh" };
const TOKENS = { pad_token_id: 0, bos_token_id: 1, eos_token_id: 1 };

/** Families by `model_type`, with the class of the model and what tells it from others. */
const FAMILIES: Readonly<Record<string, readonly [architecture: string, fields: ModelConfig]>> = {
  llama: ["LlamaForCausalLM", {}],
  qwen3: ["Qwen3ForCausalLM", { tie_word_embeddings: true }],
  qwen3_moe: ["Qwen3MoeForCausalLM", {
    ...EXPERTS,
    decoder_sparse_step: 1,
    mlp_only_layers: [],
    norm_topk_prob: true,
  }],
  mixtral: ["MixtralForCausalLM", { num_local_experts: 8, num_experts_per_tok: 2 }],
  phimoe: ["PhiMoEForCausalLM", {
    num_local_experts: 8,
    num_experts_per_tok: 2,
    attention_bias: true,
    lm_head_bias: true,
  }],
  mistral: ["MistralForCausalLM", { sliding_window: 64 }],
  qwen2: ["Qwen2ForCausalLM", {}],
  qwen2_moe: [
    "Qwen2MoeForCausalLM",
    { ...EXPERTS, shared_expert_intermediate_size: 128, decoder_sparse_step: 2, mlp_only_layers: [] },
  ],
  phi3: ["Phi3ForCausalLM", TOKENS],
  gemma2: ["Gemma2ForCausalLM", { ...GEMMA, attn_logit_softcapping: 50, final_logit_softcapping: 30 }],
  gemma3_text: ["Gemma3ForCausalLM", { ...GEMMA, rope_local_base_freq: 10_000 }],
  olmo2: ["Olmo2ForCausalLM", {}],
  gpt_oss: ["GptOssForCausalLM", {
    ...SLIDING,
    num_local_experts: 8,
    num_experts_per_tok: 2,
    rope_scaling: {
      rope_type: "yarn",
      factor: 32,
      beta_fast: 32,
      beta_slow: 1,
      original_max_position_embeddings: 512,
    },
  }],
  llama4_text: ["Llama4ForCausalLM", {
    layer_types: ["chunked_attention", "full_attention"],
    no_rope_layers: [1, 0],
    attention_chunk_size: 64,
    num_local_experts: 8,
    num_experts_per_tok: 1,
    intermediate_size_mlp: 256,
    interleave_moe_layer_step: 1,
    use_qk_norm: true,
  }],
  glm4_moe: ["Glm4MoeForCausalLM", {
    ...SHARED,
    first_k_dense_replace: 1,
    n_group: 1,
    topk_group: 1,
    norm_topk_prob: true,
    routed_scaling_factor: 1,
    use_qk_norm: true,
    partial_rotary_factor: 0.5,
    attention_bias: true,
  }],
  granite: ["GraniteForCausalLM", MULTIPLIERS],
  cohere: ["CohereForCausalLM", { rms_norm_eps: null, layer_norm_eps: 1e-5, logit_scale: 0.06 }],
  cohere2: ["Cohere2ForCausalLM", {
    ...SLIDING,
    rms_norm_eps: null,
    layer_norm_eps: 1e-5,
    logit_scale: 0.06,
  }],
  minimax_m2: ["MiniMaxM2ForCausalLM", {
    num_local_experts: 8,
    num_experts_per_tok: 2,
    rotary_dim: 16,
    scoring_func: "sigmoid",
    use_routing_bias: true,
    use_qk_norm: true,
    qk_norm_type: "per_layer",
    attn_type_list: [1, 1],
  }],
  deepseek_v2: ["DeepseekV2ForCausalLM", {
    ...LATENT,
    q_lora_rank: null,
    topk_method: "greedy",
    scoring_func: "softmax",
  }],
  deepseek_v3: ["DeepseekV3ForCausalLM", LATENT],
  deepseek_v32: ["DeepseekV32ForCausalLM", {
    ...LATENT,
    index_topk: 64,
    index_n_heads: 64,
    index_head_dim: 128,
  }],
  qwen3_next: ["Qwen3NextForCausalLM", {
    ...EXPERTS,
    layer_types: ["linear_attention", "full_attention"],
    shared_expert_intermediate_size: 64,
    head_dim: 64,
    linear_num_key_heads: 2,
    linear_num_value_heads: 4,
    linear_key_head_dim: 64,
    linear_value_head_dim: 64,
    linear_conv_kernel_dim: 4,
    partial_rotary_factor: 0.25,
    norm_topk_prob: true,
  }],
  granitemoehybrid: ["GraniteMoeHybridForCausalLM", {
    ...MAMBA,
    ...MULTIPLIERS,
    layer_types: ["mamba", "attention"],
    num_local_experts: 8,
    num_experts_per_tok: 2,
    shared_intermediate_size: 128,
  }],
  falcon_h1: ["FalconH1ForCausalLM", { ...MAMBA, mamba_d_ssm: 256 }],
  nemotron_h: ["NemotronHForCausalLM", {
    num_hidden_layers: 4,
    hybrid_override_pattern: "M-*-",
    mamba_num_heads: 8,
    mamba_head_dim: 32,
    n_groups: 1,
    ssm_state_size: 32,
    conv_kernel: 4,
    mlp_hidden_act: "relu2",
    layer_norm_epsilon: 1e-5,
    chunk_size: 128,
  }],
};

/** `model_type` of every family. */
export const FAMILY_NAMES: readonly string[] = Object.keys(FAMILIES);

/**
 * A tiny model.
 *
 * @param modelType Its family.
 * @returns Its name, type and configuration.
 */
export function tinyModel(modelType: string): { id: string; modelType: string; config: ModelConfig } {
  const [architecture, fields] = FAMILIES[modelType]!;
  const config = { model_type: modelType, architectures: [architecture], ...BASE, ...fields };
  return { id: `tiny/${modelType}`, modelType, config };
}
