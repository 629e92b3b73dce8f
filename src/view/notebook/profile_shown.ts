/**
 * The main job in a notebook's cell.
 *
 * @module
 */
import type { Bundle } from "../../bundle/open.ts";
import { profile, type ProfileOptions } from "../../run/profile.ts";
import type { SettingsInput } from "../../settings.ts";
import { notebookProgress } from "../notebook_progress.ts";
import { guardKernel } from "./kernel.ts";

/**
 * Measures the layers of a model into its bundle, as `profile()` does, with bars below the cell. The notebook's
 * interrupt ends it: what was measured is kept, and running the cell again resumes there.
 *
 * @param input The settings; what is left out has its default.
 * @param options How it is observed besides.
 * @returns The bundle.
 * @throws {DOMException} named `AbortError` when it was interrupted.
 * @throws {UsageError} when a setting, the model or the bundle breaks a rule.
 * @throws {HarnessError} when the harness cannot be opened or booted, or breaks too often.
 *
 * @example
 * ```ts
 * import { profileShown } from "shotlab/view";
 * import assert from "node:assert/strict";
 * await assert.rejects(profileShown({ model: "a/b", hardware: "H100", tpDegrees: [0] }), { name: "UsageError" });
 * ```
 */
export async function profileShown(input: SettingsInput, options: ProfileOptions = {}): Promise<Bundle> {
  guardKernel();
  const progress = notebookProgress();
  const onEvent: ProfileOptions["onEvent"] = async (event) => {
    progress.event(event);
    await options.onEvent?.(event);
  };
  try {
    return await interruptible((signal) => profile(input, { ...options, onEvent, signal }), options.signal);
  } finally {
    await progress.close();
  }
}

/**
 * Runs something that the notebook's interrupt can end; without it the interrupt ends the kernel.
 *
 * @param action What is run, with the signal that tells of the interrupt.
 * @param signal Another way to end it.
 * @returns What the action gives.
 *
 * @example
 * ```ts
 * import { interruptible } from "shotlab/view";
 * import assert from "node:assert/strict";
 * assert.equal(await interruptible((signal) => Promise.resolve(signal.aborted)), false);
 * ```
 */
export async function interruptible<T>(
  action: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const interrupt = new AbortController();
  const abort = (): void =>
    interrupt.abort(
      new DOMException("Interrupted: what was measured is kept; run the cell again to go on", "AbortError"),
    );
  Deno.addSignalListener("SIGINT", abort);
  try {
    return await action(
      signal === undefined ? interrupt.signal : AbortSignal.any([interrupt.signal, signal]),
    );
  } finally {
    Deno.removeSignalListener("SIGINT", abort);
  }
}
