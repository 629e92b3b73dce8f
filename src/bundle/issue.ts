/**
 * What a validator found: data, with a renderer beside it.
 *
 * @module
 */

/** Something about a bundle that its readers fail on, misread or ignore. */
export interface Issue {
  /** Kind of finding, such as `time-invalid`; stable, for programs. */
  readonly code: string;
  /** `error`: a simulator fails on it or answers wrongly; `warning`: it skips it, or nobody is misled. */
  readonly severity: "error" | "warning";
  /** File or folder. */
  readonly path: string;
  /** Line of the file, the header being 1. */
  readonly row?: number;
  /** Column or key within the file. */
  readonly column?: string;
  /** What is there: a cell's text as it stands, or the value of a YAML key as JSON. */
  readonly found?: string;
  /** What should be there. */
  readonly expected?: string;
  /** The finding in a sentence. */
  readonly message: string;
}

/** How much an issue shows of a file, in characters; the longest place that is our own words has about 100. */
const SHOWN_CHARS = 160;

/**
 * Cuts what an issue shows of a file: it may be anything.
 *
 * @param issue The issue.
 * @returns The issue, its column and what was found of at most 160 characters and `...`.
 *
 * @example
 * ```ts
 * import { shortened } from "./issue.ts";
 * import assert from "node:assert/strict";
 * const issue = { code: "meta-type", severity: "error", path: "meta.yaml", message: "" } as const;
 * assert.equal(shortened({ ...issue, found: "x".repeat(161) }).found, `${"x".repeat(160)}...`);
 * ```
 */
export function shortened(issue: Issue): Issue {
  const short = (text: string): string =>
    text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}...` : text;
  return {
    ...issue,
    ...issue.column !== undefined && { column: short(issue.column) },
    ...issue.found !== undefined && { found: short(issue.found) },
  };
}

/**
 * Writes an issue on one line: severity, place, finding.
 *
 * @param issue The issue.
 * @returns The line.
 *
 * @example
 * ```ts
 * import { renderIssue } from "shotlab";
 * import assert from "node:assert/strict";
 * assert.equal(
 *   renderIssue({
 *     code: "time-not-positive",
 *     severity: "error",
 *     path: "tp1/dense.csv",
 *     row: 7,
 *     column: "time_us",
 *     found: "0",
 *     expected: "a time above 0",
 *     message: "The time is not above 0",
 *   }),
 *   'error: tp1/dense.csv, row 7, column time_us: The time is not above 0; expected a time above 0, found "0"',
 * );
 * ```
 */
export function renderIssue(issue: Issue): string {
  const finding = renderFinding(issue);
  const joint = issue.row === undefined && issue.column === undefined ? ": " : ", ";
  return `${issue.severity}: ${issue.path}${joint}${finding}`;
}

/**
 * Writes what an issue says of its file: place in it, finding.
 *
 * @param long The issue, whatever its length.
 * @returns The line, without severity and path.
 */
export function renderFinding(long: Issue): string {
  const issue = shortened(long);
  const place: string[] = [];
  if (issue.row !== undefined) place.push(`row ${issue.row}`);
  if (issue.column !== undefined) place.push(`${issue.row === undefined ? "key" : "column"} ${issue.column}`);
  const facts = [];
  if (issue.expected !== undefined) facts.push(`expected ${issue.expected}`);
  if (issue.found !== undefined) {
    facts.push(`found ${issue.row === undefined ? issue.found : JSON.stringify(issue.found)}`);
  }
  const detail = facts.length > 0 ? `; ${facts.join(", ")}` : "";
  return `${place.length > 0 ? `${place.join(", ")}: ` : ""}${issue.message}${detail}`;
}
