/** Parameters of tiny models by hand, and what a quantization scheme stands for. */
import assert from "node:assert/strict";
import { keySaturation } from "../../src/model/blocks.ts";
import { countParameters } from "../../src/model/parameters.ts";
import { quantizedKvType, quantizedType } from "../../src/model/quantization.ts";
import type { ModelConfig } from "../../src/model/model.ts";

/** Two layers; words and head of 1000 by 10. */
const BASE = {
  model_type: "llama",
  num_hidden_layers: 2,
  hidden_size: 10,
  vocab_size: 100,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 5,
  intermediate_size: 30,
};
const WORDS = 100 * 10;
/** Queries and outputs of four heads, keys and values of two. */
const ATTENTION = 10 * 5 * (2 * 4 + 2 * 2);
const MLP = 3 * 10 * 30;
const EXPERTS = { num_experts: 8, num_experts_per_tok: 2, moe_intermediate_size: 7 };
const LATENT = {
  kv_lora_rank: 6,
  qk_nope_head_dim: 3,
  qk_rope_head_dim: 2,
  v_head_dim: 4,
  head_dim: null,
  num_key_value_heads: 4,
};
/** Of latent attention what follows the queries. */
const LATENT_REST = 10 * (6 + 2) + 6 * 4 * (3 + 4) + 4 * 4 * 10;

/** A model without experts, all of whose weights but those of the words are met by each token. */
function mixed(what: string, config: Record<string, unknown>, layers: number): typeof models {
  return [[what, config, 2 * WORDS + layers, WORDS + layers]];
}

