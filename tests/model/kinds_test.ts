import assert from "node:assert/strict";
import { firstOfEach, kindName, layerKinds, layerRuns, leadingLayers } from "../../src/model/kinds.ts";
import { fewestLayers } from "../../src/model/fewest_layers.ts";
import { UsageError } from "../../src/errors.ts";
import type { ModelConfig } from "../../src/model/model.ts";

const EXPERTS = { num_experts: 64, num_experts_per_tok: 6 };
const FULL = "full_attention";
const SLIDING = "sliding_attention";
const CHUNKED = "chunked_attention";
const LINEAR = "linear_attention";

const ofModel = (config: ModelConfig) => ({ id: "org/name", config });

/** Kinds written briefly: `3 full_attention/dense from 0`, in the order in which they are met. */
function summary(config: ModelConfig): string {
  const names = layerKinds(ofModel(config)).map((kind) => kindName(kind).replace("/plain", ""));
  return firstOfEach(layerKinds(ofModel(config)))
    .map((i) => `${names.filter((name) => name === names[i]).length} ${names[i]} from ${i}`)
    .join(", ");
}

const FAMILIES: readonly [
  family: string,
  config: ModelConfig,
  kinds: string,
  fewest: Record<string, unknown>,
][] = [
  ["Llama 3.1", { num_hidden_layers: 32 }, "32 full_attention/dense from 0", { num_hidden_layers: 1 }],
  [
    "Mistral 0.1, all layers slide",
    { num_hidden_layers: 32, sliding_window: 4096 },
    "32 full_attention/dense from 0",
    { num_hidden_layers: 1 },
  ],
  [
    "Qwen3 MoE",
    { num_hidden_layers: 48, ...EXPERTS, decoder_sparse_step: 1, mlp_only_layers: [] },
    "48 full_attention/moe from 0",
    { num_hidden_layers: 1 },
  ],
  [
    "every other layer has experts, but for two",
    { num_hidden_layers: 8, ...EXPERTS, decoder_sparse_step: 2, mlp_only_layers: [3, 5] },
    "6 full_attention/dense from 0, 2 full_attention/moe from 1",
    { num_hidden_layers: 2, mlp_only_layers: [] },
  ],
  [
    "DeepSeek V3",
    {
      num_hidden_layers: 61,
      n_routed_experts: 256,
      num_experts_per_tok: 8,
      first_k_dense_replace: 3,
      moe_layer_freq: 1,
    },
    "3 full_attention/dense from 0, 58 full_attention/moe from 3",
    { num_hidden_layers: 2, first_k_dense_replace: 1 },
  ],
  [
    "DeepSeek V3.2 with an index every fourth layer",
    {
      num_hidden_layers: 10,
      n_routed_experts: 256,
      num_experts_per_tok: 8,
      first_k_dense_replace: 3,
      index_topk: 2048,
      index_topk_freq: 4,
      index_skip_topk_offset: 2,
    },
    "2 full_attention/dense/sparse from 0, 1 full_attention/dense from 2, 5 full_attention/moe from 3, " +
    "2 full_attention/moe/sparse from 5",
    { num_hidden_layers: 6, first_k_dense_replace: 3 },
  ],
  [
    "Gemma 2 without a list",
    { model_type: "gemma2", num_hidden_layers: 26, sliding_window: 4096 },
    "13 sliding_attention/dense from 0, 13 full_attention/dense from 1",
    { num_hidden_layers: 2, layer_types: [SLIDING, FULL] },
  ],
  [
    "Gemma 3 by its pattern",
    { model_type: "gemma3_text", num_hidden_layers: 34, sliding_window: 1024, sliding_window_pattern: 6 },
    "29 sliding_attention/dense from 0, 5 full_attention/dense from 5",
    { num_hidden_layers: 2, layer_types: [SLIDING, FULL] },
  ],
  [
    "gpt-oss",
    {
      num_hidden_layers: 4,
      num_local_experts: 32,
      num_experts_per_tok: 4,
      layer_types: [SLIDING, FULL, SLIDING, FULL],
    },
    "2 sliding_attention/moe from 0, 2 full_attention/moe from 1",
    { num_hidden_layers: 2, layer_types: [SLIDING, FULL] },
  ],
  [
    "Llama 4 Scout",
    {
      model_type: "llama4_text",
      num_hidden_layers: 48,
      num_local_experts: 16,
      num_experts_per_tok: 1,
      interleave_moe_layer_step: 1,
      attention_chunk_size: 8192,
      no_rope_layers: [],
    },
    "36 chunked_attention/moe from 0, 12 full_attention/moe from 3",
    { num_hidden_layers: 2, layer_types: [CHUNKED, FULL], no_rope_layers: [1, 0] },
  ],
  [
    "Llama 4 Maverick",
    {
      model_type: "llama4_text",
      num_hidden_layers: 48,
      num_local_experts: 128,
      num_experts_per_tok: 1,
      interleave_moe_layer_step: 2,
      attention_chunk_size: 8192,
    },
    "24 chunked_attention/dense from 0, 12 chunked_attention/moe from 1, 12 full_attention/moe from 3",
    {
      num_hidden_layers: 4,
      layer_types: [CHUNKED, CHUNKED, CHUNKED, FULL],
      no_rope_layers: [1, 1, 1, 0],
    },
  ],
  [
    "Qwen3-Next by its interval",
    { num_hidden_layers: 48, ...EXPERTS, full_attention_interval: 4, decoder_sparse_step: 1 },
    "36 linear_attention/moe from 0, 12 full_attention/moe from 3",
    { num_hidden_layers: 2, layer_types: [LINEAR, FULL] },
  ],
  [
    "Granite 4, mamba by the list",
    { num_hidden_layers: 3, layer_types: ["mamba", "mamba", "attention"] },
    "2 linear_attention/dense from 0, 1 full_attention/dense from 2",
    { num_hidden_layers: 2, layer_types: ["mamba", "attention"] },
  ],
  [
    "Nemotron-H",
    { num_hidden_layers: 6, hybrid_override_pattern: "M-M-*-" },
    "2 linear_attention/none from 0, 3 none/dense from 1, 1 full_attention/none from 4",
    { num_hidden_layers: 3, hybrid_override_pattern: "M-*" },
  ],
  [
    "Nemotron 3 by its list",
    { num_hidden_layers: 4, layers_block_type: ["linear_attention", "moe", "full_attention", "mlp"] },
    "1 linear_attention/none from 0, 1 none/moe from 1, 1 full_attention/none from 2, 1 none/dense from 3",
    { num_hidden_layers: 4, layers_block_type: ["linear_attention", "moe", "full_attention", "mlp"] },
  ],
  ["Falcon-H1", { model_type: "falcon_h1", num_hidden_layers: 44 }, "44 hybrid_attention/dense from 0", {
    num_hidden_layers: 1,
  }],
  ["Mamba 2", { model_type: "mamba2", num_hidden_layers: 64 }, "64 linear_attention/none from 0", {
    num_hidden_layers: 1,
  }],
  [
    "Jamba",
    {
      num_hidden_layers: 8,
      ...EXPERTS,
      attn_layer_period: 8,
      attn_layer_offset: 4,
      expert_layer_period: 2,
      expert_layer_offset: 1,
    },
    "3 linear_attention/dense from 0, 4 linear_attention/moe from 1, 1 full_attention/dense from 4",
    { num_hidden_layers: 5 },
  ],
  [
    "ERNIE 4.5",
    {
      num_hidden_layers: 6,
      ...EXPERTS,
      moe_layer_start_index: 1,
      moe_layer_end_index: 4,
      moe_layer_interval: 2,
    },
    "4 full_attention/dense from 0, 2 full_attention/moe from 1",
    { num_hidden_layers: 2 },
  ],
  [
    "MiniMax-Text",
    { num_hidden_layers: 4, ...EXPERTS, attn_type_list: [0, 0, 0, 1] },
    "3 linear_attention/moe from 0, 1 full_attention/moe from 3",
    { num_hidden_layers: 2, attn_type_list: [0, 1] },
  ],
  [
    "Qwen2 with a window from a layer on",
    { num_hidden_layers: 28, use_sliding_window: true, sliding_window: 4096, max_window_layers: 21 },
    "21 full_attention/dense from 0, 7 sliding_attention/dense from 21",
    { num_hidden_layers: 2, layer_types: [FULL, SLIDING] },
  ],
  [
    "SmolLM3, some layers without rotary embedding",
    { num_hidden_layers: 4, no_rope_layers: [1, 1, 1, 0] },
    "3 full_attention/dense from 0, 1 nope_attention/dense from 3",
    { num_hidden_layers: 2, no_rope_layers: [1, 0] },
  ],
  [
    "a list of which layers have experts",
    { num_hidden_layers: 4, ...EXPERTS, mlp_layer_types: ["dense", "sparse", "sparse", "sparse"] },
    "1 full_attention/dense from 0, 3 full_attention/moe from 1",
    { num_hidden_layers: 2, mlp_layer_types: ["dense", "sparse"] },
  ],
];

