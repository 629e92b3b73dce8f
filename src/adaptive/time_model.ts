/**
 * A model of times, learned from some shots: a linear one of the logarithm, and boosted trees for what it misses.
 *
 * @module
 */
import { draw, randomFrom } from "../random.ts";
import { binColumns, type Binned } from "./bins.ts";
import { boost as boostTrees, type BoostOptions } from "./boost.ts";
import type { Features } from "./features.ts";
import { ridge } from "./ridge.ts";

/** Features, ready to learn from. */
export interface Prepared extends Features {
  /** The columns in bins. */
  readonly binned: Binned;
}

/** What a model says. */
export interface Learned {
  /** The logarithm of every shot's time: the mean of the members. */
  readonly logTimes: Float64Array;
  /** How far the members are apart for every shot: the standard deviation of the logarithm. */
  readonly disagreement: Float64Array;
  /**
   * Measured minus predicted logarithm of each measured shot, by the member that did not see it; NaN for others.
   */
  readonly heldOut: Float64Array;
  /** The same by the first view alone. */
  readonly heldOutAlone: Float64Array;
}

/** How much work goes into a model. */
export interface Effort {
  /** Members; each is learned without its own part of the shots. */
  readonly members: number;
  /** How the trees of a member are boosted. */
  readonly boost: Omit<BoostOptions, "seed" | "leaves">;
}

/** What a squared weight of the linear part costs. */
const PENALTY = 0.01;
/** What boosting has in common; all of these numbers were chosen on seven published tables. */
const COMMON = { minLeaf: 2, shrinkage: 0.1, rowShare: 0.8, columnShare: 0.7 };
/** Leaves of a tree: one for so many measured shots, within bounds. */
const LEAVES = { shots: 60, least: 31, most: 63 };
/** What the mean of several views may miss, as a share of what the first one misses; chance alone is not enough. */
const CLEARLY_NEARER = 0.97;
/** Enough to choose shots. */
export const QUICK: Effort = { members: 4, boost: { ...COMMON, trees: 100, learningRate: 0.2 } };
/** For the times that are written. */
export const THOROUGH: Effort = { members: 6, boost: { ...COMMON, trees: 300, learningRate: 0.1 } };

/**
 * Makes features ready to learn from.
 *
 * @param features The features of all shots, measured or not.
 * @returns The same, with bins.
 */
export function prepare(features: Features): Prepared {
  return { ...features, binned: binColumns(features.columns) };
}

/**
 * Learns from measured shots, from each view of them by itself, and says the mean: it is nearer to the truth than the
 * better of two. When it is not clearly nearer than the first view alone, on shots that were kept from the members, that
 * one's say counts.
 *
 * @param views The features of all shots, in one or more ways.
 * @param measured The shots that were measured.
 * @param logTimes The logarithm of every shot's time; only those of measured shots are read.
 * @param effort How much work goes into it.
 * @param seed Seed of the members' parts and of boosting.
 * @returns What the model says about all shots.
 */
export function learn(
  views: readonly [Prepared, ...Prepared[]],
  measured: Int32Array,
  logTimes: Float64Array,
  { members: count, boost }: Effort,
  seed: number,
): Learned {
  const leaves = Math.min(LEAVES.most, Math.max(LEAVES.least, Math.trunc(measured.length / LEAVES.shots)));
  const shuffled = draw(measured, measured.length, randomFrom(seed));
  const [first, ...others] = views.map((view) =>
    Array.from({ length: count }, (_, member) =>
      predict(
        view,
        shuffled.filter((_, i) => i % count !== member),
        logTimes,
        { ...boost, leaves, seed: seed * count + member },
      ))
  ) as [Float64Array[], ...Float64Array[][]];
  const alone = tell(first, shuffled, logTimes);
  const together = others.length === 0 ? alone : tell(
    first.map((own, member) => meanOf([own, ...others.map((view) => view[member]!)])),
    shuffled,
    logTimes,
  );
  const best = missOf(together, shuffled) < CLEARLY_NEARER * missOf(alone, shuffled) ? together : alone;
  return { ...best, heldOutAlone: alone.heldOut };
}

/** What members say together; each did not see its own part of the shuffled shots. */
function tell(
  members: readonly Float64Array[],
  shuffled: Int32Array,
  logTimes: Float64Array,
): Omit<Learned, "heldOutAlone"> {
  const mean = meanOf(members);
  const disagreement = mean.map((center, shot) =>
    Math.sqrt(members.reduce((sum, member) => sum + (member[shot]! - center) ** 2, 0) / members.length)
  );
  const heldOut = new Float64Array(logTimes.length).fill(NaN);
  for (const [i, shot] of shuffled.entries()) {
    heldOut[shot] = logTimes[shot]! - members[i % members.length]![shot]!;
  }
  return { logTimes: mean, disagreement, heldOut };
}

function missOf({ heldOut }: Pick<Learned, "heldOut">, shots: Int32Array): number {
  return shots.reduce((sum, shot) => sum + Math.abs(heldOut[shot]!), 0);
}

function meanOf(columns: readonly Float64Array[]): Float64Array {
  return columns[0]!.map((_, row) => columns.reduce((sum, column) => sum + column[row]!, 0) / columns.length);
}

function predict(
  prepared: Prepared,
  seen: Int32Array,
  logTimes: Float64Array,
  options: BoostOptions,
): Float64Array {
  const { columns, linear, kernel, binned } = prepared;
  const linearColumns = linear.map((at) => columns[at]!);
  const predicted = new Float64Array(logTimes.length);
  for (const each of new Set(kernel)) {
    const own = seen.filter((shot) => kernel[shot] === each);
    const line = ridge(linearColumns, own.length > 2 * linear.length ? own : seen, logTimes, PENALTY);
    for (let shot = 0; shot < line.length; shot++) if (kernel[shot] === each) predicted[shot] = line[shot]!;
  }
  const rest = boostTrees(binned, seen, logTimes.map((time, shot) => time - predicted[shot]!), options);
  return predicted.map((time, shot) => time + rest[shot]!);
}
