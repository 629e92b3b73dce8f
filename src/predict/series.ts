/**
 * Times over one axis: the tokens of a dense layer, the sequences of a per_sequence layer.
 *
 * @module
 */
import type { Row } from "../bundle/tables.ts";
import { interpolate } from "./interpolate.ts";
import { nanoseconds, wholeNanoseconds } from "./nanoseconds.ts";

/** Times over an ascending axis. */
export interface Series {
  /** Tokens or sequences, ascending, without repeats. */
  readonly axis: Float64Array;
  /** Time at each of them, in nanoseconds. */
  readonly ns: Float64Array;
}

/**
 * Splits the rows of a layered table into one series for each layer.
 *
 * @param rows Rows of dense.csv or per_sequence.csv.
 * @returns The series by layer name.
 */
export function seriesByLayer(rows: readonly Row[]): Map<string, Series> {
  const byLayer = Map.groupBy(rows, (row) => row.layer ?? "");
  return new Map(Array.from(byLayer, ([layer, own]) => [layer, makeSeries(own)]));
}

/**
 * Arranges the rows of one layer.
 *
 * @param rows The rows, each key once.
 * @returns The layer's times.
 */
export function makeSeries(rows: readonly Row[]): Series {
  const sorted = rows.toSorted((a, b) => a.key[0]! - b.key[0]!);
  return {
    axis: Float64Array.from(sorted, (row) => row.key[0]!),
    ns: Float64Array.from(sorted, (row) => nanoseconds(row.timeUs)),
  };
}

/**
 * The time at a size.
 *
 * @param series The layer's times.
 * @param size Tokens or sequences; below 1 counts as 1.
 * @returns Time in nanoseconds.
 */
export function seriesNs(series: Series, size: number): number {
  return wholeNanoseconds(
    interpolate(series.axis, series.ns, 0, series.axis.length, Math.max(size, 1)),
  );
}