for (const [family, config, kinds, fewest] of FAMILIES) {
  Deno.test(`layerKinds and fewestLayers: ${family}`, () => {
    assert.equal(summary(config), kinds);
    assert.equal(summary({ text_config: config }), kinds);
    const few = fewestLayers(ofModel(config));
    assert.deepEqual(few.overrides, fewest);
    const names = (of: typeof few.kinds): string[] => [...new Set(of.map(kindName))].sort();
    assert.deepEqual(names(few.kinds), names(layerKinds(ofModel(config))));
    assert.deepEqual(few.kinds, layerKinds(ofModel({ ...config, ...few.overrides })));
  });
}

Deno.test("layerRuns has the real pattern, and leadingLayers how many show all of it", () => {
  const kinds = layerKinds(ofModel({ num_hidden_layers: 6, ...EXPERTS, mlp_only_layers: [0, 3] }));
  assert.deepEqual(
    layerRuns(kinds).map(({ kind, times }) => `${times} ${kind.mlp}`),
    ["1 dense", "2 moe", "1 dense", "2 moe"],
  );
  assert.deepEqual([leadingLayers(kinds), leadingLayers([])], [2, 0]);
});

Deno.test("layerKinds says which list or pattern does not reach", () => {
  const cases: readonly [ModelConfig, string][] = [
    [
      { num_hidden_layers: 0 },
      "Cannot walk org/name: num_hidden_layers must be a whole number from 1 to 10000: 0",
    ],
    [
      { hybrid_override_pattern: "MX" },
      "Cannot tell the kind of layer 1 of org/name: hybrid_override_pattern must consist of M * - E, got 'X'",
    ],
    ...(["moe_layer_freq", "mlp_layer_types"] as const).map((name): [ModelConfig, string] => [
      { num_hidden_layers: 3, ...EXPERTS, [name]: [1, 1] },
      `Cannot tell the kind of layer 2 of org/name: ${name} must name every layer, but ends after 2`,
    ]),
    [
      { num_hidden_layers: 3, index_topk: 64, index_topk_pattern: "FS" },
      "Cannot tell the kind of layer 2 of org/name: index_topk_pattern must name every layer, but ends after 2",
    ],
  ];
  for (const [config, message] of cases) {
    assert.throws(() => layerKinds(ofModel(config)), new UsageError(message));
  }
});

