import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { loadModel } from "../../src/model/load_model.ts";
import type { ModelConfig } from "../../src/model/model.ts";
import { denseLayerFields, oneLayer } from "../../src/model/one_layer.ts";
import { hfOverrides, shardConfig } from "../../src/model/shard.ts";

const EXPERTS = { num_experts: 64, num_experts_per_tok: 6 };
const FULL = "full_attention";
const SLIDING = "sliding_attention";

Deno.test("oneLayer changes nothing of models whose layers are alike", async () => {
  for (
    const id of ["Qwen/Qwen3-0.6B", "Qwen/Qwen3-30B-A3B-Instruct-2507", "microsoft/Phi-mini-MoE-instruct"]
  ) {
    const { config } = await loadModel(id);
    assert.deepEqual([oneLayer(config), denseLayerFields(config)], [{}, []]);
  }
});

Deno.test("oneLayer is one with experts where the first layers, or most, are dense", () => {
  const cases: readonly [ModelConfig, Record<string, unknown>, dense: string[]][] = [
    [{ first_k_dense_replace: 3 }, { first_k_dense_replace: 0 }, ["first_k_dense_replace"]],
    [{ first_k_dense_replace: 0, moe_layer_freq: 1 }, {}, []],
    [{ first_k_dense_replace: null }, {}, []],
    [{ decoder_sparse_step: 2 }, { decoder_sparse_step: 1 }, ["decoder_sparse_step"]],
    [{ mlp_only_layers: [0, 5] }, { mlp_only_layers: [] }, ["mlp_only_layers"]],
    [{ interleave_moe_layer_step: 2 }, { interleave_moe_layer_step: 1 }, ["interleave_moe_layer_step"]],
    [
      { moe_layer_start_index: 1, moe_layer_interval: 2, moe_layer_end_index: 27 },
      { moe_layer_start_index: 0, moe_layer_interval: 1 },
      ["moe_layer_start_index", "moe_layer_interval"],
    ],
    [{ moe_layer_freq: [0, 1, 1, 1] }, { moe_layer_freq: [1] }, ["moe_layer_freq"]],
    [{ moe_layer_freq: [1, 1, 1, 1] }, { moe_layer_freq: [1] }, []],
    [
      { mlp_layer_types: ["dense", "sparse", "sparse", "sparse"] },
      { mlp_layer_types: ["sparse"] },
      ["mlp_layer_types"],
    ],
  ];
  for (const [fields, changed, dense] of cases) {
    const config = { num_hidden_layers: 4, ...EXPERTS, ...fields };
    assert.deepEqual(oneLayer(config), changed);
    assert.deepEqual(denseLayerFields(config), dense);
    assert.deepEqual(oneLayer({ text_config: config }), changed);
  }
});

Deno.test("oneLayer leaves such fields of a model without experts alone", () => {
  const config = { first_k_dense_replace: 3, num_experts: null, num_experts_per_tok: null };
  assert.deepEqual([oneLayer(config), denseLayerFields(config)], [{}, []]);
});

Deno.test("oneLayer takes one entry of a list that has one for each layer", () => {
  const cases: readonly [ModelConfig, Record<string, unknown>][] = [
    [{ layer_types: [FULL, FULL, FULL] }, { layer_types: [FULL] }],
    [{ layer_types: [SLIDING, SLIDING, SLIDING], sliding_window: 128 }, { layer_types: [SLIDING] }],
    [{ no_rope_layers: [1, 1, 1] }, { no_rope_layers: [1] }],
    [{ layers: [{ a: 1 }, { a: 1 }, { a: 1 }] }, { layers: [{ a: 1 }] }],
    [{ eos_token_id: [1, 2, 3], architectures: ["A", "B", "C"], other: [1, 2] }, {}],
  ];
  for (const [fields, changed] of cases) {
    assert.deepEqual(oneLayer({ num_hidden_layers: 3, ...fields }), changed);
  }
});

Deno.test("oneLayer says by what layers differ when none stands for all", () => {
  const cases: readonly [ModelConfig, string][] = [
    [{ layer_types: [SLIDING, SLIDING, FULL] }, `layer_types has "${SLIDING}", "${FULL}"`],
    [{ no_rope_layers: [1, 1, 0] }, "no_rope_layers has 1, 0"],
    [{ intermediate_size: [64, 64, 128] }, "intermediate_size has 64, 128"],
    [{ sliding_window_pattern: 6, sliding_window: 512 }, "sliding_window_pattern is 6"],
    [{ full_attention_interval: 4 }, "full_attention_interval is 4"],
    [
      { use_sliding_window: true, sliding_window: 4096, max_window_layers: 2 },
      "use_sliding_window is true from layer 2 on",
    ],
  ];
  for (const [fields, how] of cases) {
    const error = new UsageError(
      `Cannot measure one layer for all of this model's: they must be alike but for experts, and ${how}; ` +
        "choose another model, or save a config with layers of one kind under another name",
    );
    assert.throws(() => oneLayer({ num_hidden_layers: 3, ...fields }), error);
  }
});

Deno.test("oneLayer takes sliding attention that is off, or on everywhere, as alike", () => {
  for (
    const fields of [
      { use_sliding_window: false, sliding_window: 4096, max_window_layers: 2 },
      { use_sliding_window: true, sliding_window: null, max_window_layers: 2 },
      { use_sliding_window: true, sliding_window: 4096, max_window_layers: 3 },
      { sliding_window: 2047 },
      { layer_types: [FULL, FULL, FULL], sliding_window_pattern: 6 },
    ]
  ) {
    assert.doesNotThrow(() => oneLayer({ num_hidden_layers: 3, ...fields }));
  }
});

Deno.test("what makes one layer stand for all is booted and recorded", () => {
  const config = {
    num_hidden_layers: 4,
    ...EXPERTS,
    first_k_dense_replace: 1,
    layer_types: Array(4).fill(FULL),
  };
  const changed = { num_hidden_layers: 1, first_k_dense_replace: 0, layer_types: [FULL] };
  assert.deepEqual(hfOverrides(config, 1), changed);
  assert.deepEqual(shardConfig(config, 1), { ...config, ...changed });
});
