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
 */
export async function refresh(
  input: SettingsInput,
  sweep: SweepName,
  options: ProfileOptions = {},
): Promise<Bundle> {
  return await runToEnd(resolveSettings(input), { ...options, again: sweep });
}
