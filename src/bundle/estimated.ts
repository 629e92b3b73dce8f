/**
 * `tp<N>/estimated.csv`: which rows of attention.csv were predicted, not measured.
 *
 * attention.csv holds the whole grid, so that a simulator needs no change; a row of it whose key stands here is a
 * prediction, any other was measured. A bundle without the file has only measured rows.
 *
 * @module
 */
import { CATEGORIES } from "../shots/shot.ts";
import { compareKeys } from "../compare.ts";
import { formatDecimals } from "../number_format.ts";
import type { Issue } from "./issue.ts";
import { readRecords } from "./records.ts";

/** A row that was predicted. */
export interface EstimatedRow {
  /** The row's key: prefill_chunk, kv_prefill, n_decode, kv_decode. */
  readonly key: readonly number[];
  /** The relative error that 90% of rows like this one stay within, as a share of the time. */
  readonly expectedError: number;
}

const KEY = CATEGORIES.attention.columns;
const COLUMNS: readonly string[] = [...KEY, "expected_error"];
/** Decimals of an expected error. */
const DECIMALS = 4;

/**
 * Writes the text of the list: header, then the rows sorted by key, lines ended by a line feed.
 *
 * @param rows The rows, in any order.
 * @returns The file's text.
 *
 * @example
 * ```ts
 * import { formatEstimated } from "./estimated.ts";
 * import assert from "node:assert/strict";
 * assert.equal(
 *   formatEstimated([{ key: [16, 0, 2, 128], expectedError: 0.01234 }]),
 *   "prefill_chunk,kv_prefill,n_decode,kv_decode,expected_error\n16,0,2,128,0.0123\n",
 * );
 * ```
 */
export function formatEstimated(rows: readonly EstimatedRow[]): string {
  const lines = rows.toSorted(compareRows).map(({ key, expectedError }) =>
    `${key.join(",")},${formatDecimals(expectedError, DECIMALS)}`
  );
  return [COLUMNS.join(","), ...lines, ""].join("\n");
}

/**
 * Reads the list; rows with a fault are left out and reported, of duplicates the first is kept.
 *
 * @param text The file's text.
 * @param path The file's path, for the issues.
 * @returns The rows sorted by key, and what is wrong with the others.
 */
export function readEstimated(text: string, path: string): { rows: EstimatedRow[]; issues: Issue[] } {
  return readRecords<EstimatedRow>(text, path, {
    columns: COLUMNS,
    compare: compareRows,
    read: (cells) => ({
      key: cells.counts(0, KEY.length),
      expectedError: cells.float(KEY.length),
    }),
  });
}

function compareRows(a: EstimatedRow, b: EstimatedRow): number {
  return compareKeys(a.key, b.key);
}
