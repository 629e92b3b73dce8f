/**
 * What is predicted in place of being measured: said, and told apart.
 *
 * @module
 */
import { percent } from "../../stats.ts";
import type { BundleFiles } from "../../bundle/files.ts";
import type { Issue } from "../../bundle/issue.ts";
import { metaPath, tablePath } from "../../bundle/layout.ts";
import type { LazyTables } from "../../bundle/lazy_tables.ts";
import type { AdaptiveEntry, Meta } from "../../bundle/meta.ts";
import { exactRow, shotRows } from "../../bundle/whole_table.ts";
import { formatCount, plural } from "../../count_text.ts";

/**
 * Checks the lists of predicted rows.
 *
 * @param files The bundle's files.
 * @param tables Their content.
 * @param meta What meta.yaml says.
 * @returns A warning for each degree that has predictions, and what contradicts them.
 */
export function checkEstimated(files: BundleFiles, tables: LazyTables, { adaptive }: Meta): Issue[] {
  return files.tps.flatMap((tp) => {
    const { attention, skew } = adaptive?.per_tp[tp] ?? {};
    return [
      ...attentionIssues(files, tables, tp, attention),
      ...skew ? [skewIssue(files, tables, tp, skew)] : [],
    ];
  });
}

function attentionIssues(
  files: BundleFiles,
  tables: LazyTables,
  tp: number,
  entry: AdaptiveEntry | undefined,
): Issue[] {
  const rows = shotRows("attention", tables.table(tp, "attention"));
  const listed = tables.estimated(tp).rows.map(exactRow);
  const known = new Set(rows.map(({ key }) => key.join()));
  const unknown = listed.filter(({ key }) => !known.has(key.join()));
  const predicted = listed.length - unknown.length;
  const issues: Issue[] = [];
  if (predicted > 0) {
    issues.push({
      code: "rows-estimated",
      severity: "warning",
      path: tablePath(files.dir, tp, "attention"),
      message: `${formatCount(predicted)} of ${
        plural(known.size, "row")
      } are predictions, which estimated.csv lists${within(entry)}`,
    });
  }
  if (unknown.length > 0) {
    issues.push({
      code: "estimated-unknown",
      severity: "warning",
      path: tablePath(files.dir, tp, "estimated"),
      message: "The list names keys that attention.csv does not have",
      found: `${formatCount(unknown.length)} of ${plural(listed.length, "key")}, the first ${
        unknown[0]!.key.join(",")
      }`,
    });
  }
  if (entry !== undefined && entry.estimated !== predicted) {
    issues.push({
      code: "estimated-differs",
      severity: predicted < entry.estimated ? "error" : "warning",
      path: metaPath(files.dir),
      column: `adaptive.per_tp.${tp}.attention.estimated`,
      message: predicted < entry.estimated
        ? "The list of predicted rows lacks some, so that these pass for measured"
        : "The list of predicted rows has others beside",
      found: String(entry.estimated),
      expected: String(predicted),
    });
  }
  return issues;
}

function skewIssue({ dir }: BundleFiles, tables: LazyTables, tp: number, entry: AdaptiveEntry): Issue {
  const measured = tables.skew(tp).rows.length;
  return {
    code: "skew-estimated",
    severity: "warning",
    path: tablePath(dir, tp, "skew"),
    message:
      `${formatCount(measured)} of ${
        plural(measured + entry.estimated, "case was", "cases were")
      } measured, the others predicted for the ` +
      `fit of alphas${within(entry)}`,
  };
}

/** What the held-out estimate says. */
function within(entry: AdaptiveEntry | undefined): string {
  if (typeof entry?.rel_err_p90 !== "number") return "";
  const bound = entry.upper_p90 === null ? "" : `, with 95% confidence ${percent(entry.upper_p90)}`;
  const noise = typeof entry.scatter_p90 === "number"
    ? ` (samples of a measured one scatter by ${percent(entry.scatter_p90)})`
    : "";
  return `; by ${plural(entry.held_out, "unseen shot")} 90% of all are within ${
    percent(entry.rel_err_p90)
  }${bound}${noise}`;
}
