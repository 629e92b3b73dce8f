/**
 * Writes the cases of `families.py`: models cut down to two layers of each kind, with the layers of each.
 *
 * Usage: `deno run -A tests/bench/families/cases.ts tests/bench/families/cases.json`; with `tiny` behind the file tiny
 * models of every family, for a CPU.
 *
 * @module
 */
import { CONFIG_DIR } from "../../../src/config_dir.ts";
import { loadArchitecture } from "../../../src/model/architecture.ts";
import { decoderLayers, ownArchitecture } from "../../../src/model/decoder_layers.ts";
import { fewestLayers } from "../../../src/model/fewest_layers.ts";
import { kindName, layerKinds } from "../../../src/model/kinds.ts";
import { loadModel } from "../../../src/model/load_model.ts";
import { FAMILY_NAMES, tinyModel } from "../../inspect/tiny_models.ts";
import { runScript } from "../../../tasks/script.ts";
import type { Model } from "../../../src/model/model.ts";
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

/** A model cut down to so many layers of each kind, with the names of the layers of each. */
function caseOf(model: Model, tp: number, layers: number): Record<string, unknown> {
  const { id, architecture, config } = model;
  const { overrides, kinds } = fewestLayers(model, layers);
  const { sequence, catalog, modelType, sha256 } = architecture;
  return {
    model: id,
    tp,
    config: { ...shardConfig(config, tp), ...overrides },
    kinds: kinds.map(kindName),
    pattern: layerKinds(model).map(kindName),
    architecture: { modelType, sha256, sequence, catalog, layers: decoderLayers(architecture, kinds) },
  };
}

async function deviceCases(): Promise<Record<string, unknown>> {
  const cases: Record<string, unknown> = {};
  for (const [name, { model: id, tp = 1, change = {}, more = {} }] of Object.entries(CASES)) {
    const model = await loadModel(id);
    cases[name] = { ...caseOf({ ...model, config: { ...model.config, ...change } }, tp, 2), ...more };
  }
  return cases;
}

/** Tiny models of every family, which a CPU runs: batches are a sixteenth of a device's. */
async function tinyCases(): Promise<Record<string, unknown>> {
  const cases: Record<string, unknown> = {};
  for (const name of FAMILY_NAMES) {
    const tiny = tinyModel(name);
    const architecture = await loadArchitecture(name, CONFIG_DIR);
    const model = { ...tiny, architecture: ownArchitecture({ ...tiny, architecture }) };
    const limits = { max_num_batched_tokens: 128, max_num_seqs: 66 };
    cases[name] = { ...caseOf(model, 1, 1), scale: 16, limits };
  }
  return cases;
}

await runScript({ usage: "cases.ts FILE [tiny]", words: [1, 2] }, async (_, path, which) => {
  const cases = which === "tiny" ? await tinyCases() : await deviceCases();
  const lines = Object.entries(cases).map(([name, value]) =>
    `${JSON.stringify(name)}:${JSON.stringify(value)}`
  );
  await Deno.writeTextFile(path, `{\n${lines.join(",\n")}\n}\n`);
});
