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
import { runScript } from "../../../tasks/script.ts";
import { shardConfig } from "../../../src/model/shard.ts";

interface Case {
  readonly model: string;
  readonly tp?: number;
  /** Fields of the configuration that differ. */
  readonly change?: Record<string, unknown>;
  /** What `families.py` is told besides. */
  readonly more?: object;
}

const LLAMA = "meta-llama/Llama-3.1-8B";
const SMALL = { pool_bytes: 3 << 29 };
const LINEARS = [
  ["self_attn.k_proj", "self_attn.v_proj", "self_attn.q_proj"],
  ["self_attn.o_proj"],
  ["mlp.up_proj", "mlp.gate_proj"],
  ["mlp.down_proj"],
];

const CASES: Readonly<Record<string, Case>> = {
  "deepseek-v3-tp8": {
    model: "deepseek-ai/DeepSeek-V3",
    tp: 8,
    more: { environment: { VLLM_USE_DEEP_GEMM: "0" } },
  },
  "gpt-oss-20b": { model: "openai/gpt-oss-20b" },
  // A table of ten million positions takes 13 GB while it is made.
  "llama-4-scout": {
    model: "meta-llama/Llama-4-Scout-17B-16E",
    change: { max_position_embeddings: 131_072 },
  },
  "qwen3-next-80b": {
    model: "Qwen/Qwen3-Next-80B-A3B-Instruct",
    more: { arguments: { additional_config: { gdn_prefill_backend: "triton" } } },
  },
  "falcon-h1-7b": { model: "tiiuae/Falcon-H1-7B-Instruct" },
  "gemma-3-27b": { model: "google/gemma-3-27b-it" },
  "glm-4.5-air": { model: "zai-org/GLM-4.5-Air" },
  "llama-3.1-8b-fp8": {
    model: LLAMA,
    change: { quantization_config: { quant_method: "fp8", activation_scheme: "dynamic" } },
    more: SMALL,
  },
  "llama-3.1-8b-awq": {
    model: LLAMA,
    change: {
      quantization_config: {
        quant_method: "awq",
        bits: 4,
        group_size: 128,
        zero_point: true,
        version: "gemm",
        modules_to_not_convert: ["lm_head"],
      },
    },
    more: SMALL,
  },
  "llama-3.1-8b-gptq": {
    model: LLAMA,
    change: {
      quantization_config: {
        quant_method: "gptq",
        bits: 4,
        group_size: 128,
        desc_act: false,
        sym: true,
        modules_in_block_to_quantize: LINEARS,
      },
    },
    more: SMALL,
  },
  "llama-3.1-8b-int8": {
    model: LLAMA,
    change: {
      quantization_config: {
        quant_method: "compressed-tensors",
        format: "int-quantized",
        quantization_status: "compressed",
        ignore: ["lm_head"],
        config_groups: {
          group_0: {
            targets: ["Linear"],
            weights: { num_bits: 8, type: "int", symmetric: true, strategy: "channel", dynamic: false },
            input_activations: {
              num_bits: 8,
              type: "int",
              symmetric: true,
              strategy: "token",
              dynamic: true,
            },
          },
        },
      },
    },
    more: SMALL,
  },
  "llama-3.1-8b-kv-fp8": { model: LLAMA, more: { ...SMALL, kv_cache_dtype: "fp8" } },
};

const LAYERS = 2;

await runScript({ usage: "cases.ts FILE", words: [1, 1] }, async (_, path) => {
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
    path,
    `{\n${
      Object.entries(cases).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(
        ",\n",
      )
    }\n}\n`,
  );
});
