/**
 * Rounds of choosing, measuring and learning, until enough is known about all shots.
 *
 * @module
 */
import { draw, randomFrom } from "../random.ts";
import { UsageError } from "../errors.ts";
import { quantile } from "../stats.ts";
import { chooseShots } from "./acquisition.ts";
import { type TableErrors, tableErrors } from "./held_out.ts";
import type { Predicted } from "./learned_model.ts";
import { type Effort, learn, type Learned, QUICK, type Surrogate, THOROUGH } from "./time_model.ts";

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
  /**
   * The times in microseconds of a shot that was measured though no round asked for it, one for each kernel, NaN for
   * any other; asked when the rounds are over. Without it there are none.
   */
  readonly known?: (shot: number) => readonly number[];
}

/** A round: what it asks for, and what the rounds before it have found out. */
export interface Round<Shots = Int32Array, Found = Designed> {
  /** The shots to measure. */
  readonly shots: Shots;
  /** Whether no round follows: all shots that are allowed will have been asked for. */
  readonly isLast: boolean;
  /** Errors of all rows without them; null before the first round. */
  readonly errors: TableErrors | null;
  /**
   * Predicts all shots without them, by a model made in haste; null before the first round. Of a large grid this is
   * work, which the rounds themselves do not need.
   */
  readonly found: (() => Found) | null;
}

/** What a design found out about one kernel's time of each shot. */
export interface KernelTimes {
  /** Times in microseconds: measured or predicted; NaN for shots that failed. */
  readonly timesUs: Float64Array;
  /** The relative error that 90% of shots like this one stay within, by shot; 0 for measured ones. */
  readonly expectedErrors: Float64Array;
  /** The models that were still tried. */
  readonly promising: readonly Surrogate[];
}

/** What a design found out about each shot. */
export interface Designed {
  /** The times of each kernel. */
  readonly kernels: readonly KernelTimes[];
  /** The shots whose times were measured, ascending. */
  readonly measured: Int32Array;
  /** The shots whose times are predicted, ascending. */
  readonly predicted: Int32Array;
  /** Errors of all rows, of the kernel that is known worst. */
  readonly errors: TableErrors;
  /** What 90% of its rows would stay within without a prior; the same as `errors` says when there is none. */
  readonly p90Alone: number;
}

/** The share of the shots that the first round measures. */
const FIRST_SHARE = 0.03;
/** The same where models may lean on other tables. */
const LEANING_SHARE = 0.01;
/** Shots without which nothing can be learned. */
const FIRST_SHOTS = 50;
/** How much a round adds to all rounds before it, about; and at least, when it is thought to be the last. */
const GROWTH = 1.4;
const LEAST_GROWTH = 1.06;
/** The power of the number of shots that errors fall with, about. */
const POWER = 0.6;
/** Bounds by a model made in haste that are this many times what was asked for may be below it by a careful one. */
const NEARLY = 1.4;
/** Where more shots are left, chance picks so many among which the doubtful ones are sought. */
const CANDIDATES = 20_000;
/** The least doubt that counts: members of a model can agree by chance. */
const LEAST_DOUBT = 0.001;

/**
 * Chooses shots in rounds, and predicts the others. A shot has a time for each of some kernels, which it fires all.
 * Each round is answered with the times of its shots in microseconds, in their order, those of a shot side by side, NaN
 * or 0 for one that failed; an answer that ends early leaves the others unmeasured and ends the design.
 *
 * @param count Shots of the grid.
 * @param surrogates Models of each kernel's times, for `learn`; those that do not prove themselves are dropped after a
 * round.
 * @param options When it ends.
 * @returns The rounds, and what is known about every shot in the end.
 * @throws {UsageError} when an option is out of range, or so many shots are left out or failed that nothing can be
 * learned.
 */
