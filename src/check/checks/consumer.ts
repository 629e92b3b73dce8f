/**
 * What one simulator makes of rows that are meant for the other.
 *
 * @module
 */
import type { BundleFiles } from "../../bundle/files.ts";
import type { Issue } from "../../bundle/issue.ts";
import { tablePath } from "../../bundle/layout.ts";
import type { LazyTables } from "../../bundle/lazy_tables.ts";
import { plural } from "../../count_text.ts";

/**
 * Checks that August takes no row for another: it has no columns for kernels, several new tokens a decode, or experts
 * on several devices, and places prefills by kv_prefill.
 *
 * @param files The bundle's files.
 * @param tables Their content.
 * @returns What is wrong.
 */
export function checkForAugust(files: BundleFiles, tables: LazyTables): Issue[] {
  return files.tps.flatMap((tp) => [
    ...placeIssue(files, tables, tp),
    ...(["attention", "moe"] as const).flatMap((table): Issue[] => {
      const { others } = tables.table(tp, table);
      const [first] = others;
      if (first === undefined) return [];
      const column = table === "moe" ? "ep" : first.layer === "attention" ? "decode_q_len" : "layer";
      return [{
        code: "rows-mixed",
        severity: "error",
        path: tablePath(files.dir, tp, table),
        column,
        message: `August has no such column and takes ${
          plural(others.length, "row")
        } for others of the same key`,
        found: column === "layer" ? first.layer : String(first.split),
        expected: column === "layer" ? "attention" : "1",
      }];
    }),
  ]);
}

function placeIssue(files: BundleFiles, tables: LazyTables, tp: number): Issue[] {
  const header = tables.header(tp, "attention") ?? "";
  if (!header.includes("prefill_key") || header.includes("kv_prefill")) return [];
  return [{
    code: "column-missing",
    severity: "error",
    path: tablePath(files.dir, tp, "attention"),
    row: 1,
    column: "kv_prefill",
    message: "August places prefills by it and fails without",
    expected: "floor(prefill_key - prefill_chunk / 2)",
    found: header.trim(),
  }];
}
