/**
 * The settings of a run: from options or flags, the environment, a preset and defaults, checked once, up front.
 *
 * | said by | example | wins over |
 * | --- | --- | --- |
 * | option or flag | `maxNumSeqs: 64`, `--max-num-seqs 64` | the environment |
 * | environment | `MAX_NUM_SEQS=64` | the preset |
 * | preset | `preset: "quick"`, `--preset quick`, `SHOTLAB_PRESET=quick` | the default |
 *
 * `deno task shotlab profile --help` lists every setting with its flag, environment variable and default.
 *
 * @module
 */
import type { AdaptiveTarget } from "./settings/adaptive.ts";
import type { Preset } from "./settings/preset.ts";
import { fromFlags, fromOptions, resolve } from "./settings/resolve.ts";
import type { Settings } from "./settings/table.ts";

export type { AdaptiveTarget, Preset, Settings };

/** What a caller says: the model, the hardware, and whatever is to differ from the preset and the defaults. */
export interface SettingsInput extends Partial<Settings> {
  /** Model to profile, `<org>/<name>`. */
  readonly model: string;
  /** Label of this hardware, a folder under perf/. */
  readonly hardware: string;
  /** A named set of settings to start from; `quick` is a coarse grid for a first look. */
  readonly preset?: Preset;
}

/**
 * Resolves the settings of a program.
 *
 * @param input The options; what is left out or undefined is looked for elsewhere.
 * @param env Environment variables that fill in what the options leave out; one that is empty is not set. The
 * process's own are not read unless they are passed.
 * @returns The settings, frozen.
 * @throws {UsageError} when a value breaks its rule, two contradict each other, an option is unknown or a required
 * one is missing.
 *
 * @example
 * ```ts
 * import { resolveSettings } from "shotlab";
 * import assert from "node:assert/strict";
 * const settings = resolveSettings({ model: "Qwen/Qwen3-0.6B", hardware: "H100" }, { MAX_NUM_SEQS: "64" });
 * assert.equal(settings.maxNumSeqs, 64);
 * assert.deepEqual(settings.tpDegrees, [1, 2, 4]);
 * ```
 */
export function resolveSettings(
  input: Partial<SettingsInput>,
  env: Readonly<Record<string, string>> = {},
): Settings {
  return resolve(fromOptions({ ...input }), env);
}

/**
 * Resolves the settings of a command line.
 *
 * @param flags Texts and switches by option name; what is undefined is looked for elsewhere.
 * @param env Environment variables that fill in what the flags leave out; one that is empty is not set.
 * @returns The settings, frozen.
 * @throws {UsageError} as {@linkcode resolveSettings} does; its messages name flags.
 */
export function resolveFlags(
  flags: Readonly<Record<string, string | boolean | undefined>>,
  env: Readonly<Record<string, string>>,
): Settings {
  return resolve(fromFlags(flags), env);
}
