/**
 * A seeded split into parts.
 *
 * @module
 */

/**
 * Draws a part for each case: mulberry32, a small public-domain generator of 32-bit numbers by Tommy Ettinger.
 *
 * @param count Cases.
 * @param folds Parts.
 * @param seed Seed; the same one gives the same split.
 * @returns The part of each case, from 0.
 */
export function randomFolds(count: number, folds: number, seed: number): Int32Array {
  let state = seed >>> 0;
  return Int32Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.trunc(((t ^ (t >>> 14)) >>> 0) / 2 ** 32 * folds);
  });
}
