/**
 * Rounds of choosing, measuring and learning, until enough is known about all shots.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { quantile } from "../fit/errors.ts";
import { chooseShots } from "./acquisition.ts";
import type { Features } from "./features.ts";
import { type TableErrors, tableErrors } from "./held_out.ts";
import { randomFrom } from "./random.ts";
import { learn, type Learned, prepare, QUICK, THOROUGH } from "./time_model.ts";

/** When a design ends, and what chance is made from. */
export interface DesignOptions {
  /** The share of the shots that is measured at most. @default {1} */
  readonly shots?: number;
  /**
   * Ends when 90% of the table's rows are within this relative error, with 95% confidence. Without it, all shots
   * that are allowed are measured.
   */
  readonly error?: number;
  /** Seed of every draw. @default {0} */
  readonly seed?: number;
  /** Is told the end of each round but the last. */
  readonly onRound?: (round: Round) => void;
}

/** The end of a round. */
export interface Round {
  /** Shots measured so far, those that failed among them. */
  readonly fired: number;
  /** Errors of the table, were it made now, by a model made in haste. */
  readonly errors: TableErrors;
}

/** Measures shots: the time of each in microseconds, NaN or 0 for one that failed. */
export type Measure = (shots: Int32Array) => Promise<ArrayLike<number>>;

/** What a design found out about each shot. */
export interface Designed {
  /** Times in microseconds: measured or predicted; NaN for shots that failed. */
  readonly timesUs: Float64Array;
  /** The shots whose time was measured, ascending. */
  readonly measured: Int32Array;
  /** The shots whose time is predicted, ascending. */
  readonly predicted: Int32Array;
  /** The relative error that 90% of shots like this one stay within, by shot; 0 for measured ones. */
  readonly expectedErrors: Float64Array;
  /** Errors of all rows. */
  readonly errors: TableErrors;
}

/** The share of the shots that the first round measures. */
const FIRST_SHARE = 0.03;
/** Shots without which nothing can be learned. */
const FIRST_SHOTS = 50;
/** How much a round adds to all rounds before it, about. */
const GROWTH = 1.4;
/** The least disagreement that counts, as a share of the time: members can agree by chance. */
const LEAST_DISAGREEMENT = 0.001;
/** How much smaller the error of another way than the first must be to take its place; chance alone is not enough. */
const CLEARLY_BETTER = 0.95;

/**
 * Measures some shots, chosen in rounds, and predicts the others.
 *
 * @param views Features of all shots, in one or more ways; after each round the first one counts, or one that
 * predicts unseen shots clearly better.
 * @param measure Measures shots.
 * @param options When it ends.
 * @returns What is known about every shot.
 * @throws {UsageError} when an option is out of range, or leaves too few shots to learn from.
 * @throws {Error} when so many shots failed that nothing can be learned.
 */
