/**
 * Texts of numbers, as C and Python write them.
 *
 * Both round the exact binary value and break ties to the even digit; JavaScript's own formatters break them
 * upwards (123456.5 to six digits is 123456 here and 123457 there).
 *
 * @module
 */

/** Significant digits of a time. */
const TIME_DIGITS = 6;

/** Decimals at which every tie of a double is visible. */
const EXACT = 100;

/** Numbers below this, times a power of ten, are exact to far less than what counts as near a tie. */
const QUICK = 1e8;
const NEAR_TIE = 1e-6;

/**
 * A number rounded to some decimals, where it is so far from a tie that multiplying it cannot have hidden one; NaN for
 * others. A whole number over a power of ten, both exact, is the double nearest to that decimal number.
 */
function quicklyRounded(value: number, decimals: number): number {
  const scale = 10 ** decimals;
  const scaled = value * scale;
  const whole = Math.round(scaled);
  const isSafe = Math.abs(scaled) < QUICK && decimals <= 15 &&
    Math.abs(Math.abs(scaled - whole) - 0.5) > NEAR_TIE;
  return isSafe ? whole / scale : NaN;
}

/** The rounded digits, with the last one made even when the exact digits say that it was a tie. */
function tieToEven(rounded: string, exact: string): string {
  const last = Number(rounded.at(-1));
  const dropped = exact.slice(exact.length - EXACT + fractionDigits(rounded));
  return last % 2 === 1 && /^50*$/.test(dropped) ? rounded.slice(0, -1) + (last - 1) : rounded;
}

function fractionDigits(text: string): number {
  const point = text.indexOf(".");
  return point < 0 ? 0 : text.length - point - 1;
}

function nonFinite(value: number): string {
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

function exponentText(mantissa: string, exponent: number): string {
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/**
 * Writes a time with six significant digits: C's `%.6g`.
 *
 * @param timeUs Time in microseconds.
 * @returns The text.
 *
 * @example
 * ```ts
 * import { formatTimeUs } from "./number_format.ts";
 * import assert from "node:assert/strict";
 * assert.equal(formatTimeUs(123456.5), "123456");
 * assert.equal(formatTimeUs(1234567.891), "1.23457e+06");
 * ```
 */
export function formatTimeUs(timeUs: number): string {
  if (!Number.isFinite(timeUs)) return nonFinite(timeUs);
  if (timeUs >= 1 && timeUs < 10 ** TIME_DIGITS) {
    const quick = quicklyRounded(timeUs, TIME_DIGITS - String(Math.trunc(timeUs)).length);
    if (quick < 10 ** TIME_DIGITS) return String(quick);
  }
  const [rounded = "", power = ""] = timeUs.toExponential(TIME_DIGITS - 1).split("e");
  const seventh = timeUs.toExponential(TIME_DIGITS).split("e")[0]?.at(-1);
  const mantissa = seventh === "5"
    ? tieToEven(rounded, timeUs.toExponential(EXACT).split("e")[0] ?? "")
    : rounded;
  const exponent = Number(power);
  if (exponent >= -4 && exponent < TIME_DIGITS) {
    return (Object.is(timeUs, -0) ? "-" : "") + Number(`${mantissa}e${exponent}`);
  }
  return exponentText(String(Number(mantissa)), exponent);
}

/**
 * Writes a number with the fewest digits that give it back: Python's `repr` of a float.
 *
 * @param value The number.
 * @returns The text, with `.0` for a whole number and an exponent below 1e-4 and from 1e16.
 *
 * @example
 * ```ts
 * import { pythonFloat } from "./number_format.ts";
 * import assert from "node:assert/strict";
 * assert.equal(pythonFloat(4), "4.0");
 * assert.equal(pythonFloat(1e-7), "1e-07");
 * ```
 */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  const size = Math.abs(value);
  if (size > 0 && size < 1e-4 || size >= 1e16) {
    const [mantissa = "", power = ""] = value.toExponential().split("e");
    return exponentText(mantissa, Number(power));
  }
  const sign = Object.is(value, -0) ? "-" : "";
  return Number.isInteger(value) ? `${sign}${value}.0` : String(value);
}

/**
 * Writes a number rounded to some decimals, then as short as possible: Python's `repr(round(value, decimals))`.
 *
 * @param value The number.
 * @param decimals Decimals to keep.
 * @returns The text.
 *
 * @example
 * ```ts
 * import { formatDecimals } from "./number_format.ts";
 * import assert from "node:assert/strict";
 * assert.equal(formatDecimals(1 / 32, 4), "0.0312");
 * ```
 */
export function formatDecimals(value: number, decimals: number): string {
  return pythonFloat(roundDecimals(value, decimals));
}

/**
 * Rounds to some decimals, ties to even on the exact binary value: Python's `round(value, decimals)`.
 *
 * @param value The number.
 * @param decimals Decimals to keep.
 * @returns The rounded number.
 *
 * @example
 * ```ts
 * import { roundDecimals } from "./number_format.ts";
 * import assert from "node:assert/strict";
 * assert.equal(roundDecimals(0.03125, 4), 0.0312);
 * ```
 */
export function roundDecimals(value: number, decimals: number): number {
  if (value === 0 || !Number.isFinite(value) || Math.abs(value) >= 1e21) return value;
  const quick = quicklyRounded(value, decimals);
  if (quick !== 0 && !Number.isNaN(quick)) return quick;
  const rounded = value.toFixed(decimals);
  return Number(
    value.toFixed(decimals + 1).endsWith("5") ? tieToEven(rounded, value.toFixed(EXACT)) : rounded,
  );
}
