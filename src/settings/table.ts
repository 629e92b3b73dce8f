/**
 * Every setting once: its type, its names, what it allows, its default, what it is for and where it is recorded. One
 * long table on purpose: the place to look a setting up, and the only one to add it. The comment above an entry is
 * what editors show; it says what `doc` says.
 *
 * @module
 */
import { CONFIG_DIR } from "../config_dir.ts";
import { QUANTITIES } from "../quantity.ts";
import * as adaptive from "./adaptive.ts";
import * as kind from "./kind.ts";
import type { Kind } from "./kind.ts";
import * as names from "./names.ts";
import * as numbers from "./numbers.ts";

/** The headings under which the help lists the settings, in order. */
export const GROUPS = [
  "What to measure",
  "Sweep",
  "Skew",
  "Adaptive",
  "Measurement",
  "Engine",
  "Run",
  "Files",
] as const;

/** A heading of the help. */
export type Group = typeof GROUPS[number];

/** A setting. */
export interface Setting<T> {
  /** Its environment variable. */
  readonly env: string;
  /** The heading under which the help lists it. */
  readonly group: Group;
  /** What it allows. */
  readonly kind: Kind<T>;
  /** Its default; a setting without one is required. */
  readonly fallback?: T;
  /** What the help says in place of a default that is null or empty. */
  readonly otherwise?: string;
  /** What it is, without a final period. */
  readonly doc: string;
  /** Whether the journal records it with each session; null is not written, nor are skew settings without skew. */
  readonly journal?: true;
  /**
   * Whether plans record it, in snake case. Plans that are older than an `optional` one lack it and were made with
   * its default. One of v1.2's grid does not stand in plans of August's. A `differing` one stands in plans and in
   * the journal where it is not the default.
   */
  readonly plan?: "required" | "optional" | "v1.2" | "differing";
}

