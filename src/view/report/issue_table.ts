/**
 * Findings as a table.
 *
 * @module
 */
import type { Issue } from "../../bundle/issue.ts";
import { formatCount } from "../text.ts";

/** Findings of one kind in one file. */
export interface IssueLine {
  /** `error` or `warning`. */
  readonly severity: string;
  /** File or folder, by its last two names. */
  readonly where: string;
  /** The kind of finding. */
  readonly code: string;
  /** How many there are. */
  readonly count: string;
  /** The first of them in a sentence. */
  readonly message: string;
}

/**
 * Sums findings up by file and kind.
 *
 * @param issues The findings.
 * @returns A line for each file and kind, errors first.
 */
export function issueTable(issues: readonly Issue[]): IssueLine[] {
  const groups = Map.groupBy(issues, ({ severity, path, code }) => `${severity} ${path} ${code}`);
  return [...groups.values()].map((group) => {
    const { severity, path, code, row, column, message } = group[0]!;
    const place = [row === undefined ? [] : [`row ${row}`], column === undefined ? [] : [column]].flat();
    return {
      severity,
      where: path.split("/").slice(-2).join("/"),
      code,
      count: formatCount(group.length),
      message: place.length === 0 ? message : `${message} (${place.join(", ")})`,
    };
  }).sort((a, b) => Number(b.severity === "error") - Number(a.severity === "error"));
}
