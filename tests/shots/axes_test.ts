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
  for (const { max, axis } of vectors.token_axis) assert.deepEqual(tokenAxis(max), axis, `max ${max}`);
});

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
});
