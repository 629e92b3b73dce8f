/**
 * The main job: measure the layers of a model into a bundle.
 *
 * @module
 */
import { type Bundle, openBundle } from "../bundle/open.ts";
import { resolveSettings, type Settings, type SettingsInput } from "../settings.ts";
import type { RunEvent } from "../events.ts";
import { profileEvents, type ProfileEventsOptions } from "./profile_events.ts";

/** Options of {@linkcode profile}. */
export interface ProfileOptions extends Omit<ProfileEventsOptions, "again"> {
  /** Called with every event, and awaited; the run ends with what it throws. */
  readonly onEvent?: (event: RunEvent) => unknown;
}

/**
 * Measures the layers of a model into its bundle `<perfDir>/<hardware>/<org>/<name>/<variant>`. What the bundle has
 * already is not measured again.
 *
 * @param input The settings; what is left out has its default.
 * @param options How it is cancelled and observed.
 * @returns The bundle. Shots that failed are in the `finished` event.
 * @throws {UsageError} when a setting, the model or the bundle breaks a rule.
 * @throws {HarnessError} when the harness cannot be opened or booted, or breaks too often.
 *
 * @example
 * ```ts
 * import { profile } from "shotlab";
 * import assert from "node:assert/strict";
 * const perfDir = await Deno.makeTempDir();
 * const bundle = await profile({
 *   model: "Qwen/Qwen3-0.6B",
 *   hardware: "H100",
 *   harness: "roofline:H100",
 *   preset: "quick",
 *   perfDir,
 * });
 * assert.deepEqual(bundle.tps, [1, 2]);
 * await Deno.remove(perfDir, { recursive: true });
 * ```
 */
export async function profile(input: SettingsInput, options: ProfileOptions = {}): Promise<Bundle> {
  return await runToEnd(resolveSettings(input), options);
}

/**
 * Consumes the events of a run and opens its bundle.
 *
 * @param settings The settings.
 * @param options How the run is cancelled and observed, and what it measures.
 * @returns The bundle.
 */
export async function runToEnd(
  settings: Settings,
  options: ProfileOptions & ProfileEventsOptions,
): Promise<Bundle> {
  const { onEvent, ...others } = options;
  let dir = "";
  for await (const event of profileEvents(settings, others)) {
    await onEvent?.(event);
    if (event.type === "finished") dir = event.dir;
  }
  return await openBundle(dir);
}
