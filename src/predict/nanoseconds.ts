/**
 * Times in whole nanoseconds, rounded as the simulator rounds them.
 *
 * @module
 */

/**
 * Rounds to the nearest integer, ties to the even one.
 *
 * @param value The number.
 * @returns The integer.
 *
 * @example
 * ```ts
 * import { roundHalfEven } from "./nanoseconds.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual([0.5, 1.5, 2.5].map(roundHalfEven), [0, 2, 2]);
 * ```
 */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/**
 * Converts a row's time.
 *
 * @param timeUs Time in microseconds.
 * @returns Time in nanoseconds, at least 1.
 */
export function nanoseconds(timeUs: number): number {
  return Math.max(1, roundHalfEven(timeUs * 1000));
}

/**
 * Cuts an interpolated time to what a lookup answers.
 *
 * @param ns Time in nanoseconds.
 * @returns Whole nanoseconds, at least 1.
 */
export function wholeNanoseconds(ns: number): number {
  return ns < 1 ? 1 : Math.trunc(ns);
}
