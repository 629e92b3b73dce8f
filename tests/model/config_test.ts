import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { expertConflict, moeParameters, textConfig } from "../../src/model/config.ts";
import { configFault } from "../../src/model/config_faults.ts";
import type { ModelConfig } from "../../src/model/model.ts";
import { modelNotices } from "../../src/model/notices.ts";
import { loadModel } from "../../src/model/load_model.ts";
import vectors from "../data/tp-overrides.json" with { type: "json" };

Deno.test("moeParameters finds experts and top_k as the reference does", async () => {
  for (const { config, num_experts_and_top_k } of vectors.moe_parameters) {
    const given = typeof config === "string" ? (await loadModel(config)).config : config;
    const found = moeParameters(given);
    assert.deepEqual(found && [found.numExperts, found.topK], num_experts_and_top_k, JSON.stringify(config));
  }
});

Deno.test("moeParameters looks into text_config and passes over null", () => {
  const text_config = {
    num_local_experts: null,
    n_routed_experts: 64,
    num_experts_per_tok: null,
    moe_topk: 6,
  };
  assert.deepEqual(moeParameters({ text_config }), { numExperts: 64, topK: 6 });
});

Deno.test("moeParameters knows each family's names, and lists that repeat one number", () => {
  const cases: readonly [ModelConfig, experts: number, topK: number][] = [
    [{ num_local_experts: 8, num_experts_per_tok: 2 }, 8, 2],
    [{ num_experts: 128, num_experts_per_tok: 8 }, 128, 8],
    [{ n_routed_experts: 64, n_shared_experts: 2, num_experts_per_tok: 6 }, 64, 6],
    [{ num_experts: 16, num_experts_per_token: 2 }, 16, 2],
    [{ num_experts: [16, 16, 16], moe_topk: [4, 4, 4] }, 16, 4],
    [{ moe_num_experts: 64, moe_k: 6 }, 64, 6],
    [{ num_local_experts: 128, experts_per_token: 4 }, 128, 4],
    [{ num_experts: 128, top_k_experts: 8, num_experts_per_tok: null }, 128, 8],
  ];
  for (const [config, numExperts, topK] of cases) {
    assert.deepEqual(moeParameters(config), { numExperts, topK });
  }
});

Deno.test("moeParameters finds no experts where there are 0 of them", () => {
  assert.equal(moeParameters({ num_local_experts: 0, num_experts_per_tok: 0 }), null);
});

Deno.test("moeParameters refuses counts that are none", () => {
  for (const value of ["many", "", " ", -1, 2.5, true, {}, [], [4, 8]]) {
    assert.throws(
      () => moeParameters({ num_experts: value, num_experts_per_tok: 2 }),
      new UsageError(
        `Cannot read the model's experts: num_experts must be a whole number from 0, got ${
          JSON.stringify(value)
        }`,
      ),
    );
  }
});

Deno.test("textConfig is the configuration itself when none is nested", () => {
  for (const config of [{ vocab_size: 8 }, { text_config: null }, { text_config: "x" }]) {
    assert.equal(textConfig(config), config);
  }
});

Deno.test("a size or a count that no model has is refused, wherever it stands", () => {
  const cases: readonly [config: ModelConfig, fault: string | null][] = [
    [{}, null],
    [{ hidden_size: 4096, num_attention_heads: 32, num_key_value_heads: 8, head_dim: null }, null],
    [{ intermediate_size: [64, 128], num_attention_heads: 4 }, null],
    [{ num_experts: 0, num_experts_per_tok: 0, moe_intermediate_size: 0 }, null],
    [{ hidden_size: "4096" }, 'hidden_size must be a whole number above 0, got "4096"'],
    [{ text_config: { num_hidden_layers: 0 } }, "num_hidden_layers must be a whole number above 0, got 0"],
    [{ vocab_size: 3.5 }, "vocab_size must be a whole number above 0, got 3.5"],
    [{ num_key_value_heads: -8 }, "num_key_value_heads must be a whole number above 0, got -8"],
    [{ head_dim: true }, "head_dim must be a whole number above 0, got true"],
    [{ intermediate_size: [64, 0] }, "intermediate_size must be a whole number above 0, got [64,0]"],
    [{ max_position_embeddings: 1e30 }, "max_position_embeddings must be a whole number above 0, got 1e+30"],
    [{ moe_intermediate_size: -1 }, "moe_intermediate_size must be a whole number from 0, got -1"],
    [
      { num_attention_heads: 32, num_key_value_heads: 5 },
      "num_key_value_heads must divide num_attention_heads, got 5 and 32",
    ],
    [
      { n_routed_experts: 128, num_experts_per_tok: null },
      "n_routed_experts is 128, and no field names the experts per token, such as num_experts_per_tok",
    ],
    [
      { num_experts: 8, num_experts_per_tok: 9 },
      "num_experts_per_tok must be 8 at most, as there are so many experts, got 9",
    ],
    [
      { num_local_experts: 8, num_experts_per_tok: 0 },
      "num_experts_per_tok must be above 0, as there are 8 experts (num_local_experts), got 0",
    ],
    // One expert is an MLP, and the experts per token are as many as there are at most.
    [{ num_experts: 1 }, null],
    [{ num_experts: 1, num_experts_per_tok: 0 }, null],
    [{ num_experts: 2, num_experts_per_tok: 2 }, null],
    [{ num_experts_per_tok: 2 }, null],
    [
      { num_experts: 2 },
      "num_experts is 2, and no field names the experts per token, such as num_experts_per_tok",
    ],
    [
      { num_experts: 2, num_experts_per_tok: 0 },
      "num_experts_per_tok must be above 0, as there are 2 experts (num_experts), got 0",
    ],
    [{ num_key_value_heads: 5 }, null],
    [{ num_attention_heads: 5 }, null],
    [{ vocab_size: 2 ** 31 - 1 }, null],
    [{ layer_types: ["full_attention"] }, null],
    // A value is shown as far as its 80th character.
    [{ model_type: 1, dtype: null }, "model_type must be a text, got 1"],
    [{ hidden_size: "x".repeat(78) }, `hidden_size must be a whole number above 0, got "${"x".repeat(78)}"`],
    [
      { hidden_size: "x".repeat(79) },
      `hidden_size must be a whole number above 0, got "${"x".repeat(79)}...`,
    ],
  ];
  for (const [config, fault] of cases) assert.equal(configFault(config), fault, JSON.stringify(config));
});

