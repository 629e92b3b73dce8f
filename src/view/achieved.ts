/**
 * What each row achieves of its device: the rate of its floating-point operations and of its bytes.
 *
 * @module
 */
import type { Bundle } from "../bundle/open.ts";
import { CONFIG_DIR } from "../config_dir.ts";
import { type HardwareSheet, loadHardware } from "../roofline/hardware.ts";
import { KNOWN_LAYERS, layerWork } from "../roofline/layer_work.ts";
import { productType } from "../roofline/product_type.ts";
import { type Sizes, sizesOf, typeBytes } from "../roofline/sizes.ts";
import { ACTIVATION, type Work } from "../roofline/work.ts";
import { loadModel } from "../model/load_model.ts";
import { shardConfig } from "../model/shard.ts";
import { resolveDtype, weightsDtype } from "../model/variant.ts";

/** Tables whose rows are taken. */
const TABLES = ["dense", "per_sequence", "attention", "moe"] as const;

/** A row and what it achieves. */
export interface Achieved {
  /** The layer; `attention` and `moe` for rows of those tables. */
  readonly layer: string;
  /** The row's key, in the order of its table's columns. */
  readonly key: readonly number[];
  /** Time in microseconds. */
  readonly timeUs: number;
  /** Floating-point operations of the algorithm by its time, in 10¹² a second; 0 for layers that only move numbers. */
  readonly tflops: number;
  /** Bytes that must move (weights, KV cache, activations once) by the time, in 10¹² a second. */
  readonly tbPerS: number;
  /** Operations for each byte. */
  readonly flopsPerByte: number;
}

/** What a bundle's rows achieve, and the sheet of the device that they are held against. */
export interface AchievedRows {
  /** The device. */
  readonly sheet: HardwareSheet;
  /** GEMMs in 10¹² operations a second, by the sheet and the bundle's type. */
  readonly peakTflops: number;
  /** The rows. */
  readonly rows: readonly Achieved[];
}

/** Options of {@linkcode achievedRows}. */
export interface AchievedOptions {
  /** Folder of `model/`, `architecture/` and `hardware/`. @default {"the project's own"} */
  readonly configDir?: string;
  /** Name of the hardware's sheet. @default {"the bundle's hardware"} */
  readonly hardware?: string;
}

/**
 * Computes the rates of a bundle's rows.
 *
 * @param bundle The bundle.
 * @param tp Tensor-parallel degree.
 * @param options Where model and sheet are.
 * @returns The rates; layers without a formula are left out.
 * @throws {UsageError} when there is no sheet of the hardware or no configuration of the model, or the sheet has no peak
 * for the bundle's type.
 *
 * @example
 * ```ts
 * import { openBundle } from "shotlab";
 * import { achievedRows } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * const { rows } = await achievedRows(bundle, 1);
 * assert.ok(rows.length > 0);
 * ```
 */
export async function achievedRows(
  bundle: Bundle,
  tp: number,
  options: AchievedOptions = {},
): Promise<AchievedRows> {
  const { configDir = CONFIG_DIR, hardware = bundle.meta.hardware ?? "" } = options;
  const sheet = await loadHardware(hardware, configDir);
  const { config } = await loadModel(bundle.meta.model ?? "", { configDir, download: false });
  const dtype = weightsDtype(config, bundle.meta.dtype ?? null);
  const computed = resolveDtype(config, bundle.meta.dtype ?? null);
  const product = productType(sheet, config, bundle.meta.dtype ?? null);
  const kvType = bundle.meta.kv_cache_dtype ?? "auto";
  // The rows of types whose size is not known are left out.
  const weightBytes = typeBytes(dtype) ?? NaN;
  const headBytes = typeBytes(computed) ?? NaN;
  const kvBytes = kvType === "auto" ? headBytes : typeBytes(kvType) ?? NaN;
  const sizes = sizesOf(shardConfig(config, tp), weightBytes, kvBytes, headBytes);
  const rows = TABLES.flatMap((table) =>
    bundle.table(tp, table).flatMap(({ layer, key, timeUs }): Achieved[] => {
      const name = layer ?? table;
      const { flops, bytes } = usefulWork(name, table, key, sizes) ?? { flops: NaN, bytes: NaN };
      if (!Number.isFinite(bytes)) return [];
      return [{
        layer: name,
        key,
        timeUs,
        tflops: flops / timeUs / 1e6,
        tbPerS: bytes / timeUs / 1e6,
        flopsPerByte: flops / bytes,
      }];
    })
  );
  return { sheet, peakTflops: sheet.peak_tflops[product] ?? NaN, rows };
}

/** What the algorithm itself needs, without what a schedule adds (whole tiles, heads that read again). */
function usefulWork(
  layer: string,
  table: typeof TABLES[number],
  key: readonly number[],
  sizes: Sizes,
): { flops: number; bytes: number } | null {
  const first = key[0]!;
  if (table === "attention") return attention(key as [number, number, number, number], sizes);
  if (table === "moe") return experts(first, key[1]!, sizes);
  if (!KNOWN_LAYERS.includes(layer)) return null;
  const shot = table === "dense"
    ? { category: table, tp: 1, tokens: first } as const
    : { category: table, tp: 1, sequences: first } as const;
  const { flops, memoryBytes, activationBytes }: Work = layerWork(layer, shot, sizes, {
    multiprocessors: 1,
    cacheBytes: 0,
  });
  return { flops, bytes: memoryBytes + activationBytes };
}

/** Two products of every query with the keys and values before it, causally; the KV cache is read once. */
function attention(
  [chunk, before, n, kv]: readonly [number, number, number, number],
  { heads, kvHeads, headDim, kvBytes }: Sizes,
): { flops: number; bytes: number } {
  const pairs = chunk * before + chunk * (chunk + 1) / 2 + n * (kv + 1);
  return {
    flops: 4 * pairs * heads * headDim,
    bytes: (before + chunk + n * (kv + 1)) * 2 * kvHeads * headDim * kvBytes +
      2 * (chunk + n) * heads * headDim * ACTIVATION,
  };
}

/** Three products of every token with each of its experts; the weights of every expert that has tokens are read once. */
function experts(
  tokens: number,
  activated: number,
  { hidden, expertIntermediate, topK, weightBytes }: Sizes,
): { flops: number; bytes: number } | null {
  if (expertIntermediate === null || topK === null) return null;
  const weights = 3 * hidden * expertIntermediate;
  return {
    flops: 2 * tokens * topK * weights,
    bytes: activated * weights * weightBytes + 2 * tokens * hidden * ACTIVATION,
  };
}
