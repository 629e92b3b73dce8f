/**
 * The part of reading that all CSV files of a bundle share: header, cut rows, order and duplicates.
 *
 * @module
 */
import { plural } from "../count_text.ts";
import { cellReader, type Cells, type Finding } from "./cells.ts";
import { type CsvLine, visitLines } from "./csv.ts";
import type { Issue } from "./issue.ts";

/** What to read. */
export interface RecordOptions<T> {
  /** The contract's columns. */
  readonly columns: readonly string[];
  /** Those that a file may lack; their cells are blank then. */
  readonly optional?: readonly string[];
  /** Those that a message asks for, of `columns`; a file may lack the others. @default {all of them} */
  readonly needed?: readonly string[];
  /** Columns that may stand in the place of needed ones. */
  readonly instead?: Readonly<Record<string, string>>;
  /** Makes a row from its cells. */
  readonly read: (cells: Cells) => T;
  /** Orders rows by key; rows that compare equal are duplicates. */
  readonly compare: (a: T, b: T) => number;
  /** Takes the duplicates, those of one key in the order of the file. @default {they are left out} */
  readonly onDuplicate?: (row: T) => void;
}

/**
 * Reads the rows of a CSV text; rows with an error are left out and reported, of duplicates the first is kept.
 *
 * @param text The file's text.
 * @param path The file's path, for the issues.
 * @param options What to read.
 * @returns The rows sorted by key, and what is wrong with the others.
 */
export function readRecords<T>(
  text: string,
  path: string,
  options: RecordOptions<T>,
): { rows: T[]; issues: Issue[] } {
  const { columns, optional = [], read, compare, onDuplicate = () => {} } = options;
  const { needed = columns, instead = {} } = options;
  const issues: Issue[] = [];
  const rows: T[] = [];
  const lineNumbers: number[] = [];
  let header: CsvHeader | undefined;
  let cells: Cells | undefined;
  let current: CsvLine;
  let errors = 0;
  const report = (finding: Finding): void => {
    const severity = finding.severity ?? "error";
    if (severity === "error") errors++;
    issues.push({ ...finding, severity, path, row: current.number });
  };
  visitLines(text, (line) => {
    current = line;
    if (line.length === 0) return;
    if (header === undefined) {
      header = {
        source: line.source(),
        names: Array.from({ length: line.length }, (_, index) => line.text(index)),
      };
      const { names } = header;
      const missing = needed.filter((column) =>
        !names.includes(column) && !names.includes(instead[column] ?? "") && !optional.includes(column)
      );
      if (missing.length > 0) return report(missingColumns(header, missing, needed));
      cells = cellReader(columns, columns.map((column) => names.indexOf(column)), () => current, report);
    } else if (cells !== undefined) {
      errors = 0;
      const fault = lineFault(line, header);
      if (fault !== undefined) return report({ ...fault, found: line.source() });
      const row = read(cells);
      if (errors > 0) return;
      rows.push(row);
      lineNumbers.push(line.number);
    }
  });
  if (header === undefined) return { rows, issues: [emptyFile(path, needed)] };
  return { rows: sortUnique(rows, lineNumbers, compare, path, issues, onDuplicate), issues };
}

interface CsvHeader {
  source: string;
  names: readonly string[];
}

function emptyFile(path: string, columns: readonly string[]): Issue {
  const expected = columns.join(",");
  return { code: "file-empty", severity: "error", path, message: "The file has no header", expected };
}

function missingColumns(header: CsvHeader, missing: readonly string[], columns: readonly string[]): Finding {
  return {
    code: "column-missing",
    message: `The header lacks ${missing.join(", ")}`,
    expected: columns.join(","),
    // The file may be another one, behind a link: what is no table of this kind at all is not shown.
    found: columns.filter((name) => header.source.includes(name)).length * 2 < columns.length
      ? "few of them"
      : header.source,
  };
}

function lineFault(line: CsvLine, header: CsvHeader): Finding | undefined {
  if (line.length !== header.names.length) {
    return {
      code: line.length < header.names.length ? "row-cut" : "row-long",
      message: `The row has ${plural(line.length, "cell")}`,
      expected: plural(header.names.length, "cell"),
    };
  }
  if (Number.isNaN(line.value(line.length - 1)) && line.source() === header.source) {
    return { code: "header-twice", message: "The header stands here again", expected: "a row" };
  }
  if (line.terminated) return undefined;
  return {
    code: "row-cut",
    message: "The last row may be cut inside its last cell",
    expected: "a line break at the end",
  };
}

function sortUnique<T>(
  rows: T[],
  lineNumbers: readonly number[],
  compare: (a: T, b: T) => number,
  path: string,
  issues: Issue[],
  onDuplicate: (row: T) => void,
): T[] {
  if (rows.every((row, index) => index === 0 || compare(rows[index - 1] as T, row) < 0)) return rows;
  const lines = rows.map((row, index) => ({ row, number: lineNumbers[index] as number }));
  lines.sort((a, b) => compare(a.row, b.row));
  let kept = lines[0];
  return lines.filter((line, index) => {
    if (index === 0 || kept === undefined || compare(kept.row, line.row) !== 0) {
      kept = line;
      return true;
    }
    onDuplicate(line.row);
    issues.push({
      code: "key-duplicate",
      severity: "error",
      path,
      row: line.number,
      expected: "every key once",
      message: `The key stands in row ${kept.number} already; only that row counts`,
    });
    return false;
  }).map(({ row }) => row);
}

/**
 * Counts the rows of a CSV text, those with a fault too.
 *
 * @param content The text, or its bytes.
 * @returns How many lines it has below its header; blank ones do not count.
 *
 * @example
 * ```ts
 * import { countRows } from "./records.ts";
 * import assert from "node:assert/strict";
 * assert.equal(countRows("tokens,time_us\n1,10.5\n\n2,11.0\n"), 2);
 * ```
 */
export function countRows(content: string | Uint8Array): number {
  const text = typeof content === "string" ? content : new TextDecoder().decode(content);
  let lines = 0;
  for (const _ of text.matchAll(/^.*\S.*$/gm)) lines++;
  return Math.max(0, lines - 1);
}
