/**
 * The rows of a bundle while it is written: look-ups by key, and what each file shows of them.
 *
 * @module
 */
import { type EstimatedRow, readEstimated } from "../bundle/estimated.ts";
import { readFiles } from "../bundle/files.ts";
import type { Issue } from "../bundle/issue.ts";
import { tablePath } from "../bundle/layout.ts";
import { readSkew, type SkewRow } from "../bundle/skew.ts";
import { listsRequests } from "../bundle/skew_shapes.ts";
import type { Row } from "../bundle/tables.ts";
import { exactRow, readWholeTable, shotRows } from "../bundle/whole_table.ts";
import { type Category, CATEGORY_ORDER, SKEW_KEY } from "../shots/shot.ts";
import { type Estimate, type Estimates, setEstimates } from "./estimates.ts";
import { rowText, type ShotId } from "../shots/shot_id.ts";
import { type SkewTimesByTp, skewTimesOf } from "./skew_times.ts";

/** A row and how far the samples that it is made from lie apart. */
export interface MeasuredRow extends Row {
  /** Their standard deviation as a share of the time; null when it is not known. */
  readonly spread?: number | null;
}

/** The rows of all tables, by tensor-parallel degree and category. */
export type Rows = Map<number, Map<Category, Map<string, MeasuredRow>>>;

/**
 * One table, made when it is not there.
 *
 * @param rows All rows.
 * @param tp Tensor-parallel degree.
 * @param category The category.
 * @returns The table's rows by their texts; changing it changes `rows`.
 */
export function tableOf(rows: Rows, tp: number, category: Category): Map<string, MeasuredRow> {
  let tables = rows.get(tp);
  if (tables === undefined) rows.set(tp, tables = new Map());
  let table = tables.get(category);
  if (table === undefined) tables.set(category, table = new Map());
  return table;
}

/**
 * Sets a row, in place of the one before.
 *
 * @param table The table.
 * @param row The row.
 */
export function setRow(table: Map<string, MeasuredRow>, row: MeasuredRow): void {
  table.set(rowText(row.layer, row.key), row);
}

/** All rows, and the skew cases. */
interface AllRows {
  readonly rows: Rows;
  readonly skew: SkewTimesByTp;
}

/** What a shot has in the tables. */
export interface ShotRows {
  /** Its rows; none of a skew case. */
  readonly rows: readonly MeasuredRow[];
  /** The row of a skew case. */
  readonly skewRow?: SkewRow | undefined;
  /** The time of a skew case's batch in microseconds, where it was fired. */
  readonly skewedUs?: number | undefined;
}

/**
 * Takes the rows of a shot out.
 *
 * @param all All rows, and the skew cases.
 * @param shot The shot.
 * @returns What was taken out, null when there was nothing.
 */
export function dropRows({ rows, skew }: AllRows, { tp, category, key }: ShotId): ShotRows | null {
  if (category === "skew") {
    const { rows: cases, skewed } = skewTimesOf(skew, tp);
    const text = key.join();
    const dropped = { rows: [], skewRow: cases.get(text), skewedUs: skewed.get(text) };
    const fired = skewed.delete(text);
    return cases.delete(text) || fired ? dropped : null;
  }
  const table = tableOf(rows, tp, category);
  const texts = category === "moe"
    ? [rowText(null, key)].filter((text) => table.has(text))
    : [...table].filter(([, row]) => row.key.join() === key.join()).map(([text]) => text);
  const dropped = texts.map((text) => table.get(text)!);
  for (const text of texts) table.delete(text);
  return dropped.length > 0 ? { rows: dropped } : null;
}

/**
 * Puts the rows of a shot back.
 *
 * @param all All rows, and the skew cases.
 * @param shot The shot.
 * @param dropped What {@linkcode dropRows} took out of them.
 */
export function putBack({ rows, skew }: AllRows, { tp, category, key }: ShotId, dropped: ShotRows): void {
  if (category !== "skew") {
    for (const row of dropped.rows) setRow(tableOf(rows, tp, category), row);
    return;
  }
  const times = skewTimesOf(skew, tp);
  if (dropped.skewRow !== undefined) times.rows.set(key.join(), dropped.skewRow);
  if (dropped.skewedUs !== undefined) times.skewed.set(key.join(), dropped.skewedUs);
}

