import { normal, randomFrom } from "../../src/random.ts";
import assert from "node:assert/strict";
import { tableErrors } from "../../src/adaptive/held_out.ts";
import { quantile } from "../../src/stats.ts";

Deno.test("tableErrors: a table that is measured in full has no errors", () => {
  const { p50, p99 } = tableErrors(Float64Array.of(0.5, 0.7), 0);
  assert.deepEqual([p50, p99], [{ estimate: 0, upper: 0 }, { estimate: 0, upper: 0 }]);
});

Deno.test("tableErrors: measured rows push the quantiles of the others down", () => {
  const errors = Float64Array.from({ length: 101 }, (_, i) => (i % 2 === 0 ? i : -i) / 1000);
  assert.equal(tableErrors(errors, 1).p90.estimate.toFixed(4), "0.0900");
  assert.equal(tableErrors(errors, 0.5).p90.estimate.toFixed(4), "0.0800");
  assert.equal(tableErrors(errors, 0.4).p50.estimate, 0);
});

Deno.test("tableErrors: without enough shots there is no bound", () => {
  assert.deepEqual(tableErrors(new Float64Array(), 1).p90, { estimate: NaN, upper: Infinity });
  const { p50, p99 } = tableErrors(new Float64Array(50).fill(0.01), 1);
  assert.equal(p50.upper, 0.01);
  assert.equal(p99.upper, Infinity);
});

Deno.test("tableErrors: the true quantile is below the bound in 95 of 100 samples", () => {
  const random = randomFrom(3);
  const draws = (count: number): Float64Array => Float64Array.from({ length: count }, () => normal(random));
  const truth = quantile(draws(200_000).map(Math.abs).sort(), 0.9);
  let held = 0;
  for (let i = 0; i < 400; i++) if (truth <= tableErrors(draws(300), 1).p90.upper) held++;
  assert.ok(held >= 370 && held <= 395, `${held} of 400`);
});