const TABLE = {
  /** Model to profile. */
  model: {
    env: "MODEL",
    group: "What to measure",
    kind: names.modelId,
    doc: "Model to profile",
  },
  /** Label of this hardware, a folder under perf/. */
  hardware: {
    env: "HARDWARE",
    group: "What to measure",
    kind: names.folderName,
    doc: "Label of this hardware, a folder under perf/",
  },
  /** Tensor-parallel degrees, 1 among them. */
  tpDegrees: {
    env: "TP_DEGREES",
    group: "What to measure",
    kind: numbers.degrees,
    fallback: [1, 2, 4],
    doc: "Tensor-parallel degrees, 1 among them",
    journal: true,
    plan: "required",
  },
  /** Type of the weights. */
  dtype: {
    env: "DTYPE",
    group: "What to measure",
    kind: names.weightDtype,
    fallback: null,
    otherwise: "the model's own",
    doc: "Type of the weights",
  },
  /** Type of the KV cache, auto for that of the weights. */
  kvCacheDtype: {
    env: "KV_CACHE_DTYPE",
    group: "What to measure",
    kind: names.dtypeName,
    fallback: "auto",
    doc: "Type of the KV cache, auto for that of the weights",
  },
  /** Name of the bundle's last folder. */
  variant: {
    env: "VARIANT",
    group: "What to measure",
    kind: kind.optional(names.variantName),
    fallback: null,
    otherwise: "from the two types",
    doc: "Name of the bundle's last folder",
  },
  /** Branch, tag or commit of the model on the hub. */
  revision: {
    env: "SHOTLAB_REVISION",
    group: "What to measure",
    kind: kind.optional(names.revision),
    fallback: null,
    otherwise: "main",
    doc: "Branch, tag or commit of the model on the hub",
    journal: true,
  },
  /** Most new tokens of a batch. */
  maxNumBatchedTokens: {
    env: "MAX_NUM_BATCHED_TOKENS",
    group: "Sweep",
    kind: numbers.integer(1),
    fallback: 2048,
    doc: "Most new tokens of a batch",
    journal: true,
    plan: "required",
  },
  /** Most requests of a batch. */
  maxNumSeqs: {
    env: "MAX_NUM_SEQS",
    group: "Sweep",
    kind: numbers.integer(1),
    fallback: 256,
    doc: "Most requests of a batch",
    journal: true,
    plan: "required",
  },
  /** Step of the token axis of dense shots from 64 tokens on; below, 4 at most. */
  denseStep: {
    env: "SHOTLAB_DENSE_STEP",
    group: "Sweep",
    kind: numbers.denseStep,
    fallback: 16,
    doc: "Step of the token axis of dense shots from 64 tokens on; below, 4 at most",
    journal: true,
    plan: "differing",
  },
  /** Longest KV length in tokens; with --grid v1.2 all that a request may have. */
  attentionMaxKv: {
    env: "ATTENTION_MAX_KV",
    group: "Sweep",
    kind: numbers.integer(1),
    fallback: 16384,
    doc: "Longest KV length in tokens; with --grid v1.2 all that a request may have",
    journal: true,
    plan: "required",
  },
  /** Which simulator's grid of attention and experts is measured. */
  grid: {
    env: "SHOTLAB_GRID",
    group: "Sweep",
    kind: kind.oneOf(["august", "v1.2", "both"]),
    fallback: "august",
    doc: "Which simulator's grid of attention and experts is measured",
    journal: true,
    plan: "v1.2",
  },
  /** Step of the prefill_chunk axis. */
  attentionChunkFactor: {
    env: "ATTENTION_CHUNK_FACTOR",
    group: "Sweep",
    kind: numbers.factor,
    fallback: 2,
    doc: "Step of the prefill_chunk axis",
    journal: true,
    plan: "required",
  },
  /** Step of the kv_prefill (or prefill_key) and kv_decode axes; each factor is √2 with --grid v1.2. */
  attentionKvFactor: {
    env: "ATTENTION_KV_FACTOR",
    group: "Sweep",
    kind: numbers.factor,
    fallback: 2,
    doc: "Step of the kv_prefill (or prefill_key) and kv_decode axes; each factor is √2 with --grid v1.2",
    journal: true,
    plan: "required",
  },
  /** Step of the n_decode axis of the grid of v1.2; August's doubles. */
  attentionNFactor: {
    env: "ATTENTION_N_FACTOR",
    group: "Sweep",
    kind: numbers.factor,
    fallback: 2,
    doc: "Step of the n_decode axis of the grid of v1.2; August's doubles",
    journal: true,
    plan: "v1.2",
  },
  /** New tokens of a decode, 1 among them, of the grid of v1.2; several are drafts that are checked. */
  decodeQLens: {
    env: "SHOTLAB_DECODE_Q_LENS",
    group: "Sweep",
    kind: numbers.newTokens,
    fallback: [1],
    doc: "New tokens of a decode, 1 among them, of the grid of v1.2; several are drafts that are checked",
    journal: true,
    plan: "v1.2",
  },
  /** Devices that share the experts, 1 among them, of the grid of v1.2. */
  epDegrees: {
    env: "SHOTLAB_EP_DEGREES",
    group: "Sweep",
    kind: numbers.epDegrees,
    fallback: [1],
    doc: "Devices that share the experts, 1 among them, of the grid of v1.2",
    journal: true,
    plan: "v1.2",
  },
  /** Plan exactly the reference profiler's shots. */
  parity: {
    env: "SHOTLAB_PARITY",
    group: "Sweep",
    kind: kind.toggle,
    fallback: false,
    doc: "Plan exactly the reference profiler's shots",
    journal: true,
    plan: "required",
  },
  /** Leave the skew sweep out. */
  skipSkew: {
    env: "SKIP_SKEW",
    group: "Skew",
    kind: kind.toggle,
    fallback: false,
    doc: "Leave the skew sweep out",
  },
  /** Run the skew sweep alone. */
  onlySkew: {
    env: "ONLY_SKEW",
    group: "Skew",
    kind: kind.toggle,
    fallback: false,
    doc: "Run the skew sweep alone",
  },
  /** Bounds for alpha: interpolated from attention.csv, or measured for each case. */
  skewMode: {
    env: "SHOTLAB_SKEW_MODE",
    group: "Skew",
    kind: kind.oneOf(["interpolated", "exact"]),
    fallback: "interpolated",
    otherwise: "interpolated, exact with --parity",
    doc: "Bounds for alpha: interpolated from attention.csv, or measured for each case",
    journal: true,
    plan: "required",
  },
  /** Step of the axis of decoding requests. */
  skewNFactor: {
    env: "SKEW_N_FACTOR",
    group: "Skew",
    kind: numbers.factor,
    fallback: 2,
    doc: "Step of the axis of decoding requests",
    journal: true,
    plan: "required",
  },
  /** Step of the prefill chunk axis. */
  skewPcFactor: {
    env: "SKEW_PC_FACTOR",
    group: "Skew",
    kind: numbers.factor,
    fallback: 2,
    doc: "Step of the prefill chunk axis",
    journal: true,
    plan: "required",
  },
  /** Step of the prefill history axis. */
  skewKpFactor: {
    env: "SKEW_KP_FACTOR",
    group: "Skew",
    kind: numbers.factor,
    fallback: 2,
    doc: "Step of the prefill history axis",
    journal: true,
    plan: "required",
  },
  /** Step of the axis of the short decodes' history. */
  skewKvsFactor: {
    env: "SKEW_KVS_FACTOR",
    group: "Skew",
    kind: numbers.factor,
    fallback: 2,
    doc: "Step of the axis of the short decodes' history",
    journal: true,
    plan: "required",
  },
  /** Fire a part of attention and skew and predict the rest: a share of the shots, or enough for an error. */
  adaptive: {
    env: "SHOTLAB_ADAPTIVE",
    group: "Adaptive",
    kind: kind.optional(adaptive.adaptiveTarget),
    fallback: null,
    otherwise: "all shots",
    doc:
      "Fire a part of attention and skew and predict the rest: a share of the shots, or enough for an error",
    journal: true,
  },
  /** How long a run may take, in seconds or such as 5min; what it is not enough for is predicted. */
  budget: {
    env: "SHOTLAB_BUDGET",
    group: "Adaptive",
    kind: kind.optional(adaptive.timeSpan),
    fallback: null,
    otherwise: "no limit",
    doc: "How long a run may take, in seconds or such as 5min; what it is not enough for is predicted",
    journal: true,
  },
  /** Folder of another bundle that predictions may lean on. */
  prior: {
    env: "SHOTLAB_PRIOR",
    group: "Adaptive",
    kind: kind.optional(names.path),
    fallback: null,
    otherwise: "none",
    doc: "Folder of another bundle that predictions may lean on",
    journal: true,
  },
  /** Timed forwards per shot, after one warm-up. */
  measurementIterations: {
    env: "MEASUREMENT_ITERATIONS",
    group: "Measurement",
    kind: numbers.integer(1),
    fallback: 3,
    doc: "Timed forwards per shot, after one warm-up",
    journal: true,
    plan: "required",
  },
  /** What is timed. */
  quantity: {
    env: "SHOTLAB_QUANTITY",
    group: "Measurement",
    kind: kind.optional(kind.oneOf(QUANTITIES)),
    fallback: null,
    otherwise: "the harness's preferred one",
    doc: "What is timed",
    plan: "required",
  },
  /** Clock of the multiprocessors in MHz that the device is locked to meanwhile, where the user may. */
  clock: {
    env: "SHOTLAB_CLOCK",
    group: "Measurement",
    kind: kind.optional(numbers.integer(1)),
    fallback: null,
    otherwise: "the device's own",
    doc: "Clock of the multiprocessors in MHz that the device is locked to meanwhile, where the user may",
    journal: true,
    plan: "optional",
  },
  /** Repeat each shot until the standard error of its median is this share of it, 3 to 30 times. */
  precision: {
    env: "SHOTLAB_PRECISION",
    group: "Measurement",
    kind: kind.optional(numbers.precision),
    fallback: null,
    otherwise: "a fixed number of forwards",
    doc: "Repeat each shot until the standard error of its median is this share of it, 3 to 30 times",
    journal: true,
    plan: "required",
  },
  /** Seed of everything that is drawn at random, the firing order (parity keeps the plan's) among it. */
  seed: {
    env: "SHOTLAB_SEED",
    group: "Measurement",
    kind: numbers.integer(0),
    fallback: 0,
    doc: "Seed of everything that is drawn at random, the firing order (parity keeps the plan's) among it",
    journal: true,
    plan: "required",
  },
  /** Seconds between two sentinels: one attention shot repeated to see whether the device drifts, 0 for none. */
  sentinelS: {
    env: "SHOTLAB_SENTINEL_S",
    group: "Measurement",
    kind: numbers.interval,
    fallback: 30,
    doc:
      "Seconds between two sentinels: one attention shot repeated to see whether the device drifts, 0 for none",
    journal: true,
  },
  /** Seconds for which a layer is repeated without a pause, to see what a lasting load makes of it, 0 for never. */
  sustainS: {
    env: "SHOTLAB_SUSTAIN_S",
    group: "Measurement",
    kind: numbers.interval,
    fallback: 0.5,
    doc:
      "Seconds for which a layer is repeated without a pause, to see what a lasting load makes of it, 0 for never",
  },
  /** Which shots are repeated so: some of the first degree, or all, for the energy of each. */
  sustainShots: {
    env: "SHOTLAB_SUSTAIN_SHOTS",
    group: "Measurement",
    kind: kind.oneOf(["some", "all"]),
    fallback: "some",
    doc: "Which shots are repeated so: some of the first degree, or all, for the energy of each",
  },
  /** Share by which the sentinel may move before shots are measured again. */
  driftShare: {
    env: "SHOTLAB_DRIFT_SHARE",
    group: "Measurement",
    kind: kind.optional(numbers.share),
    fallback: null,
    otherwise: "0.03 of device times, 0.25 of wall times",
    doc: "Share by which the sentinel may move before shots are measured again",
  },
  /** Take the device's present speed as the one to hold times against; measure again what was measured at another. */
  acceptSpeed: {
    env: "SHOTLAB_ACCEPT_SPEED",
    group: "Measurement",
    kind: kind.toggle,
    fallback: false,
    doc:
      "Take the device's present speed as the one to hold times against; measure again what was measured at another",
  },
  /** What fires the shots: vllm, ray[:<address>], roofline:<hardware>, replay:<bundle> or cmd:<argv>. */
  harness: {
    env: "SHOTLAB_HARNESS",
    group: "Engine",
    kind: names.harnessSpec,
    fallback: "vllm",
    doc: "What fires the shots: vllm, ray[:<address>], roofline:<hardware>, replay:<bundle> or cmd:<argv>",
  },
  /** Command that carries the harness elsewhere, such as ssh gpu1. */
  transport: {
    env: "SHOTLAB_TRANSPORT",
    group: "Engine",
    kind: kind.argv,
    fallback: [],
    otherwise: "this machine",
    doc: "Command that carries the harness elsewhere, such as ssh gpu1",
  },
  /** Numbers of the devices to use. */
  devices: {
    env: "SHOTLAB_DEVICES",
    group: "Engine",
    kind: numbers.devices,
    fallback: [],
    otherwise: "the engine's choice",
    doc: "Numbers of the devices to use",
  },
  /** Longest wait for a harness that was started to say who it is, in seconds. */
  helloTimeoutS: {
    env: "SHOTLAB_HELLO_TIMEOUT_S",
    group: "Engine",
    kind: numbers.seconds,
    fallback: 120,
    doc: "Longest wait for a harness that was started to say who it is, in seconds",
  },
  /** Longest wait for the engine to boot, in seconds. */
  bootTimeoutS: {
    env: "SHOTLAB_BOOT_TIMEOUT_S",
    group: "Engine",
    kind: numbers.seconds,
    fallback: 600,
    doc: "Longest wait for the engine to boot, in seconds",
  },
  /** Longest wait for one shot, in seconds. */
  shotTimeoutS: {
    env: "SHOTLAB_SHOT_TIMEOUT_S",
    group: "Engine",
    kind: numbers.seconds,
    fallback: 120,
    doc: "Longest wait for one shot, in seconds",
  },
  /** Delete what this variant has and measure it anew, instead of resuming. */
  force: {
    env: "FORCE",
    group: "Run",
    kind: kind.toggle,
    fallback: false,
    doc: "Delete what this variant has and measure it anew, instead of resuming",
  },
  /** Delete measurements without asking on a terminal. */
  yes: {
    env: "SHOTLAB_YES",
    group: "Run",
    kind: kind.toggle,
    fallback: false,
    doc: "Delete measurements without asking on a terminal",
  },
  /** Move what the bundle has beside this plan's grid into its archive. */
  exactGrid: {
    env: "SHOTLAB_EXACT_GRID",
    group: "Run",
    kind: kind.toggle,
    fallback: false,
    doc: "Move what the bundle has beside this plan's grid into its archive",
  },
  /** Fire the shots again that failed before. */
  retryFailed: {
    env: "SHOTLAB_RETRY_FAILED",
    group: "Run",
    kind: kind.toggle,
    fallback: false,
    doc: "Fire the shots again that failed before",
  },
  /** Extend a bundle of another device, processor, driver, engine or type; recorded in it. */
  allowMixed: {
    env: "SHOTLAB_ALLOW_MIXED",
    group: "Run",
    kind: kind.toggle,
    fallback: false,
    doc: "Extend a bundle of another device, processor, driver, engine or type; recorded in it",
  },
  /** How much is told on the way. */
  verbosity: {
    env: "VERBOSITY",
    group: "Run",
    kind: kind.oneOf(["silent", "info", "verbose"], (text) => text.trim().replace(/^--/, "")),
    fallback: "info",
    doc: "How much is told on the way",
  },
  /** Folder of the bundles. */
  perfDir: {
    env: "SHOTLAB_PERF_DIR",
    group: "Files",
    kind: names.path,
    fallback: "perf",
    doc: "Folder of the bundles",
  },
  /** Folder of the model, architecture and hardware files. */
  configDir: {
    env: "SHOTLAB_CONFIG_DIR",
    group: "Files",
    kind: names.path,
    fallback: CONFIG_DIR,
    otherwise: "the project's own",
    doc: "Folder of the model, architecture and hardware files",
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>;

/**
 * The entries' types.
 *
 * @internal
 */
export type Table = typeof TABLE;

/** The settings of a run by option name, resolved and frozen. */
export type Settings = {
  readonly [Option in keyof Table]: Table[Option]["kind"] extends Kind<infer Value> ? Value : never;
};

/** The settings by option name. */
export const SETTINGS: { readonly [Option in keyof Settings]: Setting<Settings[Option]> } = TABLE;

/** Option names in the order of the table. */
export const OPTIONS = Object.keys(SETTINGS) as readonly (keyof Settings)[];

/**
 * The flag of an option.
 *
 * @param option The option's name.
 * @returns The name in kebab case, after two dashes.
 */
export function flagOf(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
