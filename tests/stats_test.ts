import { gaussian } from "../src/random.ts";
import assert from "node:assert/strict";
import { relativeError, relativeSpread } from "../src/stats.ts";

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
