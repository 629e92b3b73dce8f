/**
 * The table of fitted alphas, one per bucket.
 *
 * @module
 */
import { compareTexts } from "./compare.ts";
import { formatDecimals } from "../number_format.ts";
import type { Issue } from "./issue.ts";
import { readRecords } from "./records.ts";

/** The columns of skew_fit.csv. */
const SKEW_FIT_COLUMNS: readonly string[] = [
  "pc",
  "n_label",
  "skew_rate_label",
  "kv_big_label",
  "kp_label",
  "alpha",
  "n_samples",
];

/** One bucket; the fields are named as the columns. */
export interface SkewFitRow {
  /** New tokens of all prefills. */
  readonly pc: number;
  /** Bucket of the number of decodes, such as `n<=8`. */
  readonly n_label: string;
  /** Bucket of the skew rate, such as `sr<=15%`. */
  readonly skew_rate_label: string;
  /** Bucket of the longest history, such as `kvB<=4k`. */
  readonly kv_big_label: string;
  /** Bucket of the prefills' history, such as `kp=0`. */
  readonly kp_label: string;
  /** Share of the way from t_mean to t_max; below 0 and above 1 are real. */
  readonly alpha: number;
  /** Cases that it was fitted on, null when the file does not say. */
  readonly n_samples: number | null;
}

/**
 * Writes skew_fit.csv.
 *
 * @param rows The buckets, in any order, each once.
 * @returns The file's text, sorted by pc, then by the labels as texts, lines ended by a line feed.
 *
 * @example
 * ```ts
 * import { formatSkewFit } from "./skew_fit.ts";
 * import assert from "node:assert/strict";
 * const text = formatSkewFit([{
 *   pc: 16, n_label: "n<=4", skew_rate_label: "sr<=40%", kv_big_label: "kvB<=4k", kp_label: "kp=0", alpha: 1,
 *   n_samples: 5,
 * }]);
 * assert.equal(text.split("\n")[1], "16,n<=4,sr<=40%,kvB<=4k,kp=0,1.0,5");
 * ```
 */
export function formatSkewFit(rows: readonly SkewFitRow[]): string {
  const lines = [...rows].sort(compareSkewFitRows).map((row) =>
    [
      row.pc,
      row.n_label,
      row.skew_rate_label,
      row.kv_big_label,
      row.kp_label,
      formatDecimals(row.alpha, 4),
      row.n_samples,
    ].join(",")
  );
  return [SKEW_FIT_COLUMNS.join(","), ...lines, ""].join("\n");
}

/**
 * Reads skew_fit.csv; rows with a fault are left out and reported, of duplicates the first is kept.
 *
 * @param text The file's text.
 * @param path The file's path, for the issues.
 * @returns The buckets sorted by pc, then by the labels as texts, and what is wrong with the others.
 */
export function readSkewFit(text: string, path: string): { rows: SkewFitRow[]; issues: Issue[] } {
  return readRecords<SkewFitRow>(text, path, {
    columns: SKEW_FIT_COLUMNS,
    optional: ["n_samples"],
    compare: compareSkewFitRows,
    read: (cells) => ({
      pc: cells.count(0),
      n_label: cells.name(1),
      skew_rate_label: cells.name(2),
      kv_big_label: cells.name(3),
      kp_label: cells.name(4),
      alpha: cells.float(5),
      n_samples: cells.isBlank(6) ? null : cells.count(6),
    }),
  });
}

function compareSkewFitRows(a: SkewFitRow, b: SkewFitRow): number {
  return a.pc - b.pc || compareTexts(a.n_label, b.n_label) ||
    compareTexts(a.skew_rate_label, b.skew_rate_label) || compareTexts(a.kv_big_label, b.kv_big_label) ||
    compareTexts(a.kp_label, b.kp_label);
}
