/**
 * Seeded random numbers and draws.
 *
 * @module
 */

/** Gives a number from 0 up to 1, another one each time. */
export type Random = () => number;

/**
 * A stream of random numbers: mulberry32, a small public-domain generator of 32-bit numbers by Tommy Ettinger.
 *
 * @param seed A whole number; the same one gives the same stream.
 * @returns The stream.
 *
 * @example
 * ```ts
 * import { randomFrom } from "./random.ts";
 * import assert from "node:assert/strict";
 * assert.equal(randomFrom(7)(), randomFrom(7)());
 * ```
 */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Draws without putting back (the first steps of Fisher and Yates' shuffle).
 *
 * @param from What to draw from; stays as it is.
 * @param count How many to draw; all are drawn when there are fewer.
 * @param random Where chance comes from.
 * @returns The drawn ones, in the order of the draws.
 */
export function draw(from: Int32Array, count: number, random: Random): Int32Array {
  const pool = from.slice();
  const drawn = Math.min(count, pool.length);
  for (let i = 0; i < drawn; i++) {
    const other = i + Math.trunc(random() * (pool.length - i));
    const taken = pool[other]!;
    pool[other] = pool[i]!;
    pool[i] = taken;
  }
  return pool.slice(0, drawn);
}

/**
 * A number of the standard normal distribution (Box and Muller's transform).
 *
 * @param random Where chance comes from.
 * @returns The number.
 */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
