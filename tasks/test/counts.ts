/**
 * How many tests passed, from the reports that test runners write (JUnit's format).
 *
 * @module
 */

/** How many tests ended in which way. */
export interface Counts {
  /** Passed. */
  readonly passed: number;
  /** Failed. */
  readonly failed: number;
  /** Not run. */
  readonly skipped: number;
}

/**
 * Reads a report.
 *
 * @param report Its text; empty when none was written.
 * @param success Whether the runner ended well: one that did not has a failure, whatever it counted.
 * @returns The counts.
 *
 * @example
 * ```ts
 * import { countsOf } from "./counts.ts";
 * import assert from "node:assert/strict";
 * const report = '<testsuites name="deno test" tests="5" failures="1" errors="0" time="2.1">';
 * assert.deepEqual(countsOf(report, false), { passed: 4, failed: 1, skipped: 0 });
 * ```
 */
export function countsOf(report: string, success: boolean): Counts {
  const root = /<testsuites[^>]*>\s*(?:<testsuite [^>]*>)?/.exec(report)?.[0] ?? "";
  const count = (key: string): number =>
    Math.max(0, ...[...root.matchAll(new RegExp(` ${key}="(\\d+)"`, "g"))].map((m) => Number(m[1])));
  const failed = count("failures") + count("errors");
  const skipped = report.split("<skipped").length - 1;
  const passed = count("tests") - failed - skipped;
  return { passed, failed: success ? failed : Math.max(1, failed), skipped };
}

/**
 * Adds counts.
 *
 * @param one Counts.
 * @param other More of them.
 * @returns Both together.
 */
export function addCounts(one: Counts, other: Counts): Counts {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  };
}

/**
 * The line that closes a run.
 *
 * @param counts All counts.
 * @returns The line.
 */
export function countsText({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