export function* design(
  count: number,
  surrogates: readonly (readonly Surrogate[])[],
  options: DesignOptions = {},
): Generator<Round, Designed, ArrayLike<number>> {
  const { shots = 1, error = 0, seed = 0, known } = options;
  inRange("shots", shots, (share) => share > 0 && share <= 1, "a share above 0 and up to 1");
  inRange("error", error, (share) => share >= 0 && share < 1, "a share from 0 up to 1");
  const all = Int32Array.from({ length: count }, (_, shot) => shot);
  const random = randomFrom(seed);
  const width = surrogates.length;
  const kernels = surrogates.map((promising): KernelState => ({
    logTimes: new Float64Array(count).fill(NaN),
    surprises: [],
    promising,
    learned: null,
  }));
  const fair = new Uint8Array(count);
  let left = all;
  let measured = new Int32Array();
  let errors: TableErrors | null = null;
  let found: (() => Designed) | null = null;
  const note = (shot: number, times: ArrayLike<number>, start: number): void => {
    for (const [k, { logTimes }] of kernels.entries()) {
      logTimes[shot] = times[start + k]! > 0 ? Math.log(times[start + k]!) : NaN;
    }
  };
  const hasTimes = (shot: number): boolean => kernels.every(({ logTimes }) => !Number.isNaN(logTimes[shot]));
  const errorsOf = (heldOut: Float64Array): TableErrors =>
    tableErrors(
      Float64Array.from(measured.filter((shot) => fair[shot] === 1), (shot) => Math.expm1(-heldOut[shot]!)),
      left.length / (left.length + measured.length),
    );
  const learnAll = (effort: Effort, seed: number): Learned[] =>
    kernels.map(({ promising, logTimes }) => remembering(learn(promising, measured, logTimes, effort, seed)));
  const worstOf = (models: readonly Learned[]): TableErrors =>
    worst(models.map(({ heldOut }) => errorsOf(heldOut)));
  const result = (models: readonly Learned[]): Designed => ({
    kernels: kernels.map(({ logTimes, surprises }, k) => ({
      timesUs: mergedTimes(logTimes, models[k]!.predict(left), left),
      expectedErrors: expectedErrors(models[k]!, surprises, measured, left),
      promising: models[k]!.promising,
    })),
    measured,
    predicted: left,
    errors: worstOf(models),
    p90Alone: worst(models.map(({ heldOutAlone }) => errorsOf(heldOutAlone))).p90.estimate,
  });
  const last = lastGoal(count, shots);
  /** What models made with care say of all that was measured; null when there are none yet. */
  let careful: Learned[] | null = null;
  let upper = Infinity;
  for (
    let goal = firstGoal(count, last, surrogates.flat().some(({ leans }) => leans));
    goal > 0;
    goal = nextGoal(goal, last, upper / error)
  ) {
    const models = kernels.flatMap(({ learned }) => learned ?? []);
    const candidates = models.length === 0 || left.length <= CANDIDATES
      ? left
      : draw(left, CANDIDATES, random);
    const doubts = models.length === 0 ? null : largestDoubt(models, candidates);
    const chosen = chooseShots(goal - (count - left.length), left, doubts, random, candidates);
    const asked = Int32Array.of(...chosen.fair, ...chosen.doubtful);
    const times = yield { shots: asked, isLast: goal === last, errors, found };
    const next = asked.subarray(0, Math.trunc(times.length / width));
    const nextFair = next.subarray(0, chosen.fair.length);
    for (const shot of nextFair) fair[shot] = 1;
    for (const [i, shot] of next.entries()) note(shot, times, i * width);
    for (const { learned, surprises, logTimes } of kernels) {
      if (learned !== null) surprises.push(...surprisesOf(learned, nextFair.filter(hasTimes), logTimes));
    }
    const fired = new Set(next);
    left = left.filter((shot) => !fired.has(shot));
    measured = Int32Array.of(...measured, ...next.filter(hasTimes)).sort();
    if (left.length > 0 && measured.length < FIRST_SHOTS / 2) {
      throw new UsageError(
        `Cannot predict the other shots: ${measured.length} of the ${
          count - left.length
        } that were fired gave a time; measure all of them`,
      );
    }
    careful = null;
    if (goal === last || next.length < asked.length) break;
    let now = learnAll(QUICK, seed + goal);
    for (const [k, kernel] of kernels.entries()) kernel.promising = now[k]!.promising;
    errors = worstOf(now);
    if (errors.p90.upper <= NEARLY * error) {
      now = careful = learnAll(THOROUGH, seed);
      errors = worstOf(now);
      if (kernels.every(({ surprises }) => surprises.length > 0) && errors.p90.upper <= error) break;
    }
    for (const [k, kernel] of kernels.entries()) kernel.learned = now[k]!;
    found = (): Designed => result(now);
    upper = errors.p90.upper;
  }
  if (known !== undefined) {
    const before = measured.length;
    for (const shot of left) note(shot, known(shot), 0);
    measured = Int32Array.of(...measured, ...left.filter(hasTimes)).sort();
    left = left.filter((shot) => !hasTimes(shot));
    if (measured.length > before) careful = null;
  }
  if (left.length > 0) return result(careful ?? learnAll(THOROUGH, seed));
  return {
    kernels: kernels.map(({ logTimes, promising }) => ({
      timesUs: logTimes.map(Math.exp),
      expectedErrors: new Float64Array(count),
      promising,
    })),
    measured,
    predicted: left,
    errors: tableErrors(new Float64Array(), 0),
    p90Alone: 0,
  };
}

