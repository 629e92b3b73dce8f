/**
 * A plan in pieces that can be fired independently of each other.
 *
 * @module
 */
import type { Sweep } from "./plan_sweeps.ts";

/**
 * Deals the shots of a plan out like cards, so that all pieces take about as long: neighbours in a plan are alike.
 *
 * @param sweeps The plan.
 * @param pieces How many pieces, 1 or more.
 * @returns The pieces, which differ by one shot at most; every shot is in one of them.
 *
 * @example
 * ```ts
 * import { splitPlan } from "shotlab/run";
 * import assert from "node:assert/strict";
 * const shots = [1, 2, 3].map((tokens) => ({ category: "dense", tp: 1, tokens }) as const);
 * const pieces = splitPlan([{ category: "dense", tp: 1, shots }], 2);
 * assert.deepEqual(pieces.map(([sweep]) => sweep!.shots), [[shots[0], shots[2]], [shots[1]]]);
 * ```
 */
export function splitPlan(sweeps: readonly Sweep[], pieces: number): Sweep[][] {
  let dealt = 0;
  const hands: Sweep[][] = Array.from({ length: pieces }, () => []);
  for (const sweep of sweeps) {
    const first = dealt;
    dealt += sweep.shots.length;
    for (const [piece, hand] of hands.entries()) {
      const shots = sweep.shots.filter((_, index) => (first + index) % pieces === piece);
      if (shots.length > 0) hand.push({ ...sweep, shots });
    }
  }
  return hands;
}
