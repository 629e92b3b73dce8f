import { gaussian } from "../src/random.ts";
import assert from "node:assert/strict";
import {
  distinct,
  median,
  percent,
  quantile,
  relativeError,
  relativeSpread,
  upperMedian,
} from "../src/stats.ts";

Deno.test("relativeSpread is the standard deviation over the median, from 2 samples on", () => {
  const cases: [samples: number[], spread: number | null][] = [
    [[], null],
    [[7], null],
    [[7, 7], 0],
    [[100, 101, 102], Math.sqrt(Math.PI / 2 * 3 / 2) * (2 / 3) / 101],
  ];
  for (const [samples, spread] of cases) assert.equal(relativeSpread(samples), spread);
  const normal = Array.from({ length: 4000 }, (_, i) => 100 + 2 * gaussian(`sample ${i}`, 1));
  assert.ok(Math.abs(relativeSpread(normal)! - 0.02) < 0.001);
});

Deno.test("relativeError is the standard error of the median, pi/2 times the mean distance over sqrt(n - 1)", () => {
  assert.ok(Math.abs(relativeError([99, 100, 101])! - Math.PI / 2 * (2 / 3) / Math.sqrt(2) / 100) < 1e-12);
  assert.equal(relativeError([3]), null);
});

Deno.test("distinct sorts by number and keeps each once", () => {
  assert.deepEqual(distinct([10, 9, 10, 2, -1, 100]), [-1, 2, 9, 10, 100]);
  assert.deepEqual(distinct([]), []);
});

const medians: [values: number[], middle: number, upper: number][] = [
  [[], NaN, NaN],
  [[7], 7, 7],
  [[10, 9], 9.5, 10],
  [[10, 9, 2], 9, 9],
  [[100, 10, 9, 2], 9.5, 10],
  [[3, 100, 20, 1, 10], 10, 10],
];
for (const [values, middle, upper] of medians) {
  Deno.test(`of ${values.join(", ") || "nothing"} the median is ${middle}, the upper one ${upper}`, () => {
    assert.deepEqual([median(values), upperMedian(values)], [middle, upper]);
  });
}

const quantiles: [q: number, value: number][] = [[0, 1], [0.25, 2], [0.5, 3], [0.625, 4.5], [0.75, 6], [
  1,
  10,
]];
for (const [q, value] of quantiles) {
  Deno.test(`the quantile ${q} lies between its neighbours`, () => {
    assert.equal(quantile(Float64Array.of(1, 2, 3, 6, 10), q), value);
  });
}

Deno.test("percent has one decimal", () => {
  assert.deepEqual([0, 0.0004, 0.0005, 0.1234, 1, -0.5].map(percent), [
    ...["0.0%", "0.0%", "0.1%", "12.3%", "100.0%", "-50.0%"],
  ]);
});
