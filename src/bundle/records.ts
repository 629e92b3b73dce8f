/**
 * The part of reading that all CSV files of a bundle share: header, cut rows, order and duplicates.
 *
 * @module
 */
import { parseCsv } from "./csv.ts";
import type { Issue } from "./issue.ts";

const DECIMAL = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;

/** Adds a finding about the row at hand. */
export type Report = (
  finding:
    & Pick<Issue, "code" | "message">
    & Partial<Pick<Issue, "severity" | "column" | "found" | "expected">>,
) => void;

/** What to read. */
export interface RecordOptions<T> {
  /** Columns that the file must have. */
  readonly columns: readonly string[];
  /** Columns that it may lack, the last ones given to `read`; their cells are blank then. */
  readonly optional?: readonly string[];
  /** Makes a row from its cells, which come in the order of `columns`, then `optional`; undefined leaves the row out. */
  readonly read: (cells: readonly string[], report: Report) => T | undefined;
  /** Orders rows by key; rows that compare equal are duplicates. */
  readonly compare: (a: T, b: T) => number;
}

/**
 * Reads the rows of a CSV text, sorted by key; rows with a fault are left out and reported, of duplicates the
 * first is kept.
 *
 * @param text The file's text.
 * @param path The file's path, for the issues.
 * @param options What to read.
 * @returns The rows and what is wrong with the others.
 */
export function readRecords<T>(
  text: string,
  path: string,
  options: RecordOptions<T>,
): { rows: T[]; issues: Issue[] } {
  const { columns, optional = [], read, compare } = options;
  const lines = parseCsv(text);
  const header = lines[0] ?? [];
  const headerFault = lines.every(isBlank)
    ? { code: "file-empty", expected: columns.join(","), message: "The file is empty" }
    : missingColumns(header, columns);
  if (headerFault !== undefined) return { rows: [], issues: [{ ...headerFault, severity: "error", path }] };

  const positions = [...columns, ...optional].map((column) => header.indexOf(column));
  const inOrder = positions.every((position, index) => position === index);
  const issues: Issue[] = [];
  const found: { value: T; row: number }[] = [];
  let row = 1;
  const report: Report = (finding) => void issues.push({ severity: "error", path, row, ...finding });
  for (; row <= lines.length; row++) {
    const cells = lines[row - 1] ?? [];
    if (row === 1 || isBlank(cells)) continue;
    const fault = rowFault(cells, header) ?? (row === lines.length ? UNTERMINATED : undefined);
    if (fault !== undefined) {
      report({ ...fault, found: cells.join(",") });
      continue;
    }
    const value = read(inOrder ? cells : positions.map((position) => cells[position] ?? ""), report);
    if (value !== undefined) found.push({ value, row });
  }
  return { rows: sortUnique(found, compare, path, issues), issues };
}

/**
 * Reads a decimal number.
 *
 * @param cell The text; blanks around the number are welcome.
 * @returns The number; NaN or infinite when the text is none.
 */
export function parseNumber(cell: string): number {
  const value = Number(cell);
  // Number() takes a blank text for 0 and knows 0x10: look closer at what may be one of these.
  return value === 0 || cell.charCodeAt(1) > 57 ? (DECIMAL.test(cell) ? value : NaN) : value;
}

function isBlank(cells: readonly string[]): boolean {
  return cells.length === 1 && cells[0]?.trim() === "";
}

type Fault = Pick<Issue, "code" | "message" | "expected" | "found">;

/** A complete file ends with a line break, behind which the parser sees one more, blank line. */
const UNTERMINATED: Fault = {
  code: "row-cut",
  message: "The last row may be cut inside its last cell",
  expected: "a line break at the end",
};

function missingColumns(header: readonly string[], columns: readonly string[]): Fault | undefined {
  const missing = columns.filter((column) => !header.includes(column));
  if (missing.length === 0) return undefined;
  return {
    code: "column-missing",
    message: `The header lacks ${missing.join(", ")}`,
    expected: columns.join(","),
    found: header.join(","),
  };
}

function rowFault(cells: readonly string[], header: readonly string[]): Fault | undefined {
  if (cells.length !== header.length) {
    return {
      code: cells.length < header.length ? "row-cut" : "row-long",
      message: `The row has ${cells.length} cells`,
      expected: `${header.length} cells`,
    };
  }
  if (cells[0] !== header[0] || cells.some((cell, index) => cell !== header[index])) return undefined;
  return { code: "header-twice", message: "The header stands here again", expected: "a row" };
}

function sortUnique<T>(
  found: { value: T; row: number }[],
  compare: (a: T, b: T) => number,
  path: string,
  issues: Issue[],
): T[] {
  const inOrder = found.every(({ value }, index) =>
    index === 0 || compare(found[index - 1]!.value, value) < 0
  );
  if (inOrder) return found.map(({ value }) => value);
  found.sort((a, b) => compare(a.value, b.value));
  const kept: { value: T; row: number }[] = [];
  for (const item of found) {
    const last = kept.at(-1);
    if (last === undefined || compare(last.value, item.value) !== 0) {
      kept.push(item);
      continue;
    }
    issues.push({
      code: "key-duplicate",
      severity: "error",
      path,
      row: item.row,
      expected: "every key once",
      message: `The key stands in row ${last.row} already; only that row counts`,
    });
  }
  return kept.map(({ value }) => value);
}
