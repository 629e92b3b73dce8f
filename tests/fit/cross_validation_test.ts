import assert from "node:assert/strict";
import { chunkGroups, crossValidate, unseenErrors } from "../../src/fit/cross_validation.ts";
import type { FitProblem } from "../../src/fit/problem.ts";

/** Four cases whose ends are 1 and 2; the fit is the mean of the others' alphas. */
const ALPHAS = [0, 0.2, 0.4, 0.6];
const PC = Float64Array.of(0, 16, 16, 32);
const PROBLEM = {
  cases: { pc: PC, bucket: new Int32Array(4) },
  usable: (i: number) => i !== 3,
  fitter: (selected: (i: number) => boolean) => {
    const seen = ALPHAS.filter((_, i) => selected(i));
    return { alphaAt: () => undefined, fallback: seen.reduce((sum, own) => sum + own, 0) / seen.length };
  },
} as unknown as FitProblem;
const ENDS = {
  mean: Float64Array.of(1, 1, 1, 1),
  max: Float64Array.of(2, 2, 2, 2),
  skew: Float64Array.from(ALPHAS, (alpha) => 1 + alpha),
};

Deno.test("unseenErrors predicts a case by the usable ones outside its group", () => {
  const errors = unseenErrors(PROBLEM, ENDS, Int32Array.of(0, 1, 1, 2));
  const predicted = Array.from(
    errors,
    (error, i) => Math.round((ENDS.skew[i]! * (1 + error) - 1) * 1e9) / 1e9,
  );
  assert.deepEqual(predicted, [0.3, 0, 0, 0.2]);
});

Deno.test("unseenErrors leaves cases below group 0 alone", () => {
  const errors = unseenErrors(PROBLEM, ENDS, Int32Array.of(-1, -1, 0, -1));
  assert.deepEqual(Array.from(errors, Number.isNaN), [true, true, false, true]);
});

Deno.test("chunkGroups leaves pc out one by one, but neither decodes alone nor the only pc", () => {
  assert.deepEqual([...chunkGroups(PC)], [-1, 16, 16, 32]);
  assert.deepEqual([...chunkGroups(Float64Array.of(0, 16))], [-1, -1]);
});

Deno.test("crossValidate says how it split", () => {
  const { folds, seed, leave_one_pc_out } = crossValidate(PROBLEM, ENDS, { folds: 2, seed: 7 });
  assert.deepEqual([folds, seed, Object.keys(leave_one_pc_out)], [2, 7, ["all", "mixed"]]);
});
