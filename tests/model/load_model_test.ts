import assert from "node:assert/strict";
import { join } from "node:path";
import { UsageError } from "../../src/errors.ts";
import { loadModel } from "../../src/model/load_model.ts";

const MODELS = [
  "Qwen/Qwen3-0.6B",
  "Qwen/Qwen3-30B-A3B-Instruct-2507",
  "Qwen/Qwen3-32B",
  "meta-llama/Llama-3.1-70B",
  "meta-llama/Llama-3.1-8B",
  "microsoft/Phi-mini-MoE-instruct",
  "mistralai/Mixtral-8x7B-v0.1",
];

Deno.test("loadModel loads every model that has a config", async () => {
  for (const id of MODELS) {
    const { config, architecture } = await loadModel(id);
    assert.equal(config.model_type, architecture.modelType);
    assert.equal(config.torch_dtype, "bfloat16");
  }
});

Deno.test("loadModel says what to do when a model is not there and cannot be downloaded", async () => {
  await assert.rejects(
    loadModel("openai/gpt-2", { env: { HF_HUB_OFFLINE: "1" } }),
    new UsageError(
      "Cannot load model 'openai/gpt-2': configs/model does not have it (the command models lists what it has); " +
        "unset HF_HUB_OFFLINE to download it, or save its config.json from the hub as " +
        "configs/model/openai/gpt-2.json",
    ),
  );
});

Deno.test("loadModel names the config and the rule that it breaks", async () => {
  const cases: readonly [text: string, rule: string][] = [
    ["[]", "it must be a JSON object"],
    ["{}", "model_type must be a text, got null"],
    ['{"model_type":7}', "model_type must be a text, got 7"],
  ];
  for (const [text, rule] of cases) {
    await using folder = await withConfig(text);
    await assert.rejects(
      loadModel("org/name", { configDir: folder.path }),
      new UsageError(`Cannot read model config ${folder.path}/model/org/name.json: ${rule}`),
    );
  }
  await using folder = await withConfig('{"model_type":');
  await assert.rejects(
    loadModel("org/name", { configDir: folder.path }),
    (error: Error) =>
      error.message.startsWith(
        `Cannot read model config ${folder.path}/model/org/name.json: it is no JSON: `,
      ),
  );
});

Deno.test("loadModel takes the model_type of text_config when there is no other", async () => {
  await using folder = await withConfig('{"text_config":{"model_type":"llama"}}');
  await Deno.mkdir(join(folder.path, "architecture"));
  await Deno.copyFile("configs/architecture/llama.yaml", join(folder.path, "architecture/llama.yaml"));
  const { architecture } = await loadModel("org/name", { configDir: folder.path });
  assert.equal(architecture.modelType, "llama");
});

async function withConfig(text: string): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir();
  await Deno.mkdir(join(path, "model/org"), { recursive: true });
  await Deno.writeTextFile(join(path, "model/org/name.json"), text);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