/** What is known about the times of a kernel. */
interface KernelState {
  /** The logarithm of every shot's time, NaN where it is not known. */
  readonly logTimes: Float64Array;
  /** How many times larger than the doubt errors were. */
  readonly surprises: number[];
  promising: readonly Surrogate[];
  learned: Learned | null;
}

/** The errors of the kernel that is known worst. */
function worst(errors: readonly TableErrors[]): TableErrors {
  return errors.reduce((most, each) => each.p90.upper > most.p90.upper ? each : most);
}

/** The largest doubt of any kernel, each in units of what it is on average. */
function largestDoubt(models: readonly Learned[], shots: Int32Array): Float64Array {
  const doubts = models.map(({ predict }) => predict(shots).doubt);
  if (doubts.length === 1) return doubts[0]!;
  const scales = doubts.map((doubt) => shots.length / shots.reduce((sum, shot) => sum + doubt[shot]!, 1e-12));
  return doubts[0]!.map((_, shot) => Math.max(...doubts.map((doubt, k) => doubt[shot]! * scales[k]!)));
}

/** The same, but what it was asked last is not predicted twice. */
function remembering(learned: Learned): Learned {
  let last: { readonly shots: Int32Array; readonly said: Predicted } | null = null;
  return {
    ...learned,
    predict(shots): Predicted {
      if (last?.shots !== shots) last = { shots, said: learned.predict(shots) };
      return last.said;
    },
  };
}

function mergedTimes(logTimes: Float64Array, said: Predicted, predicted: Int32Array): Float64Array {
  const times = logTimes.map(Math.exp);
  for (const shot of predicted) times[shot] = Math.exp(said.logTimes[shot]!);
  return times;
}

/** How many times larger than the doubt the errors were, on fair shots that the model had not seen. */
function surprisesOf(learned: Learned, fair: Int32Array, logTimes: Float64Array): Float64Array {
  const said = learned.predict(fair);
  return Float64Array.from(
    fair,
    (shot) => Math.abs(logTimes[shot]! - said.logTimes[shot]!) / doubt(said, shot),
  );
}

function doubt({ doubt }: Predicted, shot: number): number {
  return Math.max(doubt[shot]!, LEAST_DOUBT);
}

/**
 * Doubt, on the scale that makes 90% of the surprises stay within (Papadopoulos and others, "Inductive
 * confidence machines for regression", 2002). Before there were any, what 90% of the shots that were held out missed
 * by: the doubt about shots that a model has learned from is no scale for others.
 */
function expectedErrors(
  { heldOut, predict }: Learned,
  surprises: readonly number[],
  measured: Int32Array,
  predicted: Int32Array,
): Float64Array {
  const errors = new Float64Array(heldOut.length);
  const among = (values: Float64Array): number => quantile(values.sort(), 0.9);
  if (surprises.length === 0) {
    const missed = Math.expm1(among(Float64Array.from(measured, (shot) => Math.abs(heldOut[shot]!))));
    for (const shot of predicted) errors[shot] = missed;
    return errors;
  }
  const said = predict(predicted);
  const scale = among(Float64Array.from(surprises));
  for (const shot of predicted) errors[shot] = Math.expm1(scale * doubt(said, shot));
  return errors;
}

function inRange(name: string, value: number, rule: (value: number) => boolean, words: string): void {
  if (!rule(value)) throw new UsageError(`Cannot choose shots: ${name} must be ${words}, got ${value}`);
}

/** How many shots are fired in all. */
function lastGoal(count: number, share: number): number {
  const last = Math.round(share * count);
  if (last < count && last < 2 * FIRST_SHOTS) {
    throw new UsageError(
      `Cannot choose shots: at least ${
        2 * FIRST_SHOTS
      } must be measured to predict others, got ${last} of ${count}`,
    );
  }
  return last;
}

/** How many are fired in the first round; all when they are so few that no others can be predicted. */
function firstGoal(count: number, last: number, leans: boolean): number {
  const share = leans ? LEANING_SHARE : FIRST_SHARE;
  const first = Math.min(Math.trunc(last / 2), Math.max(FIRST_SHOTS, Math.ceil(share * count)));
  return first < FIRST_SHOTS ? count : first;
}

/**
 * How many are fired after the next round: equal steps on a logarithmic scale, but none far beyond where the bound,
 * which is `ratio` times what was asked for, will be as low as that.
 */
function nextGoal(goal: number, last: number, ratio: number): number {
  const steps = Math.ceil(Math.log(last / goal) / Math.log(GROWTH));
  const even = goal * (last / goal) ** (1 / steps);
  const enough = goal * Math.max(LEAST_GROWTH, ratio ** (1 / POWER));
  return Math.round(Math.min(even, enough));
}
