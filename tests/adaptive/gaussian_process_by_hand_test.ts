/** The process against its textbook form: the covariance written out, solved by elimination. */
import assert from "node:assert/strict";
import { gaussianProcess } from "../../src/adaptive/gaussian_process.ts";

const COLUMNS = [[0, 1, 2.5, 4, 6, 7, 3, 9], [1, 0, 2, 5, 3, 3, 3, 8]].map((column) =>
  Float64Array.from(column)
);
const KNOWN = [0, 1, 2, 3, 4];
const TARGETS = Float64Array.from([3, 1, 4, 1, 5, NaN, NaN, NaN]);

/** Mean 0, and a variance of 1 over all columns together, among the known rows. */
function points(): number[][] {
  const scaled = COLUMNS.map((column) => {
    const mean = KNOWN.reduce((sum, row) => sum + column[row]!, 0) / KNOWN.length;
    const variance = KNOWN.reduce((sum, row) => sum + (column[row]! - mean) ** 2, 0) / KNOWN.length;
    return Array.from(column, (value) => (value - mean) / Math.sqrt(variance * COLUMNS.length));
  });
  return Array.from(COLUMNS[0]!, (_, row) => scaled.map((column) => column[row]!));
}
const POINTS = points();
const product = (a: number[], b: number[]): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
/** Matérn's correlation with ν = 5/2 and a length of 1. */
function near(a: number[], b: number[]): number {
  const d = Math.sqrt(5) * Math.hypot(...a.map((value, i) => value - b[i]!));
  return (1 + d + d ** 2 / 3) * Math.exp(-d);
}
/** Smooth, linear with a variance of 100 a weight, and noise of 0.003. */
const covariance = (a: number, b: number): number =>
  near(POINTS[a]!, POINTS[b]!) + 100 * product(POINTS[a]!, POINTS[b]!);

function solved(matrix: number[][], right: number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  for (const [i, row] of rows.entries()) {
    for (const other of rows) {
      if (other === row) continue;
      const factor = other[i]! / row[i]!;
      for (const at of row.keys()) other[at]! -= factor * row[at]!;
    }
  }
  return rows.map((row, i) => row.at(-1)! / row[i]!);
}
function predicted(known: readonly number[], mean: number, asked: number): number {
  const matrix = known.map((a) => known.map((b) => covariance(a, b) + (a === b ? 0.003 : 0)));
  const weights = solved(matrix, known.map((row) => TARGETS[row]! - mean));
  return known.reduce((sum, row, i) => sum + weights[i]! * covariance(asked, row), mean);
}

Deno.test("gaussianProcess: predictions, what is held out and strangeness are the textbook's", () => {
  const { predictions, heldOut, strangeness } = gaussianProcess(COLUMNS, Int32Array.from(KNOWN), TARGETS);
  const mean = KNOWN.reduce((sum, row) => sum + TARGETS[row]!, 0) / KNOWN.length;
  for (const row of TARGETS.keys()) {
    assert.ok(Math.abs(predictions[row]! - predicted(KNOWN, mean, row)) < 1e-6, `${row}`);
    const nearest = Math.max(...KNOWN.map((known) => near(POINTS[row]!, POINTS[known]!)));
    assert.ok(Math.abs(strangeness[row]! - Math.sqrt(1 - nearest ** 2)) < 1e-6, `${row}`);
  }
  for (const row of KNOWN) {
    const others = KNOWN.filter((other) => other !== row);
    assert.ok(Math.abs(heldOut[row]! - (TARGETS[row]! - predicted(others, mean, row))) < 1e-6, `${row}`);
  }
  assert.deepEqual([...heldOut.subarray(5)], [NaN, NaN, NaN]);
});

Deno.test("gaussianProcess: a thousand points are one cell, one more are cut where they spread most", () => {
  // A step at the middle of the long axis: one cell rings about it, two have the level of their own side.
  const errorOf = (count: number): number => {
    const long = Float64Array.from({ length: count }, (_, i) => i);
    const targets = long.map((at) => at < count >>> 1 ? 0 : 1);
    const { predictions } = gaussianProcess([long], Int32Array.from(long.keys()), targets);
    return Math.abs(predictions[(count >>> 1) - 1]!);
  };
  assert.ok(errorOf(1000) > 0.1, `${errorOf(1000)}`);
  assert.ok(errorOf(1001) < 0.01, `${errorOf(1001)}`);
});
