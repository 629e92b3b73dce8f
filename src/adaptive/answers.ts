/**
 * Rounds of shots and their answers.
 *
 * @module
 */
import type { Designed, Round } from "./design.ts";

/**
 * The times of a round's shots in microseconds, in their order, those of a shot's kernels side by side, null for one that
 * failed.
 */
export type Answers = readonly (number | null)[];

/** Measures shots: the time of each in microseconds, null for one that failed. */
export type Measure<Shot> = (shots: readonly Shot[]) => Promise<Answers>;

/**
 * Rounds in terms of shots, made of those of a design.
 *
 * @param rounds The design's.
 * @param shots All shots, in the design's order.
 * @param tell Says what was found out about them.
 * @returns The rounds, and what was found out in the end.
 */
export function* answered<Shot, Found>(
  rounds: Generator<Round, Designed, ArrayLike<number>>,
  shots: readonly Shot[],
  tell: (designed: Designed) => Found,
): Generator<Round<readonly Shot[], Found>, Found, Answers> {
  let step = rounds.next();
  while (!step.done) {
    const { shots: asked, isLast, errors, found } = step.value;
    const times = yield {
      shots: Array.from(asked, (shot) => shots[shot]!),
      isLast,
      errors,
      found: found === null ? null : (): Found => tell(found()),
    };
    step = rounds.next(Float64Array.from(times, (time) => time ?? NaN));
  }
  return tell(step.value);
}

/**
 * Measures what rounds ask for.
 *
 * @param rounds The rounds.
 * @param measure Measures shots.
 * @returns What was found out.
 */
export async function measureAll<Shot, Found>(
  rounds: Generator<Round<readonly Shot[], Found>, Found, Answers>,
  measure: Measure<Shot>,
): Promise<Found> {
  let step = rounds.next();
  while (!step.done) step = rounds.next(await measure(step.value.shots));
  return step.value;
}
