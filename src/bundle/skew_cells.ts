/**
 * skew_fit.csv of v1.2: alphas by kernel, new tokens a decode, prefill and latency ratio, at some numbers of decodes.
 *
 * @module
 */
import { compareTexts } from "../compare.ts";
import { formatDecimals } from "../number_format.ts";
import type { Issue } from "./issue.ts";
import { readRecords } from "./records.ts";

/** The columns of the file. */
const SKEW_CELL_COLUMNS: readonly string[] = [
  "layer",
  "decode_q_len",
  "pc_label",
  "lev_label",
  "n_anchor",
  "alpha",
  "direct_rows",
  "pooled_rows",
];

/** The alpha of a cell at one number of decodes; the fields are named as the columns. */
export interface SkewCell {
  /** The attention kernel. */
  readonly layer: string;
  /** New tokens of each decode. */
  readonly decode_q_len: number;
  /** Label of the prefills' new tokens, such as `pc1`. */
  readonly pc_label: string;
  /** Label of the ratio (t_max - t_mean) / t_mean, such as `lev0`. */
  readonly lev_label: string;
  /** Number of decodes. */
  readonly n_anchor: number;
  /** Share of the way from t_mean to t_max. */
  readonly alpha: number;
  /** Cases with exactly this number of decodes. */
  readonly direct_rows: number;
  /** Cases that the alpha was fitted on. */
  readonly pooled_rows: number;
}

/**
 * Whether a text is a skew_fit.csv of v1.2.
 *
 * @param text The file's text.
 * @returns Whether its header has the columns that August's lacks.
 */
export function hasSkewCells(text: string): boolean {
  return /^\uFEFF?[^\n]*\bn_anchor\b/.test(text);
}

/**
 * Writes the file.
 *
 * @param cells The cells in their order.
 * @returns The file's text, lines ended by a line feed.
 *
 * @example
 * ```ts
 * import { formatSkewCells } from "./skew_cells.ts";
 * import assert from "node:assert/strict";
 * const text = formatSkewCells([{
 *   layer: "attention", decode_q_len: 1, pc_label: "pc1", lev_label: "lev0", n_anchor: 8, alpha: 0.25,
 *   direct_rows: 21, pooled_rows: 40,
 * }]);
 * assert.equal(text.split("\n")[1], "attention,1,pc1,lev0,8,0.25,21,40");
 * ```
 */
export function formatSkewCells(cells: readonly SkewCell[]): string {
  const lines = cells.map((cell) =>
    [
      cell.layer,
      cell.decode_q_len,
      cell.pc_label,
      cell.lev_label,
      cell.n_anchor,
      formatDecimals(cell.alpha, 4),
      cell.direct_rows,
      cell.pooled_rows,
    ].join(",")
  );
  return [SKEW_CELL_COLUMNS.join(","), ...lines, ""].join("\n");
}

/**
 * Reads the file; rows with a fault are left out and reported, of duplicates the first is kept.
 *
 * @param text The file's text.
 * @param path The file's path, for the issues.
 * @returns The cells sorted by kernel, labels and number of decodes, and what is wrong with the others.
 */
export function readSkewCells(text: string, path: string): { rows: SkewCell[]; issues: Issue[] } {
  return readRecords<SkewCell>(text, path, {
    columns: SKEW_CELL_COLUMNS,
    compare: (a, b) =>
      compareTexts(a.layer, b.layer) || a.decode_q_len - b.decode_q_len ||
      compareTexts(a.pc_label, b.pc_label) || compareTexts(a.lev_label, b.lev_label) ||
      a.n_anchor - b.n_anchor,
    read: (cells) => ({
      layer: cells.name(0),
      decode_q_len: cells.count(1),
      pc_label: cells.name(2),
      lev_label: cells.name(3),
      n_anchor: cells.count(4),
      alpha: cells.float(5),
      direct_rows: cells.count(6),
      pooled_rows: cells.count(7),
    }),
  });
}
