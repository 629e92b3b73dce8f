/**
 * When a lane fires its sentinel.
 *
 * @module
 */
import type { FireFact, ShotOutcome } from "../harness/harness.ts";
import { clockRange, type Clocks } from "../journal/clock_range.ts";
import { clockMoved, sentinelTimeUs } from "../journal/sentinel.ts";
import type { Shot } from "../shots/shot.ts";
import type { LaneStep } from "./lane.ts";

/** Samples of a sentinel: more than a shot gets, so that its median is steadier than what it judges. */
export const SENTINEL_SAMPLES = 9;
/** How often the first sentinel is fired at most until two in a row agree; the device warms up meanwhile. */
const MOST_FIRSTS = 5;

/** A sentinel that a lane fires between chunks. */
export interface SentinelOptions {
  /** The shot to repeat. */
  readonly shot: Shot;
  /** Seconds from one to the next; 0 for one before each chunk. */
  readonly everyS: number;
  /** Share by which two in a row may differ for the first of them all to count. */
  readonly share: number;
}

/** Follows the time and the clock of one lane. */
export interface SentinelWatch {
  /** Whether no sentinel was fired since the boot. */
  readonly isFirst: boolean;
  /** An engine was booted: its first sentinel is due. */
  restart(): void;
  /** Whether a sentinel is due: the first one, after so many seconds, or because the clock has moved. */
  isDue(everyS: number): boolean;
  /** The sentinel cannot be fired: none is due before the next boot. */
  giveUp(): void;
  /** Takes in the state of the device at the end of a chunk; before it, an idle device may have slowed its clock. */
  see(fact: FireFact): void;
  /**
   * A sentinel was fired.
   *
   * @param counts Whether it counts; if not, it is fired once more at once.
   * @returns The clocks since the one before.
   */
  fired(counts: boolean): Clocks;
}

/**
 * Begins to watch.
 *
 * @param now The time, in milliseconds.
 * @returns The watch.
 */
export function sentinelWatch(now: () => number = () => performance.now()): SentinelWatch {
  let lastMs: number | null = null;
  let off = false;
  let firstClock: number | null = null;
  const clocks = clockRange();
  return {
    get isFirst(): boolean {
      return lastMs === null;
    },
    restart(): void {
      lastMs = null;
      off = false;
    },
    giveUp(): void {
      off = true;
    },
    isDue: (everyS) =>
      !off && (lastMs === null || now() - lastMs >= everyS * 1000 || clockMoved(firstClock, clocks.latest)),
    see(fact): void {
      if (fact.type === "state") clocks.see(fact.sm_clock_mhz);
    },
    fired(counts): Clocks {
      if (counts) {
        firstClock ??= clocks.latest;
        lastMs = now();
      }
      return clocks.take();
    },
  };
}

/**
 * Fires a sentinel; the first of an engine until two in a row agree.
 *
 * @param watch The lane's watch.
 * @param sentinel What to repeat.
 * @param fire Fires the shot once.
 * @returns The facts on the way, and the sentinel at last.
 */
export async function* fireSentinel(
  watch: SentinelWatch,
  { shot, share }: SentinelOptions,
  fire: () => AsyncGenerator<LaneStep>,
): AsyncGenerator<LaneStep> {
  let before: number | null = null;
  for (let left = watch.isFirst ? MOST_FIRSTS : 1; left > 0; left--) {
    let outcome: ShotOutcome | undefined;
    for await (const step of fire()) {
      if (step.type === "outcome") outcome = step.outcome;
      else yield step;
    }
    if (outcome?.status === "failed") watch.giveUp();
    const timeUs = outcome?.status === "measured" ? sentinelTimeUs(outcome.samples) : null;
    const agrees = timeUs === null || (before !== null && Math.abs(timeUs / before - 1) <= share);
    const counts = left === 1 || agrees;
    const clocks = watch.fired(counts);
    if (counts) {
      yield { type: "sentinel", shot, outcome: outcome!, clocks };
      return;
    }
    before = timeUs;
  }
}
