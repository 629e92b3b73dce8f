import assert from "node:assert/strict";
import { adaptSkew } from "../../src/adaptive/skew.ts";
import { casesBetween } from "../../src/adaptive/skew_between.ts";
import { skewFeatures } from "../../src/adaptive/skew_features.ts";
import type { SkewRow } from "../../src/bundle/skew.ts";
import { UsageError } from "../../src/errors.ts";
import { quantile } from "../../src/stats.ts";
import { interpolatedTimes } from "../../src/fit/uniform_times.ts";
import { relativeErrors } from "../../src/fit/model.ts";
import { shrinkageProblem } from "../../src/fit/problem.ts";
import { makeAttentionTable } from "../../src/predict/attention.ts";
import { skewCaseOf } from "../../src/shots/skew_cases.ts";
import { kernelUs, makeTables } from "../fit/made_up_kernel.ts";

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

Deno.test("adaptSkew: alphas fitted to all its rows predict other batches better than those of the measured ones alone", async () => {
  const { measured, predicted, imagined } = await adaptSkew(
    skew,
    attention,
    KERNEL,
    (cases) => Promise.resolve(cases.map(({ t_skew_us }) => t_skew_us)),
    { shots: 0.2 },
  );
  const others = skew.map((row) => {
    const { n, nb, pc, kp, kvs, kv_big, kv_mean } = row;
    const [short, long] = [1.25 * kvs, 1.25 * kv_big];
    const t_skew_us = kernelUs([pc, kp], [[long, nb], [short, n - nb]]);
    return { ...row, kvs: short, kv_big: long, kv_mean: Math.floor(1.25 * kv_mean), t_skew_us };
  });
  const p90With = (known: readonly SkewRow[]): number => {
    const rows = [...known, ...others];
    const { fitter, usable, cases, ends } = shrinkageProblem(
      rows,
      interpolatedTimes(rows, makeAttentionTable(attention)!),
    )!;
    const model = fitter((i) => i < known.length && usable(i));
    const errors = relativeErrors(model, cases, ends, (i) => i >= known.length);
    return quantile(errors.subarray(known.length).map(Math.abs).sort(), 0.9);
  };
  const [all, alone] = [p90With([...measured, ...predicted, ...imagined]), p90With(measured)];
  assert.ok(all < 0.8 * alone, `p90 ${all}, of the measured ones alone ${alone}`);
});

Deno.test("adaptSkew: imagines cases between the sweep's, their times near the truth; none when all are measured", async () => {
  const answer = (cases: readonly SkewRow[]): Promise<number[]> =>
    Promise.resolve(cases.map(({ t_skew_us }) => t_skew_us));
  const { imagined } = await adaptSkew(skew, attention, KERNEL, answer, { shots: 0.2 });
  const own = new Set(skew.map(keyOf));
  assert.ok(imagined.length > skew.length && imagined.every((row) => !own.has(keyOf(row))));
  const sizes = Float64Array.from(
    imagined,
    ({ pc, kp, n, nb, kvs, kv_big, t_skew_us }) =>
      Math.abs(t_skew_us / kernelUs([pc, kp], [[kv_big, nb], [kvs, n - nb]]) - 1),
  ).sort();
  assert.ok(quantile(sizes, 0.9) < 0.04, `p90 ${quantile(sizes, 0.9)}`);
  assert.deepEqual((await adaptSkew(skew, attention, KERNEL, answer)).imagined, []);
});

Deno.test("casesBetween: half way along the number of long decodes, then along the histories", () => {
  const sweep = [
    [8, 1, 16, 0, 128, 512],
    [8, 2, 16, 0, 128, 512], // nothing lies between 1 and 2
    [8, 6, 16, 0, 128, 512],
    [8, 6, 16, 0, 256, 1024],
    [8, 6, 16, 512, 512, 2048], // another history of the prefill: no neighbour
    [8, 6, 16, 0, 256, 512], // another skew
  ];
  assert.deepEqual(
    casesBetween(sweep.map(skewCaseOf)).map(({ n, nb, pc, kp, kvs, kv_big }) => [n, nb, pc, kp, kvs, kv_big]),
    [[8, 4, 16, 0, 128, 512], [8, 6, 16, 0, 192, 768]],
  );
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
