/**
 * Linear regression whose weights are drawn a little towards 0 (Hoerl and Kennard, "Ridge regression", 1970).
 *
 * @module
 */

/** A linear function of columns. */
export interface Line {
  /** Its value where every column is at its mean. */
  readonly level: number;
  /** The mean of each column among the known rows. */
  readonly means: readonly number[];
  /** How it grows with each column. */
  readonly weights: readonly number[];
}

/**
 * The value of a linear function at a row.
 *
 * @param line The function.
 * @param columns The columns that it was fitted to.
 * @param row The row.
 * @returns The value.
 */
export function lineAt(
  { level, means, weights }: Line,
  columns: readonly Float64Array[],
  row: number,
): number {
  let value = level;
  for (let i = 0; i < weights.length; i++) value += weights[i]! * (columns[i]![row]! - means[i]!);
  return value;
}

/**
 * Fits weights on some rows.
 *
 * @param columns The columns, of one length.
 * @param rows The rows with a known target.
 * @param targets The target of every row; only those of `rows` are read.
 * @param penalty What a squared weight costs, in units of a squared target; the constant costs nothing.
 * @returns The function; 0 everywhere without known targets.
 *
 * @example
 * ```ts
 * import { lineAt, ridge } from "./ridge.ts";
 * import assert from "node:assert/strict";
 * const columns = [Float64Array.of(1, 2, 3, 10)];
 * const doubled = ridge(columns, Int32Array.of(0, 1, 2), Float64Array.of(2, 4, 6, NaN), 1e-9);
 * assert.equal(Math.round(lineAt(doubled, columns, 3)), 20);
 * ```
 */
export function ridge(
  columns: readonly Float64Array[],
  rows: Int32Array,
  targets: Float64Array,
  penalty: number,
): Line {
  if (rows.length === 0) return { level: 0, means: [], weights: [] };
  const meanOf = (values: Float64Array): number =>
    rows.reduce((sum, row) => sum + values[row]!, 0) / rows.length;
  const means = columns.map(meanOf);
  const level = meanOf(targets);
  const normal = columns.map((a, i) =>
    Float64Array.from([
      ...columns.map((b, j) =>
        rows.reduce((sum, row) => sum + (a[row]! - means[i]!) * (b[row]! - means[j]!), i === j ? penalty : 0)
      ),
      rows.reduce((sum, row) => sum + (a[row]! - means[i]!) * (targets[row]! - level), 0),
    ])
  );
  return { level, means, weights: solve(normal) };
}

/** Solves positive definite equations, given as rows that end with the right side, by Gauss' elimination. */
function solve(equations: Float64Array[]): number[] {
  const size = equations.length;
  for (let i = 0; i < size; i++) {
    const pivot = equations[i]!;
    for (let below = i + 1; below < size; below++) {
      const factor = equations[below]![i]! / pivot[i]!;
      for (let j = i; j <= size; j++) equations[below]![j]! -= factor * pivot[j]!;
    }
  }
  const solution = new Array<number>(size).fill(0);
  for (let i = size - 1; i >= 0; i--) {
    const equation = equations[i]!;
    let rest = equation[size]!;
    for (let j = i + 1; j < size; j++) rest -= equation[j]! * solution[j]!;
    solution[i] = rest / equation[i]!;
  }
  return solution;
}
