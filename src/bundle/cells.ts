/**
 * Cells that are counts, times and names, and what may be wrong with them.
 *
 * @module
 */
import type { CsvLine } from "./csv.ts";
import type { Issue } from "./issue.ts";

/** A finding about a line: an issue without its place; an error unless it says otherwise. */
export type Finding =
  & Pick<Issue, "code" | "message">
  & Partial<Pick<Issue, "severity" | "column" | "found" | "expected">>;

/** Reads the cells of the line at hand, by the position of their column in the contract. */
export interface Cells {
  /** A whole number from 0; `3.0` is 3. */
  count(index: number): number;
  /** A whole number, below 0 too. */
  integer(index: number): number;
  /** So many whole numbers from an index on. */
  counts(index: number, length: number): number[];
  /** A time above 0 in microseconds. */
  timeUs(index: number): number;
  /** A finite number. */
  float(index: number): number;
  /** A text without blanks around it, and without commas, quotes and line breaks, which nobody writes. */
  name(index: number): string;
  /** The text of a cell as it stands. */
  text(index: number): string;
  /** Reports what is wrong with a cell. */
  fault(index: number, finding: Finding): void;
  /** Whether the file has the column. */
  has(index: number): boolean;
  /** Whether there is nothing in the cell. */
  isBlank(index: number): boolean;
}

/** At or below this a simulator rounds a time to zero and takes one nanosecond for it. */
const RESOLUTION_US = 0.0005;

/**
 * Makes a reader of cells. What it returns for a cell with an error is of no use: the row is to be left out.
 *
 * @param columns The contract's columns.
 * @param positions Where each of them is in the file, -1 for one that it lacks.
 * @param line The line at hand.
 * @param report Takes what is wrong.
 * @returns The reader.
 */
export function cellReader(
  columns: readonly string[],
  positions: readonly number[],
  line: () => CsvLine,
  report: (finding: Finding) => void,
): Cells {
  const text = (index: number): string => line().text(positions[index] ?? -1);
  const value = (index: number): number => line().value(positions[index] ?? -1);
  const fault = (index: number, finding: Finding): void =>
    report({ column: columns[index] ?? "", found: text(index), ...finding });
  const count = (index: number): number => {
    const whole = value(index);
    if (!(Number.isSafeInteger(whole) && whole >= 0)) fault(index, countFault(whole));
    return whole;
  };
  return {
    count,
    integer(index): number {
      const whole = value(index);
      if (!Number.isSafeInteger(whole)) fault(index, { ...countFault(whole), expected: "a whole number" });
      return whole;
    },
    counts(index, length): number[] {
      const counts = new Array<number>(length);
      for (let i = 0; i < length; i++) counts[i] = count(index + i);
      return counts;
    },
    timeUs(index): number {
      const timeUs = value(index);
      if (!(timeUs > RESOLUTION_US && timeUs < Infinity)) fault(index, timeFault(timeUs));
      return timeUs;
    },
    float(index): number {
      const float = value(index);
      if (!Number.isFinite(float)) {
        fault(index, {
          code: "number-invalid",
          message: "The value is no finite number",
          expected: "a number",
        });
      }
      return float;
    },
    name(index): string {
      const name = text(index);
      if (name === "" || name !== name.trim()) {
        fault(index, nameFault("is blank or has blanks around it"));
      } else if (/[,"\r\n]/.test(name)) {
        fault(index, nameFault("has a comma, a quote or a line break in it"));
      }
      return name;
    },
    text,
    fault,
    has: (index) => positions[index] !== -1,
    isBlank: (index) => positions[index] === -1 || text(index).trim() === "",
  };
}

function nameFault(how: string): Finding {
  return { code: "name-invalid", message: `The name ${how}`, expected: "a name" };
}

function countFault(value: number): Finding {
  const expected = "a whole number from 0";
  return Number.isFinite(value) && !Number.isInteger(value)
    ? { code: "key-fractional", message: "The number is cut to a whole one by its readers", expected }
    : { code: "key-invalid", message: "The value is no count", expected };
}

function timeFault(value: number): Finding {
  const expected = "a time above 0 in microseconds";
  if (!Number.isFinite(value)) {
    return { code: "time-invalid", message: "The time is no finite number", expected };
  }
  if (value <= 0) return { code: "time-not-positive", message: "The time is not above 0", expected };
  return {
    code: "time-below-resolution",
    severity: "warning",
    message: "The time rounds to 0 ns and is read as 1 ns",
    expected: "a time of a nanosecond or more",
  };
}
