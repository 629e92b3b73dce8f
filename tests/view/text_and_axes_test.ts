/** Numbers in words, ticks of axes, and which points are drawn. */
import assert from "node:assert/strict";
import { countAxis, decadeTicks, extent, gridAxis, timeAxis } from "../../src/view/axes.ts";
import { formatShare, formatUs, significant, tickText } from "../../src/view/text.ts";
import { shownText, thin } from "../../src/view/thin.ts";

const texts: [(value: number) => string, [value: number, text: string][]][] = [
  [formatUs, [
    [0.03124, "0.0312 µs"],
    [8.1302, "8.13 µs"],
    [999.4, "999 µs"],
    [999.5, "1 ms"],
    [1250, "1.25 ms"],
    [999_499, "999 ms"],
    [999_500, "1 s"],
    [2_500_000, "2.5 s"],
  ]],
  [significant, [
    [0, "0"],
    [-0.031249, "-0.0312"],
    [99.94, "99.9"],
    [99.95, "100"],
    [-99.95, "-100"],
    [1234.5, "1,235"],
    [NaN, "NaN"],
    [Infinity, "Infinity"],
  ]],
  [tickText, [[0.5, "0.5"], [9999, "9,999"], [10_000, "10k"], [16_384, "16.4k"], [2_000_000, "2,000k"]]],
  [formatShare, [
    [0, "0%"],
    [0.0004, "<0.1%"],
    [0.0005, "0.1%"],
    [0.0314, "3.1%"],
    [0.0994, "9.9%"],
    [0.0995, "10%"],
    [0.423, "42%"],
    [-0.012, "-1.2%"],
    [12, "1,200%"],
  ]],
];
for (const [format, cases] of texts) {
  for (const [value, text] of cases) {
    Deno.test(`${format.name} writes ${value} as '${text}'`, () => assert.equal(format(value), text));
  }
}

Deno.test("points are thinned evenly, and a subtitle says so", () => {
  const items = [1, 2, 3, 4, 5, 6, 7];
  assert.deepEqual([thin(items, 7), thin(items, 8), thin(items, 3), thin(items, 1)], [
    items,
    items,
    [1, 3, 5],
    [1],
  ]);
  assert.deepEqual([shownText(12_350, 1000), shownText(1000, 1000)], ["; points: 1,000 of 12,350", ""]);
});

Deno.test("the smallest and largest of values, and an axis without any", () => {
  assert.deepEqual([extent([3, 1, 2]), extent([5]), extent([])], [[1, 3], [5, 5], [1, 10]]);
});

const ticks = (trace: object): [unknown, unknown] => {
  const { tickvals, ticktext } = trace as { tickvals: unknown; ticktext: unknown };
  return [tickvals, ticktext];
};
const range = (trace: object): number[] => (trace as { range: number[] }).range;

Deno.test("an axis of counts has powers of two, of four where it is long, and its largest", () => {
  assert.deepEqual(ticks(countAxis("tokens", [1, 16])), [[1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"]]);
  assert.deepEqual(ticks(countAxis("tokens", [3, 17]))[0], [4, 8, 17]);
  assert.deepEqual(ticks(countAxis("tokens", [1, 2048]))[0], [1, 4, 16, 64, 256, 1024, 2048]);
  assert.deepEqual(ticks(countAxis("tokens", [1, 512]))[0], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
  assert.deepEqual(range(countAxis("tokens", [1, 1000])), [-0.09, 3.09]);
  assert.deepEqual(range(countAxis("tokens", [1, 1])), [-0.02, 0.02]);
});

const decades: [number[], number[]][] = [
  [[1, 2e5], [1, 10, 100, 1000, 10_000, 100_000]],
  [[1, 1000], [1, 3, 10, 30, 100, 300, 1000]],
  [[1, 100], [1, 2, 5, 10, 20, 50, 100]],
  [[1, 8], [1, 1.5, 2, 3, 4, 5, 6, 8]],
  [[1.07, 1.9], [1, 1.5, 2]],
  [[1.08, 1.86], [1.5]],
];
for (const [values, tickvals] of decades) {
  Deno.test(`times from ${values[0]} to ${values[1]} have the ticks ${tickvals}`, () => {
    assert.deepEqual(decadeTicks(values).tickvals.map((tick) => Number(tick.toPrecision(6))), tickvals);
    assert.deepEqual(ticks(timeAxis("time", values))[0], decadeTicks(values).tickvals);
  });
}
Deno.test("ticks of times are written shortly", () => {
  assert.deepEqual(decadeTicks([1000, 100_000]).ticktext, [
    "1,000",
    "2,000",
    "5,000",
    "10k",
    "20k",
    "50k",
    "100k",
  ]);
  assert.equal(JSON.stringify(timeAxis("attention", [1, 10])).includes("attention (µs)"), true);
});

Deno.test("a grid's axis names every value of a short one, fewer of a long one", () => {
  assert.deepEqual(ticks(gridAxis("tokens", [1, 2, 4096])), [[0, 1, 2], ["1", "2", "4,096"]]);
  const long = Array.from({ length: 37 }, (_, index) => index);
  assert.deepEqual(ticks(gridAxis("tokens", long))[0], long.filter((index) => index % 3 === 0));
  assert.deepEqual(ticks(gridAxis("tokens", long.slice(0, 18)))[0], long.slice(0, 18));
  assert.deepEqual(range(gridAxis("tokens", [1, 2, 4])), [-0.5, 2.5]);
});
