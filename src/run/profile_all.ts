/**
 * Profiling several models, one after the other.
 *
 * @module
 */
import type { Bundle } from "../bundle/open.ts";
import { HarnessError, UsageError } from "../errors.ts";
import type { Harness } from "../harness/harness.ts";
import { resolveSettings, type Settings, type SettingsInput } from "../settings.ts";
import { type HarnessKeeper, keepHarnesses } from "../workers/harness_keeper.ts";
import { type ProfileOptions, runToEnd } from "./profile.ts";

/** The models of the reference profiler. */
export const DEFAULT_MODELS: readonly string[] = [
  "Qwen/Qwen3-32B",
  "Qwen/Qwen3-30B-A3B-Instruct-2507",
  "meta-llama/Llama-3.1-8B",
];

/** Settings for all models, and the models. */
export interface ProfileAllInput extends Omit<SettingsInput, "model"> {
  /**
   * `<org>/<name>`, or settings of a model that differ from those for all.
   *
   * @default {DEFAULT_MODELS}
   */
  readonly models?: readonly (string | Partial<SettingsInput> & Pick<SettingsInput, "model">)[];
}

/** What became of a model. */
export interface ModelOutcome {
  /** `<org>/<name>`. */
  readonly model: string;
  /** Its bundle, null when it failed. */
  readonly bundle: Bundle | null;
  /** Why it failed, null when it did not. */
  readonly error: UsageError | HarnessError | null;
  /** Shots that were measured in this run. */
  readonly measured: number;
  /** Shots that have failed, now or before, and were not measured since. */
  readonly failed: number;
  /** Shots whose times are in doubt. */
  readonly inDoubt: number;
  /** How long it took, in seconds. */
  readonly seconds: number;
}

/**
 * Measures the layers of several models into their bundles. One that fails does not stop the others; when called
 * again, it resumes from what the bundles have. Adaptive runs lean on the models before. The models share the harness
 * that their settings name.
 *
 * @param input The settings; a model's own win over those for all.
 * @param options How it is cancelled and observed.
 * @returns What became of each model, in their order.
 * @throws {UsageError} when a setting of any model breaks a rule; nothing is measured then.
 *
 * @example
 * ```ts
 * import { profileAll } from "shotlab";
 * import assert from "node:assert/strict";
 * const perfDir = await Deno.makeTempDir();
 * const outcomes = await profileAll({
 *   hardware: "H100",
 *   harness: "roofline:H100",
 *   preset: "quick",
 *   models: ["Qwen/Qwen3-0.6B", { model: "meta-llama/Llama-3.1-8B", tpDegrees: [1] }],
 *   perfDir,
 * });
 * assert.deepEqual(outcomes.map(({ bundle }) => bundle?.tps), [[1, 2], [1]]);
 * await Deno.remove(perfDir, { recursive: true });
 * ```
 */
export async function profileAll(
  input: ProfileAllInput,
  options: ProfileOptions = {},
): Promise<ModelOutcome[]> {
  const { models = DEFAULT_MODELS, ...common } = input;
  const all = models.map((model) =>
    resolveSettings({ ...common, ...typeof model === "string" ? { model } : model })
  );
  const outcomes: ModelOutcome[] = [];
  await using harnesses = keepHarnesses();
  for (const settings of all) {
    const earlier = measuredBefore(outcomes, settings);
    outcomes.push(await profileOne(settings, { ...options, earlier }, harnesses));
  }
  return outcomes;
}

/**
 * Bundles that an adaptive run of the next model may lean on: those of the models before it on the same device.
 *
 * @param outcomes What became of the models before it.
 * @param settings The settings of the next one.
 * @returns Their folders, in the order of the models.
 */
export function measuredBefore(
  outcomes: readonly ModelOutcome[],
  { hardware }: Pick<Settings, "hardware">,
): string[] {
  return outcomes.flatMap(({ bundle }) => bundle?.meta.hardware === hardware ? [bundle.dir] : []);
}

/**
 * Measures the layers of one model of several.
 *
 * @param settings Its settings.
 * @param options How it is cancelled and observed.
 * @param harnesses Those of the models before it, which it takes over.
 * @returns What became of it; an abort is thrown all the same.
 */
export async function profileOne(
  settings: Settings,
  options: ProfileOptions,
  harnesses: HarnessKeeper,
): Promise<ModelOutcome> {
  const begun = performance.now();
  let measured = 0;
  let failed = 0;
  let inDoubt = 0;
  const onEvent: NonNullable<ProfileOptions["onEvent"]> = async (event) => {
    if (event.type === "shot") measured++;
    if (event.type === "failed-shot") failed++;
    if (event.type === "finished") ({ failed: { length: failed }, inDoubt } = event);
    await options.onEvent?.(event);
  };
  let bundle: Bundle | null = null;
  let error: ModelOutcome["error"] = null;
  try {
    const open = (devices: readonly number[]): Promise<Harness> => harnesses.open(settings, devices, options);
    bundle = await runToEnd(settings, { ...options.harness === undefined && { open }, ...options, onEvent });
  } catch (caught) {
    options.signal?.throwIfAborted();
    if (!(caught instanceof UsageError || caught instanceof HarnessError)) throw caught;
    error = caught;
  }
  const seconds = (performance.now() - begun) / 1000;
  return { model: settings.model, bundle, error, measured, failed, inDoubt, seconds };
}
