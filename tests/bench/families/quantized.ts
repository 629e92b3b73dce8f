// deno-lint-ignore-file no-console
/**
 * Records what becomes of quantized checkpoints on this machine's vLLM: measured at two degrees with the methods and
 * kernels that the engine chose, or refused with its reason. About ten seconds each on an idle machine of two cores.
 *
 * Usage: `deno run -A tests/bench/families/quantized.ts perf/evidence/architectures/quantized.json [name ...]`
 *
 * @module
 */
import { existsSync } from "node:fs";
import { z } from "zod";
import { CONFIG_DIR } from "../../../src/config_dir.ts";
import { openBundle } from "../../../src/bundle/open.ts";
import { HarnessError, UsageError } from "../../../src/errors.ts";
import { writeAtomic } from "../../../src/files/write.ts";
import { openHarness } from "../../../src/harness/open.ts";
import { profile } from "../../../src/run/profile.ts";
import { CATEGORY_ORDER } from "../../../src/shots/shot.ts";
import { readJsonFile, runScript } from "../../../tasks/script.ts";
import { tinyModel } from "../../inspect/tiny_models.ts";
import { putFile } from "../../run/tiny_run.ts";

/** What became of a checkpoint. */
interface Outcome {
  readonly engine: string;
  readonly variant?: string;
  /** By layer: the engine's method and kernel. */
  readonly methods?: Readonly<Record<string, string>>;
  /** Rows by degree. */
  readonly rows?: Readonly<Record<string, number>>;
  readonly refused?: string;
}

interface Checkpoint {
  readonly family?: string;
  readonly scheme?: Readonly<Record<string, unknown>>;
  readonly kvCacheDtype?: "fp8" | "fp8_e4m3" | "fp8_e5m2";
}

const INT8 = { num_bits: 8, type: "int", symmetric: true };

const CHECKPOINTS: Readonly<Record<string, Checkpoint>> = {
  "fp8, per tensor": { scheme: { quant_method: "fp8", activation_scheme: "dynamic" } },
  "fp8, blocks of 128": {
    scheme: { quant_method: "fp8", activation_scheme: "dynamic", weight_block_size: [128, 128] },
  },
  "AWQ, groups of 128": {
    scheme: { quant_method: "awq", bits: 4, group_size: 128, zero_point: true, version: "gemm" },
  },
  "GPTQ, groups of 128": {
    scheme: { quant_method: "gptq", bits: 4, group_size: 128, desc_act: false, sym: true },
  },
  "int8 weights and activations": {
    scheme: {
      quant_method: "compressed-tensors",
      format: "int-quantized",
      quantization_status: "compressed",
      ignore: ["lm_head"],
      config_groups: {
        group_0: {
          targets: ["Linear"],
          weights: { ...INT8, strategy: "channel", dynamic: false },
          input_activations: { ...INT8, strategy: "token", dynamic: true },
        },
      },
    },
  },
  "mxfp4 experts": {
    family: "gpt_oss",
    scheme: {
      quant_method: "mxfp4",
      modules_to_not_convert: ["model.layers.*.self_attn", "model.layers.*.mlp.router", "lm_head"],
    },
  },
  "NVFP4, groups of 16": {
    scheme: {
      quant_method: "modelopt",
      quantization: {
        quant_algo: "NVFP4",
        group_size: 16,
        kv_cache_quant_algo: null,
        exclude_modules: ["lm_head"],
      },
    },
  },
  "KV cache fp8_e4m3": { kvCacheDtype: "fp8_e4m3" },
  "KV cache fp8_e5m2": { kvCacheDtype: "fp8_e5m2" },
};

/** Sizes that consist of whole blocks and groups at both degrees. */
const SIZES = { hidden_size: 256, intermediate_size: 512, head_dim: 64, num_key_value_heads: 4 };

async function outcomeOf({ family = "llama", scheme, kvCacheDtype }: Checkpoint): Promise<Outcome> {
  const { id, config } = tinyModel(family);
  await using harness = await openHarness("vllm");
  const engine = `vLLM ${harness.info.engine_version} (CPU)`;
  const dir = await Deno.makeTempDir();
  try {
    const text = await Deno.readTextFile(`${CONFIG_DIR}/architecture/${family}.yaml`);
    await putFile(dir, `configs/architecture/${family}.yaml`, text);
    const quantized = { ...config, ...SIZES, ...scheme && { quantization_config: scheme } };
    await putFile(dir, `configs/model/${id}.json`, JSON.stringify(quantized));
    const { dir: path, meta } = await profile({
      ...{ model: id, hardware: "CPU", tpDegrees: [1, 2], maxNumBatchedTokens: 16, maxNumSeqs: 2 },
      ...{ attentionMaxKv: 32, attentionChunkFactor: 4, attentionKvFactor: 4, measurementIterations: 1 },
      ...{ skipSkew: true, sentinelS: 0, configDir: `${dir}/configs`, perfDir: `${dir}/perf` },
      ...kvCacheDtype && { kvCacheDtype },
    }, { harness });
    const bundle = await openBundle(path);
    const rowsOf = (tp: number): number =>
      CATEGORY_ORDER.reduce((sum, category) => sum + bundle.table(tp, category).length, 0);
    const methods = meta.conditions?.["methods"] as Outcome["methods"];
    return {
      engine,
      variant: String(meta.variant),
      ...methods && { methods },
      rows: Object.fromEntries(bundle.tps.map((tp) => [tp, rowsOf(tp)])),
    };
  } catch (error) {
    if (!(error instanceof HarnessError || error instanceof UsageError)) throw error;
    return { engine, refused: error.message.split("\n")[0]!.replace(/^Harness '[^']*': /, "") };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

if (import.meta.main) {
  const script = { usage: "quantized.ts FILE [name ...]", words: [1, Infinity] } as const;
  await runScript(script, async (_, path, ...asked) => {
    const unknown = asked.find((name) => CHECKPOINTS[name] === undefined);
    if (unknown !== undefined) {
      throw new UsageError(
        `There is no checkpoint ${unknown}; known are ${Object.keys(CHECKPOINTS).join("; ")}`,
      );
    }
    const recorded: Record<string, Outcome> = existsSync(path)
      ? await readJsonFile(path, z.record(z.string(), z.custom<Outcome>()))
      : {};
    for (const name of asked.length > 0 ? asked : Object.keys(CHECKPOINTS)) {
      recorded[name] = await outcomeOf(CHECKPOINTS[name]!);
      console.log(name, JSON.stringify(recorded[name]));
      await writeAtomic(path, `${JSON.stringify(recorded, null, 1)}\n`);
    }
  });
}
