/**
 * The fit of alphas that v1.2 reads, as its own `refit-skew` makes it.
 *
 * A case lies at a = (t_skew - t_mean) / (t_max - t_mean), with the two ends read from attention.csv, and weighs
 * |t_max - t_mean| / t_skew. Cells are prefill tokens by lev = (t_max - t_mean) / t_mean; within a cell, each number of
 * decodes with enough cases is an anchor, and every case counts at the anchor that is nearest as a ratio. The alpha
 * there is the weighted median.
 *
 * @module
 */
import type { CalibrationAxes } from "../bundle/meta_blocks.ts";
import type { SkewCell } from "../bundle/skew_cells.ts";
import { compareTexts } from "../compare.ts";
import { roundDecimals } from "../number_format.ts";
import { binOf } from "../predict/bucket.ts";
import { kernelName, nearestAnchor } from "../predict/calibration.ts";

/** Cases that an anchor needs. */
export const MIN_ROWS = 20;
/** Least and greatest alpha. */
export const ALPHA_CLIP: readonly [number, number] = [-0.2, 1];

const FAR = 1_000_000_000;
const LEV_BINS: readonly number[] = [0, 0.25, 0.75, 1.5, 3, FAR];
const DECIMALS = 4;

/** A skewed batch: its time, and those that its decodes' mean and longest KV lengths would give. */
export interface CalibrationCase {
  /** The attention kernel. */
  readonly layer: string;
  /** New tokens of each decode. */
  readonly decodeQLen: number;
  /** Decodes. */
  readonly n: number;
  /** New tokens of all prefills. */
  readonly pc: number;
  /** Time at the mean KV length in microseconds, as a simulator reads it from attention.csv. */
  readonly meanUs: number;
  /** Time at the longest KV length in microseconds, likewise. */
  readonly maxUs: number;
  /** Measured time in microseconds. */
  readonly skewUs: number;
}

/** The fit of one tensor-parallel degree. */
export interface CalibrationFit {
  /** The axes of its cells. */
  readonly axes: CalibrationAxes;
  /** Alpha of a batch without a cell, by kernel: the least squares over all of its cases. */
  readonly alpha_default_by_kernel: Readonly<Record<string, number>>;
  /** Least and greatest number of decodes, by kernel. */
  readonly n_range_by_kernel: Readonly<Record<string, readonly [number, number]>>;
  /** Cases that were fitted. */
  readonly n_samples: number;
  /** Cases whose ends do not tell where they lie. */
  readonly dropped: number;
  /** The rows of skew_fit.csv. */
  readonly cells: readonly SkewCell[];
}

/** A case that lies between its ends. */
interface Placed extends CalibrationCase {
  readonly gap: number;
  readonly alpha: number;
  readonly weight: number;
  readonly cell: number;
}

/**
 * Fits alphas.
 *
 * @param cases The cases, all of them with decodes of unlike KV lengths.
 * @param saturates Whether a kernel reads no more of a history than the model's bound, so that a longer one may take
 * less time.
 * @returns The fit.
 */
export function fitCalibration(
  cases: readonly CalibrationCase[],
  saturates: (layer: string) => boolean,
): CalibrationFit {
  const axes = axesOf(cases);
  const placed = cases.flatMap((one) => place(one, axes, saturates(one.layer)));
  const kernels = [...Map.groupBy(placed, ({ layer, decodeQLen }) => kernelName(layer, decodeQLen))]
    .sort(([, [a]], [, [b]]) => compareTexts(a!.layer, b!.layer) || a!.decodeQLen - b!.decodeQLen);
  return {
    axes,
    alpha_default_by_kernel: Object.fromEntries(kernels.map(([name, own]) => [name, leastSquares(own)])),
    n_range_by_kernel: Object.fromEntries(
      kernels.map(([name, own]) => [name, [least(own.map(({ n }) => n)), most(own.map(({ n }) => n))]]),
    ),
    n_samples: placed.length,
    dropped: cases.length - placed.length,
    cells: kernels.flatMap(([, own]) => cellsOf(own, axes)),
  };
}

