/**
 * meta.yaml's figures against the tables.
 *
 * @module
 */
import { CATEGORY_ORDER, type SweepCategory } from "../../shots/shot.ts";
import type { BundleFiles } from "../../bundle/files.ts";
import type { Issue } from "../../bundle/issue.ts";
import { metaPath, TABLE_NAMES, tablePath, tpOfFolder } from "../../bundle/layout.ts";
import type { LazyTables } from "../../bundle/lazy_tables.ts";
import type { Meta } from "../../bundle/meta.ts";
import { countRows } from "../../bundle/records.ts";
import { listsRequests } from "../../bundle/skew_shapes.ts";
import { plural } from "../../count_text.ts";
import { skewScale } from "../skew_scale.ts";

/** Times of a skew case that are all measured in exact mode. */
const EXACT_PARTS = 3;

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
    ...cut(files, meta),
    ...resampled(files, tables, meta),
    ...files.tps.flatMap((tp) => [
      ...unreached(files, tables, meta, tp),
      ...skewIssues(files, tables, meta, tp),
    ]),
    ...unsampled(files, tables, meta),
    ...doubtful(files, meta),
    ...lowering(files, meta),
    ...otherKernels(files, meta),
    ...mixed(files, meta),
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
  if (ran !== undefined && ran !== casesOf(files, tables, tp) > 0) {
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

/** A table has as many rows as were written. */
function cut({ dir, tables }: BundleFiles, { rows = {} }: Meta): Issue[] {
  return Object.entries(rows).flatMap(([folder, counts]) => {
    const tp = tpOfFolder(folder);
    if (tp === null) return [];
    return TABLE_NAMES.flatMap((table) => {
      const written = counts[table];
      const found = countRows(tables.get(tp)?.[table] ?? "");
      if (written === undefined || found === written) return [];
      return [{
        code: "rows-differ",
        severity: "warning" as const,
        path: tablePath(dir, tp, table),
        message: found < written
          ? "Rows are missing: the table has fewer than meta.yaml counts"
          : "Rows were added: the table has more than meta.yaml counts",
        found: String(found),
        expected: String(written),
      }];
    });
  });
}

/** Where rows are not counted, samples tell how many shots were measured, each once or more. */
function resampled(files: BundleFiles, tables: LazyTables, meta: Meta): Issue[] {
  const { samples = {}, rows, precision, measurement_iterations: iterations, skew_profile: skew } = meta;
  if (rows !== undefined || precision !== undefined || iterations === undefined) return [];
  return [...CATEGORY_ORDER, "skew" as const].flatMap((category): Issue[] => {
    const parts = category === "skew" && skew?.mode === "exact" ? EXACT_PARTS : 1;
    const shots = Math.floor((samples[category] ?? 0) / iterations / parts);
    const found = files.tps.reduce((sum, tp) => sum + shotsOf(files, tables, tp, category), 0);
    if (found === 0 || found >= shots) return [];
    return [{
      code: "rows-differ",
      severity: "warning",
      path: metaPath(files.dir),
      column: `samples.${category}`,
      message:
        "Rows are missing, or shots were measured more than once: the tables have rows of fewer shots than " +
        "the samples are of",
      found: plural(found, "shot"),
      expected: `${plural(shots, "shot")}, of ${plural(iterations * parts, "sample")} each`,
    }];
  });
}

/** The shots that a table has measured rows of. */
function shotsOf(files: BundleFiles, tables: LazyTables, tp: number, category: SweepCategory): number {
  if (category === "skew") return casesOf(files, tables, tp);
  const { rows, others } = tables.table(tp, category);
  const predicted = category === "attention" ? tables.estimated(tp).rows.length : 0;
  return new Set([
    ...rows.map(({ key }) => key.join()),
    ...others.map(({ split, key }) => `${split} ${key.join()}`),
  ]).size - predicted;
}

/** The skewed batches of a degree, in columns of their own or, as v1.2 may have them, listed request by request. */
function casesOf(files: BundleFiles, tables: LazyTables, tp: number): number {
  const text = files.tables.get(tp)?.skew ?? "";
  const { rows } = listsRequests(text) ? tables.skewShapes(tp) : tables.skew(tp);
  return rows.length;
}

/** A category of which meta.yaml counts samples has rows. */
function unsampled(files: BundleFiles, tables: LazyTables, { samples = {} }: Meta): Issue[] {
  return CATEGORY_ORDER.flatMap((category) => {
    const rows = files.tps.map((tp) => tables.table(tp, category))
      .some(({ rows, others }) => rows.length + others.length > 0);
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

/** Rows of two devices look alike. */
function mixed({ dir }: BundleFiles, { mixed: conditions = [] }: Meta): Issue[] {
  if (conditions.length === 0) return [];
  return [{
    code: "mixed",
    severity: "warning",
    path: metaPath(dir),
    column: "mixed",
    message: "Rows were measured under different conditions and may not belong together",
    found: conditions.join("; "),
    expected: "none",
  }];
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
      "Shots are in doubt: the device drifted while they were measured, or no sentinel says that it did not; " +
      "the run that measured them measures them again, readEvidence() names them",
    found: String(shots),
    expected: "0",
  }];
}

/** Shots that lower the clock have rows of their own clock, as each time they are fired. */
function lowering({ dir }: BundleFiles, { noise = {} }: Meta): Issue[] {
  const { lowers_clock: shots = 0 } = noise;
  if (shots === 0) return [];
  return [{
    code: "lowers-clock",
    severity: "warning",
    path: metaPath(dir),
    column: "noise.lowers_clock",
    message:
      "Shots began at the device's full clock and lowered it themselves, as they do each time at its power limit: " +
      "their rows are not of one clock; readEvidence() names them, with the clock before and behind each",
    found: String(shots),
  }];
}
