/**
 * Linear interpolation on an ascending axis: clamped below its first value, extrapolated above its last.
 *
 * A place on an axis is the index of its lower neighbour and the fraction of the way to the next one. The order
 * of operations, lower + t * (upper - lower) with t = (q - x0) / (x1 - x0), is part of the contract with the
 * simulator: another one is off by a nanosecond at times.
 *
 * @module
 */

/**
 * `exact` on a value, `between` two, `clamped` to the first or only one (or answered by the nearest that was measured),
 * `extrapolated` beyond the last two.
 */
export type Place = "exact" | "between" | "clamped" | "extrapolated";

/** The least good of several places is the last in this order. */
const PLACES: readonly Place[] = ["exact", "between", "clamped", "extrapolated"];

/** Index of the least good place since it was reset; a lookup makes no objects, so that it is kept here. */
let farthest = 0;

/**
 * Says where a lookup read its tables.
 *
 * @param lookUp The lookup; it does not wait.
 * @returns What it gives, and the least good place on any axis that it read.
 *
 * @example
 * ```ts
 * import { interpolate, placed } from "./interpolate.ts";
 * import assert from "node:assert/strict";
 * const axis = Float64Array.of(16, 32);
 * const at = (query: number) => placed(() => interpolate(axis, Float64Array.of(10, 14), 0, 2, query));
 * assert.deepEqual(at(24), { value: 12, place: "between" });
 * assert.deepEqual(at(64), { value: 22, place: "extrapolated" });
 * ```
 */
export function placed<T>(lookUp: () => T): { readonly value: T; readonly place: Place } {
  farthest = 0;
  const value = lookUp();
  return { value, place: PLACES[farthest]! };
}

/** Notes that what was asked for was never measured, and the nearest that was answers. */
export function noteStandIn(): void {
  farthest = Math.max(farthest, 2);
}

/**
 * Finds the lower neighbour of a query.
 *
 * @param axis Ascending values; the part from `start` up to `end` is looked at.
 * @param start First index.
 * @param end Index after the last, greater than `start`.
 * @param query The query.
 * @returns The index of the last value that is not above the query and has a successor; `start` below the axis.
 */
export function lowerNeighbour(axis: Float64Array, start: number, end: number, query: number): number {
  let low = start;
  let high = end - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (axis[middle + 1]! <= query) low = middle + 1;
    else high = middle;
  }
  return low === end - 1 && low > start && query > axis[low]! ? low - 1 : low;
}

/**
 * How far a query lies between its lower neighbour and the next value.
 *
 * @param axis Ascending values.
 * @param lower The lower neighbour, as `lowerNeighbour` found it.
 * @param end Index after the last value of the axis.
 * @param query The query.
 * @returns 0 on a value, below the axis, or on an axis of one value; above 1 beyond its last value.
 */
export function fractionAbove(axis: Float64Array, lower: number, end: number, query: number): number {
  const x0 = axis[lower]!;
  if (query === x0) return 0;
  if (query < x0 || lower + 1 >= end) {
    noteStandIn();
    return 0;
  }
  const fraction = (query - x0) / (axis[lower + 1]! - x0);
  farthest = Math.max(farthest, fraction > 1 ? 3 : 1);
  return fraction;
}

/**
 * Interpolates linearly.
 *
 * @param lower Value at 0.
 * @param upper Value at 1.
 * @param t Where to look.
 * @returns The value at `t`.
 */
export function lerp(lower: number, upper: number, t: number): number {
  return lower + t * (upper - lower);
}

/**
 * Interpolates the values that belong to an axis.
 *
 * @param axis Ascending values; the part from `start` up to `end` is looked at.
 * @param values The value at each of them.
 * @param start First index.
 * @param end Index after the last.
 * @param query The query.
 * @returns The value at the query.
 */
export function interpolate(
  axis: Float64Array,
  values: Float64Array,
  start: number,
  end: number,
  query: number,
): number {
  const lower = lowerNeighbour(axis, start, end, query);
  const t = fractionAbove(axis, lower, end, query);
  return t === 0 ? values[lower]! : lerp(values[lower]!, values[lower + 1]!, t);
}
