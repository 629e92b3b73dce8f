/**
 * Random numbers that depend on a name and a seed alone, so that they are the same in any order of asking.
 *
 * @module
 */

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
