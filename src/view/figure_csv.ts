/**
 * The data of a figure as a table.
 *
 * @module
 */
import Papa from "papaparse";
import type { Figure, Trace } from "./figure.ts";

/**
 * Writes what a figure shows as CSV.
 *
 * @param figure The figure.
 * @returns A line for each point or cell: the slice of a menu, the series, both coordinates under the names of their axes, the value of a heat
 * map's cell, by which share it may be off,
 * and what a point says of itself.
 *
 * @example
 * ```ts
 * import { figureCsv } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const layout = { xaxis: { title: { text: "tokens" } }, yaxis: { title: { text: "time (µs)" } } };
 * assert.equal(figureCsv({ data: [{ name: "o_proj", x: [1, 2], y: [5, 6] }], layout }),
 *   "series,tokens,time (µs)\no_proj,1,5\no_proj,2,6\n");
 * ```
 */
export function figureCsv({ data, layout }: Figure): string {
  const [x, y] = [nameOf(layout["xaxis"], "x"), nameOf(layout["yaxis"], "y")];
  const lines = data.filter(({ hoverinfo, mode, fill }) =>
    hoverinfo !== "skip" || (mode === "lines" && fill === undefined)
  )
    .flatMap((trace) => {
      const { slice } = (trace["meta"] ?? {}) as { slice?: string };
      const lines = trace["type"] === "heatmap" ? cellsOf(trace, x, y) : pointsOf(trace, x, y);
      return lines.map((line): Line => ({ ...slice !== undefined && { slice }, ...line }));
    });
  const columns = [...new Set(lines.flatMap(Object.keys))];
  const short = lines.map((line) => columns.map((column) => shortened(line[column])));
  // A text that a spreadsheet would compute stays a text.
  return Papa.unparse({ fields: columns, data: short }, { newline: "\n", escapeFormulae: true }) + "\n";
}

/** Digits of a number: those of a bundle's times. */
const DIGITS = 6;

function shortened(value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(DIGITS)) : value;
}

type Line = Readonly<Record<string, unknown>>;

function pointsOf(trace: Trace, x: string, y: string): Line[] {
  const [xs, ys, texts] = ["x", "y", "text"].map((name) => (trace[name] ?? []) as readonly unknown[]);
  const { errors = [] } = (trace["meta"] ?? {}) as Partial<PointErrors>;
  return xs!.map((value, i) => ({
    series: trace["name"] ?? "",
    [x]: value,
    [y]: ys![i],
    ...(typeof errors[i] === "number" ? { "± (share)": errors[i] } : {}),
    ...(Array.isArray(texts) && texts[i] ? { note: texts[i] } : {}),
  }));
}

function cellsOf(trace: Trace, x: string, y: string): Line[] {
  const { columns, rows, values } = trace["meta"] as GridData;
  return values.flatMap((line, row) =>
    line.flatMap((value, column) => value === null ? [] : [{ [x]: columns[column], [y]: rows[row], value }])
  );
}

/** What a trace keeps as its `meta` where its points may be off. */
export interface PointErrors {
  /** By which share each may be off; null where nobody knows. */
  readonly errors: readonly (number | null)[];
}

/** What a heat map's trace keeps as its `meta`, since its own coordinates are positions. */
export interface GridData {
  /** Values on the horizontal axis. */
  readonly columns: readonly number[];
  /** Values on the vertical axis. */
  readonly rows: readonly number[];
  /** The cells, row by row; null where there is none. */
  readonly values: readonly (readonly (number | string | null)[])[];
}

function nameOf(axis: unknown, otherwise: string): string {
  return (axis as { title?: { text?: string } } | undefined)?.title?.text || otherwise;
}
