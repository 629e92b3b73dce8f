/**
 * The four tables that simulators look times up in: dense, per_sequence, attention and moe.
 *
 * @module
 */
import { CATEGORIES, type Category } from "../shots/shot.ts";
import { compareKeys, compareTexts } from "../compare.ts";
import { formatTimeUs } from "../number_format.ts";
import type { Issue } from "./issue.ts";
import { formatAttention, formatExperts, readWholeTable } from "./whole_table.ts";

/** One measured time. */
export interface Row {
  /** Layer's name; null in attention and moe tables, which hold one layer. */
  readonly layer: string | null;
  /** The shot's key: the values of its category's columns (tokens, sequences, requests or experts). */
  readonly key: readonly number[];
  /** Time in microseconds. */
  readonly timeUs: number;
  /** The prefill_key of an attention row in tokens; absent where it is kv_prefill + prefill_chunk / 2. */
  readonly prefillKey?: number;
}

/** The columns of a category's file. */
function tableColumns(category: Category): string[] {
  const { columns, layered } = CATEGORIES[category];
  return [...(layered ? ["layer"] : []), ...columns, "time_us"];
}

/** Orders rows by layer and key, the order of a bundle's files. */
function compareRows(a: Row, b: Row): number {
  return compareTexts(a.layer ?? "", b.layer ?? "") || compareKeys(a.key, b.key);
}

/**
 * Writes a table: header, then the rows sorted by layer and key, lines ended by a line feed.
 *
 * @param category The category, which gives the columns.
 * @param rows The rows, in any order, each key once.
 * @returns The file's text.
 *
 * @example
 * ```ts
 * import { formatTable } from "./tables.ts";
 * import assert from "node:assert/strict";
 * assert.equal(
 *   formatTable("dense", [{ layer: "qkv_proj", key: [16], timeUs: 12.34567 }]),
 *   "layer,tokens,time_us\nqkv_proj,16,12.3457\n",
 * );
 * ```
 */
export function formatTable(category: Category, rows: readonly Row[]): string {
  const { layered } = CATEGORIES[category];
  const lines = [...rows].sort(compareRows).map(({ layer, key, timeUs }) =>
    `${layered ? `${layer},` : ""}${key.join(",")},${formatTimeUs(timeUs)}`
  );
  return [tableColumns(category).join(","), ...lines, ""].join("\n");
}

/**
 * Reads a table as August does: the attention rows of one kernel and one new token a decode, the rows of experts on
 * one device. Columns may stand in any order and have others beside them; rows with a fault are left out and reported,
 * of duplicates the first is kept.
 *
 * @param category The category, which gives the columns.
 * @param text The file's text.
 * @param path The file's path, for the issues.
 * @returns The rows sorted by layer and key, and what is wrong with the others.
 *
 * @example
 * ```ts
 * import { readTable } from "./tables.ts";
 * import assert from "node:assert/strict";
 * const { rows, issues } = readTable("moe", "tokens,activated_experts,time_us\n1,8,50.2\n2,8,nan\n", "moe.csv");
 * assert.deepEqual(rows, [{ layer: null, key: [1, 8], timeUs: 50.2 }]);
 * assert.equal(issues[0]?.row, 3);
 * ```
 */
export function readTable(category: Category, text: string, path: string): { rows: Row[]; issues: Issue[] } {
  const { rows, issues } = readWholeTable(category, text, path);
  return { rows: [...rows], issues: [...issues] };
}

/**
 * Writes the table of a category: attention for both simulators, experts as August has them unless some are on several
 * devices.
 *
 * @param category The category.
 * @param rows The rows, each key once.
 * @returns The file's text, sorted by layer and key, lines ended by a line feed.
 */
export function formatRows(category: Category, rows: readonly Row[]): string {
  if (category === "attention") return formatAttention(rows);
  const plain = CATEGORIES[category].columns.length;
  return rows.some(({ key }) => key.length > plain) ? formatExperts(rows) : formatTable(category, rows);
}