/** What a bundle's files have. */
export interface FileRows {
  /** The measured rows. */
  readonly rows: Rows;
  /** The skew cases. */
  readonly skew: SkewTimesByTp;
  /** The predicted rows. */
  readonly estimates: Estimates;
  /** What the lists of predicted rows name, by degree. */
  readonly listed: ReadonlyMap<number, readonly EstimatedRow[]>;
  /** What is wrong with what is not valid. */
  readonly issues: readonly Issue[];
}

/**
 * Reads the rows that a bundle's files have; what is not valid there is not among them.
 *
 * @param dir The bundle's folder.
 * @returns The rows, and what is wrong with the others.
 */
export async function readRows(dir: string): Promise<FileRows> {
  const rows: Rows = new Map();
  const skew: SkewTimesByTp = new Map();
  const estimates: Estimates = new Map();
  const listed = new Map<number, readonly EstimatedRow[]>();
  const issues: Issue[] = [];
  const { tables } = await readFiles(dir, { strict: false });
  for (const [tp, texts] of tables) {
    for (const category of CATEGORY_ORDER) {
      const text = texts[category];
      if (typeof text !== "string") continue;
      const read = readWholeTable(category, text, tablePath(dir, tp, category));
      for (const issue of read.issues) issues.push(issue);
      const table = tableOf(rows, tp, category);
      for (const row of shotRows(category, read)) setRow(table, row);
    }
    if (typeof texts.estimated === "string") {
      const read = readEstimated(texts.estimated, tablePath(dir, tp, "estimated"));
      for (const issue of read.issues) issues.push(issue);
      const named = read.rows.map(exactRow);
      listed.set(tp, named);
      setEstimates(estimates, tp, takeOut(tableOf(rows, tp, "attention"), named));
    }
    if (typeof texts.skew === "string" && listsRequests(texts.skew)) {
      skewTimesOf(skew, tp).listsRequests = true;
    } else if (typeof texts.skew === "string") {
      const read = readSkew(texts.skew, tablePath(dir, tp, "skew"));
      for (const issue of read.issues) issues.push(issue);
      const cases = skewTimesOf(skew, tp).rows;
      for (const row of read.rows) cases.set(SKEW_KEY.map((column) => row[column]).join(), row);
    }
  }
  return { rows, skew, estimates, listed, issues };
}

function takeOut(table: Map<string, MeasuredRow>, listed: readonly EstimatedRow[]): Estimate[] {
  const layers = [...new Set([...table.values()].map(({ layer }) => layer))];
  return listed.flatMap(({ key, expectedError }) => {
    const rows = layers.flatMap((layer) => table.get(rowText(layer, key)) ?? []);
    for (const { layer } of rows) table.delete(rowText(layer, key));
    return rows.length === 0 ? [] : [{ key, expectedError, rows }];
  });
}

/**
 * The rows that a file shows: above degree 1, layers that do not depend on the degree have the rows of degree 1
 * in place of their own, where degree 1 has any.
 *
 * @param rows All rows.
 * @param tp Tensor-parallel degree of the file.
 * @param category The file's category.
 * @param stable Layers that do not depend on the degree.
 * @returns The rows, in no order.
 */
export function fileRows(rows: Rows, tp: number, category: Category, stable: ReadonlySet<string>): Row[] {
  const own = [...tableOf(rows, tp, category).values()];
  if (tp === 1) return own;
  const copied = [...tableOf(rows, 1, category).values()].filter(({ layer }) => stable.has(layer ?? ""));
  const replaced = new Set(copied.map(({ layer }) => layer));
  return [...own.filter(({ layer }) => !replaced.has(layer)), ...copied];
}

/**
 * The tensor-parallel degrees that have rows.
 *
 * @param rows All rows.
 * @returns The degrees, ascending.
 */
export function degreesOf(rows: Rows): number[] {
  return [...rows].filter(([, tables]) => [...tables.values()].some((table) => table.size > 0))
    .map(([tp]) => tp).sort((a, b) => a - b);
}
