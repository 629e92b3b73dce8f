/**
 * A seeded split into parts.
 *
 * @module
 */
import { randomFrom } from "../random.ts";

/**
 * Draws a part for each case.
 *
 * @param count Cases.
 * @param folds Parts.
 * @param seed Seed; the same one gives the same split.
 * @returns The part of each case, from 0.
 */
export function randomFolds(count: number, folds: number, seed: number): Int32Array {
  const random = randomFrom(seed);
  return Int32Array.from({ length: count }, () => Math.trunc(random() * folds));
}
