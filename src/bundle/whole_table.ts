/**
 * Tables as either simulator reads them.
 *
 * August has one attention kernel, one new token a decode and experts on one device; v1.2 has columns for others:
 * `layer`, `decode_q_len` and `ep`. August places a prefill by its history (`kv_prefill`), v1.2 by the mean place of
 * its tokens (`prefill_key`). Of a key that stands twice August takes the first row, v1.2 the last.
 *
 * @module
 */
import { compareKeys, compareTexts } from "../compare.ts";
import type { Cells } from "./cells.ts";
import { formatTimeUs, pythonFloat } from "../number_format.ts";
import type { Issue } from "./issue.ts";
import { CATEGORIES, type Category } from "../shots/shot.ts";
import { readRecords } from "./records.ts";
import type { Row } from "./tables.ts";

/** The tables that v1.2 looks times up in. */
export type KernelTable = "dense" | "per_sequence" | "attention" | "moe" | "linear_attention" | "mtp";

/** One time of a table as v1.2 reads it. */
export interface KernelRow {
  /** The layer, or the kernel. */
  readonly layer: string;
  /** New tokens of each decode of an attention row, devices that share the experts of a moe row, else 1. */
  readonly split: number;
  /** The key as the table's columns have it; of an attention row prefill_chunk, prefill_key, n_decode, kv_decode. */
  readonly key: readonly number[];
  /** Time in microseconds. */
  readonly timeUs: number;
}

/** A table's content. */
export interface WholeTable {
  /** The rows that August reads, sorted by layer and key. */
  readonly rows: readonly Row[];
  /** The rows that it has no place for, sorted. */
  readonly others: readonly KernelRow[];
  /** Rows whose key stands above already, those of one key in the order of the file. */
  readonly repeated: readonly KernelRow[];
  /** What is wrong with rows that are none of these. */
  readonly issues: readonly Issue[];
}

/** Name of the one attention kernel that August knows, and of files without the column. */
const ATTENTION = "attention";
/** Name of the block of experts. */
const EXPERTS = "moe";

/** The columns of attention.csv for both simulators. */
const ATTENTION_COLUMNS = [
  "layer",
  "prefill_chunk",
  "kv_prefill",
  "prefill_key",
  "n_decode",
  "kv_decode",
  "decode_q_len",
  "time_us",
] as const;

interface TableShape {
  /** Every column that is read. */
  readonly columns: readonly string[];
  /** Those that a file of August has. */
  readonly needed: readonly string[];
  /** Columns that may take the place of one of them. */
  readonly instead?: Readonly<Record<string, string>>;
  read(cells: Cells): AnyRow;
}

/** A row with what either simulator makes of it. */
interface AnyRow extends KernelRow {
  /** What August reads; null where it has no place for the row. */
  readonly august: Row | null;
}

const SHAPES: Readonly<Record<KernelTable, TableShape>> = {
  dense: layered("tokens"),
  per_sequence: layered("sequences"),
  mtp: layered("sequences"),
  linear_attention: layered("prefill_tokens", "n_decode"),
  attention: {
    columns: ATTENTION_COLUMNS,
    needed: ["prefill_chunk", "kv_prefill", "n_decode", "kv_decode", "time_us"],
    instead: { kv_prefill: "prefill_key" },
    read: readAttention,
  },
  moe: {
    columns: ["ep", "tokens", "activated_experts", "time_us"],
    needed: ["tokens", "activated_experts", "time_us"],
    read: (cells) => {
      const split = cells.has(0) ? cells.count(0) : 1;
      const key = cells.counts(1, 2);
      const timeUs = cells.timeUs(3);
      return {
        layer: EXPERTS,
        split,
        key,
        timeUs,
        august: split === 1 ? { layer: null, key, timeUs } : null,
      };
    },
  },
};

function layered(...keys: string[]): TableShape {
  const columns = ["layer", ...keys, "time_us"];
  return {
    columns,
    needed: columns,
    read: (cells) => {
      const layer = cells.name(0);
      const key = cells.counts(1, keys.length);
      const timeUs = cells.timeUs(1 + keys.length);
      return { layer, split: 1, key, timeUs, august: { layer, key, timeUs } };
    },
  };
}

