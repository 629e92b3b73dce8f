/**
 * What a run would meet: who answers, what it allows, and how many shots that makes.
 *
 * @module
 */
import type { HarnessInfo } from "../harness/harness.ts";
import { openHarness } from "../harness/open.ts";
import { loadModel } from "../model/load_model.ts";
import { shardConfig } from "../model/shard.ts";
import { resolveSettings, type SettingsInput } from "../settings.ts";
import type { Limits } from "../shots/limits.ts";
import { planSweeps } from "../shots/plan_sweeps.ts";
import type { SweepCategory } from "../shots/shot.ts";

/** What {@linkcode preflight} finds. */
export interface Preflight {
  /** Who answers: engine, device, driver. */
  readonly info: HarnessInfo;
  /** What a batch may hold at the first of the settings' degrees. */
  readonly limits: Limits;
}

/**
 * Boots one layer of the model, fires nothing, and says what a run would meet.
 *
 * @param input The settings of the run.
 * @returns Who answers, and its limits at the first degree.
 * @throws {UsageError} when a setting is not allowed.
 * @throws {HarnessError} when the engine cannot boot the model.
 *
 * @example
 * ```ts
 * import { preflight, shotCounts } from "shotlab";
 * import assert from "node:assert/strict";
 * const settings = { model: "meta-llama/Llama-3.1-8B", hardware: "H100", harness: "roofline:H100" };
 * const { limits } = await preflight(settings);
 * assert.equal(limits.max_num_seqs, 256);
 * const { attention } = await shotCounts(settings, limits);
 * assert.equal(attention, 9699);
 * ```
 */
export async function preflight(input: SettingsInput): Promise<Preflight> {
  const settings = resolveSettings(input);
  const [tp = 1] = settings.tpDegrees;
  const { config, architecture } = await loadModel(settings.model, settings);
  await using harness = await openHarness(settings.harness, settings);
  const { limits } = await harness.boot({
    config: shardConfig(config, tp),
    architecture,
    tp,
    dtype: settings.dtype ?? "auto",
    kv_cache_dtype: settings.kvCacheDtype ?? "auto",
    block_size: null,
    max_num_batched_tokens: settings.maxNumBatchedTokens,
    max_num_seqs: settings.maxNumSeqs,
  });
  return { info: harness.info, limits };
}

/**
 * Counts the shots of a run without an engine.
 *
 * @param input The settings of the run.
 * @param limits What its engine allows, as {@linkcode preflight} says.
 * @returns The shots of each sweep at the first of the settings' degrees, skew cases as one each.
 * @throws {UsageError} when a setting is not allowed.
 *
 * @example
 * ```ts
 * import { preflight, shotCounts } from "shotlab";
 * import assert from "node:assert/strict";
 * const settings = { model: "Qwen/Qwen3-0.6B", hardware: "H100", harness: "roofline:H100", skipSkew: true };
 * const { limits } = await preflight(settings);
 * const counts = await shotCounts({ ...settings, maxNumSeqs: 32 }, limits);
 * assert.deepEqual(Object.keys(counts), ["dense", "per_sequence", "attention"]);
 * ```
 */
export async function shotCounts(
  input: SettingsInput,
  limits: Limits,
): Promise<Partial<Record<SweepCategory, number>>> {
  const settings = resolveSettings(input);
  const [tp = 1] = settings.tpDegrees;
  const { config, architecture } = await loadModel(settings.model, settings);
  const sweeps = planSweeps({ ...settings, config, architecture, limits, tp });
  return Object.fromEntries(sweeps.map(({ category, shots }) => [category, shots.length]));
}
