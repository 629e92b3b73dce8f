import assert from "node:assert/strict";
import { ridge } from "../../src/adaptive/ridge.ts";

const A = Float64Array.of(0, 1, 2, 3, 4, 5);
const B = Float64Array.of(1, 0, 1, 4, 2, 7);
const ROWS = Int32Array.of(0, 1, 2, 3, 4);
const close = (found: Float64Array, expected: readonly number[]): void => {
  for (const [i, value] of expected.entries()) assert.ok(Math.abs(found[i]! - value) < 1e-5, `${found}`);
};

Deno.test("ridge: gives a plane back, constant included", () => {
  const targets = A.map((a, i) => 10 + 2 * a - 3 * B[i]!);
  close(ridge([A, B], ROWS, targets.with(5, NaN), 1e-9), [...targets]);
});

Deno.test("ridge: a column that never changes among the known rows gets no weight", () => {
  const constant = Float64Array.of(1, 1, 1, 1, 1, 99);
  close(ridge([A, constant], ROWS, A.map((a) => 2 * a), 1e-9), [0, 2, 4, 6, 8, 10]);
});

Deno.test("ridge: a penalty draws weights towards 0, the constant stays", () => {
  const far = ridge([A], ROWS, A.map((a) => 2 * a), 1e9);
  close(far, [4, 4, 4, 4, 4, 4]);
  const half = ridge([A], ROWS, A.map((a) => 2 * a), 10); // sum of squares around the mean is 10
  close(half, [2, 3, 4, 5, 6, 7]);
});

Deno.test("ridge: nothing known", () => close(ridge([A], new Int32Array(), A, 1), [0, 0, 0, 0, 0, 0]));
