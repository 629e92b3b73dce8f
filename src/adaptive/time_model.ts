/**
 * A model of times, learned from some shots: a linear one of the logarithm, and boosted trees for what it misses.
 *
 * @module
 */
import { binColumns, type Binned } from "./bins.ts";
import { boost as boostTrees, type BoostOptions } from "./boost.ts";
import type { Features } from "./features.ts";
import { draw, randomFrom } from "./random.ts";
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
 * Learns from measured shots.
 *
 * @param prepared The features of all shots.
 * @param measured The shots that were measured.
 * @param logTimes The logarithm of every shot's time; only those of measured shots are read.
 * @param effort How much work goes into it.
 * @param seed Seed of the members' parts and of boosting.
 * @returns What the model says about all shots.
 */
export function learn(
  prepared: Prepared,
  measured: Int32Array,
  logTimes: Float64Array,
  effort: Effort,
  seed: number,
): Learned {
  const { members: count, boost } = effort;
  const leaves = Math.min(LEAVES.most, Math.max(LEAVES.least, Math.trunc(measured.length / LEAVES.shots)));
  const shuffled = draw(measured, measured.length, randomFrom(seed));
  const heldOut = new Float64Array(logTimes.length).fill(NaN);
  const members = Array.from({ length: count }, (_, member) => {
    const predicted = predict(
      prepared,
      shuffled.filter((_, i) => i % count !== member),
      logTimes,
      { ...boost, leaves, seed: seed * count + member },
    );
    for (let i = member; i < shuffled.length; i += count) {
      const shot = shuffled[i]!;
      heldOut[shot] = logTimes[shot]! - predicted[shot]!;
    }
    return predicted;
  });
  const mean = logTimes.map((_, shot) => members.reduce((sum, member) => sum + member[shot]!, 0) / count);
  const disagreement = mean.map((center, shot) =>
    Math.sqrt(members.reduce((sum, member) => sum + (member[shot]! - center) ** 2, 0) / count)
  );
  return { logTimes: mean, disagreement, heldOut };
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