export async function design(
  views: readonly [Features, ...Features[]],
  measure: Measure,
  options: DesignOptions = {},
): Promise<Designed> {
  const { shots = 1, error = 0, seed = 0, onRound } = options;
  inRange("shots", shots, (share) => share > 0 && share <= 1, "a share above 0 and up to 1");
  inRange("error", error, (share) => share >= 0 && share < 1, "a share from 0 up to 1");
  const count = views[0].kernel.length;
  const all = Int32Array.from({ length: count }, (_, shot) => shot);
  const prepared = views.map(prepare);
  let best = 0;
  const random = randomFrom(seed);
  const logTimes = new Float64Array(count).fill(NaN);
  const fair = new Uint8Array(count);
  let left = all;
  let measured = new Int32Array();
  let learned: Learned | null = null;
  const surprises: number[] = [];
  const tableErrorsNow = ({ heldOut }: Learned): TableErrors =>
    tableErrors(
      Float64Array.from(measured.filter((shot) => fair[shot] === 1), (shot) => Math.expm1(-heldOut[shot]!)),
      left.length / (left.length + measured.length),
    );
  const goals = shots === 1 && error === 0 ? [count] : roundGoals(count, shots);
  for (const goal of goals) {
    const chosen = chooseShots(goal - (count - left.length), left, learned?.disagreement ?? null, random);
    for (const shot of chosen.fair) fair[shot] = 1;
    const next = Int32Array.of(...chosen.fair, ...chosen.doubtful);
    const times = await measure(next);
    for (const [i, shot] of next.entries()) logTimes[shot] = times[i]! > 0 ? Math.log(times[i]!) : NaN;
    if (learned !== null) surprises.push(...surprisesOf(learned, chosen.fair, logTimes));
    const fired = new Set(next);
    left = left.filter((shot) => !fired.has(shot));
    measured = Int32Array.of(...measured, ...next.filter((shot) => !Number.isNaN(logTimes[shot]))).sort();
    if (left.length > 0 && measured.length < FIRST_SHOTS / 2) {
      throw new Error(
        `Cannot predict the other shots: ${measured.length} of the ${
          count - left.length
        } that were fired gave a time`,
      );
    }
    if (goal === goals.at(-1)) break;
    const ways = prepared.map((each) => learn(each, measured, logTimes, QUICK, seed + goal));
    const errors = ways.map(tableErrorsNow);
    const misses = errors.map(({ p90 }, at) => p90.estimate * (at === 0 ? CLEARLY_BETTER : 1));
    best = misses.indexOf(Math.min(...misses));
    learned = ways[best]!;
    onRound?.({ fired: goal, errors: errors[best]! });
    if (surprises.length > 0 && errors[best]!.p90.upper <= error) break;
  }
  const last = learn(prepared[best]!, measured, logTimes, THOROUGH, seed);
  return {
    timesUs: mergedTimes(logTimes, last, left),
    measured,
    predicted: left,
    expectedErrors: expectedErrors(last, surprises, left),
    errors: tableErrorsNow(last),
  };
}

function mergedTimes(logTimes: Float64Array, learned: Learned, predicted: Int32Array): Float64Array {
  const times = logTimes.map(Math.exp);
  for (const shot of predicted) times[shot] = Math.exp(learned.logTimes[shot]!);
  return times;
}

/** How many times larger than the disagreement the errors were, on fair shots that no member had seen. */
function surprisesOf(learned: Learned, fair: Int32Array, logTimes: Float64Array): Float64Array {
  return Float64Array.from(
    fair.filter((shot) => !Number.isNaN(logTimes[shot])),
    (shot) => Math.abs(logTimes[shot]! - learned.logTimes[shot]!) / doubt(learned, shot),
  );
}

function doubt({ disagreement }: Learned, shot: number): number {
  return Math.max(disagreement[shot]!, LEAST_DISAGREEMENT);
}

/**
 * Disagreement, on the scale that makes 90% of the surprises stay within (Papadopoulos and others, "Inductive
 * confidence machines for regression", 2002).
 */
function expectedErrors(learned: Learned, surprises: readonly number[], predicted: Int32Array): Float64Array {
  const errors = new Float64Array(learned.logTimes.length);
  if (predicted.length === 0) return errors;
  const scale = quantile(Float64Array.from(surprises).sort(), 0.9);
  for (const shot of predicted) errors[shot] = Math.expm1(scale * doubt(learned, shot));
  return errors;
}

function inRange(name: string, value: number, rule: (value: number) => boolean, words: string): void {
  if (!rule(value)) throw new UsageError(`Cannot choose shots: ${name} must be ${words}, got ${value}`);
}

/** How many shots are fired after each round. */
function roundGoals(count: number, share: number): number[] {
  const last = Math.round(share * count);
  if (last < count && last < 2 * FIRST_SHOTS) {
    throw new UsageError(
      `Cannot choose shots: at least ${
        2 * FIRST_SHOTS
      } must be measured to predict others, got ${last} of ${count}`,
    );
  }
  const first = Math.min(Math.trunc(last / 2), Math.max(FIRST_SHOTS, Math.ceil(FIRST_SHARE * count)));
  if (first < FIRST_SHOTS) return count === 0 ? [] : [count];
  const steps = Math.ceil(Math.log(last / first) / Math.log(GROWTH));
  return [
    ...Array.from({ length: steps }, (_, i) => Math.round(first * (last / first) ** (i / steps))),
    last,
  ];
}