/** The kinds of twelve layers, a letter each: full attention or another, then experts or a dense MLP. */
function letters(config: ModelConfig): [attn: string, mlp: string] {
  const kinds = layerKinds(ofModel({ num_hidden_layers: 12, ...config }));
  const mlps = { moe: "e", dense: "d", none: "-" };
  return [
    kinds.map(({ attn }) => attn === FULL ? "f" : attn[0] === "f" ? "?" : attn[0]).join(""),
    kinds.map(({ mlp }) => mlps[mlp]).join(""),
  ];
}
const fields: readonly [config: ModelConfig, attn: string | null, mlp: string | null][] = [
  [{ attn_layer_period: 4 }, "flllflllflll", null],
  [{ attn_layer_period: 4, attn_layer_offset: 2 }, "llflllflllfl", null],
  [{ ...EXPERTS, expert_layer_period: 4 }, null, "edddedddeddd"],
  [{ ...EXPERTS, expert_layer_period: 4, expert_layer_offset: 3 }, null, "dddedddeddde"],
  [{ ...EXPERTS, moe_layer_interval: 3 }, null, "ddeddeddedde"],
  [{ ...EXPERTS, moe_layer_start_index: 4 }, null, "ddddeeeeeeee"],
  [{ ...EXPERTS, moe_layer_start_index: 4, moe_layer_end_index: 6 }, null, "ddddeeeddddd"],
  [{ ...EXPERTS, moe_layer_start_index: 4, moe_layer_interval: 2 }, null, "dddddededede"],
  [{ ...EXPERTS, moe_layer_interval: 1, moe_layer_end_index: 2 }, null, "eeeddddddddd"],
  [{ ...EXPERTS, layers_block_type: ["attention", "moe"] }, null, "-e-e-e-e-e-e"],
  [{ ...EXPERTS, layers_block_type: ["attention", "mlp"] }, null, "-d-d-d-d-d-d"],
  [{ ...EXPERTS, layers_block_type: ["attention", "mamba"] }, "flflflflflfl", "eeeeeeeeeeee"],
  [{ sliding_window: null, sliding_window_pattern: 3 }, "ffffffffffff", null],
  [{ sliding_window: 128, sliding_window_pattern: 3 }, "ssfssfssfssf", null],
  [{ sliding_window: 128, _sliding_window_pattern: 3 }, "ssfssfssfssf", null],
  [{ sliding_window: 128, model_type: "gemma2" }, "sfsfsfsfsfsf", null],
  [{ sliding_window: 128, model_type: "gpt_oss" }, "sfsfsfsfsfsf", null],
  [{ sliding_window: 128, model_type: "gemma3" }, "sssssfsssssf", null],
  [{ sliding_window: 128, model_type: "gemma3_text" }, "sssssfsssssf", null],
  [{ sliding_window: 128, model_type: "cohere2" }, "sssfsssfsssf", null],
  [{ sliding_window: 128, model_type: "exaone4" }, "sssfsssfsssf", null],
  [{ model_type: "gemma2" }, "ffffffffffff", null],
  [{ use_sliding_window: true, sliding_window: 128, max_window_layers: 4 }, "ffffssssssss", null],
  [{ use_sliding_window: false, sliding_window: 128, max_window_layers: 4 }, "ffffffffffff", null],
  [{ use_sliding_window: true, max_window_layers: 4 }, "ffffffffffff", null],
  [{ use_sliding_window: true, sliding_window: 128 }, "ffffffffffff", null],
  [{ model_type: "llama4_text" }, "fffnfffnfffn", null],
  [{ model_type: "llama4", attention_chunk_size: 64 }, "cccfcccfcccf", null],
  [{ full_attention_interval: 2.5 }, "ffffffffffff", null],
  [{ layer_types: ["linear_attention"] }, "llllllllllll", null],
  [{ layer_types: [], full_attention_interval: 4 }, "lllflllflllf", null],
  [{ ...EXPERTS, interleave_moe_layer_step: 3 }, null, "ddeddeddedde"],
  [{ ...EXPERTS, decoder_sparse_step: 3 }, null, "ddeddeddedde"],
  [{ ...EXPERTS, decoder_sparse_step: 3, mlp_only_layers: [2] }, null, "dddddeddedde"],
  [{ ...EXPERTS, mlp_only_layers: [1] }, null, "edeeeeeeeeee"],
  [{ ...EXPERTS, first_k_dense_replace: 3, moe_layer_freq: 2 }, null, "ddddedededed"],
  [{ ...EXPERTS, first_k_dense_replace: 3, moe_layer_freq: 0 }, null, "dddeeeeeeeee"],
  [{ ...EXPERTS, first_k_dense_replace: 3 }, null, "dddeeeeeeeee"],
];
for (const [config, attn, mlp] of fields) {
  Deno.test(`twelve layers of ${JSON.stringify(config)} are ${attn ?? ""} ${mlp ?? ""}`, () => {
    const [ownAttn, ownMlp] = letters(config);
    assert.deepEqual([attn === null ? null : ownAttn, mlp === null ? null : ownMlp], [attn, mlp]);
  });
}

