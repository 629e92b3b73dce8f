/**
 * Which shots to measure next.
 *
 * @module
 */
import { draw, normal, type Random } from "../random.ts";

/** The next shots. */
export interface Chosen {
  /** Those whose predicted error is largest. */
  readonly doubtful: Int32Array;
  /** Those that chance picked: a fair sample of the shots that were left. */
  readonly fair: Int32Array;
}

/** The share of a round that chance picks: it finds what the model does not know that it does not know. */
const FAIR_SHARE = 0.5;
/** How far chance stirs the order of predicted errors, so that a round is not all neighbours: a factor's logarithm. */
const STIR = 0.8;

/**
 * Chooses shots: half of them by chance, half by the largest predicted error.
 *
 * @param count How many; all that are left when they are fewer.
 * @param left The shots that may be chosen.
 * @param predictedError The predicted error of every shot, in any unit; null when nothing is known yet.
 * @param random Where chance comes from.
 * @param candidates Those among which the doubtful half is sought; the predicted errors of others are not read.
 * @returns The shots; no shot is in both halves.
 *
 * @example
 * ```ts
 * import { chooseShots } from "./acquisition.ts";
 * import { randomFrom } from "../random.ts";
 * import assert from "node:assert/strict";
 * const left = Int32Array.of(0, 1, 2);
 * assert.deepEqual([...chooseShots(2, left, Float64Array.of(0.01, 9, 0.01), randomFrom(2)).doubtful], [1]);
 * ```
 */
export function chooseShots(
  count: number,
  left: Int32Array,
  predictedError: Float64Array | null,
  random: Random,
  candidates: Int32Array = left,
): Chosen {
  if (predictedError === null) return { doubtful: new Int32Array(), fair: draw(left, count, random) };
  const fair = draw(left, Math.ceil(FAIR_SHARE * count), random);
  const taken = new Set(fair);
  const rest = candidates.filter((shot) => !taken.has(shot));
  const stirred = new Map(
    Array.from(rest, (shot) => [shot, predictedError[shot]! * Math.exp(STIR * normal(random))]),
  );
  const doubtful = rest.toSorted((a, b) => stirred.get(b)! - stirred.get(a)!);
  return { doubtful: doubtful.slice(0, count - fair.length), fair };
}
