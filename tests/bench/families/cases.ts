/**
 * Writes the cases of `families.py`: models cut down to two layers of each kind, with the layers of each.
 *
 * Usage: `deno run -A tests/bench/families/cases.ts tests/bench/families/cases.json`
 *
 * @module
 */
import { decoderLayers } from "../../../src/model/decoder_layers.ts";
import { fewestLayers } from "../../../src/model/fewest_layers.ts";
import { kindName, layerKinds } from "../../../src/model/kinds.ts";
import { loadModel } from "../../../src/model/load_model.ts";
import { shardConfig } from "../../../src/model/shard.ts";

const CASES: Readonly<
  Record<string, { model: string; tp?: number; change?: Record<string, unknown>; more?: object }>
> = {
  "llama-3.1-8b-fp8": {
    model: "meta-llama/Llama-3.1-8B",
    change: { quantization_config: { quant_method: "fp8", activation_scheme: "dynamic" } },
  },
  "gpt-oss-20b": { model: "openai/gpt-oss-20b" },
  "gemma-3-27b": { model: "google/gemma-3-27b-it" },
  "glm-4.5-air": { model: "zai-org/GLM-4.5-Air" },
  "falcon-h1-7b": { model: "tiiuae/Falcon-H1-7B-Instruct" },
  "deepseek-v3-tp8": {
    model: "deepseek-ai/DeepSeek-V3",
    tp: 8,
    more: { environment: { VLLM_USE_DEEP_GEMM: "0" } },
  },
  "llama-4-scout": { model: "meta-llama/Llama-4-Scout-17B-16E" },
  "qwen3-next-80b": {
    model: "Qwen/Qwen3-Next-80B-A3B-Instruct",
    more: { arguments: { additional_config: { gdn_prefill_backend: "triton" } } },
  },
};

const LAYERS = 2;

const cases: Record<string, unknown> = {};
for (const [name, { model: id, tp = 1, change = {}, more = {} }] of Object.entries(CASES)) {
  const { architecture, config } = await loadModel(id);
  const model = { id, config: { ...config, ...change } };
  const { overrides, kinds } = fewestLayers(model, LAYERS);
  const { sequence, catalog, modelType, sha256 } = architecture;
  cases[name] = {
    model: id,
    tp,
    config: { ...shardConfig(model.config, tp), ...overrides },
    kinds: kinds.map(kindName),
    pattern: layerKinds(model).map(kindName),
    architecture: { modelType, sha256, sequence, catalog, layers: decoderLayers(architecture, kinds) },
    ...more,
  };
}
await Deno.writeTextFile(
  Deno.args[0]!,
  `{\n${
    Object.entries(cases).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(
      ",\n",
    )
  }\n}\n`,
);
