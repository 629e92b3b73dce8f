/** The times at the ends, as a simulator interpolates them; and the order of degrees. */
import assert from "node:assert/strict";
import type { SkewRow } from "../../src/bundle/skew.ts";
import { fitSkew } from "../../src/fit/fit_skew.ts";
import { isUsable } from "../../src/fit/shrinkage.ts";
import { interpolatedTimes } from "../../src/fit/uniform_times.ts";
import { makeAttentionTable } from "../../src/predict/attention.ts";

/** 100 µs at a history of 100, 200 µs at one of 200. */
const TABLE = makeAttentionTable([100, 200].map((kv) => ({ layer: null, key: [0, 0, 4, kv], timeUs: kv })))!;

function row(t_mean_us: number, changes: Partial<SkewRow> = {}): SkewRow {
  return {
    ...{
      regime: "pure",
      n: 4,
      nb: 1,
      ratio: 0.25,
      skew: 3,
      pc: 0,
      kp: 0,
      kvs: 67,
      kv_big: 200,
      kv_mean: 100,
    },
    ...{ t_mean_us, t_max_us: 200, t_skew_us: 120, alpha: 0.3, ...changes },
  };
}

const scales: [string, readonly number[], number][] = [
  ["none", [], 1],
  ["one", [300], 3],
  ["the middle of three, whatever their order", [900, 100, 300], 3],
  ["the same upside down", [300, 100, 900], 3],
  ["the middle between two", [100, 500], 3],
  ["a half, rounded up", [250], 3],
  ["below a half", [240], 2],
  ["never below 1", [20], 1],
];
for (const [what, means, timeScale] of scales) {
  Deno.test(`how many times larger the times of skew.csv are: ${what}`, () => {
    const found = interpolatedTimes(means.map((mean) => row(mean)), TABLE);
    assert.equal(found.timeScale, timeScale);
    assert.deepEqual([...found.skew], means.map(() => 120 / timeScale));
    assert.deepEqual([...found.mean], means.map(() => 100));
    assert.deepEqual([...found.max], means.map(() => 200));
  });
}

Deno.test("a largest history that is faster than the mean one is as slow as it", () => {
  const found = interpolatedTimes([row(200, { kv_mean: 200, kv_big: 100 })], TABLE);
  assert.deepEqual([[...found.mean], [...found.max]], [[200], [200]]);
});

const usable: [number, number, number, boolean][] = [
  [0.5, 1, 2, true],
  [0, 1, 2, false],
  [-1, 1, 2, false],
  [0.5, 1, 1, false],
  [0.5, 1, 1.1, true],
  [0.5, 2, 1, false],
];
for (const [skew, mean, max, expected] of usable) {
  Deno.test(`skew ${skew}, mean ${mean} and max ${max} say ${expected ? "something" : "nothing"} about alpha`, () => {
    const [skews, means, maxes] = [[9, skew], [1, mean], [9, max]].map((times) => Float64Array.from(times));
    assert.equal(isUsable({ skew: skews!, mean: means!, max: maxes! }, 1), expected);
  });
}

Deno.test("degrees stand in ascending order, those without a case are left out", () => {
  const rowsByTp = new Map([[4, [row(100)]], [1, [row(100)]], [8, []], [16, [row(100)]], [2, [row(100)]]]);
  const { tables, report } = fitSkew({ method: "reference", rowsByTp });
  assert.deepEqual([...tables.keys()], [1, 2, 4, 16]);
  assert.deepEqual([...report.keys()], [1, 2, 4, 16]);
});
