/**
 * Seeded random numbers: as a stream, or by name, so that they are the same in any order of asking.
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

/**
 * A number that is spread evenly over [0, 1).
 *
 * @param name What it is for.
 * @param seed A whole number.
 * @returns The number.
 *
 * @example
 * ```ts
 * import { uniform } from "./random.ts";
 * import assert from "node:assert/strict";
 * assert.equal(uniform("shot 1", 7), uniform("shot 1", 7));
 * assert.notEqual(uniform("shot 1", 7), uniform("shot 1", 8));
 * ```
 */
export function uniform(name: string, seed: number): number {
  // FNV-1a (Fowler, Noll, Vo) over the name, then murmur3's finalizer (Appleby), which spreads the low bits.
  let hash = (2166136261 ^ seed) >>> 0;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16777619);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/**
 * A number of the standard normal distribution (Box and Muller's transform).
 *
 * @param name What it is for.
 * @param seed A whole number.
 * @returns The number.
 */
export function gaussian(name: string, seed: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(`radius ${name}`, seed)));
  return radius * Math.cos(2 * Math.PI * uniform(`angle ${name}`, seed));
}
