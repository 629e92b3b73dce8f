/**
 * The table of fitted alphas, one per bucket.
 *
 * @module
 */
import type { Cells } from "./cells.ts";
import { compareTexts } from "../compare.ts";
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
  /** Bucket of the longest KV length, such as `kvB<=4k`. */
  readonly kv_big_label: string;
  /** Bucket of the prefills' history, such as `kp=0`. */
  readonly kp_label: string;
  /** Share of the way from t_mean to t_max; below 0 and above 1 are real. */
  readonly alpha: number;
  /** Cases that it was fitted on, null when the file does not say. */
  readonly n_samples: number | null;
}

/** What identifies a bucket. */
export type BucketKey = Omit<SkewFitRow, "alpha" | "n_samples">;

/**
 * Reads a bucket's key as simulators write it.
 *
 * @param text Such as `pc=16|n<=4|sr<=40%|kvB<=1k|kp=0`.
 * @returns The bucket, null when the text names none.
 *
 * @example
 * ```ts
 * import { parseBucketKey } from "./skew_fit.ts";
 * import assert from "node:assert/strict";
 * assert.equal(parseBucketKey("pc=16|n<=4|sr<=40%|kvB<=1k|kp=0")?.n_label, "n<=4");
 * assert.equal(parseBucketKey("16"), null);
 * ```
 */
export function parseBucketKey(text: string): BucketKey | null {
  const parts = /^pc=(\d+)\|([^|]+)\|([^|]+)\|([^|]+)\|([^|]+)$/.exec(text);
  if (parts === null) return null;
  const [, pc, n_label = "", skew_rate_label = "", kv_big_label = "", kp_label = ""] = parts;
  return { pc: Number(pc), n_label, skew_rate_label, kv_big_label, kp_label };
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
 * Reads skew_fit.csv; rows with a fault are left out and reported, of duplicates the first is kept. A row with a
 * `raw_key` is about the bucket of that key, whatever its other columns say.
 *
 * @param text The file's text.
 * @param path The file's path, for the issues.
 * @returns The buckets sorted by pc, then by the labels as texts, and what is wrong with the others.
 */
export function readSkewFit(text: string, path: string): { rows: SkewFitRow[]; issues: Issue[] } {
  return readRecords<SkewFitRow>(text, path, {
    columns: [...SKEW_FIT_COLUMNS, "raw_key"],
    needed: SKEW_FIT_COLUMNS,
    optional: ["n_samples"],
    compare: compareSkewFitRows,
    read: (cells) => ({
      ...cells.isBlank(7) ? bucketOf(cells) : rawBucket(cells),
      alpha: cells.float(5),
      n_samples: cells.isBlank(6) ? null : cells.count(6),
    }),
  });
}

function bucketOf(cells: Cells): BucketKey {
  return {
    pc: cells.count(0),
    n_label: cells.name(1),
    skew_rate_label: cells.name(2),
    kv_big_label: cells.name(3),
    kp_label: cells.name(4),
  };
}

function rawBucket(cells: Cells): BucketKey {
  const bucket = parseBucketKey(cells.text(7));
  if (bucket !== null) return bucket;
  cells.fault(7, {
    code: "bucket-key",
    message: "The key names no bucket",
    expected: "pc=..|n..|sr..|kvB..|kp..",
  });
  return { pc: 0, n_label: "", skew_rate_label: "", kv_big_label: "", kp_label: "" };
}

function compareSkewFitRows(a: SkewFitRow, b: SkewFitRow): number {
  return a.pc - b.pc || compareTexts(a.n_label, b.n_label) ||
    compareTexts(a.skew_rate_label, b.skew_rate_label) || compareTexts(a.kv_big_label, b.kv_big_label) ||
    compareTexts(a.kp_label, b.kp_label);
}