const models: [string, Record<string, unknown>, total: number, active: number][] = [
  ["a dense model", {}, 2 * WORDS + 2 * (ATTENTION + MLP), WORDS + 2 * (ATTENTION + MLP)],
  [
    "tied embeddings",
    { tie_word_embeddings: true },
    WORDS + 2 * (ATTENTION + MLP),
    WORDS + 2 * (ATTENTION + MLP),
  ],
  [
    "a KV head a head, as wide as its share",
    { num_key_value_heads: null, head_dim: null, hidden_size: 20 },
    2 * 2000 + 2 * (20 * 5 * 4 * 4 + 3 * 20 * 30),
    2000 + 2 * (20 * 5 * 4 * 4 + 3 * 20 * 30),
  ],
  [
    "experts",
    { model_type: "qwen3_moe", ...EXPERTS },
    2 * WORDS + 2 * (ATTENTION + 8 * 3 * 10 * 7 + 10 * 8),
    WORDS + 2 * (ATTENTION + 2 * 3 * 10 * 7 + 10 * 8),
  ],
  [
    "experts as wide as the MLP",
    { model_type: "mixtral", num_local_experts: 8, num_experts_per_tok: 2 },
    2 * WORDS + 2 * (ATTENTION + 8 * MLP + 10 * 8),
    WORDS + 2 * (ATTENTION + 2 * MLP + 10 * 8),
  ],
  [
    "shared experts of their own width",
    { model_type: "qwen2_moe", ...EXPERTS, shared_expert_intermediate_size: 11 },
    2 * WORDS + 2 * (ATTENTION + 8 * 3 * 10 * 7 + 10 * 8 + 3 * 10 * 11),
    WORDS + 2 * (ATTENTION + 2 * 3 * 10 * 7 + 10 * 8 + 3 * 10 * 11),
  ],
  [
    "several shared experts",
    { model_type: "qwen3_moe", ...EXPERTS, n_shared_experts: 3 },
    2 * WORDS + 2 * (ATTENTION + 8 * 3 * 10 * 7 + 10 * 8 + 3 * 10 * 21),
    WORDS + 2 * (ATTENTION + 2 * 3 * 10 * 7 + 10 * 8 + 3 * 10 * 21),
  ],
  [
    "latent attention",
    { ...LATENT, model_type: "llama" },
    2 * WORDS + 2 * (10 * 4 * (3 + 2) + LATENT_REST + MLP),
    WORDS + 2 * (10 * 4 * (3 + 2) + LATENT_REST + MLP),
  ],
  [
    "latent attention whose queries are latent too",
    { ...LATENT, model_type: "llama", q_lora_rank: 8 },
    2 * WORDS + 2 * (8 * (10 + 4 * (3 + 2)) + LATENT_REST + MLP),
    WORDS + 2 * (8 * (10 + 4 * (3 + 2)) + LATENT_REST + MLP),
  ],
  [
    "latent attention of rank 1 on both sides",
    { ...LATENT, model_type: "llama", kv_lora_rank: 1, q_lora_rank: 1 },
    2 * WORDS + 2 * (1 * (10 + 4 * (3 + 2)) + 10 * (1 + 2) + 1 * 4 * (3 + 4) + 4 * 4 * 10 + MLP),
    WORDS + 2 * (1 * (10 + 4 * (3 + 2)) + 10 * (1 + 2) + 1 * 4 * (3 + 4) + 4 * 4 * 10 + MLP),
  ],
  [
    "latent attention with an indexer of three heads of 5",
    {
      ...LATENT,
      model_type: "deepseek_v32",
      q_lora_rank: 8,
      index_topk: 64,
      index_n_heads: 3,
      index_head_dim: 5,
    },
    2 * WORDS + 2 * (8 * (10 + 4 * (3 + 2)) + LATENT_REST + 8 * 3 * 5 + 10 * (5 + 3) + MLP),
    WORDS + 2 * (8 * (10 + 4 * (3 + 2)) + LATENT_REST + 8 * 3 * 5 + 10 * (5 + 3) + MLP),
  ],
  ...mixed("gated delta rules, and attention whose output has a gate", {
    model_type: "qwen3_next",
    layer_types: ["linear_attention", "full_attention"],
    linear_num_key_heads: 2,
    linear_key_head_dim: 3,
    linear_num_value_heads: 4,
    linear_value_head_dim: 7,
  }, (10 * (2 * 6 + 2 * 28 + 2 * 4) + 28 * 10) + 10 * 5 * (2 * 4 + 4 + 2 * 2) + 2 * MLP),
  ...mixed("one value head of a gated delta rule", {
    layer_types: ["linear_attention", "linear_attention"],
    linear_num_key_heads: 1,
    linear_key_head_dim: 3,
    linear_num_value_heads: 1,
    linear_value_head_dim: 7,
  }, 2 * (10 * (2 * 3 + 2 * 7 + 2) + 7 * 10 + MLP)),
  ...mixed("Mamba by the names of Bamba", {
    layer_types: ["mamba", "attention"],
    mamba_n_heads: 3,
    mamba_d_head: 4,
    mamba_n_groups: 2,
    mamba_d_state: 7,
  }, 10 * (2 * 12 + 2 * 2 * 7 + 3) + 12 * 10 + ATTENTION + 2 * MLP),
  ...mixed("Mamba by the names of Nemotron, blocks of one thing each", {
    hybrid_override_pattern: "M-",
    mlp_hidden_act: "relu2",
    mamba_num_heads: 3,
    mamba_head_dim: 4,
    n_groups: 2,
    ssm_state_size: 7,
  }, 10 * (2 * 12 + 2 * 2 * 7 + 3) + 12 * 10 + 2 * 10 * 30),
  ...mixed(
    "Mamba alone, its groups one",
    { model_type: "mamba2", num_heads: 3, state_size: 7 },
    2 * (10 * (2 * 15 + 2 * 1 * 7 + 3) + 15 * 10),
  ),
  ...mixed("attention and a mixer of its own width side by side", {
    model_type: "falcon_h1",
    mamba_d_ssm: 9,
    mamba_n_heads: 3,
    mamba_d_head: 4,
    mamba_n_groups: 1,
    mamba_d_state: 7,
  }, 2 * (10 * (2 * 9 + 2 * 7 + 3) + 9 * 10 + ATTENTION + MLP)),
  [
    "a dense layer of its own width before one of experts, with a part that all share",
    {
      ...EXPERTS,
      first_k_dense_replace: 1,
      intermediate_size_mlp: 16,
      shared_intermediate_size: 9,
    },
    2 * WORDS + 2 * ATTENTION + 3 * 10 * (16 + 9) + 8 * 3 * 10 * 7 + 10 * 8 + 3 * 10 * 9,
    WORDS + 2 * ATTENTION + 3 * 10 * (16 + 9) + 2 * 3 * 10 * 7 + 10 * 8 + 3 * 10 * 9,
  ],
];
for (const [what, config, total, active] of models) {
  Deno.test(`parameters by hand: ${what}`, () => {
    const counted = { ...BASE, ...config } as ModelConfig;
    assert.deepEqual(countParameters({ id: "a/b", config: counted }), { total, active });
    const { model_type, ...text } = counted;
    assert.deepEqual(
      countParameters({ id: "a/b", config: { model_type, text_config: { model_type, ...text } } }),
      {
        total,
        active,
      },
    );
  });
}