function readAttention(cells: Cells): AnyRow {
  const layer = cells.has(0) ? cells.name(0) : ATTENTION;
  const chunk = cells.count(1);
  const given = !cells.has(2) ? null : cells.has(3) ? cells.integer(2) : cells.count(2);
  const prefillKey = cells.has(3) ? cells.float(3) : given! + chunk / 2;
  const n = cells.count(4);
  const kv = cells.count(5);
  const split = cells.has(6) ? cells.count(6) : 1;
  const timeUs = cells.timeUs(7);
  const history = given ?? prefillKey - chunk / 2;
  const placed = layer === ATTENTION && split === 1;
  const exact = history + chunk / 2 === prefillKey;
  return {
    layer,
    split,
    key: [chunk, prefillKey, n, kv],
    timeUs,
    august: placed
      ? { layer: null, key: [chunk, history, n, kv], timeUs, ...!exact && { prefillKey } }
      : null,
  };
}

/**
 * Reads a table; rows with a fault are left out and reported.
 *
 * @param table The table.
 * @param text The file's text.
 * @param path The file's path, for the issues.
 * @returns Its content.
 *
 * @example
 * ```ts
 * import { readWholeTable } from "./whole_table.ts";
 * import assert from "node:assert/strict";
 * const text = "ep,tokens,activated_experts,time_us\n1,16,8,50.2\n2,16,4,30.5\n";
 * const { rows, others } = readWholeTable("moe", text, "moe.csv");
 * assert.deepEqual(rows, [{ layer: null, key: [16, 8], timeUs: 50.2 }]);
 * assert.deepEqual(others, [{ layer: "moe", split: 2, key: [16, 4], timeUs: 30.5 }]);
 * ```
 */
export function readWholeTable(table: KernelTable, text: string, path: string): WholeTable {
  const { columns, needed, instead = {}, read } = SHAPES[table];
  const repeated: KernelRow[] = [];
  const { rows: all, issues } = readRecords<AnyRow>(text, path, {
    columns,
    needed,
    instead,
    read,
    compare: compareKernelRows,
    onDuplicate: (row) => repeated.push(kernelRow(row)),
  });
  const rows: Row[] = [];
  const others: KernelRow[] = [];
  for (const row of all) {
    const { august } = row;
    if (august === null) {
      others.push(kernelRow(row));
    } else if (table === "attention" && rows.length > 0 && compareKeys(rows.at(-1)!.key, august.key) === 0) {
      others.push(kernelRow(row));
      issues.push(cutTwice(path, august.key));
    } else {
      rows.push(august);
    }
  }
  return { rows, others, repeated, issues };
}

function kernelRow({ layer, split, key, timeUs }: KernelRow): KernelRow {
  return { layer, split, key, timeUs };
}

function compareKernelRows(a: KernelRow, b: KernelRow): number {
  return compareTexts(a.layer, b.layer) || a.split - b.split || compareKeys(a.key, b.key);
}

function cutTwice(path: string, key: readonly number[]): Issue {
  return {
    code: "key-cut-twice",
    severity: "warning",
    path,
    column: "kv_prefill",
    message: "Another prefill_key is cut to the same kv_prefill; August reads the first of these rows",
    found: key.join(),
  };
}

/**
 * The rows of a table by kernel and split, as v1.2 reads them.
 *
 * @param table The table, which says how its keys are placed.
 * @param content Its content.
 * @returns The rows of each layer or kernel, and of each split, in no order; of a key that stands twice the last.
 */
export function kernelRows(
  table: KernelTable,
  content: WholeTable,
): Map<string, Map<number, readonly Row[]>> {
  const byKernel = new Map<string, Map<number, Row[]>>();
  const add = ({ layer, split, key, timeUs }: KernelRow): void => {
    let splits = byKernel.get(layer);
    if (splits === undefined) byKernel.set(layer, splits = new Map());
    let rows = splits.get(split);
    if (rows === undefined) splits.set(split, rows = []);
    rows.push({ layer, key, timeUs });
  };
  const repeated = new Map(content.repeated.map((row) => [textOf(row), row]));
  for (const row of [...content.rows.map((row) => placed(table, row)), ...content.others]) {
    add((repeated.size > 0 ? repeated.get(textOf(row)) : undefined) ?? row);
  }
  return byKernel;
}

