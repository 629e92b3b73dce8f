import assert from "node:assert/strict";
import { lineAt, ridge } from "../../src/adaptive/ridge.ts";

const A = Float64Array.of(0, 1, 2, 3, 4, 5);
const B = Float64Array.of(1, 0, 1, 4, 2, 7);
const ROWS = Int32Array.of(0, 1, 2, 3, 4);

/** What is fitted is close to what is expected of every row. */
function close(
  columns: readonly Float64Array[],
  rows: Int32Array,
  targets: Float64Array,
  penalty: number,
  expected: readonly number[],
): void {
  const line = ridge(columns, rows, targets, penalty);
  for (const [row, value] of expected.entries()) {
    const found = lineAt(line, columns, row);
    assert.ok(Math.abs(found - value) < 1e-5, `${row}: ${found}`);
  }
}

Deno.test("ridge: gives a plane back, constant included", () => {
  const targets = A.map((a, i) => 10 + 2 * a - 3 * B[i]!);
  close([A, B], ROWS, targets.with(5, NaN), 1e-9, [...targets]);
});

Deno.test("ridge: a column that never changes among the known rows gets no weight", () => {
  const constant = Float64Array.of(1, 1, 1, 1, 1, 99);
  close([A, constant], ROWS, A.map((a) => 2 * a), 1e-9, [0, 2, 4, 6, 8, 10]);
});

Deno.test("ridge: a penalty draws weights towards 0, the constant stays", () => {
  const doubled = A.map((a) => 2 * a);
  close([A], ROWS, doubled, 1e9, [4, 4, 4, 4, 4, 4]);
  close([A], ROWS, doubled, 10, [2, 3, 4, 5, 6, 7]); // sum of squares around the mean is 10
});

Deno.test("ridge: nothing known", () => close([A], new Int32Array(), A, 1, [0, 0, 0, 0, 0, 0]));
