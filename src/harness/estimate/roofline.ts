/**
 * A harness that measures nothing: it estimates times from a data sheet.
 *
 * A layer takes `kernels · launch + max(operations / peak, bytes / bandwidth)`, each side at a fixed efficiency (after
 * Williams, Waterman and Patterson, "Roofline", 2009). It knows no clocks, kernel versions or tile shapes but
 * attention's. `docs/roofline.md` says how far it is from published measurements. It is there to plan, to try things
 * out and to see what is out of line.
 *
 * @module
 */
import { CONFIG_DIR } from "../../config_dir.ts";
import { HarnessError } from "../../errors.ts";
import { moeParameters, textConfig } from "../../model/config.ts";
import { resolveDtype, weightsDtype } from "../../model/variant.ts";
import type { Limits } from "../../shots/limits.ts";
import { CATEGORY_ORDER, type Shot } from "../../shots/shot.ts";
import { partDecodes } from "../../shots/skew_parts.ts";
import { VERSION } from "../../version.ts";
import { attentionWork } from "../../roofline/attention_work.ts";
import type { BootRequest, Harness } from "../harness.ts";
import { type HardwareSheet, loadHardware } from "../../roofline/hardware.ts";
import { infeasible } from "./infeasible.ts";
import { type InProcessEngine, inProcessHarness, type ShotAnswer } from "../in_process.ts";
import { KNOWN_LAYERS, layerWork } from "../../roofline/layer_work.ts";
import { productType } from "../../roofline/product_type.ts";
import { KNOWN_TYPES, type Sizes, sizesOf, typeBytes } from "../../roofline/sizes.ts";
import type { Work } from "../../roofline/work.ts";

/** Shares of the data sheet's figures that kernels reach; fitted by eye to the bundles named in docs/roofline.md. */
const EFFICIENCY = { product: 0.85, attention: 0.65, memory: 0.9 };
/** The cache's bandwidth, in units of the memory's. */
const CACHE_SPEED = 2.5;
/** The share of the cache that activations find free. */
const CACHE_SHARE = 0.5;
/** The share of the memory that the engine takes (vLLM's `gpu_memory_utilization`). */
const MEMORY_SHARE = 0.9;
const USUAL_BLOCK = 16;

/** Options of {@linkcode rooflineHarness}. */
export interface RooflineOptions {
  /** Folder of `hardware/<name>.yaml`. @default {"the project's own"} */
  readonly configDir?: string;
}

/**
 * Opens an estimate for a device.
 *
 * @param hardware Name of a sheet, or a sheet.
 * @param options Where sheets are.
 * @returns The harness; its one quantity is `estimate`, its samples are all alike.
 * @throws {UsageError} when there is no such sheet.
 *
 * @example
 * ```ts
 * import { loadModel, shardConfig } from "shotlab";
 * import { rooflineHarness } from "shotlab/harness";
 * import assert from "node:assert/strict";
 * const { config, architecture } = await loadModel("meta-llama/Llama-3.1-8B");
 * await using harness = await rooflineHarness("H100");
 * await harness.boot({
 *   config: shardConfig(config, 1),
 *   architecture,
 *   tp: 1,
 *   dtype: "auto",
 *   kv_cache_dtype: "auto",
 *   block_size: null,
 *   max_num_batched_tokens: 2048,
 *   max_num_seqs: 256,
 * });
 * const [outcome] = await Array.fromAsync(
 *   harness.fire({ shots: [{ category: "dense", tp: 1, tokens: 1 }], iterations: 1, quantity: "estimate" }),
 * );
 * assert(outcome?.status === "measured");
 * assert.equal(Math.round(outcome.samples["gate_up_proj"]![0]!), 80); // 235 MB at 90% of 3350 GB/s, and a launch
 * ```
 */
export async function rooflineHarness(
  hardware: string | HardwareSheet,
  { configDir = CONFIG_DIR }: RooflineOptions = {},
): Promise<Harness> {
  const sheet = typeof hardware === "string" ? await loadHardware(hardware, configDir) : hardware;
  return inProcessHarness({
    info: {
      harness: "roofline",
      harness_version: VERSION,
      engine: "roofline",
      engine_version: VERSION,
      device: `${sheet.device} (roofline estimate)`,
      driver: "none",
      runtime: "none",
      quantities: ["estimate"],
      lanes: 1,
    },
    boot: (request) => engineOf(sheet, request),
  });
}