const unlike: readonly [config: ModelConfig, told: string | null][] = [
  [{ num_hidden_layers: 3, sizes: [1, 1, 1] }, null],
  [{ num_hidden_layers: 3, sizes: [1, 2, 1] }, "sizes has 1, 2 for full_attention/dense/plain"],
  [{ num_hidden_layers: 3, sizes: [1, 1, 2] }, "sizes has 1, 2 for full_attention/dense/plain"],
  [{ num_hidden_layers: 3, sizes: [1, 2] }, null], // it is no list of the layers
  [{ num_hidden_layers: 3, architectures: ["a", "b", "c"], eos_token_id: [1, 2, 3] }, null],
  [{ num_hidden_layers: 2, layer_types: [FULL, SLIDING], sizes: [1, 2] }, null], // each kind has its own
  [
    { num_hidden_layers: 4, layer_types: [FULL, SLIDING, FULL, SLIDING], sizes: [1, 2, 1, 3] },
    "sizes has 2, 3 for " +
    "sliding_attention/dense/plain",
  ],
  [{ num_hidden_layers: 1, sizes: [1] }, null],
];
for (const [config, told] of unlike) {
  Deno.test(`one layer of each kind of ${JSON.stringify(config)}: ${told ?? "they are alike"}`, () => {
    const cut = (): unknown => fewestLayers(ofModel(config));
    if (told === null) {
      assert.doesNotThrow(cut);
      return;
    }
    assert.throws(cut, {
      name: "UsageError",
      message:
        `Cannot measure one layer of each kind of this model's: layers of a kind must be alike, and ${told}; ` +
        "choose another model, or save a config with such layers alone under another name",
    });
  });
}