/** Values that are no size. */
const NO_SIZES = [-1, 1.5, "64", true, {}, [64], 1e30, 2 ** 31];

Deno.test("every size that is read is checked, also in text_config", () => {
  const sizes = [
    ...[
      "hidden_size",
      "head_dim",
      "vocab_size",
      "num_hidden_layers",
      "max_position_embeddings",
      "v_head_dim",
    ],
    ...["sliding_window", "attention_chunk_size", "kv_lora_rank", "q_lora_rank", "qk_nope_head_dim"],
    ...["qk_rope_head_dim", "index_n_heads", "index_head_dim", "index_topk", "index_topk_freq"],
    ...[
      "first_k_dense_replace",
      "n_shared_experts",
      "shared_expert_intermediate_size",
      "decoder_sparse_step",
    ],
    ...["mamba_num_heads", "mamba_n_heads", "mamba_d_state", "ssm_state_size", "state_size", "mamba_d_conv"],
    ...["mamba_n_groups", "n_groups", "mamba_head_dim", "mamba_d_head", "mamba_d_ssm", "conv_kernel"],
    ...["linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim", "linear_value_head_dim"],
    ...["attn_layer_period", "attn_layer_offset", "expert_layer_period", "expert_layer_offset"],
    ...[
      "full_attention_interval",
      "interleave_moe_layer_step",
      "no_rope_layer_interval",
      "max_window_layers",
    ],
    ...["sliding_window_pattern", "intermediate_size_mlp", "shared_intermediate_size"],
  ];
  for (const name of sizes) {
    for (const value of NO_SIZES) {
      for (const config of [{ [name]: value }, { text_config: { [name]: value } }]) {
        const fault = configFault(config) ?? "";
        assert.match(fault, new RegExp(`^${name} must be (a whole number|2147483647 at most)`), name);
        assert.ok(fault.endsWith(`, got ${JSON.stringify(value)}`), fault);
      }
    }
    assert.equal(configFault({ [name]: null }), null);
    assert.equal(configFault({ [name]: 64 }), null);
  }
});

Deno.test("lists by layer name every layer, and fields have the type that they are read as", () => {
  const cases: readonly [config: ModelConfig, fault: string | null][] = [
    [{ num_hidden_layers: 2, layer_types: ["full_attention", "sliding_attention"] }, null],
    ...["layer_types", "layers_block_type", "mlp_layer_types", "attn_type_list", "moe_layer_freq"].flatMap(
      (name): [ModelConfig, string | null][] => [
        [
          { num_hidden_layers: 3, [name]: ["a"] },
          `${name} must name as many layers as num_hidden_layers says (3), got ["a"]`,
        ],
        [
          { num_hidden_layers: 1, [name]: [1, 2] },
          `${name} must name as many layers as num_hidden_layers says (1), got [1,2]`,
        ],
      ],
    ),
    [{ num_hidden_layers: 48, no_rope_layers: [] }, null],
    [{ moe_layer_freq: 1 }, null],
    [{ mlp_only_layers: 3 }, "mlp_only_layers must be a list of layers, got 3"],
    [{ mlp_only_layers: [0, -1] }, "mlp_only_layers must be a whole number from 0, got [0,-1]"],
    [{ quantization_config: "awq" }, 'quantization_config must be an object, got "awq"'],
    [{ text_config: { quantization_config: [] } }, "quantization_config must be an object, got []"],
    [{ quantization_config: null }, null],
    [{ rope_scaling: 2 }, "rope_scaling must be an object, got 2"],
    [{ text_config: "x" }, 'text_config must be an object, got "x"'],
    [{ torch_dtype: 16 }, "torch_dtype must be a text, got 16"],
    [{ tie_word_embeddings: "yes" }, 'tie_word_embeddings must be true or false, got "yes"'],
    [{ intermediate_size: [64, "x"] }, 'intermediate_size must be a whole number above 0, got [64,"x"]'],
  ];
  for (const [config, fault] of cases) assert.equal(configFault(config), fault, JSON.stringify(config));
});

Deno.test("a config that names different numbers of experts is noted, the one that counts first", () => {
  const config = { n_routed_experts: 168, num_experts: 256, num_experts_per_tok: 8 };
  assert.deepEqual(expertConflict(config), [["num_experts", 256], ["n_routed_experts", 168]]);
  assert.deepEqual(expertConflict({ ...config, n_routed_experts: 256 }), []);
  assert.deepEqual(modelNotices(config, { tpDegrees: [1] }), [
    "The model's config names different numbers of experts: num_experts 256 is taken, not n_routed_experts 168; " +
    "an engine may read the other, whose number its boot then tells",
  ]);
});
