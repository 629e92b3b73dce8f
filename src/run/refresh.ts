/**
 * One sweep of a bundle measured again.
 *
 * @module
 */
import type { Bundle } from "../bundle/open.ts";
import { resolveSettings, type SettingsInput } from "../settings.ts";
import { type ProfileOptions, runToEnd } from "./profile.ts";
import type { SweepName } from "./profile_events.ts";

/**
 * Measures one category at one tensor-parallel degree again. An old row stands until its new one is measured, so a
 * refresh that is cut short leaves the bundle whole; the journal keeps both.
 *
 * @param input The settings of the bundle; `tpDegrees` and `force` play no role.
 * @param sweep What to measure again.
 * @param options How it is cancelled and observed.
 * @returns The bundle.
 * @throws {UsageError} when the sweep has no shots, such as `moe` above degree 1, and as
 * {@linkcode import("./profile.ts").profile} does.
 * @throws {HarnessError} when the harness cannot be opened or booted, or breaks too often.
 *
 * @example
 * ```ts
 * import { profile, refresh, type SettingsInput } from "shotlab";
 * import assert from "node:assert/strict";
 * const perfDir = await Deno.makeTempDir();
 * const input: SettingsInput = {
 *   model: "Qwen/Qwen3-0.6B",
 *   hardware: "H100",
 *   harness: "roofline:H100",
 *   preset: "quick",
 *   perfDir,
 * };
 * await profile(input);
 * let measured = 0;
 * await refresh(input, { tp: 1, category: "dense" }, {
 *   onEvent: (event) => event.type === "finished" && (measured = event.measured),
 * });
 * assert.ok(measured > 0);
 * await Deno.remove(perfDir, { recursive: true });
 * ```
 */
export async function refresh(
  input: SettingsInput,
  sweep: SweepName,
  options: ProfileOptions = {},
): Promise<Bundle> {
  return await runToEnd(resolveSettings(input), { ...options, again: sweep });
}
