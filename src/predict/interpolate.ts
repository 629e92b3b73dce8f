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
  if (query <= x0 || lower + 1 >= end) return 0;
  return (query - x0) / (axis[lower + 1]! - x0);
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
