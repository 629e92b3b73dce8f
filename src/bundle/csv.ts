/**
 * Comma-separated text to cells; the only place that knows the parser.
 *
 * A text without quotes, as all bundles are, is scanned in place and its numbers are read on the way. On the
 * 3.3 MB of the largest published bundle this takes 13 ms (the first time 52); papaparse, which makes a text of
 * every cell, and `Number` take 63-78 ms of the 80 that opening it may take.
 *
 * @module
 */
import Papa from "papaparse";

/** One line; it is valid until the next one is visited. */
export interface CsvLine {
  /** Line number, from 1. */
  readonly number: number;
  /** How many cells it has; a blank line has none. */
  readonly length: number;
  /** Whether a line break ends it. */
  readonly terminated: boolean;
  /** The whole line. */
  source(): string;
  /** The text of a cell. */
  text(index: number): string;
  /** The number of a cell: NaN or infinite when the text is no decimal number; blanks around it are welcome. */
  value(index: number): number;
}

const BYTE_ORDER_MARK = "\uFEFF";

/**
 * Visits the lines of a CSV text, blank ones included.
 *
 * @param text The file's text; a byte-order mark and either line ending are welcome.
 * @param visit Takes a line.
 *
 * @example
 * ```ts
 * import { visitLines } from "./csv.ts";
 * import assert from "node:assert/strict";
 * const seen: unknown[] = [];
 * visitLines("layer,time_us\r\nqkv_proj,12.5\r\n", (line) => seen.push(line.text(0), line.value(1)));
 * assert.deepEqual(seen, ["layer", NaN, "qkv_proj", 12.5]);
 * ```
 */
export function visitLines(text: string, visit: (line: CsvLine) => void): void {
  const body = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  if (body.includes('"')) visitParsed(body, visit);
  else visitScanned(body, visit);
}

function visitParsed(text: string, visit: (line: CsvLine) => void): void {
  const { data } = Papa.parse<string[]>(text.replaceAll("\r\n", "\n"), { delimiter: ",", newline: "\n" });
  const terminated = text.endsWith("\n");
  if (terminated) data.pop();
  for (const [index, cells] of data.entries()) {
    const source = cells.join(",");
    visit({
      number: index + 1,
      length: source.trim() === "" ? 0 : cells.length,
      terminated: terminated || index < data.length - 1,
      source: () => source,
      text: (cell) => cells[cell] ?? "",
      value: (cell) => parseNumber(cells[cell] ?? ""),
    });
  }
}

const LINE_FEED = 10, CARRIAGE_RETURN = 13, COMMA = 44, MINUS = 45, POINT = 46, ZERO = 48, NINE = 57;

/** Up to 15 digits are exact as a double, and so is a power of ten: their quotient is the nearest double. */
const MAX_DIGITS = 15;
const POWERS = Array.from({ length: MAX_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

function visitScanned(text: string, visit: (line: CsvLine) => void): void {
  const cells: Scan = { starts: [], ends: [], values: [], count: 0 };
  const cell = (index: number): string => text.slice(cells.starts[index] ?? 0, cells.ends[index] ?? 0);
  const line = {
    number: 0,
    length: 0,
    terminated: true,
    source: () => text.slice(cells.starts[0], cells.ends[cells.count - 1]),
    text: cell,
    value: (index: number) => {
      const value = cells.values[index] ?? NaN;
      return Number.isNaN(value) ? parseNumber(cell(index)) : value;
    },
  };
  for (let at = 0; at < text.length;) {
    at = scanLine(text, at, cells);
    line.number++;
    line.length = cells.count === 1 && cell(0).trim() === "" ? 0 : cells.count;
    line.terminated = at <= text.length;
    visit(line);
  }
}

/** The cells of a line. */
interface Scan {
  /** Where they begin and end. */
  readonly starts: number[];
  readonly ends: number[];
  /** Their numbers, NaN for what is more than digits and a point. */
  readonly values: number[];
  /** How many they are. */
  count: number;
}

/** Finds the cells of the line at `at`; returns where the next one begins, beyond the text's end if none ends it. */
function scanLine(text: string, at: number, cells: Scan): number {
  let count = 0;
  for (let code = COMMA; code === COMMA; at++) {
    cells.starts[count] = at;
    const negative = text.charCodeAt(at) === MINUS;
    const first = negative ? ++at : at;
    let digits = 0, point = -1, plain = true;
    for (code = LINE_FEED; at < text.length; at++) {
      code = text.charCodeAt(at);
      if (code >= ZERO && code <= NINE) digits = digits * 10 + (code - ZERO);
      else if (code === COMMA || code === LINE_FEED) break;
      else if (code === CARRIAGE_RETURN && text.charCodeAt(at + 1) === LINE_FEED) break;
      else if (code === POINT && point < 0) point = at;
      else plain = false;
    }
    const value = plain ? decimal(digits, first, point, at) : NaN;
    cells.values[count] = negative ? -value : value;
    cells.ends[count++] = at;
    if (code === CARRIAGE_RETURN) at++;
  }
  cells.count = count;
  return at;
}

/** The number whose digits, point left out, are `digits`, and whose point is at `point` of `first` to `end`. */
function decimal(digits: number, first: number, point: number, end: number): number {
  const length = end - first - (point < 0 ? 0 : 1);
  if (length < 1 || length > MAX_DIGITS) return NaN;
  return point < 0 ? digits : digits / (POWERS[end - point - 1] ?? NaN);
}

const DECIMAL = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;

function parseNumber(cell: string): number {
  return DECIMAL.test(cell) ? Number(cell) : NaN;
}
