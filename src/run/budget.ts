/**
 * Time that a run may spend, and what more of it would buy.
 *
 * @module
 */
import { formatCount, plural } from "../count_text.ts";
import { formatDuration } from "../progress/duration.ts";
import { percent } from "../stats.ts";
import type { SweepCategory } from "../shots/shot.ts";

/** Time for one degree: booting, firing, choosing and predicting. */
export interface Budget {
  /** The time, in seconds. */
  readonly seconds: number;
  /** A clock, in milliseconds. */
  nowMs(): number;
  /** What is left of it for firing, in seconds: without what is reserved. */
  leftS(): number;
  /** Keeps time for the last predictions of a category, in seconds, in place of what was kept for it before. */
  reserve(category: SweepCategory, seconds: number): void;
  /** Tells how long choosing and predicting took, in seconds. */
  think(seconds: number): void;
  /** How long choosing and predicting have taken so far, in seconds. */
  readonly thoughtS: number;
  /** How many shots of a category the time left is enough for; Infinity before it is known how long they take. */
  affords(category: SweepCategory): number;
  /** Tells how long so many shots of a category took, in seconds. */
  spend(category: SweepCategory, took: { readonly seconds: number; readonly shots: number }): void;
  /** How long a shot of a category takes, in seconds; null before it is known. */
  pace(category: SweepCategory): number | null;
}

/**
 * Starts the clock of a budget.
 *
 * @param seconds The time.
 * @param nowMs A clock in milliseconds.
 * @returns The budget, which runs from now on.
 *
 * @example
 * ```ts
 * import { openBudget } from "shotlab/run";
 * import assert from "node:assert/strict";
 * let now = 0;
 * const budget = openBudget(10, () => now);
 * assert.equal(budget.affords("attention"), Infinity);
 * now = 2000;
 * budget.spend("attention", { seconds: 2, shots: 40 });
 * assert.equal(budget.affords("attention"), 160);
 * ```
 */
export function openBudget(seconds: number, nowMs: () => number = () => performance.now()): Budget {
  const end = nowMs() + 1000 * seconds;
  const reserved = new Map<SweepCategory, number>();
  let thoughtS = 0;
  const spent = new Map<SweepCategory, { seconds: number; shots: number }>();
  const pace = (category: SweepCategory): number | null => {
    const known = spent.get(category);
    return known === undefined ? null : known.seconds / known.shots;
  };
  const leftS = (): number =>
    Math.max(0, (end - nowMs()) / 1000 - reserved.values().reduce((sum, kept) => sum + kept, 0));
  return {
    seconds,
    nowMs,
    leftS,
    reserve: (category, kept) => void reserved.set(category, kept),
    think: (took) => void (thoughtS += took),
    get thoughtS(): number {
      return thoughtS;
    },
    affords(category): number {
      const each = pace(category);
      return each === null ? Infinity : Math.floor(leftS() / each);
    },
    spend(category, took): void {
      if (took.shots === 0) return;
      const before = spent.get(category) ?? { seconds: 0, shots: 0 };
      spent.set(category, {
        seconds: before.seconds + took.seconds,
        shots: before.shots + took.shots,
      });
    },
    pace,
  };
}

/**
 * Says, once it is known how long shots of a sweep take, that a budget is not enough for all of them.
 *
 * @param budget The budget.
 * @param sweep The sweep.
 * @param left Shots of it that are not fired yet.
 * @returns The sentence; null when the budget is enough, or nobody knows yet.
 */
export function notEnough(
  budget: Budget,
  { category, tp }: { readonly category: SweepCategory; readonly tp: number },
  left: number,
): string | null {
  const pace = budget.pace(category);
  if (pace === null || budget.affords(category) >= left) return null;
  const needed = formatDuration(left * pace);
  return `tp ${tp} ${category}: the ${
    plural(left, "other shot")
  } would take about ${needed}, of the budget ` +
    `${formatDuration(budget.leftS())} are left: a part of them is fired, the others are predicted`;
}

/** A sweep that a budget has cut short. */
export interface CutSweep {
  /** Its category. */
  readonly category: SweepCategory;
  /** Shots that were fired. */
  readonly fired: number;
  /** Shots that were not. */
  readonly left: number;
  /** What 90% of the rows stay within now, as a share. */
  readonly error: number;
  /** After each round but the last, how many shots had been fired and what 90% of the rows stayed within. */
  readonly curve: readonly { readonly fired: number; readonly error: number }[];
}

/**
 * Says what as much time again would buy, if errors went on falling with the number of shots as they have.
 *
 * @param budget The budget that is spent.
 * @param tp Tensor-parallel degree.
 * @param cut The sweeps that it has cut short.
 * @returns The sentence; null when there is nothing to say.
 */
export function moreWouldBuy(budget: Budget, tp: number, cut: readonly CutSweep[]): string | null {
  const promises = cut.flatMap(({ category, fired, left, error, curve }) => {
    const [first, last] = [curve[0], curve.at(-1)];
    const pace = budget.pace(category);
    if (first === undefined || last === undefined || first === last || pace === null) return [];
    const slope = Math.max(0, Math.log(first.error / last.error) / Math.log(last.fired / first.fired));
    const more = Math.min(left, Math.floor(budget.seconds / pace));
    const then = more === left ? "0" : `about ${percent(error * (fired / (fired + more)) ** slope)}`;
    return [
      `${category} from ${percent(error)} to ${then} (${formatCount(more)} of the ${
        plural(left, "other shot")
      })`,
    ];
  });
  if (promises.length === 0) return null;
  return `As much time again, ${
    Math.round(budget.seconds)
  } s at tp ${tp}, would bring the error that 90% of the ` +
    `rows stay within down: ${promises.join(", or ")}`;
}
