/**
 * Buckets of skewed batches: which labels a batch falls under, and the alpha that a fit has for them.
 *
 * @module
 */
import type { BucketAxes } from "../bundle/meta_blocks.ts";
import type { SkewFitRow } from "../bundle/skew_fit.ts";

/** What bucket axes say about pc, which has no edges: it is used as it is. */
export const PC_REMARK = "raw pc value (profiled grid point)";

/** The edges of the skew rate and their labels; they are the same in every bundle. */
export const SKEW_RATE_AXIS = {
  skew_rate_bins: [-0.01, 0.05, 0.15, 0.4, 0.7, 1.01],
  skew_rate_labels: ["sr<=5%", "sr<=15%", "sr<=40%", "sr<=70%", "sr>70%"],
} as const;

/** The axes that a simulator assumes of a fit that names none. */
export const DEFAULT_BUCKET_AXES: BucketAxes = {
  pc: PC_REMARK,
  n_bins: [0, 2, 4, 8, 16, 32, 64, 128, 1_000_000],
  n_labels: ["n<=2", "n<=4", "n<=8", "n<=16", "n<=32", "n<=64", "n<=128", "n>128"],
  ...SKEW_RATE_AXIS,
  kv_big_bins: [0, 1024, 4096, 16384, 1_000_000_000],
  kv_big_labels: ["kvB<=1k", "kvB<=4k", "kvB<=16k", "kvB>16k"],
  kp_bins: [-1, 0, 2048, 1_000_000_000],
  kp_labels: ["kp=0", "kp<=2k", "kp>2k"],
};

/**
 * The bin of a value.
 *
 * @param bins Edges, ascending; bin i ends at, and includes, edge i + 1.
 * @param value The value.
 * @returns The bin's index, the last bin's for a value beyond the last edge.
 */
export function binOf(bins: readonly number[], value: number): number {
  const last = bins.length - 2;
  let bin = 0;
  while (bin < last && value > bins[bin + 1]!) bin++;
  return bin;
}

/** The labels of a bucket, under the names of skew_fit.csv. */
export type BucketLabels = Pick<SkewFitRow, "n_label" | "skew_rate_label" | "kv_big_label" | "kp_label">;

/** Numbers buckets, pc apart, from 0: label indexes to one integer. */
export interface BucketNumbering {
  /** The axes. */
  readonly axes: BucketAxes;
  /** How many numbers there are. */
  readonly count: number;
}

/**
 * Numbers the buckets of some axes.
 *
 * @param axes The axes.
 * @returns The numbering.
 */
export function numberBuckets(axes: BucketAxes): BucketNumbering {
  const { n_labels, skew_rate_labels, kv_big_labels, kp_labels } = axes;
  return { axes, count: n_labels.length * skew_rate_labels.length * kv_big_labels.length * kp_labels.length };
}

/**
 * The number of the bucket that a batch falls into.
 *
 * @param numbering The numbering.
 * @param n Decodes.
 * @param skewRate Skew rate, from 0 to 1.
 * @param kvBig Longest KV length of a decode in tokens.
 * @param kp History of all prefills in tokens.
 * @returns The number.
 */
export function bucketNumber(
  { axes }: BucketNumbering,
  n: number,
  skewRate: number,
  kvBig: number,
  kp: number,
): number {
  return joinBins(
    axes,
    binOf(axes.n_bins, n),
    binOf(axes.skew_rate_bins, skewRate),
    binOf(axes.kv_big_bins, kvBig),
    binOf(axes.kp_bins, kp),
  );
}

/**
 * The labels of a bucket.
 *
 * @param numbering The numbering.
 * @param bucket The bucket's number.
 * @returns The labels under the names of skew_fit.csv.
 */
export function bucketLabels(
  { axes }: BucketNumbering,
  bucket: number,
): BucketLabels {
  const { n_labels, skew_rate_labels, kv_big_labels, kp_labels } = axes;
  const withoutKp = Math.trunc(bucket / kp_labels.length);
  const withoutKv = Math.trunc(withoutKp / kv_big_labels.length);
  return {
    n_label: n_labels[Math.trunc(withoutKv / skew_rate_labels.length)]!,
    skew_rate_label: skew_rate_labels[withoutKv % skew_rate_labels.length]!,
    kv_big_label: kv_big_labels[withoutKp % kv_big_labels.length]!,
    kp_label: kp_labels[bucket % kp_labels.length]!,
  };
}

/**
 * The number of the bucket that a row of skew_fit.csv is about.
 *
 * @param numbering The numbering.
 * @param row The row.
 * @returns The number, undefined when a label is none of the axes': no batch will ask for it.
 */
export function bucketOfRow({ axes }: BucketNumbering, row: BucketLabels): number | undefined {
  const bins = [
    axes.n_labels.indexOf(row.n_label),
    axes.skew_rate_labels.indexOf(row.skew_rate_label),
    axes.kv_big_labels.indexOf(row.kv_big_label),
    axes.kp_labels.indexOf(row.kp_label),
  ] as const;
  return bins.includes(-1) ? undefined : joinBins(axes, ...bins);
}

function joinBins(axes: BucketAxes, n: number, skewRate: number, kvBig: number, kp: number): number {
  return ((n * axes.skew_rate_labels.length + skewRate) * axes.kv_big_labels.length + kvBig) *
      axes.kp_labels.length + kp;
}
