/**
 * Comma-separated text to cells; the only place that knows the parser.
 *
 * @module
 */
import Papa from "papaparse";

/**
 * Splits a CSV text into cells.
 *
 * @param text The file's text; a byte-order mark and either line ending are welcome.
 * @returns The cells of every line, a blank line being one empty cell; the index is the line number minus one.
 *
 * @example
 * ```ts
 * import { parseCsv } from "./csv.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(parseCsv("a,b\r\n1,2\r\n"), [["a", "b"], ["1", "2"], [""]]);
 * ```
 */
export function parseCsv(text: string): string[][] {
  return Papa.parse<string[]>(text.replaceAll("\r\n", "\n"), { delimiter: ",", newline: "\n" }).data;
}
