/**
 * Finding a lane that is slower than its fellows, by the shots that all of them fire.
 *
 * @module
 */
import type { Quantity } from "../quantity.ts";
import type { Shot } from "../shots/shot.ts";
import { median } from "../stats.ts";

/** Shots of a sweep per one that every lane fires, and the most of these. */
const SHOTS_PER_COMMON = 50;
const MAX_COMMON = 5;

/** How much more time than the fastest a lane may need: the host's clock sees what else the host does. */
const TOLERANCE: Readonly<Record<Quantity, number>> = { kernel: 0.05, event: 0.05, wall: 0.25, estimate: 0 };

/** A lane that is slower than the fastest. */
export interface SlowLane {
  /** Position among the lanes. */
  readonly lane: number;
  /** Its time over the fastest lane's, the median over the common shots. */
  readonly ratio: number;
}

/**
 * Chooses the shots that every lane fires: evenly spread over the sweep.
 *
 * @param shots The sweep.
 * @returns Few of them; none of a sweep that is too small to pay for it.
 */
export function commonShots(shots: readonly Shot[]): Shot[] {
  const count = Math.min(MAX_COMMON, Math.floor(shots.length / SHOTS_PER_COMMON));
  return Array.from(
    { length: count },
    (_, index) => shots[Math.floor((index + 0.5) * shots.length / count)]!,
  );
}

/**
 * Finds the lanes that need more time than the fastest one for the same shots.
 *
 * @param times Microseconds of the common shots, by lane; NaN where a lane has none.
 * @param quantity What was timed: 5% are tolerated of device times, 25% of the host's clock.
 * @returns The slow lanes.
 *
 * @example
 * ```ts
 * import { slowLanes } from "./pace.ts";
 * import assert from "node:assert/strict";
 * const times = [[100, 50, 10], [101, 50, 10], [120, 60, 12]];
 * assert.deepEqual(slowLanes(times, "kernel"), [{ lane: 2, ratio: 1.2 }]);
 * ```
 */
export function slowLanes(times: readonly (readonly number[])[], quantity: Quantity): SlowLane[] {
  return times.flatMap((own, lane) => {
    const ratios = own.flatMap((time, shot) => {
      const all = times.map((other) => other[shot]!).filter((other) => !Number.isNaN(other));
      return Number.isNaN(time) || all.length < 2 ? [] : [time / Math.min(...all)];
    });
    const ratio = median(ratios);
    return ratio > 1 + TOLERANCE[quantity] ? [{ lane, ratio }] : [];
  });
}
