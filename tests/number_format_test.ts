import assert from "node:assert/strict";
import { randomFrom } from "../src/random.ts";
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

/** A number rounded to some decimals by its exact digits, ties to even. */
function roundedByHand(value: number, decimals: number): number {
  const [whole = "", fraction = ""] = Math.abs(value).toFixed(100).split(".");
  const kept = BigInt(whole + fraction.slice(0, decimals));
  const half = "5".padEnd(100 - decimals, "0");
  const dropped = fraction.slice(decimals);
  const up = dropped > half || (dropped === half && kept % 2n === 1n) ? 1n : 0n;
  const digits = String(kept + up).padStart(decimals + 1, "0");
  const at = digits.length - decimals;
  return Math.sign(value) * Number(`${digits.slice(0, at)}.${digits.slice(at)}`);
}

Deno.test("roundDecimals rounds the exact value, at ties, beside them and far from them", () => {
  const random = randomFrom(4);
  for (let i = 0; i < 4000; i++) {
    const decimals = Math.trunc(7 * random());
    const tie = (Math.trunc(10 ** (1 + 7 * random())) + 0.5) / 10 ** decimals;
    for (const value of [tie, -tie, tie * (1 + 1e-15), tie * (1 - 1e-12), tie * (0.5 + random())]) {
      assert.equal(roundDecimals(value, decimals), roundedByHand(value, decimals) || value * 0, `${value}`);
    }
  }
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
