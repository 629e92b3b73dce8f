/**
 * Tables for people: HTML that any front end shows, whatever the values' types are.
 *
 * @module
 */
import type pl from "nodejs-polars";
import { formatCount } from "../count_text.ts";
import { significant } from "./text.ts";

/** What can be shown as a table: a data frame, or records with the same members. */
export type Tabular = pl.DataFrame | readonly object[];

/** A cell that leads somewhere; in a text it is its words. */
interface LinkCell {
  /** The words. */
  readonly text: string;
  /** Where it leads, names in it encoded. */
  readonly href: string;
}

/** How a table is shown. */
export interface TableOptions {
  /** Rows that are shown at most; of longer tables the first and the last. @default {20} */
  readonly rows?: number;
  /** Characters of a line of text: cells of words are broken at spaces where the table is wider. @default {Infinity} */
  readonly width?: number;
}

/**
 * Writes a table as HTML.
 *
 * @param table The table.
 * @param options How much of it.
 * @returns A `table` element; numbers are right-aligned, texts escaped, absent values empty.
 *
 * @example
 * ```ts
 * import { tableHtml } from "./table.ts";
 * import assert from "node:assert/strict";
 * const html = tableHtml([{ layer: "a<b", n: 12n, us: 8.130000001 }]);
 * assert.match(html, /a&lt;b.*12.*8\.13/s);
 * ```
 */
export function tableHtml(table: Tabular, options: TableOptions = {}): string {
  const { columns, rows } = contentOf(table);
  if (columns.length === 0) return "<em>no rows</em>";
  const { shown, left } = partOf(rows, options.rows ?? 20);
  const aligns = columns.map((_, i) => alignOf(rows.map((row) => row[i])));
  const head = columns.map((column, i) => `<th style="text-align:${aligns[i]}">${escapeHtml(column)}</th>`)
    .join("");
  const body = shown.map((row) =>
    row === null
      ? `<tr><td colspan="${columns.length}" style="text-align:left">… ${formatCount(left)} more …</td></tr>`
      : `<tr>${row.map((value, i) => cellHtml(value, aligns[i]!)).join("")}</tr>`
  );
  return `<table style="font-variant-numeric:tabular-nums"><thead><tr>${head}</tr></thead>` +
    `<tbody>${body.join("")}</tbody></table>`;
}

/**
 * Writes a table as text.
 *
 * @param table The table.
 * @param options How much of it.
 * @returns Lines with aligned columns: numbers to the right, words to the left.
 */
export function tableText(table: Tabular, options: TableOptions = {}): string {
  const { columns, rows } = contentOf(table);
  if (columns.length === 0) return "no rows";
  const { shown, left } = partOf(rows, options.rows ?? 20);
  const cells = [columns, ...shown.map((row) => row?.map(cellText) ?? null)];
  const words = columns.map((_, i) => alignOf(rows.map((row) => row[i])) === "left");
  const widths = fitted(
    columns.map((_, i) => cells.map((row) => row?.[i] ?? "")),
    words,
    options.width ?? Infinity,
  );
  return cells.flatMap((row) => {
    if (row === null) return `… ${formatCount(left)} more …`;
    const lines = row.map((cell, i) => broken(cell, widths[i]!));
    return Array.from(
      { length: Math.max(...lines.map(({ length }) => length)) },
      (_, line) =>
        lines.map((parts, i) => {
          const part = parts[line] ?? "";
          return words[i] ? part.padEnd(widths[i]!) : part.padStart(widths[i]!);
        }).join(GAP).trimEnd(),
    );
  }).join("\n");
}

/** What stands between two columns. */
const GAP = "  ";

/** Widths of columns: as their cells are, or narrower by breaking the widest cells of words, as far as their pieces allow. */
function fitted(columns: readonly (readonly string[])[], words: readonly boolean[], width: number): number[] {
  const widths = columns.map((cells) => Math.max(...cells.map(({ length }) => length)));
  const least = columns.map((cells, i) =>
    words[i] ? Math.max(...cells.flatMap(pieces).map((piece) => piece.trim().length)) : widths[i]!
  );
  const total = (): number => widths.reduce((sum, one) => sum + one + GAP.length, -GAP.length);
  while (total() > width) {
    const roomy = widths.map((one, i) => one > least[i]! ? one : 0);
    const widest = roomy.indexOf(Math.max(...roomy));
    if (roomy[widest] === 0) break;
    widths[widest] = Math.max(least[widest]!, widths[widest]! - (total() - width), second(roomy));
  }
  return widths;
}

