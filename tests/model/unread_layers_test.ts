/** Layers that are measured and that no simulator walks. */
import assert from "node:assert/strict";
import { loadModel } from "../../src/model/load_model.ts";
import { unreadLayers } from "../../src/model/unread_layers.ts";

const models: [id: string, unread: string[]][] = [
  ["meta-llama/Llama-3.1-8B", []],
  ["mistralai/Mixtral-8x7B-v0.1", []],
  ["Qwen/Qwen3-30B-A3B-Instruct-2507", []],
  ["meta-llama/Llama-4-Scout-17B-16E", ["rotary_emb", "qk_norm", "chunked_attention"]],
];
for (const [id, unread] of models) {
  Deno.test(`of ${id} no simulator walks ${unread.join(", ") || "nothing"}`, async () => {
    assert.deepEqual(unreadLayers(await loadModel(id)), unread);
  });
}

Deno.test("a list of types, or an interval, is what v1.2 takes layers for; a configuration without layers has none", async () => {
  const scout = await loadModel("meta-llama/Llama-4-Scout-17B-16E");
  const { text_config: text, ...rest } = scout.config as { text_config?: Record<string, unknown> };
  const layers = Number((text ?? rest as Record<string, unknown>)["num_hidden_layers"]);
  const types = Array.from(
    { length: layers },
    (_, i) => (i + 1) % 4 === 0 ? "full_attention" : "chunked_attention",
  );
  const typed = text === undefined
    ? { ...rest, layer_types: types }
    : { ...rest, text_config: { ...text, layer_types: types } };
  assert.deepEqual(unreadLayers({ ...scout, config: typed }), []);
  assert.deepEqual(unreadLayers({ ...scout, config: {} }), []);
});
