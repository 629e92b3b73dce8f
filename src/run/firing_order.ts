/**
 * The order in which the shots of a sweep are fired.
 *
 * @module
 */
import { uniform } from "../random.ts";
import type { Shot } from "../shots/shot.ts";
import { idOf, shotText } from "../shots/shot_id.ts";

/**
 * Shuffles shots, so that a device that changes while it is measured does not leave its trace along an axis. A shot's
 * place depends on its name and the seed alone: a resumed run goes on in the same order.
 *
 * @param shots The shots.
 * @param seed A whole number.
 * @returns The same shots in another order.
 *
 * @example
 * ```ts
 * import { shuffled } from "./firing_order.ts";
 * import assert from "node:assert/strict";
 * const shots = [1, 2, 3, 4].map((tokens) => ({ category: "dense", tp: 1, tokens }) as const);
 * assert.deepEqual(shuffled(shots, 7), shuffled([...shots].reverse(), 7));
 * ```
 */
export function shuffled<S extends Shot>(shots: readonly S[], seed: number): S[] {
  return shots.map((shot) => ({ shot, place: uniform(shotText(idOf(shot)), seed) }))
    .sort((a, b) => a.place - b.place)
    .map(({ shot }) => shot);
}
