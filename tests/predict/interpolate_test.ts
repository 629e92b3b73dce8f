import assert from "node:assert/strict";
import { fractionAbove, interpolate, lowerNeighbour } from "../../src/predict/interpolate.ts";
import { roundHalfEven, wholeNanoseconds } from "../../src/predict/nanoseconds.ts";

const AXIS = Float64Array.of(99, 10, 20, 40, 99);
const VALUES = Float64Array.of(-1, 100, 300, 200, -1);

Deno.test("interpolate clamps below, extrapolates above and stays within its part of the axis", () => {
  const table: [query: number, lower: number, fraction: number, value: number][] = [
    [0, 1, 0, 100],
    [10, 1, 0, 100],
    [15, 1, 0.5, 200],
    [20, 2, 0, 300],
    [30, 2, 0.5, 250],
    [40, 3, 0, 200],
    [60, 2, 2, 100],
  ];
  for (const [query, lower, fraction, value] of table) {
    assert.equal(lowerNeighbour(AXIS, 1, 4, query), lower, `lower neighbour of ${query}`);
    assert.equal(fractionAbove(AXIS, lower, 4, query), fraction, `fraction at ${query}`);
    assert.equal(interpolate(AXIS, VALUES, 1, 4, query), value, `value at ${query}`);
  }
});

Deno.test("interpolate is constant on an axis of one value", () => {
  for (const query of [0, 20, 1000]) assert.equal(interpolate(AXIS, VALUES, 2, 3, query), 300);
});

Deno.test("roundHalfEven breaks ties to the even neighbour", () => {
  const table = [[0.4, 0], [0.5, 0], [0.6, 1], [1.5, 2], [2.5, 2], [-0.5, 0], [-1.5, -2], [7, 7]] as const;
  for (const [value, rounded] of table) assert.equal(roundHalfEven(value) + 0, rounded, `${value}`);
});

Deno.test("wholeNanoseconds cuts, and is never below 1", () => {
  const table = [[-5, 1], [0.9, 1], [1.9, 1], [2.999, 2]] as const;
  for (const [ns, whole] of table) assert.equal(wholeNanoseconds(ns), whole, `${ns}`);
});
