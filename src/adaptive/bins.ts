/**
 * Columns of numbers, each number replaced by the small bin that it falls into: what trees are grown on.
 *
 * @module
 */

/** Columns in bins. */
export interface Binned {
  /** Rows of every column. */
  readonly rows: number;
  /** The bin of each row, by column, in memory that threads can share; a larger value never has a smaller bin. */
  readonly columns: readonly Uint8Array[];
  /** How many bins each column has. */
  readonly binCounts: readonly number[];
}

/** Bins that one byte can tell apart. */
const MAX_BINS = 256;

/**
 * Sorts the values of each column into bins: one for each distinct value, or, when there are more than 256 of them,
 * 256 bins of about as many rows each.
 *
 * @param columns The columns, of one length, all values finite.
 * @returns The bins.
 *
 * @example
 * ```ts
 * import { binColumns } from "./bins.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual([...binColumns([Float64Array.of(0.5, -1, 7, 0.5)]).columns[0]!], [1, 0, 2, 1]);
 * ```
 */
export function binColumns(columns: readonly Float64Array[]): Binned {
  const tops = columns.map(topsOf);
  return {
    rows: columns[0]?.length ?? 0,
    columns: columns.map((column, at) => {
      const bins = new Uint8Array(new SharedArrayBuffer(column.length));
      for (let row = 0; row < bins.length; row++) bins[row] = firstNotBelow(tops[at]!, column[row]!);
      return bins;
    }),
    binCounts: tops.map((values) => values.length),
  };
}

/** The largest value of each bin, ascending. */
function topsOf(column: Float64Array): Float64Array {
  const sorted = column.toSorted();
  const distinct = sorted.filter((value, i) => i === 0 || value !== sorted[i - 1]);
  if (distinct.length <= MAX_BINS) return distinct;
  const tops = Float64Array.from(
    { length: MAX_BINS },
    (_, bin) => sorted[Math.ceil((bin + 1) / MAX_BINS * sorted.length) - 1]!,
  );
  return tops.filter((value, i) => i === 0 || value !== tops[i - 1]);
}

function firstNotBelow(tops: Float64Array, value: number): number {
  let low = 0;
  let high = tops.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (tops[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