/** A row as v1.2 places it; a key that is longer than August's ends with the split. */
function placed(table: KernelTable, { layer, key, timeUs, prefillKey }: Row): KernelRow {
  const length = table in CATEGORIES ? CATEGORIES[table as Category].columns.length : key.length;
  const split = key[length] ?? 1;
  if (table !== "attention") return { layer: layer ?? EXPERTS, split, key: key.slice(0, length), timeUs };
  const [chunk = 0, history = 0, n = 0, kv = 0] = key;
  return {
    layer: layer ?? ATTENTION,
    split,
    key: [chunk, prefillKey ?? history + chunk / 2, n, kv],
    timeUs,
  };
}

/**
 * The rows of a table with the keys of the shots that measure them: prefills at a place have the history that one of
 * them would have, several new tokens a decode are the key's last value.
 *
 * @param category The table.
 * @param content Its content.
 * @returns The rows, those that August reads first.
 */
export function shotRows(category: Category, content: Pick<WholeTable, "rows" | "others">): Row[] {
  return [
    ...content.rows.map(exactRow),
    ...content.others.map(({ layer, split, key, timeUs }): Row => {
      const [chunk = 0, prefillKey = 0, ...decodes] = key;
      const own = category === "attention" ? [chunk, prefillKey - chunk / 2, ...decodes] : key;
      return {
        layer: layer === ATTENTION || category === "moe" ? null : layer,
        key: split === 1 ? own : [...own, split],
        timeUs,
      };
    }),
  ];
}

/**
 * A row with the exact history of a prefill at its place, of which kv_prefill is the whole part.
 *
 * @param row The row, or what has the key of one.
 * @returns The row without its prefillKey.
 */
export function exactRow<R extends Pick<Row, "key" | "prefillKey">>(
  { prefillKey, ...row }: R,
): Omit<R, "prefillKey"> {
  if (prefillKey === undefined) return row;
  const [chunk = 0, , ...decodes] = row.key;
  return { ...row, key: [chunk, prefillKey - chunk / 2, ...decodes] };
}

function textOf({ layer, split, key }: KernelRow): string {
  return `${layer} ${split} ${key.join()}`;
}

/**
 * Writes attention.csv for both simulators: August reads kv_prefill, v1.2 prefill_key.
 *
 * @param rows The rows, each key once.
 * @returns The file's text, sorted by layer and key, lines ended by a line feed.
 *
 * @example
 * ```ts
 * import { formatAttention } from "./whole_table.ts";
 * import assert from "node:assert/strict";
 * const text = formatAttention([{ layer: null, key: [17, 512, 2, 128], timeUs: 12.34567 }]);
 * assert.equal(text.split("\n")[1], "attention,17,512,520.5,2,128,1,12.3457");
 * ```
 */
export function formatAttention(rows: readonly Row[]): string {
  const all = rows.map((row) => placed("attention", row)).sort(compareKernelRows);
  const lines = all.map(({ layer, split, key: [chunk = 0, prefillKey = 0, n, kv], timeUs }) =>
    [
      layer,
      chunk,
      Math.floor(prefillKey - chunk / 2),
      pythonFloat(prefillKey),
      n,
      kv,
      split,
      formatTimeUs(timeUs),
    ].join(",")
  );
  return [ATTENTION_COLUMNS.join(","), ...lines, ""].join("\n");
}

/**
 * Writes moe.csv with the column `ep`: rows of experts on one device and on several.
 *
 * @param rows The rows, each key once.
 * @returns The file's text, sorted by key, lines ended by a line feed.
 */
export function formatExperts(rows: readonly Row[]): string {
  const all = rows.map((row) => placed("moe", row)).sort(compareKernelRows);
  const lines = all.map(({ split, key, timeUs }) => [split, ...key, formatTimeUs(timeUs)].join(","));
  return [SHAPES.moe.columns.join(","), ...lines, ""].join("\n");
}
