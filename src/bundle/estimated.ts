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
import { formatDecimals, pythonFloat } from "../number_format.ts";
import type { Issue } from "./issue.ts";
import { readRecords } from "./records.ts";

/** A row that was predicted. */
export interface EstimatedRow {
  /** The row's key: prefill_chunk, kv_prefill, n_decode, kv_decode, and decode_q_len where it is not 1. */
  readonly key: readonly number[];
  /** The row's prefill_key in tokens; absent where it is kv_prefill + prefill_chunk / 2. */
  readonly prefillKey?: number;
  /** The relative error that 90% of rows like this one stay within, as a share of the time. */
  readonly expectedError: number;
}

/** The key's columns, as attention.csv has them, and the error. */
const COLUMNS = [
  ...["prefill_chunk", "kv_prefill", "prefill_key", "n_decode", "kv_decode", "decode_q_len"],
  "expected_error",
] as const;
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
 *   "prefill_chunk,kv_prefill,prefill_key,n_decode,kv_decode,decode_q_len,expected_error\n16,0,8.0,2,128,1,0.0123\n",
 * );
 * ```
 */
export function formatEstimated(rows: readonly EstimatedRow[]): string {
  const lines = rows.toSorted(compareRows).map(
    ({ key: [chunk = 0, history = 0, n, kv, q = 1], prefillKey = history + chunk / 2, expectedError }) =>
      [chunk, Math.floor(prefillKey - chunk / 2), pythonFloat(prefillKey), n, kv, q].join() +
      `,${formatDecimals(expectedError, DECIMALS)}`,
  );
  return [COLUMNS.join(","), ...lines, ""].join("\n");
}

/**
 * Reads the list; rows with a fault are left out and reported, of duplicates the first is kept. Older lists lack
 * prefill_key and decode_q_len.
 *
 * @param text The file's text.
 * @param path The file's path, for the issues.
 * @returns The rows sorted by key, and what is wrong with the others.
 */
export function readEstimated(text: string, path: string): { rows: EstimatedRow[]; issues: Issue[] } {
  return readRecords<EstimatedRow>(text, path, {
    columns: COLUMNS,
    needed: [...CATEGORIES.attention.columns, "expected_error"],
    compare: compareRows,
    read(cells): EstimatedRow {
      const [chunk, history] = [cells.count(0), cells.has(2) ? cells.integer(1) : cells.count(1)];
      const prefillKey = cells.has(2) ? cells.float(2) : history + chunk / 2;
      const q = cells.has(5) ? cells.count(5) : 1;
      return {
        key: [chunk, history, cells.count(3), cells.count(4), ...q === 1 ? [] : [q]],
        ...prefillKey !== history + chunk / 2 && { prefillKey },
        expectedError: cells.float(6),
      };
    },
  });
}

function compareRows(a: EstimatedRow, b: EstimatedRow): number {
  return compareKeys(a.key, b.key) || (a.prefillKey ?? 0) - (b.prefillKey ?? 0);
}