/** The second largest number, less one so that the largest is left behind. */
function second(numbers: readonly number[]): number {
  return Math.max(0, (numbers.toSorted((a, b) => b - a)[1] ?? 0) - 1);
}

/** What a cell may be broken into: before a space, and after the slash of a model's name. */
function pieces(cell: string): string[] {
  return cell.split(/(?= )|(?<=\/)/);
}

/** The lines of a cell. */
function broken(cell: string, width: number): string[] {
  if (cell.length <= width) return [cell];
  const lines = [""];
  for (const piece of pieces(cell)) {
    const line = `${lines.at(-1)}${piece}`.trimStart();
    if (line.length <= width || line === piece.trimStart()) lines[lines.length - 1] = line;
    else lines.push(piece.trimStart());
  }
  return lines;
}

/**
 * Escapes a text for HTML.
 *
 * @param text The text.
 * @returns The text with `&`, `<`, `>` and quotes escaped.
 */
export function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "&": "amp",
    "<": "lt",
    ">": "gt",
    '"': "quot",
    "'": "#39",
  };
  return text.replace(/[&<>"']/g, (sign) => `&${names[sign]};`);
}

/**
 * Whether a value is a data frame.
 *
 * @param value The value.
 * @returns Whether it is one.
 */
export function isDataFrame(value: unknown): value is pl.DataFrame {
  // A data frame is a proxy: `in` does not see its methods.
  return typeof (value as Partial<pl.DataFrame> | null)?.toRecords === "function";
}

function contentOf(table: Tabular): { columns: readonly string[]; rows: readonly (readonly unknown[])[] } {
  if (isDataFrame(table)) return { columns: table.columns, rows: table.rows() };
  const columns = [...new Set(table.flatMap((record) => Object.keys(record)))];
  return {
    columns,
    rows: table.map((record) => columns.map((column) => (record as Record<string, unknown>)[column])),
  };
}

/** The rows that are shown; null stands for those in the middle. */
function partOf<T>(rows: readonly T[], most: number): { shown: readonly (T | null)[]; left: number } {
  if (rows.length <= most) return { shown: rows, left: 0 };
  const last = Math.floor(most / 4);
  return {
    shown: [...rows.slice(0, most - last), null, ...rows.slice(rows.length - last)],
    left: rows.length - most,
  };
}

/** A number as a text: with a sign or a mark before it, a unit after it; a dash stands for none. */
const NUMERIC = /^(-|[-+≈<≤≥]?[\d.,]+(x|%| ?(µs|ms|s))?)$/;

/** Numbers stand to the right, also those that are texts already. */
function alignOf(values: readonly unknown[]): string {
  const given = values.filter((value) => value !== null && value !== undefined && value !== "");
  const numeric = (value: unknown): boolean =>
    typeof value === "number" || typeof value === "bigint" ||
    (typeof value === "string" && NUMERIC.test(value));
  return given.length > 0 && given.every(numeric) ? "right" : "left";
}

function cellHtml(value: unknown, align: string): string {
  const text = escapeHtml(cellText(value));
  const cell = isLink(value) ? `<a href="${escapeHtml(value.href)}">${text}</a>` : text;
  return `<td style="text-align:${align}">${cell}</td>`;
}

function isLink(value: unknown): value is LinkCell {
  const { text, href } = (value ?? {}) as Partial<LinkCell>;
  return typeof text === "string" && typeof href === "string";
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") {
    return Number.isInteger(value) ? String(value) : significant(value);
  }
  if (typeof value !== "object") return String(value);
  if (isLink(value)) return value.text;
  return JSON.stringify(value, (_, part) => typeof part === "bigint" ? String(part) : part);
}
