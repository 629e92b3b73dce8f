/**
 * Which clock a device had when shots were fired: what its state said after the chunk that they were in.
 *
 * @module
 */
import type { SweepCategory } from "../shots/shot.ts";
import type { JournalLine } from "./line.ts";

/** How many shots were fired at which clock of the multiprocessors, by category, then by MHz. */
type ClockCounts = Partial<Record<SweepCategory, Readonly<Record<string, number>>>>;

/** Follows the clock through a journal. */
export interface ClockTally {
  /** Takes in the next line. */
  take(line: JournalLine): void;
  /** What was found; empty where the device does not tell its clock. */
  readonly counts: Readonly<ClockCounts>;
}

/**
 * Begins to follow.
 *
 * @returns What follows.
 *
 * @example
 * ```ts
 * import { countClocks } from "./clock_counts.ts";
 * import assert from "node:assert/strict";
 * const clocks = countClocks();
 * clocks.take({ type: "shot", category: "dense", tp: 1, key: [2048], samples: { o_proj: [120] } });
 * const others = { memory_clock_mhz: 3201, temperature_c: 50, power_w: 690, throttle: ["sw_power_cap"] };
 * clocks.take({ type: "state", sm_clock_mhz: 1830, ...others });
 * assert.deepEqual(clocks.counts, { dense: { 1830: 1 } });
 * ```
 */
export function countClocks(): ClockTally {
  /** Shots of which no clock is known yet, by lane. */
  const waiting = new Map<string | undefined, SweepCategory[]>();
  const counts: Partial<Record<SweepCategory, Record<string, number>>> = {};
  return {
    counts,
    take(line): void {
      if (line.type === "session") waiting.clear();
      if (line.type === "shot") {
        const shots = waiting.get(line.lane) ?? [];
        shots.push(line.category);
        waiting.set(line.lane, shots);
      }
      if (line.type !== "state") return;
      for (const category of waiting.get(line.lane) ?? []) {
        if (line.sm_clock_mhz === null) continue;
        const own = counts[category] ??= {};
        own[line.sm_clock_mhz] = (own[line.sm_clock_mhz] ?? 0) + 1;
      }
      waiting.delete(line.lane);
    },
  };
}
