/**
 * The tables of a bundle, each taken apart when it is first asked for.
 *
 * @module
 */
import { CATEGORY_ORDER } from "../shots/shot.ts";
import { type EstimatedRow, readEstimated } from "./estimated.ts";
import { type BundleFiles, encodingIssue } from "./files.ts";
import type { Issue } from "./issue.ts";
import { type TableName, tablePath } from "./layout.ts";
import { readSkew, type SkewRow } from "./skew.ts";
import { hasSkewCells, readSkewCells, type SkewCell } from "./skew_cells.ts";
import { listsRequests, readSkewShapes, type SkewShape } from "./skew_shapes.ts";
import { readSkewFit, type SkewFitRow } from "./skew_fit.ts";
import { type KernelTable, readWholeTable, type WholeTable } from "./whole_table.ts";

/** The tables of times, those that all bundles have first. */
const READ_TABLES: readonly KernelTable[] = [...CATEGORY_ORDER, "mtp"];

/** What reading a table gave. */
export interface Content<T> {
  /** The rows that can be used, sorted by key; none when there is no such file. */
  readonly rows: readonly T[];
  /** What is wrong with the others. */
  readonly issues: readonly Issue[];
}

/** A table of times. */
export type TableContent = WholeTable;

/** Access to the tables. */
export interface LazyTables {
  /** A table at a degree. */
  table(tp: number, table: KernelTable): TableContent;
  /** The header of a table at a degree, undefined where there is no such text. */
  header(tp: number, table: KernelTable): string | undefined;
  /** The skew cases at a degree. */
  skew(tp: number): Content<SkewRow>;
  /** The batches of the skew cases at a degree, in whichever form the file lists them. */
  skewShapes(tp: number): Content<SkewShape>;
  /** The fitted alphas at a degree. */
  skewFit(tp: number): Content<SkewFitRow>;
  /** The fitted alphas at a degree in the form of v1.2. */
  skewCells(tp: number): Content<SkewCell>;
  /** The attention rows at a degree that were predicted. */
  estimated(tp: number): Content<EstimatedRow>;
  /** The issues of every table. */
  issues(): Issue[];
}

/**
 * Gives access to the tables of a bundle.
 *
 * @param files The bundle's files.
 * @returns The access; a table is read once.
 */
export function lazyTables(files: BundleFiles): LazyTables {
  const contents = new Map<string, unknown>();

  /** What a file's text gives, read once in each form. */
  function content<T extends Content<unknown>>(
    tp: number,
    table: TableName,
    read: (text: string, path: string) => T,
    without: (issues: Issue[]) => T,
    form = "",
  ): T {
    const path = tablePath(files.dir, tp, table);
    const known = contents.get(path + form);
    if (known !== undefined) return known as T;
    const text = files.tables.get(tp)?.[table];
    const fresh = typeof text === "string"
      ? read(text, path)
      : without(text === null ? [encodingIssue(path)] : []);
    contents.set(path + form, fresh);
    return fresh;
  }

  const plain = <T>(issues: Issue[]): Content<T> => ({ rows: [], issues });
  const fitOf = <T>(
    tp: number,
    cells: boolean,
    read: (text: string, path: string) => Content<T>,
  ): Content<T> =>
    content<Content<T>>(
      tp,
      "skew_fit",
      (text, path) => hasSkewCells(text) === cells ? read(text, path) : plain([]),
      cells ? () => plain([]) : plain,
      cells ? " cells" : "",
    );
  const access: LazyTables = {
    table: (tp, table) =>
      content<TableContent>(
        tp,
        table,
        (text, path) => readWholeTable(table, text, path),
        (issues) => ({ rows: [], others: [], repeated: [], issues }),
      ),
    header: (tp, table) => files.tables.get(tp)?.[table]?.split("\n", 1)[0],
    skew: (tp) =>
      content<Content<SkewRow>>(
        tp,
        "skew",
        (text, path) => listsRequests(text) ? plain([]) : readSkew(text, path),
        plain,
      ),
    skewShapes: (tp) => content<Content<SkewShape>>(tp, "skew", readSkewShapes, () => plain([]), " shapes"),
    skewFit: (tp) => fitOf(tp, false, readSkewFit),
    skewCells: (tp) => fitOf(tp, true, readSkewCells),
    estimated: (tp) => content<Content<EstimatedRow>>(tp, "estimated", readEstimated, plain),
    issues: () =>
      files.tps.flatMap((tp) => [
        ...READ_TABLES.flatMap((table) => access.table(tp, table).issues),
        ...access.skew(tp).issues,
        ...listsRequests(files.tables.get(tp)?.skew ?? "") ? access.skewShapes(tp).issues : [],
        ...access.skewFit(tp).issues,
        ...access.skewCells(tp).issues,
        ...access.estimated(tp).issues,
      ]),
  };
  return access;
}
