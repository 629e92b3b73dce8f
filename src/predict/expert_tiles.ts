/**
 * What an uneven load of experts takes longer than an even one, by the tiles of the experts' kernel.
 *
 * @module
 */
import { z } from "zod";
import type { Bundle } from "../bundle/open.ts";
import { CONFIG_DIR } from "../config_dir.ts";
import { moeParameters } from "../model/config.ts";
import type { Model } from "../model/model.ts";
import { weightsDtype } from "../model/variant.ts";
import { type HardwareSheet, sheetOf } from "../roofline/hardware.ts";
import { productType } from "../roofline/product_type.ts";
import { sizesOf, typeBytes } from "../roofline/sizes.ts";

/** The kernel that computes experts, and the device that it runs on; {@linkcode bundleExpertKernel} has it of a bundle. */
export interface ExpertKernel {
  /**
   * Tokens of one expert that make a tile, by the new tokens of a batch; the nearest entry counts. Bundles have it as
   * `expert_tiles` in `conditions` of meta.yaml.
   */
  readonly tiles: Readonly<Record<string, number>>;
  /** The device's data sheet. */
  readonly sheet: Pick<HardwareSheet, "bandwidth_gb_s" | "l2_mib" | "peak_tflops">;
}

const tilesSchema = z.record(z.string().regex(/^\d+$/), z.int().positive());

/**
 * The kernel of a bundle's experts, as its meta.yaml tells the tiles and a data sheet the device.
 *
 * @param bundle The bundle.
 * @param configDir Folder of `hardware/<name>.yaml`. @default {"the project's own"}
 * @returns The kernel; null where the bundle tells no tiles (an older one, or a kernel that does not ask for them), or no
 * sheet is of its device.
 *
 * @example
 * ```ts
 * import { bundleExpertKernel, openBundle } from "shotlab";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * assert.equal(await bundleExpertKernel(bundle), null); // it has no experts
 * ```
 */
export async function bundleExpertKernel(
  { meta }: Pick<Bundle, "meta">,
  configDir: string = CONFIG_DIR,
): Promise<ExpertKernel | null> {
  const tiles = tilesSchema.safeParse(meta.conditions?.["expert_tiles"]);
  const sheet = await sheetOf(meta.gpu ?? "", configDir);
  return tiles.success && sheet !== null ? { tiles: tiles.data, sheet } : null;
}

/** A load of experts. */
export interface ExpertLoads {
  /** Of each expert the share of tokens that go to it, between 0 and 1. */
  readonly shares: readonly number[];
  /** New tokens of the batch. */
  readonly tokens: number;
  /** Experts that an even load would go to. */
  readonly activatedExperts: number;
}

/**
 * How much longer the experts of one decoder layer take than evenly loaded ones: every tile more than those of an even
 * load takes the time of its products at the device's peak, or that of reading the expert's weights again where they do
 * not stay in the cache. Both are what a data sheet says, so that it is an estimate; nothing is fitted.
 *
 * Against Zipf loads on an H200 it leaves 1.2% at the median of Qwen3-30B-A3B and 0.6% of Mixtral-8x7B, of 5.0 and
 * 10.6% without (docs/gpu-timing.md, "Uneven experts").
 *
 * @param kernel The kernel's tiles, and the device's data sheet.
 * @param model The model, at tensor-parallel degree 1.
 * @param loads The load.
 * @returns Nanoseconds, 0 where the load fills no more tiles than an even one, or the model or sheet lacks a size.
 *
 * @example
 * ```ts
 * import { unevenExpertsNs } from "./expert_tiles.ts";
 * import { loadModel } from "shotlab";
 * import { loadHardware } from "shotlab/harness";
 * import assert from "node:assert/strict";
 * const kernel = { tiles: { 64: 32 }, sheet: await loadHardware("H200", "configs") };
 * const model = await loadModel("mistralai/Mixtral-8x7B-v0.1");
 * const shares = [0.7, 0.5, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1];
 * const ns = unevenExpertsNs(kernel, model, { shares, tokens: 64, activatedExperts: 8 });
 * assert.ok(ns > 70_000 && ns < 170_000); // one to two tiles more, each of which reads 352 MB again
 * ```
 */
export function unevenExpertsNs(
  { tiles, sheet }: ExpertKernel,
  { config }: Pick<Model, "config">,
  { shares, tokens, activatedExperts }: ExpertLoads,
): number {
  const moe = moeParameters(config);
  const tile = nearest(tiles, tokens);
  const bytes = typeBytes(weightsDtype(config, null));
  const peak = sheet.peak_tflops[productType(sheet, config, null)];
  if (moe === null || tile === null || bytes === null || peak === undefined) return 0;
  const even = evenTiles(tokens * moe.topK, activatedExperts, tile);
  const uneven = shares.reduce((sum, share) => sum + expectedTiles(tokens, share, tile), 0);
  const { hidden, expertIntermediate } = sizesOf(config, bytes, bytes);
  const weights = 3 * hidden * (expertIntermediate ?? 0);
  const computeNs = 2 * weights * tile / (peak * 1e3);
  const stays = weights * bytes <= sheet.l2_mib * 2 ** 20;
  const readNs = stays ? 0 : weights * bytes / sheet.bandwidth_gb_s;
  return Math.round(Math.max(0, uneven - even) * Math.max(computeNs, readNs));
}

/** The entry whose key is nearest, as vLLM chooses among its configurations; null without any. */
function nearest(tiles: Readonly<Record<string, number>>, tokens: number): number | null {
  const [first, ...others] = Object.entries(tiles).map(([key, tile]) => [Number(key), tile] as const);
  if (first === undefined) return null;
  return others.reduce(
    (best, each) => Math.abs(each[0] - tokens) < Math.abs(best[0] - tokens) ? each : best,
    first,
  )[1];
}

/** Tiles of slots that so many experts share out to one another. */
function evenTiles(slots: number, experts: number, tile: number): number {
  const each = Math.floor(slots / experts);
  const longer = slots - each * experts;
  return longer * Math.ceil((each + 1) / tile) + (experts - longer) * Math.ceil(each / tile);
}

/** The mean number of tiles of an expert that each token goes to with a probability, independently. */
function expectedTiles(tokens: number, share: number, tile: number): number {
  if (share <= 0) return 0;
  if (share >= 1) return Math.ceil(tokens / tile);
  const odds = share / (1 - share);
  const mean = tokens * share;
  const spread = SPREADS * Math.sqrt(mean * (1 - share)) + SPREADS;
  const first = Math.max(0, Math.floor(mean - spread));
  const last = Math.min(tokens, Math.ceil(mean + spread));
  let likely = 1;
  let sum = 0;
  let weighted = 0;
  for (let count = first; count <= last; count++) {
    sum += likely;
    weighted += likely * Math.ceil(count / tile);
    likely *= odds * (tokens - count) / (count + 1);
  }
  return weighted / sum;
}

/** How far from their mean counts are looked at, in standard deviations. */
const SPREADS = 8;
