/**
 * What a sweep comes down to: rounds of shots to fire.
 *
 * @module
 */
import type { Sweep } from "../shots/plan_sweeps.ts";
import { type Shot, shotKey } from "../shots/shot.ts";
import type { RunEvent } from "../events.ts";
import { dueSkew, isDue } from "./due.ts";
import type { ExecuteOptions } from "./execute.ts";
import { shuffled } from "./firing_order.ts";

/**
 * A step of a sweep: shots to fire in this order, that all were fired and what follows is predicted, a pause in which
 * another sweep may go on, or something to tell.
 */
export type Step =
  | { readonly type: "fire"; readonly shots: readonly Shot[] }
  | { readonly type: "fired" }
  | { readonly type: "pause" }
  | RunEvent;

/** How many shots a sweep has. */
export interface Extent {
  /** Shots that are to have been fired when it is over, at most. */
  readonly planned: number;
  /** Those that need no firing. */
  readonly done: number;
}

/** A sweep, and how it is fired. */
export interface SweepTask {
  /** The sweep. */
  readonly sweep: Sweep;
  /**
   * How large it is.
   *
   * @param before Sweeps that are fired before it, and have not been yet.
   */
  extent(before?: readonly Sweep[]): Extent;
  /** Why it must be left out, as things stand now; null when it may be fired. */
  problem(): string | null;
  /** Its steps; the next one is asked for when the one before is done. */
  steps(): Iterator<Step>;
  /** By how much its last round lowered the error for each second; Infinity before that is known, 0 without rounds. */
  readonly gain: number;
}

/**
 * Fires all that is due of a sweep.
 *
 * @param sweep The sweep.
 * @param options What is known of its shots, and in which order they are fired.
 * @returns The task.
 */
export function wholeSweep(sweep: Sweep, options: ExecuteOptions): SweepTask {
  const due = (before: readonly Sweep[] = []): readonly Shot[] => {
    const shots = dueInPlan(sweep, options, before);
    return typeof options.seed === "number" ? shuffled(shots, options.seed) : shots;
  };
  return {
    sweep,
    extent(before): Extent {
      const planned = sweep.shots.length;
      return { planned, done: planned - due(before).length };
    },
    problem: () => skewProblem(sweep, options),
    *steps(): Generator<Step> {
      yield { type: "fire", shots: due() };
    },
    gain: 0,
  };
}

/**
 * Why a sweep must be left out.
 *
 * @param sweep The sweep.
 * @param options What is known.
 * @returns The reason, null when there is none.
 */
export function skewProblem(
  { category, tp }: Sweep,
  { session, again = false }: Pick<ExecuteOptions, "session" | "again">,
): string | null {
  return category === "skew" ? session.skewProblem(tp, again) : null;
}

/**
 * Finds the shots of a sweep to fire.
 *
 * @param sweep The sweep.
 * @param options What is known of its shots, and what is fired again.
 * @param before Sweeps that are fired before it, and have not been yet.
 * @returns The shots; of skew cases with the batches that nothing else gives.
 */
export function dueInPlan(
  sweep: Sweep,
  options: Pick<ExecuteOptions, "session" | "again" | "retryFailed">,
  before: readonly Sweep[],
): readonly Shot[] {
  const { session, again = false, retryFailed = false } = options;
  const mode = session.skewMode;
  if (sweep.category !== "skew" || mode === null) return sweep.shots.filter((shot) => isDue(shot, options));
  const attention = before.find(({ category, tp }) => category === "attention" && tp === sweep.tp);
  const keys = new Set(attention?.shots.map((shot) => shotKey(shot).join()));
  const promised = (batch: readonly number[]): boolean => keys.has(batch.join());
  return dueSkew(sweep.shots.filter((shot) => shot.category === "skew"), {
    session,
    mode,
    again,
    retryFailed,
    promised,
  });
}
