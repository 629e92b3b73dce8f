import assert from "node:assert/strict";
import { formatDecimals, formatTimeUs, pythonFloat, roundDecimals } from "../src/number_format.ts";

interface Vectors {
  times: { value: string; text: string }[];
  rounding: { value: string; rounded_to_4: string | number; rounded_to_3: string | number }[];
}

const { times, rounding }: Vectors = JSON.parse(
  await Deno.readTextFile(new URL("./data/csv-format.json", import.meta.url)),
);

function number(text: string): number {
  return text === "inf" ? Infinity : text === "-inf" ? -Infinity : Number(text);
}

Deno.test("formatTimeUs writes as C's %.6g, ties of the exact value to even", () => {
  assert.equal(times.length, 209);
  for (const { value, text } of times) assert.equal(formatTimeUs(number(value)), text, value);
});

Deno.test("formatTimeUs breaks ties of negative numbers to even too", () => {
  assert.equal(formatTimeUs(-123456.5), "-123456");
  assert.equal(formatTimeUs(-123457.5), "-123458");
  assert.equal(formatTimeUs(-Infinity), "-inf");
});

Deno.test("formatDecimals writes as Python's repr of round", () => {
  for (const { value, rounded_to_4, rounded_to_3 } of rounding) {
    if (typeof rounded_to_4 === "string") {
      assert.equal(formatDecimals(Number(value), 4), rounded_to_4, value);
      assert.equal(formatDecimals(Number(value), 3), rounded_to_3, value);
    } else {
      assert.equal(roundDecimals(Number(value), 4), rounded_to_4, value);
      assert.equal(roundDecimals(Number(value), 3), rounded_to_3, value);
    }
  }
});

Deno.test("formatDecimals keeps the sign of zero and numbers that have no decimals", () => {
  assert.equal(formatDecimals(-0, 4), "-0.0");
  assert.equal(formatDecimals(1e22, 4), "1e+22");
  assert.equal(formatDecimals(NaN, 4), "nan");
});

Deno.test("pythonFloat writes as Python's repr", () => {
  const cases: [number, string][] = [
    [0, "0.0"],
    [-0, "-0.0"],
    [2, "2.0"],
    [0.1, "0.1"],
    [1e15, "1000000000000000.0"],
    [1e16, "1e+16"],
    [1.5e300, "1.5e+300"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [1.25e-7, "1.25e-07"],
    [Infinity, "inf"],
    [-Infinity, "-inf"],
    [NaN, "nan"],
  ];
  for (const [value, text] of cases) assert.equal(pythonFloat(value), text);
});
