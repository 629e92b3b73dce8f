import assert from "node:assert/strict";
import { adaptSkew } from "../../src/adaptive/skew.ts";
import { skewFeatures } from "../../src/adaptive/skew_features.ts";
import { UsageError } from "../../src/errors.ts";
import { quantile } from "../../src/fit/errors.ts";
import { fitSkew } from "../../src/fit/fit_skew.ts";
import { makeTables } from "../fit/made_up_kernel.ts";

const KERNEL = { heads: 32, kvHeads: 8, multiprocessors: 128 };
const { attention, skew } = makeTables({ maxNumBatchedTokens: 256, maxNumSeqs: 32, attentionMaxKv: 2048 });
const keyOf = ({ n, nb, pc, kp, kvs, kv_big }: typeof skew[number]): string =>
  [n, nb, pc, kp, kvs, kv_big].join();

Deno.test("adaptSkew: a fifth of the t_skew shots gives all cases", async () => {
  const truth = new Map(skew.map((row) => [keyOf(row), row.t_skew_us]));
  const { measured, predicted, errors } = await adaptSkew(
    skew,
    attention,
    KERNEL,
    (cases) => Promise.resolve(cases.map(({ t_skew_us }) => t_skew_us)),
    { shots: 0.2 },
  );
  assert.equal(measured.length, Math.round(0.2 * skew.length));
  assert.equal(measured.length + predicted.length, skew.length);
  for (const row of measured) assert.ok(Math.abs(row.t_skew_us / truth.get(keyOf(row))! - 1) < 1e-12);
  const sizes = Float64Array.from(
    [...measured, ...predicted],
    (row) => Math.abs(row.t_skew_us / truth.get(keyOf(row))! - 1),
  ).sort();
  assert.ok(quantile(sizes, 0.9) < 0.03, `p90 ${quantile(sizes, 0.9)}`);
  assert.ok(quantile(sizes, 0.9) <= errors.p90.upper);
});

Deno.test("adaptSkew: alphas fitted to measured and predicted cases are those of a full sweep", async () => {
  const { measured, predicted } = await adaptSkew(
    skew,
    attention,
    KERNEL,
    (cases) => Promise.resolve(cases.map(({ t_skew_us }) => t_skew_us)),
    { shots: 0.2 },
  );
  const attentionByTp = new Map([[1, attention]]);
  const defaultOf = (rows: typeof measured): number =>
    fitSkew({ method: "shrinkage", rowsByTp: new Map([[1, rows]]), attentionByTp }).block.per_tp![1]!
      .alpha_default!;
  assert.ok(Math.abs(defaultOf([...measured, ...predicted]) - defaultOf(skew)) < 0.01);
});

Deno.test("adaptSkew: needs attention rows", () =>
  assert.rejects(
    adaptSkew(skew, [], KERNEL, () => Promise.resolve([])),
    new UsageError(
      "Cannot choose skew cases: t_mean and t_max are read from attention.csv, which has no rows; measure attention first",
    ),
  ));

Deno.test("skewFeatures: three layouts of a case, and the times at its ends", () => {
  const { names, columns, kernel } = skewFeatures(
    [{ n: 4, nb: 1, pc: 0, kp: 0, kvs: 63, kv_big: 255, kv_mean: 111 }],
    { mean: Float64Array.of(10), max: Float64Array.of(20) },
    { heads: 8, kvHeads: 1, multiprocessors: 2 },
  );
  const feature = (name: string): number => columns[names.indexOf(name)]![0]!;
  // Walks of 4 + 2, and three of 1 + 2; at the mean four of 2 + 2; at the longest four of 4 + 2.
  assert.equal(Math.exp(feature("log_skewed_makespan_ratio")).toFixed(4), (9 / 8).toFixed(4));
  assert.equal(Math.exp(feature("log_longest_makespan_ratio")).toFixed(4), (12 / 8).toFixed(4));
  assert.equal(Math.exp(feature("log_longest_walk_ratio")).toFixed(4), (6 / 4).toFixed(4));
  assert.equal(Math.exp(feature("log_t_max")).toFixed(4), "20.0000");
  assert.equal(feature("skew_rate"), 0.25);
  assert.deepEqual([...kernel], [0]);
});
