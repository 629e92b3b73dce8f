/**
 * The alphas that a simulator will find, checked.
 *
 * @module
 */
import { join } from "node:path";
import { type BundleFiles, populatedTps } from "../../bundle/files.ts";
import type { Issue } from "../../bundle/issue.ts";
import { metaPath, tablePath } from "../../bundle/layout.ts";
import type { LazyTables } from "../../bundle/lazy_tables.ts";
import type { SkewFit, SkewFitEntry } from "../../bundle/meta.ts";

/**
 * Checks meta.yaml's skew_fit block against the tables.
 *
 * @param files The bundle's files.
 * @param tables Their content.
 * @param fit The block, undefined when there is none.
 * @returns What is wrong.
 */
export function checkSkewFit(files: BundleFiles, tables: LazyTables, fit: SkewFit | undefined): Issue[] {
  const withTable = files.tps.filter((tp) => files.tables.get(tp)?.skew_fit !== undefined);
  if (fit?.kept !== undefined) return [];
  if (fit?.enabled !== true) {
    return withTable.map((tp) => ({
      code: "skew-fit-off",
      severity: "warning",
      path: tablePath(files.dir, tp, "skew_fit"),
      message: "A simulator ignores the table, because meta.yaml's skew_fit.enabled is not true",
    }));
  }
  return populatedTps(files).flatMap((tp) => {
    const entry = fit.per_tp?.[tp];
    return entry === undefined
      ? [noEntry(files.dir, tp, withTable.includes(tp))]
      : entryIssues(files, tables, tp, entry, fit);
  });
}

function noEntry(dir: string, tp: number, hasTable: boolean): Issue {
  return {
    code: "skew-fit-entry",
    severity: hasTable ? "error" : "warning",
    path: metaPath(dir),
    column: `skew_fit.per_tp.${tp}`,
    message: hasTable
      ? "A simulator ignores the degree's skew_fit.csv, because its entry is missing"
      : "The degree has no fit; a simulator takes the block's alpha_default, or 0",
  };
}

function entryIssues(
  files: BundleFiles,
  tables: LazyTables,
  tp: number,
  entry: SkewFitEntry,
  fit: SkewFit,
): Issue[] {
  const path = metaPath(files.dir);
  const key = `skew_fit.per_tp.${tp}`;
  const issues: Issue[] = [];
  if (entry.alpha_default === undefined) {
    issues.push({
      code: "skew-fit-default",
      severity: "error",
      path,
      column: `${key}.alpha_default`,
      message: "A simulator takes 0 for a batch outside the table",
      expected: "a number",
    });
  }
  if ((entry.bucket_axes ?? fit.bucket_axes ?? null) === null) {
    issues.push({
      code: "skew-fit-axes",
      severity: "warning",
      path,
      column: `${key}.bucket_axes`,
      message: "A simulator takes its own axes, here and in the block there are none",
    });
  }
  // Alphas may stand in the entry itself in place of a table.
  return "alpha_by_bucket" in entry
    ? issues
    : [...issues, ...bucketTableIssues(files, tables, tp, entry, key)];
}

function bucketTableIssues(
  files: BundleFiles,
  tables: LazyTables,
  tp: number,
  entry: SkewFitEntry,
  key: string,
): Issue[] {
  const expected = `tp${tp}/skew_fit.csv`;
  if (entry.bucket_table !== expected) {
    return [{
      code: "skew-fit-table",
      severity: "error",
      path: metaPath(files.dir),
      column: `${key}.bucket_table`,
      message: "The entry names another table, or none",
      found: entry.bucket_table ?? "nothing",
      expected,
    }];
  }
  if (tables.skewFit(tp).rows.length > 0) return [];
  return [{
    code: files.tables.get(tp)?.skew_fit === undefined ? "table-missing" : "table-empty",
    severity: "error",
    path: join(files.dir, expected),
    message: "A simulator takes alpha_default for every batch",
    expected: "a table with rows",
  }];
}
