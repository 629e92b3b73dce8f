/**
 * The blocks of meta.yaml.
 *
 * @module
 */
import type { AxisSpec } from "../shots/axis_spec.ts";
import type { Category } from "../shots/shot.ts";
import type { SkewMode } from "../shots/skew_parts.ts";

/** What the engine was booted with. */
export interface EngineEffective {
  /** New tokens that a batch may hold. */
  readonly max_num_batched_tokens?: number;
  /** Requests that a batch may hold. */
  readonly max_num_seqs?: number;
  /** Fields of the model's configuration that sharding changed, for the last tensor-parallel degree. */
  readonly hf_overrides?: Readonly<Record<string, unknown>>;
  /** Any other argument of the engine. */
  readonly [argument: string]: unknown;
}

/** What an engine made of what it was booted with, by tensor-parallel degree. */
export interface EngineResolved {
  /** By degree. */
  readonly per_tp?: Readonly<Record<string, ResolvedLimits>>;
}

/** What an engine of one degree came to. */
export interface ResolvedLimits {
  /** Tokens of one KV block. */
  readonly block_size?: number;
  /** Tokens of the longest request. */
  readonly max_model_len?: number;
  /** Tokens that the KV pool holds. */
  readonly num_cache_tokens?: number;
  /** By quantized layer, the engine's methods and the kernels that they chose. */
  readonly methods?: Readonly<Record<string, string>>;
}

/** The skew sweep. */
export interface SkewProfile {
  /** Whether it was run. */
  readonly enabled: boolean;
  /** Ratios of neighbours on its axes. */
  readonly factors?: Readonly<Record<string, number>>;
  /** Where the times of uniform batches come from: `exact` ones are measured, others read from attention.csv. */
  readonly mode?: SkewMode;
  /** Its axes. */
  readonly grid?: Readonly<Record<string, AxisSpec | number>>;
}

/** How a batch finds its bucket: the label of an axis is the first i with value <= bins[i + 1]. */
export interface BucketAxes {
  /** What the pc of a bucket is, in words. */
  readonly pc?: string;
  /** Edges of the number of decodes. */
  readonly n_bins: readonly number[];
  /** Labels of the number of decodes. */
  readonly n_labels: readonly string[];
  /** Edges of the skew rate. */
  readonly skew_rate_bins: readonly number[];
  /** Labels of the skew rate. */
  readonly skew_rate_labels: readonly string[];
  /** Edges of the longest KV length in tokens. */
  readonly kv_big_bins: readonly number[];
  /** Labels of the longest KV length. */
  readonly kv_big_labels: readonly string[];
  /** Edges of the prefills' history in tokens. */
  readonly kp_bins: readonly number[];
  /** Labels of the prefills' history. */
  readonly kp_labels: readonly string[];
}

/** Name of the form that v1.2 takes a degree's fit in. */
export const CALIBRATION_SCHEMA = "runtime-skew-calibration-v1";

/** How a case finds its cell in v1.2: the label of an axis is the first i with value <= bins[i + 1]. */
export interface CalibrationAxes {
  /** Edges of the prefills' new tokens. */
  readonly pc_bins: readonly number[];
  /** Their labels. */
  readonly pc_labels: readonly string[];
  /** Edges of (t_max - t_mean) / t_mean. */
  readonly lev_bins: readonly number[];
  /** Their labels. */
  readonly lev_labels: readonly string[];
}

/** What the fit of a degree consists of in v1.2; a kernel is named `layer|q=new tokens of a decode`. */
export interface Calibration {
  /** {@linkcode CALIBRATION_SCHEMA}. */
  readonly schema: string;
  /** The bundle that it is for. */
  readonly identity: {
    readonly hardware: string;
    readonly model: string;
    readonly variant: string;
    readonly tp: number;
  };
  /** What it was fitted with. */
  readonly reference: {
    readonly attention_sha256: string;
    readonly lookup_sha256: string;
    readonly skew_sha256: string;
    readonly key_saturation: number | null;
    readonly saturation_by_layer: Readonly<Record<string, boolean>>;
  };
  /** Name of the method. */
  readonly estimator: string;
  /** Cases that an anchor needs. */
  readonly min_rows: number;
  /** Cases that were fitted. */
  readonly n_samples: number;
  /** Cases that could not be, by reason. */
  readonly dropped_rows: Readonly<Record<string, number>>;
  /** The axes. */
  readonly axes: CalibrationAxes;
  /** Least and greatest alpha. */
  readonly alpha_clip: readonly number[];
  /** Alpha of a batch without a cell, by kernel. */
  readonly alpha_default_by_kernel: Readonly<Record<string, number>>;
  /** Least and greatest number of decodes that was measured, by kernel. */
  readonly n_range_by_kernel: Readonly<Record<string, readonly number[]>>;
  /** The table, relative to the bundle. */
  readonly bucket_table: string;
  /** SHA-256 of its bytes, in hex. */
  readonly bucket_table_sha256: string;
}