Deno.test("an indexer chooses anew after the offset, at every so many layers", () => {
  const sparse = (config: ModelConfig): string =>
    layerKinds(ofModel({ num_hidden_layers: 8, ...config })).map((kind) => kind.sparse ? "s" : "-").join("");
  assert.equal(sparse({ index_topk: 64 }), "ssssssss");
  assert.equal(sparse({ index_topk: 64, index_topk_freq: 3 }), "ss--s--s");
  assert.equal(sparse({ index_topk: 64, index_topk_freq: 3, index_skip_topk_offset: 4 }), "ssss--s-");
  assert.equal(sparse({ index_topk_freq: 3 }), "--------");
});

Deno.test("as many layers as 10000 are walked, and no more", () => {
  assert.equal(layerKinds(ofModel({ num_hidden_layers: 10_000 })).length, 10_000);
  assert.throws(
    () => layerKinds(ofModel({ num_hidden_layers: 10_001 })),
    new UsageError("Cannot walk org/name: num_hidden_layers must be a whole number from 1 to 10000: 10001"),
  );
  assert.throws(
    () => layerKinds(ofModel({})),
    new UsageError(
      "Cannot walk org/name: num_hidden_layers must be a whole number from 1 to 10000: undefined",
    ),
  );
});

Deno.test("a pattern without a character names no layers", () => {
  assert.throws(() => layerKinds(ofModel({ hybrid_override_pattern: "" })), UsageError);
});

const few: readonly [what: string, config: ModelConfig, overrides: Record<string, unknown>][] = [
  ["one layer stays as it is", { num_hidden_layers: 1, sizes: [1] }, { num_hidden_layers: 1 }],
  ["a list by layers is cut", { num_hidden_layers: 2, sizes: [1, 1] }, { num_hidden_layers: 1, sizes: [1] }],
  ["numbers of layers are no list by layers", {
    ...EXPERTS,
    num_hidden_layers: 2,
    mlp_only_layers: [0, 1],
  }, { num_hidden_layers: 1, mlp_only_layers: [0] }],
  ["each list of numbers is cut", { num_hidden_layers: 4, mlp_only_layers: [], attn_layer_indices: [1, 3] }, {
    num_hidden_layers: 2,
    attn_layer_indices: [1],
    layer_types: ["linear_attention", FULL],
  }],
  ["dense layers first, one of them", { ...EXPERTS, num_hidden_layers: 4, first_k_dense_replace: 1 }, {
    num_hidden_layers: 2,
    first_k_dense_replace: 1,
  }],
  ["no dense layers first", { ...EXPERTS, num_hidden_layers: 4, first_k_dense_replace: 0 }, {
    num_hidden_layers: 1,
  }],
  ["chunks in all layers", { num_hidden_layers: 2, attention_chunk_size: 64 }, { num_hidden_layers: 1 }],
];
for (const [what, config, overrides] of few) {
  Deno.test(`the fewest layers: ${what}`, () =>
    assert.deepEqual(fewestLayers(ofModel(config)).overrides, overrides));
}
