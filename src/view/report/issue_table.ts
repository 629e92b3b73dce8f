/**
 * Findings as a table.
 *
 * @module
 */
import type { Issue } from "../../bundle/issue.ts";
import { formatCount } from "../text.ts";

/** Findings of one kind in one file: rows together, what is said of the whole file by itself. */
export interface IssueLine {
  /** `error` or `warning`. */
  readonly severity: string;
  /** File or folder, by its last two names. */
  readonly where: string;
  /** The kind of finding. */
  readonly code: string;
  /** How many there are. */
  readonly count: string;
  /** The first of them in a sentence, with what was found of a whole file. */
  readonly message: string;
}

/**
 * Sums findings about rows up by file and kind; those about a whole file stand by themselves.
 *
 * @param issues The findings.
 * @returns The lines, errors first.
 */
export function issueTable(issues: readonly Issue[]): IssueLine[] {
  const groups = Map.groupBy(
    issues,
    ({ severity, path, code, row, column, message }) =>
      [severity, path, code, ...(row === undefined ? [column, message] : [])].join(" "),
  );
  return [...groups.values()].map((group) => {
    const { severity, path, code, row, column = "", message, found } = group[0]!;
    const place = [
      ...(row === undefined ? [] : [`row ${row}`]),
      ...(message.includes(column) ? [] : [column]),
    ];
    const about = place.length === 0 ? message : `${message} (${place.join(", ")})`;
    return {
      severity,
      where: path.split("/").slice(-2).join("/"),
      code,
      count: formatCount(group.length),
      message: row === undefined && found !== undefined ? `${about}; found ${found}` : about,
    };
  }).sort((a, b) => Number(b.severity === "error") - Number(a.severity === "error"));
}