function engineOf(sheet: HardwareSheet, request: BootRequest): InProcessEngine {
  const { catalog } = request.architecture;
  const dtype = weightsDtype(request.config, request.dtype);
  const computed = resolveDtype(request.config, request.dtype);
  const product = productType(sheet, request.config, request.dtype);
  const peak = sheet.peak_tflops[product];
  if (peak === undefined) {
    throw cannotBoot(
      request,
      `the sheet of ${sheet.device} has peaks for ${
        Object.keys(sheet.peak_tflops).join(", ")
      }, not for ${product}`,
    );
  }
  const { dense, per_sequence, linear_attention = {} } = catalog;
  for (const layer of [dense, per_sequence, linear_attention].flatMap(Object.keys)) {
    if (!KNOWN_LAYERS.includes(layer)) {
      throw cannotBoot(
        request,
        `there is no formula for the layer '${layer}'; there are some for ${KNOWN_LAYERS.join(", ")}`,
      );
    }
  }
  const kvType = request.kv_cache_dtype === "auto" ? computed : request.kv_cache_dtype;
  const sizes = sizesOf(
    request.config,
    bytesOf(request, dtype),
    bytesOf(request, kvType),
    bytesOf(request, computed),
  );
  const limits = limitsOf(sheet, request, sizes);
  const device = { multiprocessors: sheet.multiprocessors, cacheBytes: sheet.l2_mib * 2 ** 20 };
  /** Work by layer, of a skew case by part. */
  const works = (shot: Shot): (readonly [string, Work])[] => {
    // Of a recurrent state there is no formula, and no boot of a model that has one.
    if (shot.category === "linear_attention") return [];
    if (shot.category !== "skew") {
      return Object.keys(catalog[shot.category]).map((
        layer,
      ) => [layer, layerWork(layer, shot, sizes, device)]);
    }
    const { pc: chunk, kp: history, parts } = shot;
    return parts.map((part) => [
      part,
      attentionWork({ chunk, history, decodes: partDecodes(shot, part) }, sizes, device),
    ]);
  };
  const names = CATEGORY_ORDER.flatMap((category) => Object.keys(catalog[category] ?? {}));
  return {
    booted: {
      limits,
      num_gpu_blocks: limits.num_cache_tokens / limits.block_size,
      layers: Object.fromEntries(names.map((name) => [name, { class: "estimate", modules: 1 }])),
      engine_args: {
        dtype,
        ...product !== dtype && { product_dtype: product },
        kv_cache_dtype: request.kv_cache_dtype,
        block_size: limits.block_size,
      },
    },
    answer(shot, iterations): ShotAnswer {
      const problem = infeasible(shot, limits);
      if (problem !== undefined) return { kind: "infeasible", message: problem };
      return {
        samples: Object.fromEntries(
          works(shot).map(([name, work]) => [
            name,
            new Array<number>(iterations).fill(estimateUs(work, sheet, peak)),
          ]),
        ),
      };
    },
  };
}

function cannotBoot(request: BootRequest, reason: string, kind = "unsupported"): HarnessError {
  return new HarnessError(`Cannot boot tp ${request.tp}: ${reason}`, { stage: "boot", kind });
}

function bytesOf(request: BootRequest, type: string): number {
  const bytes = typeBytes(type);
  if (bytes !== null) return bytes;
  throw cannotBoot(request, `the type must be one of ${KNOWN_TYPES.join(", ")}, got ${type}`);
}

/** Microseconds of some work. */
function estimateUs(work: Work, sheet: HardwareSheet, peakTflops: number): number {
  const { kernels, flops, memoryBytes, activationBytes, attention = false } = work;
  const bandwidth = sheet.bandwidth_gb_s * EFFICIENCY.memory * 1e3; // bytes a microsecond
  const cached = activationBytes <= sheet.l2_mib * 2 ** 20 * CACHE_SHARE;
  const bytesUs = memoryBytes / bandwidth + activationBytes / (cached ? bandwidth * CACHE_SPEED : bandwidth);
  const flopsUs = flops / (peakTflops * 1e6 * (attention ? EFFICIENCY.attention : EFFICIENCY.product));
  return kernels * sheet.launch_us + Math.max(bytesUs, flopsUs);
}

function limitsOf(sheet: HardwareSheet, request: BootRequest, sizes: Sizes): Limits {
  const { hidden, heads, kvHeads, headDim, vocab, weightBytes, kvBytes } = sizes;
  const moe = moeParameters(request.config);
  const mlp = moe === null ? sizes.intermediate ?? 0 : moe.numExperts * (sizes.expertIntermediate ?? 0);
  const weights = hidden * (2 * vocab + (2 * heads + 2 * kvHeads) * headDim + 3 * mlp) * weightBytes;
  const block = request.block_size ?? USUAL_BLOCK;
  const pool = sheet.memory_gib * 2 ** 30 * MEMORY_SHARE - weights;
  const blocks = Math.floor(pool / (2 * kvHeads * headDim * kvBytes * block));
  if (blocks < 1) {
    throw cannotBoot(
      request,
      `one layer takes ${(weights / 2 ** 30).toFixed(1)} GiB, ${sheet.device} has ${sheet.memory_gib}`,
      "out_of_memory",
    );
  }
  const positions = textConfig(request.config).max_position_embeddings;
  return {
    max_num_batched_tokens: request.max_num_batched_tokens,
    max_num_seqs: request.max_num_seqs,
    num_cache_tokens: blocks * block,
    max_model_len: Math.min(typeof positions === "number" ? positions : Infinity, blocks * block),
    num_experts: moe?.numExperts ?? null,
    top_k: moe?.topK ?? null,
    block_size: block,
  };
}
