/**
 * A sentinel that was fired: one shot that is repeated to see whether the device still is what it was.
 *
 * @module
 */
import type { Quantity } from "../quantity.ts";
import { median } from "../stats.ts";
import type { SentinelLine } from "./line.ts";

/** Largest share by which the clock of the multiprocessors may move. */
const CLOCK_SHARE = 0.1;
/**
 * Share by which a shot may begin below the clock that sentinels begin at: an H200's is within 4% of its fastest unless a
 * limit lowers it (`docs/gpu-timing.md`).
 */
const OWN_CLOCK_SHARE = 0.05;
/** Share by which the sentinel of device times may move: below the steps of 4.4% of a GPU that changes its clocks. */
const DEVICE_SHARE = 0.03;
/**
 * Share by which the sentinel of wall times may move. They hold whatever else the host does, other processes and its
 * scheduler among it, which comes and goes by a tenth; only a state that lasts and costs much is worth the time to
 * measure again. The same share tells a slow lane of a pool from its fellows.
 */
const WALL_SHARE = 0.25;

/**
 * The share by which a sentinel may move unless the settings say otherwise.
 *
 * @param quantity What is timed.
 * @returns The share.
 *
 * @example
 * ```ts
 * import { usualDriftShare } from "shotlab/run";
 * import assert from "node:assert/strict";
 * assert.deepEqual((["kernel", "wall"] as const).map(usualDriftShare), [0.03, 0.25]);
 * ```
 */
export function usualDriftShare(quantity: Quantity): number {
  return quantity === "wall" ? WALL_SHARE : DEVICE_SHARE;
}

/** The time of a sentinel: the sum over its layers of the medians of their samples, in microseconds. */
export function sentinelTimeUs(samples: Readonly<Record<string, readonly number[]>>): number {
  return Object.values(samples).reduce((sum, values) => sum + median(values), 0);
}

/**
 * Whether a clock has moved too far.
 *
 * @param first What it was, in MHz; null when unknown.
 * @param now What it is, in MHz; null when unknown.
 * @returns Whether it has moved by more than a tenth.
 */
export function clockMoved(first: number | null, now: number | null): boolean {
  return first !== null && now !== null && Math.abs(now / first - 1) > CLOCK_SHARE;
}

/**
 * The lowest clock that is as good as another.
 *
 * @param fastestMhz What shots begin at on a device that nothing slows, in MHz.
 * @returns What they may begin at, in MHz.
 */
export function leastClock(fastestMhz: number): number {
  return (1 - OWN_CLOCK_SHARE) * fastestMhz;
}

/** A sentinel that was fired. */
export interface Reading {
  readonly timeUs: number;
  readonly clockMhz: number | null;
  readonly lowMhz: number | null;
  readonly highMhz: number | null;
  readonly atS: number | null;
  /** The clock that it began at, as the device itself counted it. */
  readonly beganMhz: number | null;
  /** Whether it had moved in the eyes of who wrote format 1. */
  readonly moved: boolean | undefined;
}

/**
 * Reads what a sentinel's line says.
 *
 * @param line The line.
 * @returns Its time, clocks and moment.
 */
export function readingOf(line: SentinelLine): Reading {
  const { samples, clock_mhz: clockMhz, clocks_mhz, shot_clocks_mhz, at_s: atS = null, moved } = line;
  const [lowMhz, highMhz] = clocks_mhz ?? [clockMhz, clockMhz];
  const beganMhz = shot_clocks_mhz?.[0] ?? null;
  return { timeUs: sentinelTimeUs(samples), clockMhz, lowMhz, highMhz, atS, beganMhz, moved };
}

/**
 * The clocks of a sentinel and of the chunks before it.
 *
 * @param reading The sentinel.
 * @returns In MHz: after it, the lowest and the highest; null where the device does not tell.
 */
export function clocksOf({ clockMhz, lowMhz, highMhz }: Reading): (number | null)[] {
  return [clockMhz, lowMhz, highMhz];
}

/**
 * The clock of a sentinel that is farthest from the usual one.
 *
 * @param reading The sentinel.
 * @param usualMhz The usual clock in MHz, null when it is not known.
 * @returns The clock in MHz, null when the device does not tell.
 */
export function farthestClock(
  { clockMhz, lowMhz, highMhz }: Reading,
  usualMhz: number | null,
): number | null {
  if (lowMhz === null || highMhz === null) return clockMhz;
  const middle = usualMhz ?? clockMhz ?? lowMhz;
  return Math.abs(highMhz - middle) > Math.abs(lowMhz - middle) ? highMhz : lowMhz;
}
