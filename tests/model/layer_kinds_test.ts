import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { loadArchitecture } from "../../src/model/architecture.ts";
import { textConfig } from "../../src/model/config.ts";
import {
  decoderBlock,
  keySaturation,
  kindName,
  layerKinds,
  layerRuns,
  leadingLayers,
} from "../../src/model/layer_kinds.ts";
import vectors from "../data/layer-kinds.json" with { type: "json" };

const TESTS_DATA = new URL("../data", import.meta.url).pathname;
/** Types that the project's own files describe; the others are in the form that has blocks. */
const OURS = ["llama", "mixtral", "phimoe", "qwen3", "qwen3_moe"];

for (const [id, expected] of Object.entries(vectors.models)) {
  Deno.test(`the layers of ${id} are walked as the simulator walks them`, async () => {
    const { config } = expected;
    const type = config.model_type;
    const architecture = await loadArchitecture(type, OURS.includes(type) ? "configs" : TESTS_DATA);
    const kinds = layerKinds({ id, config });
    const shapes = new Map(kinds.map((kind) => [kindName(kind), kind]));
    assert.deepEqual(
      Object.fromEntries([...shapes].map(([name, kind]) => {
        const { pre_attn, post_attn, mlp } = decoderBlock(architecture, kind);
        return [name, [...pre_attn, ...post_attn, ...mlp]];
      })),
      expected.shapes,
    );
    assert.deepEqual(layerRuns(kinds).map(({ kind, times }) => [kindName(kind), times]), expected.stack);
    assert.deepEqual(architecture.sequence["prologue"], expected.prologue);
    assert.deepEqual(architecture.sequence["head"], expected.head);
    assert.deepEqual(architecture.mtp ?? null, expected.mtp);
    assert.deepEqual({
      all: leadingLayers(kinds),
      attention: leadingLayers(kinds, ({ attn, sparse }) => `${attn} ${sparse}`),
    }, expected.minimal_layers);
    assert.equal(keySaturation(config), expected.key_saturation);
  });
}

Deno.test("layerKinds reads every rule of a configuration", () => {
  const experts = { num_experts: 8, num_experts_per_tok: 2 };
  const cases: readonly [rule: string, config: object, kinds: string][] = [
    ["without experts", { first_k_dense_replace: 1 }, "dense dense dense dense"],
    ["all have experts", experts, "moe moe moe moe"],
    ["a step", { ...experts, decoder_sparse_step: 2 }, "dense moe dense moe"],
    [
      "layers without",
      { ...experts, decoder_sparse_step: 1, mlp_only_layers: [0, 2] },
      "dense moe dense moe",
    ],
    ["leading layers", { ...experts, first_k_dense_replace: 2 }, "dense dense moe moe"],
    ["one in two", { ...experts, first_k_dense_replace: 1, moe_layer_freq: 2 }, "dense dense moe dense"],
    ["a list", { ...experts, moe_layer_freq: [0, 1, 1, 0] }, "dense moe moe dense"],
  ];
  for (const [rule, config, mlps] of cases) {
    const kinds = layerKinds({ id: "org/name", config: { num_hidden_layers: 4, ...config } });
    assert.equal(kinds.map(({ mlp }) => mlp).join(" "), mlps, rule);
  }
  const sparse = (config: object): string =>
    layerKinds({ id: "org/name", config: { num_hidden_layers: 4, ...config } })
      .map((kind) => kind.sparse ? "S" : ".").join("");
  assert.equal(sparse({ index_topk: 64, index_topk_pattern: "SFFS" }), ".SS.");
  assert.equal(sparse({ index_topk: 64, index_topk_freq: 2 }), "SS.S");
  assert.equal(sparse({ sparse_attention_config: { sparse_attention_freq: [0, 0, 1, 1] } }), "..SS");
});

Deno.test("layerKinds names the list that ends too early, and a number of layers that is none", () => {
  const config = { num_hidden_layers: 3, num_experts: 8, num_experts_per_tok: 2, moe_layer_freq: [0, 1] };
  assert.throws(
    () => layerKinds({ id: "org/name", config }),
    new UsageError(
      "Cannot tell the kind of layer 2: moe_layer_freq must name every layer, but ends after 2",
    ),
  );
  assert.throws(
    () => layerKinds({ id: "org/name", config: {} }),
    new UsageError("Cannot walk org/name: num_hidden_layers must be a whole number from 1: undefined"),
  );
});

Deno.test("decoderBlock names the attention that a file does not describe", async () => {
  const architecture = await loadArchitecture("llama", "configs");
  assert.throws(
    () => decoderBlock(architecture, { attn: "linear_attention", sparse: false, mlp: "dense" }),
    new UsageError(
      "Cannot walk llama: its file describes attention of type full_attention, the model has linear_attention",
    ),
  );
});

Deno.test("the vectors have models whose language part is nested", () => {
  assert.ok(Object.values(vectors.models).some(({ config }) => textConfig(config) !== config));
});