function axesOf(cases: readonly CalibrationCase[]): CalibrationAxes {
  const longest = most(cases.map(({ pc }) => pc), 0);
  const edges = new Set([1, Math.max(1, Math.floor(longest / 8)), Math.max(1, Math.floor(longest / 2))]);
  const pc_bins = [-1, ...edges, Math.max(FAR, longest + 1)];
  return {
    pc_bins,
    pc_labels: pc_bins.slice(1).map((_, i) => `pc${i}`),
    lev_bins: LEV_BINS,
    lev_labels: LEV_BINS.slice(1).map((_, i) => `lev${i}`),
  };
}

function place(one: CalibrationCase, axes: CalibrationAxes, saturates: boolean): Placed[] {
  const { pc, meanUs, maxUs, skewUs } = one;
  const gap = maxUs - meanUs;
  if (gap === 0 || (gap < 0 && !saturates)) return [];
  const cell = binOf(axes.pc_bins, pc) * axes.lev_labels.length + binOf(axes.lev_bins, gap / meanUs);
  return [{ ...one, gap, alpha: (skewUs - meanUs) / gap, weight: Math.abs(gap) / skewUs, cell }];
}

/** The alpha that errs least in the sum of squared times. */
function leastSquares(cases: readonly Placed[]): number {
  let covariance = 0;
  let variance = 0;
  for (const { gap, skewUs, meanUs } of cases) {
    covariance += gap * (skewUs - meanUs);
    variance += gap * gap;
  }
  return roundDecimals(covariance / variance, DECIMALS);
}

function cellsOf(cases: readonly Placed[], { pc_labels, lev_labels }: CalibrationAxes): SkewCell[] {
  const byCell = [...Map.groupBy(cases, ({ cell }) => cell)].sort(([a], [b]) => a - b);
  return byCell.flatMap(([cell, own]) => {
    const byN = Map.groupBy(own, ({ n }) => n);
    const anchors = [...byN.keys()].filter((n) => byN.get(n)!.length >= MIN_ROWS).sort((a, b) => a - b);
    if (anchors.length === 0) return [];
    const pooled = Map.groupBy(own, ({ n }) => nearestAnchor(anchors, n));
    return anchors.map((n_anchor, i): SkewCell => ({
      layer: own[0]!.layer,
      decode_q_len: own[0]!.decodeQLen,
      pc_label: pc_labels[Math.trunc(cell / lev_labels.length)]!,
      lev_label: lev_labels[cell % lev_labels.length]!,
      n_anchor,
      alpha: roundDecimals(clip(weightedMedian(pooled.get(i)!)), DECIMALS),
      direct_rows: byN.get(n_anchor)!.length,
      pooled_rows: pooled.get(i)!.length,
    }));
  });
}

function clip(alpha: number): number {
  return Math.min(ALPHA_CLIP[1], Math.max(ALPHA_CLIP[0], alpha));
}

/** The first alpha at which more than half of the weight is reached; at exactly half, its mean with the next. */
function weightedMedian(cases: readonly Placed[]): number {
  const sorted = cases.toSorted((a, b) => a.alpha - b.alpha || a.weight - b.weight);
  const half = sorted.reduce((sum, { weight }) => sum + weight, 0) / 2;
  let reached = 0;
  for (const [i, { alpha, weight }] of sorted.entries()) {
    reached += weight;
    if (reached > half) return alpha;
    if (reached === half && i + 1 < sorted.length) return (alpha + sorted[i + 1]!.alpha) / 2;
  }
  return sorted.at(-1)!.alpha;
}

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b));
}

function most(values: readonly number[], start = -Infinity): number {
  return values.reduce((a, b) => Math.max(a, b), start);
}
