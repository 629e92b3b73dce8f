/**
 * Findings as a table.
 *
 * @module
 */
import type { Issue } from "../../bundle/issue.ts";
import { formatCount } from "../../count_text.ts";

/** Findings of one kind in one table, whatever their degree. */
export interface IssueLine {
  /** `error` or `warning`. */
  readonly severity: string;
  /** File or folder, and the degrees that it was found at. */
  readonly where: string;
  /** The kind of finding. */
  readonly code: string;
  /** How many there are. */
  readonly count: string;
  /** The first of them in a sentence, with what was found. */
  readonly message: string;
}

/**
 * Sums findings up by table and kind over all degrees.
 *
 * @param issues The findings.
 * @returns The lines, errors first.
 *
 * @example
 * ```ts
 * import { issueTable } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const issue = (tp: number) => (
 *   { severity: "error", code: "row-count", path: `tp${tp}/dense.csv`, message: "rows are missing" } as const
 * );
 * assert.deepEqual(issueTable([issue(1), issue(2)]).map(({ count }) => count), ["2"]);
 * ```
 */
export function issueTable(issues: readonly Issue[]): IssueLine[] {
  const groups = Map.groupBy(
    issues,
    ({ severity, path, code, row, column = "", message }) =>
      [
        severity,
        fileOf(path).file,
        code,
        ...(row === undefined ? [column, message.replaceAll(/\d+/g, "#")] : []),
      ].join(" "),
  );
  return [...groups.values()].map((group) => {
    const { severity, code, row, column = "", message, found } = group[0]!;
    const place = [
      ...(row === undefined ? [] : [`row ${row}`]),
      ...(message.includes(column) ? [] : [column]),
    ];
    const about = place.length === 0 ? message : `${message} (${place.join(", ")})`;
    return {
      severity,
      where: whereOf(group.map((issue) => fileOf(issue.path))),
      code,
      count: formatCount(group.length),
      message: row === undefined && found !== undefined ? `${about}; found ${found}` : about,
    };
  }).sort((a, b) => Number(b.severity === "error") - Number(a.severity === "error"));
}

/** A path's file, and the degree whose folder it is in. */
function fileOf(path: string): { file: string; tp: string | null } {
  const [folder = "", file = folder] = path.split("/").slice(-2);
  const tp = /^tp(\d+)$/.exec(folder)?.[1] ?? null;
  return { file: tp === null ? path.split("/").slice(-2).join("/") : file, tp };
}

function whereOf(places: readonly { file: string; tp: string | null }[]): string {
  const tps = [...new Set(places.flatMap(({ tp }) => tp === null ? [] : [tp]))];
  return tps.length === 0 ? places[0]!.file : `${places[0]!.file}, tp ${tps.join(", ")}`;
}