/** The fit of one tensor-parallel degree. */
export interface SkewFitEntry {
  /** Name of the method. */
  readonly method?: string;
  /** Cases with a defined alpha. */
  readonly n_samples?: number;
  /** Those of them whose t_skew is a prediction; they are not in skew.csv. */
  readonly n_estimated?: number;
  /** Alpha of a batch whose bucket is not in the table. */
  readonly alpha_default?: number;
  /** The table, relative to the bundle. */
  readonly bucket_table?: string;
  /** Its own axes, where they differ from the block's. */
  readonly bucket_axes?: BucketAxes | null;
  /** Error figures and the like. */
  readonly [figure: string]: unknown;
}

/** The fits of all tensor-parallel degrees. */
export interface SkewFit {
  /** Whether a simulator corrects for skew. */
  readonly enabled?: boolean;
  /** Axes that all degrees share. */
  readonly bucket_axes?: BucketAxes | null;
  /** Alpha of a degree without an entry. */
  readonly alpha_default?: number;
  /** Entries by degree. */
  readonly per_tp?: Readonly<Record<string, SkewFitEntry>>;
  /** Why it is not enabled though there are entries. */
  readonly kept?: string;
  /** The simulator whose lookups a calibrated fit is for. */
  readonly calibrated_for?: string;
}

/** How far the rows of a table of which a part is predicted are from the truth, measured ones counted as exact. */
export interface AdaptiveEntry {
  /** Rows of attention.csv that are predictions; of skew, cases that were not fired. */
  readonly estimated: number;
  /** Shots that the figures rest on: measured ones, as a model that did not see them predicts them. */
  readonly held_out: number;
  /** Median of the relative errors. */
  readonly rel_err_p50: number | null;
  /** What 90% of the rows stay within. */
  readonly rel_err_p90: number | null;
  /** What 99% of the rows stay within. */
  readonly rel_err_p99: number | null;
  /** What the median stays below with 95% confidence; null when too few shots are known to say. */
  readonly upper_p50: number | null;
  /** What the 90% figure stays below with 95% confidence. */
  readonly upper_p90: number | null;
  /** What the 99% figure stays below with 95% confidence. */
  readonly upper_p99: number | null;
  /** Standard deviation of a shot's samples as a share of the time: the median of the measured shots. */
  readonly scatter_p50?: number | null;
  /** What it is at most in 90% of them: no prediction can be nearer. */
  readonly scatter_p90?: number | null;
  /** What it is at most in 99% of them. */
  readonly scatter_p99?: number | null;
  /** What 90% of the rows would stay within without the prior. */
  readonly p90_without_prior?: number | null;
  /** What they would stay within with it. */
  readonly p90_with_prior?: number | null;
}

/** What was predicted in place of being measured. */
export interface AdaptiveProfile {
  /** When there were enough shots: a share of them, or an error; absent when a budget alone said. */
  readonly target?: { readonly shots: number } | { readonly error: number };
  /** Time that firing might take, in seconds. */
  readonly budget_s?: number;
  /** Seed of every draw. */
  readonly seed: number;
  /** The bundle that predictions leaned on. */
  readonly prior?: string;
  /** What is predicted, by degree. */
  readonly per_tp: Readonly<
    Record<string, { readonly attention?: AdaptiveEntry; readonly skew?: AdaptiveEntry }>
  >;
}

/** A layer of a shot that was repeated without a pause, as a lasting load would. */
export interface Sustained {
  /** The shot's category. */
  readonly category: Category;
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** The shot's key. */
  readonly key: readonly number[];
  /** The layer. */
  readonly layer: string;
  /** Time of a call once the device has settled, in microseconds; null of a call that is shorter than its launch. */
  readonly time_us: number | null;
  /** Power while it runs, in watts; null where the device does not tell. */
  readonly power_w: number | null;
  /** Clock of the multiprocessors meanwhile, in MHz; null where the device does not tell. */
  readonly sm_clock_mhz: number | null;
  /** Share of the time for which the device was at work; power is worked out from it. @default 1 */
  readonly busy_share?: number | undefined;
}

/** How noisy the measurements are. Shares are of the time itself: 0.01 is one percent. */
export interface Noise {
  /** Standard deviation of the samples of a row, as a share of their median: the median of all rows. */
  readonly spread_p50?: number;
  /** What it is at most in 90% of the rows. */
  readonly spread_p90?: number;
  /** Sentinels that were fired. */
  readonly sentinels?: number;
  /** By which share their times differ from the first of their run: the median. */
  readonly sentinel_drift_p50?: number;
  /** The largest such share. */
  readonly sentinel_drift_max?: number;
  /** Share of the shots that were measured again because a sentinel had moved. */
  readonly measured_again?: number;
  /** Shots whose times a sentinel puts in doubt still. */
  readonly in_doubt?: number;
  /** Shots that are not in doubt, but began at the device's full clock and lowered it themselves. */
  readonly lowers_clock?: number;
  /** Layers that launched other kernels than in an earlier session. */
  readonly other_kernels?: readonly string[];
}
