/**
 * Cells that are counts and times, and what may be wrong with them.
 *
 * @module
 */
import { parseNumber, type Report } from "./records.ts";

/** Below this a simulator rounds a time to zero and takes one nanosecond for it. */
const RESOLUTION_US = 0.0005;

/**
 * Reads a count: a whole number from 0.
 *
 * @param cell The text; `3.0` is 3.
 * @param column The column, for the report.
 * @param report Takes what is wrong.
 * @returns The count, undefined when the text is none.
 */
export function readCount(cell: string, column: string, report: Report): number | undefined {
  const value = parseNumber(cell);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  const fractional = Number.isFinite(value) && !Number.isInteger(value);
  report({
    code: fractional ? "key-fractional" : "key-invalid",
    message: fractional ? "The key is cut to a whole number by its readers" : "The key is no count",
    column,
    found: cell,
    expected: "a whole number from 0",
  });
  return undefined;
}

/**
 * Reads a time.
 *
 * @param cell The text, in microseconds.
 * @param column The column, for the report.
 * @param report Takes what is wrong.
 * @returns The time in microseconds, undefined when the text is none that can be used.
 */
export function readTimeUs(cell: string, column: string, report: Report): number | undefined {
  const value = parseNumber(cell);
  const expected = "a time above 0 in microseconds";
  if (!Number.isFinite(value)) {
    report({ code: "time-invalid", message: "The time is no finite number", column, found: cell, expected });
    return undefined;
  }
  if (value <= 0) {
    report({ code: "time-not-positive", message: "The time is not above 0", column, found: cell, expected });
    return undefined;
  }
  if (value <= RESOLUTION_US) {
    report({
      code: "time-below-resolution",
      severity: "warning",
      message: "The time rounds to 0 ns and is read as 1 ns",
      column,
      found: cell,
      expected,
    });
  }
  return value;
}

/**
 * Reads a finite number.
 *
 * @param cell The text.
 * @param column The column, for the report.
 * @param report Takes what is wrong.
 * @returns The number, undefined when the text is none.
 */
export function readFinite(cell: string, column: string, report: Report): number | undefined {
  const value = parseNumber(cell);
  if (Number.isFinite(value)) return value;
  report({
    code: "number-invalid",
    message: "The value is no finite number",
    column,
    found: cell,
    expected: "a number",
  });
  return undefined;
}

/**
 * Reads a name.
 *
 * @param cell The text.
 * @param column The column, for the report.
 * @param report Takes what is wrong.
 * @returns The name, undefined when it is blank or has blanks around it (its readers would not find it).
 */
export function readName(cell: string, column: string, report: Report): string | undefined {
  if (cell !== "" && cell === cell.trim()) return cell;
  report({
    code: "name-invalid",
    message: "The name is blank or has blanks around it",
    column,
    found: cell,
    expected: "a name",
  });
  return undefined;
}

/**
 * Orders keys number by number.
 *
 * @param a A key.
 * @param b Another key of the same length.
 * @returns Below 0 when `a` comes first, 0 when they are equal.
 */
export function compareKeys(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < a.length; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Orders texts by code unit, as Python orders ASCII texts; not by a language's rules.
 *
 * @param a A text.
 * @param b Another text.
 * @returns Below 0 when `a` comes first, 0 when they are equal.
 */
export function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
