/**
 * The tables of a bundle, each taken apart when it is first asked for.
 *
 * @module
 */
import { type Category, CATEGORY_ORDER } from "../shots/shot.ts";
import { type EstimatedRow, readEstimated } from "./estimated.ts";
import { type BundleFiles, encodingIssue } from "./files.ts";
import type { Issue } from "./issue.ts";
import { type TableName, tablePath } from "./layout.ts";
import { readSkew, type SkewRow } from "./skew.ts";
import { readSkewFit, type SkewFitRow } from "./skew_fit.ts";
import { readTable, type Row } from "./tables.ts";

/** What reading a table gave. */
export interface TableContent<T> {
  /** The rows that can be used, sorted by key; none when there is no such file. */
  readonly rows: readonly T[];
  /** What is wrong with the others. */
  readonly issues: readonly Issue[];
}

/** Access to the tables. */
export interface LazyTables {
  /** A category's table at a degree. */
  table(tp: number, category: Category): TableContent<Row>;
  /** The skew cases at a degree. */
  skew(tp: number): TableContent<SkewRow>;
  /** The fitted alphas at a degree. */
  skewFit(tp: number): TableContent<SkewFitRow>;
  /** The attention rows at a degree that were predicted. */
  estimated(tp: number): TableContent<EstimatedRow>;
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
  const contents = new Map<string, TableContent<unknown>>();

  function content<T>(
    tp: number,
    table: TableName,
    read: (text: string, path: string) => TableContent<T>,
  ): TableContent<T> {
    const path = tablePath(files.dir, tp, table);
    const known = contents.get(path);
    if (known !== undefined) return known as TableContent<T>;
    const text = files.tables.get(tp)?.[table];
    const fresh = typeof text === "string"
      ? read(text, path)
      : { rows: [], issues: text === null ? [encodingIssue(path)] : [] };
    contents.set(path, fresh);
    return fresh;
  }

  const access: LazyTables = {
    table: (tp, category) => content(tp, category, (text, path) => readTable(category, text, path)),
    skew: (tp) => content(tp, "skew", readSkew),
    skewFit: (tp) => content(tp, "skew_fit", readSkewFit),
    estimated: (tp) => content(tp, "estimated", readEstimated),
    issues: () =>
      files.tps.flatMap((tp) => [
        ...CATEGORY_ORDER.flatMap((category) => access.table(tp, category).issues),
        ...access.skew(tp).issues,
        ...access.skewFit(tp).issues,
        ...access.estimated(tp).issues,
      ]),
  };
  return access;
}
