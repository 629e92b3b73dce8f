/**
 * The clocks of a lane between two sentinels.
 *
 * @module
 */

/** Clocks of the multiprocessors, in MHz. */
export interface Clocks {
  /** The last one; null when the device does not tell. */
  readonly latest: number | null;
  /** The lowest and the highest one; absent when the device does not tell. */
  readonly clocks_mhz?: readonly [number, number];
}

/** Follows the clocks of a lane. */
export interface ClockRange {
  /** The clock after the last chunk, null when the device does not tell. */
  readonly latest: number | null;
  /** Takes in the clock after a chunk; before it, an idle device may have slowed its clock. */
  see(mhz: number | null): void;
  /** The clocks since it was asked before. */
  take(): Clocks;
}

/**
 * Begins to follow the clocks of a lane.
 *
 * @returns The clocks.
 *
 * @example
 * ```ts
 * import { clockRange } from "./clock_range.ts";
 * import assert from "node:assert/strict";
 * const clocks = clockRange();
 * for (const mhz of [1980, 1410, 1965]) clocks.see(mhz);
 * assert.deepEqual(clocks.take(), { latest: 1965, clocks_mhz: [1410, 1980] });
 * ```
 */
export function clockRange(): ClockRange {
  let latest: number | null = null;
  let range: readonly [number, number] | undefined;
  return {
    get latest(): number | null {
      return latest;
    },
    see(mhz): void {
      if (mhz === null) return;
      latest = mhz;
      const [low, high] = range ?? [mhz, mhz];
      range = [Math.min(low, mhz), Math.max(high, mhz)];
    },
    take(): Clocks {
      const taken = { latest, ...range && { clocks_mhz: range } };
      range = undefined;
      return taken;
    },
  };
}
