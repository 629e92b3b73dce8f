import assert from "node:assert/strict";
import { roundDecimals } from "../../src/number_format.ts";
import { errorFigures } from "../../src/fit/errors.ts";
import { quantile } from "../../src/stats.ts";
import { randomFolds } from "../../src/fit/random_folds.ts";
import { regimeErrors } from "../../src/fit/regime_errors.ts";
import { formatReports } from "../../src/fit/report.ts";
import { roundAlpha } from "../../src/fit/round_alpha.ts";

Deno.test("quantile interpolates between order statistics", () => {
  const table: [values: number[], q: number, quantile: number][] = [
    [[7], 0.9, 7],
    [[1, 2, 3, 5], 0.5, 2.5],
    [[1, 2, 3, 5], 1, 5],
    [[0, 10], 0.99, 9.9],
  ];
  for (const [values, q, expected] of table) assert.equal(quantile(Float64Array.from(values), q), expected);
});

Deno.test("errorFigures of nothing is null", () => assert.equal(errorFigures([]), null));

Deno.test("regimeErrors keeps pure and mixed cases apart and leaves cases without an error out", () => {
  const figures = regimeErrors(Float64Array.of(0, 16, 16, 0), Float64Array.of(0.1, -0.3, NaN, NaN));
  assert.deepEqual(
    Object.entries(figures).map(([kind, { rel_err_p50, signed_mean }]) => [
      kind,
      rel_err_p50,
      signed_mean,
    ]),
    [["all", 0.2, -0.1], ["pure", 0.1, 0.1], ["mixed", 0.3, -0.3]],
  );
  assert.deepEqual(Object.keys(regimeErrors(Float64Array.of(0), Float64Array.of(0.1))), ["all", "pure"]);
});

Deno.test("randomFolds gives the same split for the same seed, and parts of about one size", () => {
  const folds = randomFolds(10_000, 5, 1);
  assert.deepEqual(folds, randomFolds(10_000, 5, 1));
  assert.notDeepEqual(folds, randomFolds(10_000, 5, 2));
  const counts = [0, 1, 2, 3, 4].map((fold) => folds.filter((own) => own === fold).length);
  assert.ok(counts.every((count) => count > 1900 && count < 2100), `${counts}`);
});

Deno.test("roundAlpha rounds as decimals do, ties and signs of zero included", () => {
  const values = [0.03125, -0.03125, 0.00005, 0.00015, 0.12345, 1e9 + 0.00005, -0.00001, -735.12344999];
  for (let i = 0; i < 2000; i++) values.push((i - 1000) * 0.000123457, (i - 1000) / 20_000);
  for (const value of values) assert.ok(Object.is(roundAlpha(value), roundDecimals(value, 4)), `${value}`);
});

Deno.test("formatReports writes one line for each kind of batch", () => {
  const figures = { rel_err_p50: 0.01, rel_err_p90: 0.05, rel_err_p99: 0.2, signed_mean: 0 };
  const report = {
    method: "m",
    cases: 12,
    in_sample: { all: figures, pure: figures },
    out_of_sample: { folds: 5, seed: 1, k_fold: { all: figures }, leave_one_pc_out: {} },
  };
  assert.equal(
    formatReports([["tp1", report]]),
    `| fit | method | cases | regime | in sample | k-fold | one pc left out |
| --- | --- | --- | --- | --- | --- | --- |
| tp1 | m | 12 | all | 1.00 / 5.00 / 20.00 | 1.00 / 5.00 / 20.00 | - |
|  |  |  | pure | 1.00 / 5.00 / 20.00 | - | - |`,
  );
});
