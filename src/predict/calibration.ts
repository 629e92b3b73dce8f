/**
 * Alphas as v1.2 looks them up: by kernel, the prefills' new tokens and the ratio of the two times, at the nearest
 * number of decodes that has one.
 *
 * @module
 */
import type { Calibration, CalibrationAxes } from "../bundle/meta_blocks.ts";
import type { SkewCell } from "../bundle/skew_cells.ts";
import { binOf } from "./bucket.ts";

/** The alphas of one kernel at one number of new tokens a decode. */
export interface KernelAlphas {
  /** The axes. */
  readonly axes: CalibrationAxes;
  /** Least number of decodes that was measured. */
  readonly least: number;
  /** Greatest number. */
  readonly most: number;
  /** Alpha of a batch without a cell. */
  readonly fallback: number;
  /** Anchors of a cell, ascending, at pc label index * number of lev labels + lev label index. */
  readonly anchors: readonly (readonly number[])[];
  /** Their alphas. */
  readonly alphas: readonly (readonly number[])[];
}

/** Alphas by kernel, named `layer|q=new tokens of a decode`. */
export type CalibrationTable = ReadonlyMap<string, KernelAlphas>;

/**
 * Arranges the fit of one degree for lookups.
 *
 * @param fit The degree's entry in meta.yaml.
 * @param cells The rows of its skew_fit.csv.
 * @returns The alphas of each kernel that the entry has a range of decodes for.
 */
export function makeCalibration(
  fit: Pick<Calibration, "axes" | "alpha_default_by_kernel" | "n_range_by_kernel">,
  cells: readonly SkewCell[],
): CalibrationTable {
  const { axes } = fit;
  const { pc_labels, lev_labels } = axes;
  return new Map(
    Object.entries(fit.n_range_by_kernel).map(([kernel, [least = 0, most = 0]]) => {
      const anchors = Array.from({ length: pc_labels.length * lev_labels.length }, (): number[] => []);
      const alphas = anchors.map((): number[] => []);
      const own = cells.filter((cell) => kernelName(cell.layer, cell.decode_q_len) === kernel);
      for (const cell of own.toSorted((a, b) => a.n_anchor - b.n_anchor)) {
        const at = pc_labels.indexOf(cell.pc_label) * lev_labels.length + lev_labels.indexOf(cell.lev_label);
        anchors[at]?.push(cell.n_anchor);
        alphas[at]?.push(cell.alpha);
      }
      const fallback = fit.alpha_default_by_kernel[kernel] ?? 0;
      return [kernel, { axes, least, most, fallback, anchors, alphas }];
    }),
  );
}

/**
 * The name of a kernel in a fit.
 *
 * @param layer The kernel.
 * @param decodeQLen New tokens of each decode.
 * @returns Such as `attention|q=1`.
 */
export function kernelName(layer: string, decodeQLen: number): string {
  return `${layer}|q=${decodeQLen}`;
}

/**
 * The number of the cell that a batch falls into.
 *
 * @param axes The axes.
 * @param pc New tokens of all prefills.
 * @param lev (t_max - t_mean) / t_mean.
 * @returns The number.
 */
export function cellOf({ pc_bins, lev_bins, lev_labels }: CalibrationAxes, pc: number, lev: number): number {
  return binOf(pc_bins, pc) * lev_labels.length + binOf(lev_bins, lev);
}

/**
 * The anchor that is nearest to a number of decodes as a ratio; the lower one of two equally near.
 *
 * @param anchors The anchors, ascending, at least one.
 * @param n Decodes.
 * @returns Its index.
 */
export function nearestAnchor(anchors: readonly number[], n: number): number {
  let at = 0;
  while (at + 1 < anchors.length && n * n > anchors[at]! * anchors[at + 1]!) at++;
  return at;
}

/**
 * The alpha of a batch.
 *
 * @param table The alphas of its kernel.
 * @param n Decodes.
 * @param pc New tokens of all prefills.
 * @param lev (t_max - t_mean) / t_mean.
 * @returns The alpha.
 */
export function calibratedAlpha(table: KernelAlphas, n: number, pc: number, lev: number): number {
  if (n < table.least || n > table.most) return table.fallback;
  const cell = cellOf(table.axes, pc, lev);
  const anchors = table.anchors[cell]!;
  return anchors.length === 0 ? table.fallback : table.alphas[cell]![nearestAnchor(anchors, n)]!;
}
