import assert from "node:assert/strict";
import { geometricAxis, geometricAxisFromZero, powerOfTwoAxis, tokenAxis } from "../../src/shots/axes.ts";
import { UsageError } from "../../src/errors.ts";
import vectors from "../data/axes.json" with { type: "json" };

Deno.test("geometricAxis and geometricAxisFromZero give the reference's axes", () => {
  for (const { max, start, factor, attention_rule, skew_rule } of vectors.geometric) {
    const setting = `max ${max}, start ${start}, factor ${factor}`;
    assert.deepEqual(geometricAxisFromZero(max, { start, factor }), attention_rule, setting);
    assert.deepEqual(geometricAxis(max, { start, factor }), skew_rule, setting);
  }
});

Deno.test("tokenAxis gives the reference's axes", () => {
  for (const { max, axis } of vectors.token_axis) {
    assert.deepEqual(tokenAxis(max), axis, `max ${max}`);
    assert.deepEqual(tokenAxis(max, 16), axis, `max ${max}`);
  }
});

const STEPS: [step: number, upTo90: number[], upTo2048: number][] = [
  [16, [16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 80, 90], 152],
  [8, [16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 72, 80, 88, 90], 276],
  [4, Array.from({ length: 19 }, (_, i) => 16 + 4 * i).concat(90), 524],
  [2, Array.from({ length: 38 }, (_, i) => 16 + 2 * i), 1032],
  [1, Array.from({ length: 75 }, (_, i) => 16 + i), 2048],
];
for (const [step, upTo90, upTo2048] of STEPS) {
  Deno.test(`tokenAxis in steps of ${step}: 1 below 16, 4 at most below 64, and all of the reference's values`, () => {
    assert.deepEqual(tokenAxis(90, step).slice(15), upTo90);
    assert.equal(tokenAxis(2048, step).length, upTo2048);
    for (let max = 0; max <= 200; max++) {
      const axis = tokenAxis(max, step);
      assert.deepEqual(axis, [...new Set(axis)].sort((a, b) => a - b));
      assert.deepEqual(tokenAxis(max).filter((value) => !axis.includes(value)), [], `max ${max}`);
      assert.equal(axis.at(-1), max === 0 ? undefined : max);
    }
  });
}

Deno.test("powerOfTwoAxis gives the reference's axes", () => {
  for (const { max, axis } of vectors.power_of_two_axis) {
    assert.deepEqual(powerOfTwoAxis(max), axis, `max ${max}`);
  }
});

Deno.test("geometricAxis refuses a factor that does not grow, even where it would not be used", () => {
  for (const max of [100, 2, 0]) {
    for (const factor of [1, 0.5, -1, NaN]) {
      for (const axis of [geometricAxis, geometricAxisFromZero]) {
        assert.throws(
          () => axis(max, { start: 16, factor }),
          new UsageError(`Cannot make a geometric axis: the factor must be above 1, got ${factor}`),
        );
      }
    }
  }
});

Deno.test("an axis of more steps than anybody fires is refused by its count, at once", () => {
  for (const factor of [1.0000000001, 1 + Number.EPSILON]) {
    assert.throws(
      () => geometricAxis(2048, { start: 16, factor }),
      /factor .* must have 100000 steps at most, got \d+$/,
    );
  }
  assert.throws(
    () => tokenAxis(1e12),
    new UsageError(
      "Cannot make an axis to 1000000000000 in steps of 16: it must have 100000 steps at most, got 62500000000",
    ),
  );
  assert.throws(
    () => tokenAxis(100_001, 1),
    new UsageError(
      "Cannot make an axis to 100001 in steps of 1: it must have 100000 steps at most, got 100001",
    ),
  );
});
