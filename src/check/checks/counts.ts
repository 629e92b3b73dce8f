/**
 * meta.yaml's figures against the tables.
 *
 * @module
 */
import { CATEGORY_ORDER } from "../../shots/shot.ts";
import type { BundleFiles } from "../../bundle/files.ts";
import type { Issue } from "../../bundle/issue.ts";
import { metaPath, tablePath } from "../../bundle/layout.ts";
import type { LazyTables } from "../../bundle/lazy_tables.ts";
import type { Meta } from "../../bundle/meta.ts";
import { skewScale } from "../skew_scale.ts";

/**
 * Checks how far the tables reach, what was counted, and what was switched on.
 *
 * @param files The bundle's files.
 * @param tables Their content.
 * @param meta What meta.yaml says.
 * @returns Warnings.
 */
export function checkCounts(files: BundleFiles, tables: LazyTables, meta: Meta): Issue[] {
  return [
    ...files.tps.flatMap((tp) => [
      ...unreached(files, tables, meta, tp),
      ...skewIssues(files, tables, meta, tp),
    ]),
    ...unsampled(files, tables, meta),
    ...doubtful(files, meta),
    ...otherKernels(files, meta),
  ];
}

function unreached(files: BundleFiles, tables: LazyTables, meta: Meta, tp: number): Issue[] {
  const { max_num_batched_tokens: tokens, max_num_seqs: sequences } = meta.engine_effective ?? {};
  const budgets = [
    ["dense", "tokens", "max_num_batched_tokens", tokens],
    ["per_sequence", "sequences", "max_num_seqs", sequences],
  ] as const;
  return budgets.flatMap(([category, column, key, budget]) => {
    const { rows } = tables.table(tp, category);
    const reached = rows.reduce((most, row) => Math.max(most, row.key[0]!), 0);
    if (budget === undefined || rows.length === 0 || reached >= budget) return [];
    return [{
      code: "budget-unreached",
      severity: "warning" as const,
      path: tablePath(files.dir, tp, category),
      column,
      message: `The table ends before engine_effective.${key}; lookups beyond are extrapolated`,
      found: String(reached),
      expected: String(budget),
    }];
  });
}

function skewIssues(files: BundleFiles, tables: LazyTables, meta: Meta, tp: number): Issue[] {
  const { rows } = tables.skew(tp);
  const path = tablePath(files.dir, tp, "skew");
  const issues: Issue[] = [];
  const ran = meta.skew_profile?.enabled;
  if (ran !== undefined && ran !== rows.length > 0) {
    issues.push({
      code: "skew-profile",
      severity: "warning",
      path: metaPath(files.dir),
      column: "skew_profile.enabled",
      message: ran ? `tp${tp}/skew.csv has no rows` : `tp${tp}/skew.csv has rows all the same`,
      found: String(ran),
      expected: String(!ran),
    });
  }
  const scale = skewScale(rows, tables.table(tp, "attention").rows);
  if (scale > 1) {
    issues.push({
      code: "skew-summed",
      severity: "warning",
      path,
      column: "t_max_us",
      message:
        "The times are sums over iterations, those of attention.csv are averages; alpha is not affected",
      found: `${scale} times those of attention.csv`,
      expected: "the same",
    });
  }
  const { n_samples: fitted, n_estimated: predicted = 0, ...entry } = meta.skew_fit?.per_tp?.[tp] ?? {};
  const counted = fitted === undefined || "schema" in entry ? undefined : fitted - predicted;
  const defined = rows.filter(({ alpha }) => alpha !== null).length;
  if (rows.length > 0 && counted !== undefined && counted !== defined) {
    issues.push({
      code: "count-differs",
      severity: "warning",
      path: metaPath(files.dir),
      column: `skew_fit.per_tp.${tp}.n_samples`,
      message: "The fit was made on another number of cases than skew.csv has with an alpha",
      found: String(counted),
      expected: String(defined),
    });
  }
  return issues;
}

/** A category of which meta.yaml counts samples has rows. */
function unsampled(files: BundleFiles, tables: LazyTables, { samples = {} }: Meta): Issue[] {
  return CATEGORY_ORDER.flatMap((category) => {
    const rows = files.tps.some((tp) => tables.table(tp, category).rows.length > 0);
    const count = samples[category] ?? 0;
    if (count === 0 || rows) return [];
    return [{
      code: "count-differs",
      severity: "warning" as const,
      path: metaPath(files.dir),
      column: `samples.${category}`,
      message: "Samples were taken, but no table has rows of them",
      found: String(count),
      expected: "0",
    }];
  });
}

/** Rows of two backends look alike. */
function otherKernels({ dir }: BundleFiles, { noise = {} }: Meta): Issue[] {
  const { other_kernels: layers = [] } = noise;
  if (layers.length === 0) return [];
  return [{
    code: "other-kernels",
    severity: "warning",
    path: metaPath(dir),
    column: "noise.other_kernels",
    message:
      "Layers launched other kernels in a later session than before: their rows may not belong together",
    found: layers.join(", "),
    expected: "none",
  }];
}

/** Shots in doubt have rows, which may be those of another speed of the device. */
function doubtful({ dir }: BundleFiles, { noise = {} }: Meta): Issue[] {
  const { in_doubt: shots = 0 } = noise;
  if (shots === 0) return [];
  return [{
    code: "in-doubt",
    severity: "warning",
    path: metaPath(dir),
    column: "noise.in_doubt",
    message:
      "Shots are in doubt: the device had moved when they were measured, or no sentinel says that it had not; " +
      "the run that measured them measures them again, readEvidence() names them",
    found: String(shots),
    expected: "0",
  }];
}
