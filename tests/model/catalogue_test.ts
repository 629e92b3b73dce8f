import assert from "node:assert/strict";
import { listModels } from "../../src/model/catalogue.ts";
import { kindName, layerKinds } from "../../src/model/kinds.ts";
import { engineArchitecture } from "../../src/model/decoder_layers.ts";
import { loadConfig, loadModel } from "../../src/model/load_model.ts";
import { hfOverrides } from "../../src/model/shard.ts";

const models = await listModels();

Deno.test("the catalogue has the models that people ask for", () => {
  const types = new Set(models.map(({ modelType }) => modelType));
  const families = [
    ...["llama", "llama4_text", "qwen2", "qwen3", "qwen3_moe", "qwen3_next", "mistral", "mixtral"],
    ...[
      "gemma2",
      "gemma3_text",
      "phi3",
      "phimoe",
      "olmo2",
      "gpt_oss",
      "deepseek_v2",
      "deepseek_v3",
      "deepseek_v32",
    ],
    ...[
      "glm4_moe",
      "granite",
      "granitemoehybrid",
      "falcon_h1",
      "nemotron_h",
      "minimax_m2",
      "cohere",
      "cohere2",
    ],
  ];
  assert.deepEqual(families.filter((family) => !types.has(family)), []);
  assert.ok(models.length >= 40);
});

Deno.test("the catalogue says where a model was measured, by the bundles that are there", () => {
  const of = (id: string): readonly string[] | undefined =>
    models.find(({ model }) => model === id)?.measured;
  assert.deepEqual(of("meta-llama/Llama-3.1-8B"), ["H100/bf16", "H200/bf16-cold", "H200/bf16"]);
  assert.deepEqual(of("meta-llama/Llama-3.3-70B-Instruct"), []);
});

Deno.test("an architecture describes every kind of layer of every model of the catalogue", async () => {
  for (const { model, hasArchitecture, kinds } of models) {
    assert.ok(hasArchitecture, model);
    const loaded = await loadModel(model, { download: false });
    const { layers } = engineArchitecture(loaded);
    assert.equal(layers === undefined, kinds.length === 1, model);
    const names = new Set(Object.values(loaded.architecture.catalog).flatMap((group) => Object.keys(group)));
    const unknown = (layers ?? []).flat().filter((name) => !names.has(name));
    assert.deepEqual(unknown, [], model);
    assert.ok((layers ?? []).every((block) => block.length > 0), model);
  }
});

for (const { model, kinds } of models) {
  Deno.test(`${model} can be cut to one layer of each kind`, async () => {
    const { config } = await loadConfig(model, { download: false });
    const overrides = hfOverrides(config, 1);
    const cut = layerKinds({ id: model, config: { ...config, ...overrides } }).map(kindName);
    assert.deepEqual(
      new Set(cut),
      new Set(kinds.map(({ kind }) => /sparse$/.test(kind) ? kind : `${kind}/plain`)),
    );
    assert.ok(cut.length <= 4, `${cut.length} layers`);
  });
}
