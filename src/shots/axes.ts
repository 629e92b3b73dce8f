/**
 * The axes of the grids, as the reference profiler spaces them.
 *
 * @module
 */
import { roundDecimals } from "../number_format.ts";
import { UsageError } from "../errors.ts";

/** Shots of one sweep at most: at 10 ms each half a day, and as much memory as a planner should take. */
const MAX_SHOTS = 5_000_000;

/** Values of one axis at most. */
const MAX_VALUES = 100_000;

/** How a geometric axis grows. */
export interface GeometricOptions {
  /** First value. */
  readonly start: number;
  /** Ratio of neighbours, above 1. */
  readonly factor: number;
}

/**
 * The axis of dense and per_sequence: every value to 15, every fourth to 63, every sixteenth beyond, and the maximum.
 * A finer step holds all of these values.
 *
 * @param max Largest value.
 * @param step Step from 64 on, a divisor of 16; from 16 to 63 it is 4 at most. @default {16}
 * @returns The values, ascending.
 * @throws {UsageError} when there would be more than 100,000.
 *
 * @example
 * ```ts
 * import { tokenAxis } from "./axes.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(tokenAxis(18), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18]);
 * assert.deepEqual(tokenAxis(80, 8).slice(-5), [56, 60, 64, 72, 80]);
 * ```
 */
export function tokenAxis(max: number, step = 16): number[] {
  refuseLong(max / step, `to ${max} in steps of ${step}`);
  const axis: number[] = [];
  for (let value = 1; value < max; value += stepAt(value, step)) axis.push(value);
  return max >= 1 ? [...axis, max] : [];
}

/**
 * How far a value of the axis of dense is from the next one, where that is not the maximum.
 *
 * @param value The value.
 * @param step Step of the axis from 64 on.
 * @returns The distance.
 */
export function stepAt(value: number, step: number): number {
  return value < 16 ? 1 : value < 64 ? Math.min(4, step) : step;
}

/**
 * The powers of two from 1; a maximum that is none is not added.
 *
 * @param max Largest value.
 * @returns The values, ascending.
 */
export function powerOfTwoAxis(max: number): number[] {
  const axis: number[] = [];
  for (let value = 1; value <= max; value *= 2) axis.push(value);
  return axis;
}

/**
 * A geometric axis: a running product, rounded only for output (half to even), and the maximum.
 *
 * @param max Largest value.
 * @param options Start and factor.
 * @returns The values, ascending; only the maximum when it lies below the start, nothing when it is not above 0.
 * @throws {UsageError} when the factor is not above 1, or so small that there would be more than 100,000 steps.
 *
 * @example
 * ```ts
 * import { geometricAxis } from "./axes.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(geometricAxis(100, { start: 16, factor: 2 }), [16, 32, 64, 100]);
 * ```
 */
export function geometricAxis(max: number, options: GeometricOptions): number[] {
  const { start, factor } = options;
  if (!(factor > 1)) {
    throw new UsageError(`Cannot make a geometric axis: the factor must be above 1, got ${factor}`);
  }
  if (max <= 0) return [];
  refuseLong(Math.log(max / start) / Math.log1p(factor - 1), `from ${start} to ${max} with factor ${factor}`);
  const axis: number[] = [];
  for (let value = start; value < max; value *= factor) {
    const rounded = roundDecimals(value, 0);
    if (rounded !== axis.at(-1)) axis.push(rounded);
  }
  return axis.at(-1) === max ? axis : [...axis, max];
}

/**
 * A geometric axis with a leading 0.
 *
 * @param max Largest value.
 * @param options Start and factor.
 * @returns The values, ascending; only 0 when the maximum lies below the start.
 * @throws {UsageError} when the factor is not above 1, or so small that there would be more than 100,000 steps.
 */
export function geometricAxisFromZero(max: number, options: GeometricOptions): number[] {
  const axis = geometricAxis(max, options);
  return max < options.start ? [0] : [0, ...axis];
}

/**
 * Refuses a sweep that nobody could fire, before its shots are listed.
 *
 * @param category What is swept.
 * @param count How many shots its axes span.
 * @throws {UsageError} when there are more than 5 million.
 */
export function refuseHuge(category: string, count: number): void {
  if (count <= MAX_SHOTS) return;
  throw new UsageError(
    `Cannot plan ${category}: its grid must span ${MAX_SHOTS} shots at most, got ${count}; ` +
      "raise its factors, or lower how far it reaches",
  );
}

function refuseLong(steps: number, which: string): void {
  if (!(steps > MAX_VALUES)) return;
  throw new UsageError(
    `Cannot make an axis ${which}: it must have ${MAX_VALUES} steps at most, got ${Math.ceil(steps)}`,
  );
}