const schemes: [Record<string, unknown>, type: string | null, kv: string | null][] = [
  [{}, null, null],
  [{ quant_method: "fp8" }, "fp8", null],
  [{ quant_method: "FBGEMM_FP8" }, "fp8", null],
  [{ quant_method: "experts_int8" }, "int8", null],
  [{ quant_method: "mxfp4" }, "mxfp4", null],
  [{ quant_method: "modelopt_fp4" }, "nvfp4", null],
  [{ quant_method: "modelopt", quant_algo: "FP8", kv_cache_quant_algo: "FP8" }, "fp8", "fp8"],
  [
    { quant_method: "modelopt", quantization: { quant_algo: "NVFP4", kv_cache_quant_algo: "NVFP4" } },
    "nvfp4",
    "nvfp4",
  ],
  [{ quant_method: "modelopt", quant_algo: "FP8_PB_WO", kv_cache_quant_algo: "int8" }, "fp8", null],
  [{ quant_method: "awq", bits: 4 }, "int4", null],
  [{ quant_method: "awq", w_bit: 4 }, "int4", null],
  [{ quant_method: "gptq", bits: 8 }, "int8", null],
  [{ quant_method: "bitsandbytes", load_in_8bit: true }, "int8", null],
  [{ quant_method: "bitsandbytes", load_in_4bit: true }, "fp4", null],
  [{ quant_method: "bitsandbytes", load_in_4bit: true, bnb_4bit_quant_type: "nf4" }, "nf4", null],
  [{ quant_method: "AutoRound-x2" }, "autoround_x2", null],
  [{ other: true }, "quantized", null],
  [
    { config_groups: { a: { weights: { num_bits: 8, type: "float" } } }, kv_cache_scheme: { num_bits: 8 } },
    "fp8",
    "fp8",
  ],
  [
    { config_groups: { a: { weights: { num_bits: 4, type: "float" } } }, format: "nvfp4-pack-quantized" },
    "nvfp4",
    null,
  ],
  [
    { config_groups: { a: { weights: { num_bits: 4, type: "float" } } }, kv_cache_scheme: { num_bits: 4 } },
    "mxfp4",
    "nvfp4",
  ],
  [{ config_groups: { a: { weights: { num_bits: 4, type: "int" } } } }, "int4", null],
  [
    {
      quant_method: "compressed-tensors",
      config_groups: { a: { weights: { num_bits: 4 } }, b: { weights: { num_bits: 8 } } },
    },
    "compressed_tensors",
    null,
  ],
];
for (const [scheme, type, kv] of schemes) {
  Deno.test(`the scheme ${JSON.stringify(scheme)} has weights of ${type}, a KV cache of ${kv}`, () => {
    for (
      const config of [
        { quantization_config: scheme },
        { compression_config: scheme },
        { text_config: { quantization_config: scheme } },
        { quantization_config: {}, text_config: { compression_config: scheme } },
      ]
    ) {
      assert.equal(quantizedType(config), type);
      assert.equal(quantizedKvType(config), kv);
    }
  });
}

const BLOCKS = {
  use_sparse_attention: true,
  sparse_topk_blocks: 16,
  sparse_init_block: 1,
  sparse_local_block: 2,
  sparse_block_size: 64,
};
const saturations: [ModelConfig, number | null][] = [
  [{}, null],
  [{ index_topk: 2048 }, 2048],
  [{ sparse_attention_config: BLOCKS }, (16 + 1 + 2) * 64],
  [{ sparse_attention_config: { ...BLOCKS, sparse_init_block: undefined } }, (16 + 2) * 64],
  [{ sparse_attention_config: { ...BLOCKS, use_sparse_attention: false } }, null],
  [{ index_topk: 7, sparse_attention_config: BLOCKS }, 7],
  [{ text_config: { index_topk: 512 } }, 512],
];
for (const [config, tokens] of saturations) {
  Deno.test(`attention of ${JSON.stringify(config).slice(0, 60)} reads ${tokens ?? "all"} keys at most`, () => {
    assert.equal(keySaturation(config), tokens);
  });
}
