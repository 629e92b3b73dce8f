/**
 * The table of skew cases: three times each, and the alpha that they give.
 *
 * @module
 */
import { compareTexts } from "../compare.ts";
import { formatDecimals, pythonFloat } from "../number_format.ts";
import type { Issue } from "./issue.ts";
import { readRecords } from "./records.ts";

/** The columns of skew.csv. */
export const SKEW_COLUMNS: readonly string[] = [
  "regime",
  "n",
  "nb",
  "ratio",
  "skew",
  "pc",
  "kp",
  "kvs",
  "kv_big",
  "kv_mean",
  "t_mean_us",
  "t_max_us",
  "t_skew_us",
  "alpha",
];

/** One case; the fields are named as the columns. */
export interface SkewRow {
  /** `pure` decodes, or `mixed` with a prefill. */
  readonly regime: string;
  /** Decoding requests. */
  readonly n: number;
  /** Those of them with the long history. */
  readonly nb: number;
  /** `nb / n`. */
  readonly ratio: number;
  /** `kv_big / kvs`. */
  readonly skew: number;
  /** New tokens of the prefill, 0 for none. */
  readonly pc: number;
  /** History of the prefill in tokens. */
  readonly kp: number;
  /** Short history in tokens. */
  readonly kvs: number;
  /** Long history in tokens. */
  readonly kv_big: number;
  /** Mean KV length in tokens, rounded down. */
  readonly kv_mean: number;
  /** Time with every history at `kv_mean`, in microseconds. */
  readonly t_mean_us: number;
  /** Time with every history at `kv_big`, in microseconds. */
  readonly t_max_us: number;
  /** Time of the mixed KV lengths, in microseconds. */
  readonly t_skew_us: number;
  /** (t_skew - t_mean) / (t_max - t_mean) of the unrounded times, null unless t_max > t_mean. */
  readonly alpha: number | null;
}

/**
 * Where the time of mixed KV lengths lies between those of uniform ones.
 *
 * @param meanUs Time with every history at the mean, in microseconds.
 * @param maxUs Time with every history at the longest, in microseconds.
 * @param skewUs Time of the mixed KV lengths, in microseconds.
 * @returns 0 at the mean's, 1 at the longest's; null where the longest takes no longer than the mean.
 *
 * @example
 * ```ts
 * import { alphaOf } from "./skew.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual([alphaOf(10, 20, 15), alphaOf(10, 10, 15)], [0.5, null]);
 * ```
 */
export function alphaOf(meanUs: number, maxUs: number, skewUs: number): number | null {
  return maxUs > meanUs ? (skewUs - meanUs) / (maxUs - meanUs) : null;
}

/**
 * Writes skew.csv: times with 3 decimals, ratio and alpha with 4, each as short as possible.
 *
 * @param rows The cases, in any order, each key once.
 * @returns The file's text, sorted by n, nb, skew, pc, kp and kvs, lines ended by a line feed.
 *
 * @example
 * ```ts
 * import { formatSkew } from "./skew.ts";
 * import assert from "node:assert/strict";
 * const text = formatSkew([{
 *   regime: "pure", n: 32, nb: 1, ratio: 1 / 32, skew: 4, pc: 0, kp: 0, kvs: 128, kv_big: 512, kv_mean: 140,
 *   t_mean_us: 10, t_max_us: 20.00049, t_skew_us: 15, alpha: null,
 * }]);
 * assert.equal(text.split("\n")[1], "pure,32,1,0.0312,4.0,0,0,128,512,140,10.0,20.0,15.0,");
 * ```
 */
export function formatSkew(rows: readonly SkewRow[]): string {
  const lines = [...rows].sort(compareSkewRows).map((row) =>
    [
      row.regime,
      row.n,
      row.nb,
      formatDecimals(row.ratio, 4),
      pythonFloat(row.skew),
      row.pc,
      row.kp,
      row.kvs,
      row.kv_big,
      row.kv_mean,
      formatDecimals(row.t_mean_us, 3),
      formatDecimals(row.t_max_us, 3),
      formatDecimals(row.t_skew_us, 3),
      row.alpha === null ? "" : formatDecimals(row.alpha, 4),
    ].join(",")
  );
  return [SKEW_COLUMNS.join(","), ...lines, ""].join("\n");
}

/**
 * Reads skew.csv; rows with a fault are left out and reported, of duplicates the first is kept.
 *
 * @param text The file's text.
 * @param path The file's path, for the issues.
 * @returns The cases sorted by n, nb, skew, pc, kp and kvs, and what is wrong with the others.
 */
export function readSkew(text: string, path: string): { rows: SkewRow[]; issues: Issue[] } {
  return readRecords<SkewRow>(text, path, {
    columns: SKEW_COLUMNS,
    compare: compareSkewRows,
    read: (cells) => ({
      regime: cells.name(0),
      n: cells.count(1),
      nb: cells.count(2),
      ratio: cells.float(3),
      skew: cells.float(4),
      pc: cells.count(5),
      kp: cells.count(6),
      kvs: cells.count(7),
      kv_big: cells.count(8),
      kv_mean: cells.count(9),
      t_mean_us: cells.timeUs(10),
      t_max_us: cells.timeUs(11),
      t_skew_us: cells.timeUs(12),
      alpha: cells.isBlank(13) ? null : cells.float(13),
    }),
  });
}

function compareSkewRows(a: SkewRow, b: SkewRow): number {
  return a.n - b.n || a.nb - b.nb || a.skew - b.skew || a.pc - b.pc || a.kp - b.kp || a.kvs - b.kvs ||
    compareTexts(a.regime, b.regime);
}
