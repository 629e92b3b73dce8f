import assert from "node:assert/strict";
import { chunkGroups, crossValidate, unseenErrors } from "../../src/fit/cross_validation.ts";
import type { FitProblem } from "../../src/fit/problem.ts";
import { regimeErrors } from "../../src/fit/regime_errors.ts";

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
  assert.deepEqual([...chunkGroups(Float64Array.of(1, 2, 0))], [1, 2, -1]);
});

Deno.test("crossValidate says how it split", () => {
  const { folds, seed, leave_one_pc_out } = crossValidate(PROBLEM, ENDS, { folds: 2, seed: 7 });
  assert.deepEqual([folds, seed, Object.keys(leave_one_pc_out)], [2, 7, ["all", "mixed"]]);
});

Deno.test("crossValidate splits into five parts by seed 1, unless it is told otherwise", () => {
  const plain = crossValidate(PROBLEM, ENDS);
  assert.deepEqual([plain.folds, plain.seed], [5, 1]);
  assert.deepEqual(plain, crossValidate(PROBLEM, ENDS, { folds: 5, seed: 1 }));
});

Deno.test("crossValidate counts the errors of the judged cases alone", () => {
  const { k_fold, leave_one_pc_out } = crossValidate(PROBLEM, ENDS, {}, (i) => i === 1);
  assert.deepEqual([Object.keys(k_fold), Object.keys(leave_one_pc_out)], [["all", "mixed"], [
    "all",
    "mixed",
  ]]);
  // Left out with the other case of its pc, it is fitted on the alpha 0 alone: 1 where 1.2 was measured.
  assert.equal(leave_one_pc_out.all!.signed_mean, -0.1667);
});

const regimes: [string, number[], string[]][] = [
  ["both kinds", [0.1, 0.2, 0.3], ["all", "pure", "mixed"]],
  ["no prefill", [0.1, NaN, NaN], ["all", "pure"]],
  ["prefills alone", [NaN, 0.2, NaN], ["all", "mixed"]],
  ["no case", [NaN, NaN, NaN], []],
];
for (const [what, errors, kinds] of regimes) {
  Deno.test(`errors of ${what} are told by ${kinds.join(", ") || "nothing"}`, () => {
    const found = regimeErrors(Float64Array.of(0, 1, 16), Float64Array.from(errors));
    assert.deepEqual(Object.keys(found), kinds);
  });
}
