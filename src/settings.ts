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
import type { Precision, Quantity } from "./harness/harness.ts";
import type { AdaptiveTarget } from "./settings/adaptive.ts";
import type { Preset } from "./settings/preset.ts";
import type { SkewMode } from "./shots/skew_parts.ts";
import { fromFlags, fromOptions, resolve } from "./settings/resolve.ts";

export type { AdaptiveTarget, Preset };

/** The settings of a run, resolved and frozen. */
export interface Settings {
  /** Model to profile. */
  readonly model: string;
  /** Label of this hardware, a folder under perf/. */
  readonly hardware: string;
  /** Tensor-parallel degrees, 1 among them. */
  readonly tpDegrees: readonly number[];
  /** Type of the weights. */
  readonly dtype: string | null;
  /** Type of the KV cache, auto for that of the weights. */
  readonly kvCacheDtype: string;
  /** Name of the bundle's last folder. */
  readonly variant: string | null;
  /** Branch, tag or commit of the model on the hub. */
  readonly revision: string | null;
  /** Most new tokens of a batch. */
  readonly maxNumBatchedTokens: number;
  /** Most requests of a batch. */
  readonly maxNumSeqs: number;
  /** Longest history in tokens. */
  readonly attentionMaxKv: number;
  /** Step of the prefill_chunk axis. */
  readonly attentionChunkFactor: number;
  /** Step of the kv_prefill and kv_decode axes. */
  readonly attentionKvFactor: number;
  /** Plan exactly the reference profiler's shots. */
  readonly parity: boolean;
  /** Leave the skew sweep out. */
  readonly skipSkew: boolean;
  /** Run the skew sweep alone. */
  readonly onlySkew: boolean;
  /** Times between which alpha lies: as attention.csv gives them, or measured for each case. */
  readonly skewMode: SkewMode;
  /** Step of the axis of decoding requests. */
  readonly skewNFactor: number;
  /** Step of the prefill chunk axis. */
  readonly skewPcFactor: number;
  /** Step of the prefill history axis. */
  readonly skewKpFactor: number;
  /** Step of the axis of the short decodes' history. */
  readonly skewKvsFactor: number;
  /** Fire a part of attention and skew and predict the rest: a share of the shots, or enough for an error. */
  readonly adaptive: AdaptiveTarget | null;
  /** Longest time to fire for, in seconds or such as 5min; what it is not enough for is predicted. */
  readonly budget: number | null;
  /** Folder of another bundle that predictions may lean on. */
  readonly prior: string | null;
  /** Timed forwards per shot, after one warm-up. */
  readonly measurementIterations: number;
  /** What is timed. */
  readonly quantity: Quantity | null;
  /** Repeat each shot until the standard error of its median is this share of it, 3 to 30 times. */
  readonly precision: Precision | null;
  /** Seed of everything that is drawn at random, the firing order (parity keeps the plan's) among it. */
  readonly seed: number;
  /** Seconds between two sentinels: one attention shot repeated to see whether the device has moved, 0 for none. */
  readonly sentinelS: number;
  /** Share by which the sentinel may move before shots are measured again. */
  readonly driftShare: number | null;
  /** What fires the shots: vllm, ray[:<address>], roofline:<hardware>, replay:<bundle> or cmd:<argv>. */
  readonly harness: string;
  /** Command that carries the harness elsewhere, such as ssh gpu1. */
  readonly transport: readonly string[];
  /** Numbers of the devices to use. */
  readonly devices: readonly number[];
  /** Longest wait for the engine to boot, in seconds. */
  readonly bootTimeoutS: number;
  /** Longest wait for one shot, in seconds. */
  readonly shotTimeoutS: number;
  /** Delete what this variant has and measure it anew, instead of resuming. */
  readonly force: boolean;
  /** Confirm what would delete measurements. */
  readonly yes: boolean;
  /** Move what the bundle has beside this plan's grid into its archive. */
  readonly exactGrid: boolean;
  /** Fire the shots again that failed before. */
  readonly retryFailed: boolean;
  /** Extend a bundle of another device, processor, driver, engine or type; recorded in it. */
  readonly allowMixed: boolean;
  /** How much is told on the way. */
  readonly verbosity: "silent" | "info" | "verbose";
  /** Folder of the bundles. */
  readonly perfDir: string;
  /** Folder of the model, architecture and hardware files. */
  readonly configDir: string;
}

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
 * import { resolveSettings } from "./settings.ts";
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
