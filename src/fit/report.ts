/**
 * How well a fit predicts, as data and as a table.
 *
 * @module
 */
import type { OutOfSample } from "./cross_validation.ts";
import type { ErrorFigures } from "./errors.ts";
import type { RegimeErrors } from "./regime_errors.ts";

/** The errors of one degree's fit. */
export interface DegreeReport {
  /** The method's name in meta.yaml. */
  readonly method: string;
  /** Cases that it was fitted on. */
  readonly cases: number;
  /** Errors on the cases that it was fitted on, by the table's alphas. */
  readonly in_sample: RegimeErrors;
  /** Errors on cases that it was not fitted on. */
  readonly out_of_sample?: OutOfSample;
}

const REGIMES = ["all", "pure", "mixed"] as const;

/**
 * Writes reports as a table: relative errors in percent, median / 90% / 99%.
 *
 * @param reports The reports by the names of their lines.
 * @returns The table as Markdown.
 *
 * @example
 * ```ts
 * import { formatReports } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * assert.equal(formatReports([]).split("\n")[0], "| fit | method | cases | regime | in sample | k-fold | one pc left out |");
 * ```
 */
export function formatReports(reports: Iterable<readonly [name: string, DegreeReport]>): string {
  const lines = reportLines(reports).map(Object.values);
  const header = ["fit", "method", "cases", "regime", "in sample", "k-fold", "one pc left out"];
  return [header, header.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** A line of a table of reports: relative errors in percent, median / 90% / 99%. */
export interface ReportLine {
  /** The degree; empty below its first line. */
  readonly fit: string;
  /** The method; empty below the first line. */
  readonly method: string;
  /** Cases that it was fitted on; empty below the first line. */
  readonly cases: string;
  /** The kind of batch. */
  readonly regime: string;
  /** Errors on the cases that it was fitted on. */
  readonly inSample: string;
  /** Errors on folds that were left out. */
  readonly kFold: string;
  /** Errors on one prefill chunk that was left out. */
  readonly onePcLeftOut: string;
}

/**
 * Reports as lines of a table.
 *
 * @param reports The reports by the names of their lines.
 * @returns A line for each kind of batch.
 */
export function reportLines(reports: Iterable<readonly [name: string, DegreeReport]>): ReportLine[] {
  return Array.from(reports).flatMap(([name, report]) =>
    REGIMES.filter((regime) => report.in_sample[regime] !== undefined).map((regime) => ({
      fit: regime === "all" ? name : "",
      method: regime === "all" ? report.method : "",
      cases: regime === "all" ? `${report.cases}` : "",
      regime,
      inSample: percentages(report.in_sample[regime]),
      kFold: percentages(report.out_of_sample?.k_fold[regime]),
      onePcLeftOut: percentages(report.out_of_sample?.leave_one_pc_out[regime]),
    }))
  );
}

/**
 * Writes error figures as percentages.
 *
 * @param figures The figures.
 * @returns Median, 90% and 99%, `-` where there are none.
 *
 * @example
 * ```ts
 * import { percentages } from "./report.ts";
 * import assert from "node:assert/strict";
 * const figures = { rel_err_p50: 0.0154, rel_err_p90: 0.0934, rel_err_p99: 0.3604, signed_mean: 0 };
 * assert.equal(percentages(figures), "1.54 / 9.34 / 36.04");
 * ```
 */
export function percentages(figures: ErrorFigures | undefined): string {
  if (figures === undefined) return "-";
  const { rel_err_p50, rel_err_p90, rel_err_p99 } = figures;
  return [rel_err_p50, rel_err_p90, rel_err_p99].map((share) => (share * 100).toFixed(2)).join(" / ");
}
