/**
 * Models of times, learned from some shots, and the rule that says which of them speaks.
 *
 * @module
 */
import { draw, randomFrom } from "../random.ts";
import { binColumns } from "./bins.ts";
import type { BoostOptions } from "./boost.ts";
import type { Features } from "./features.ts";
import { packTrees } from "./forest.ts";
import { fitProcess } from "./gaussian_process.ts";
import { predictByMember, type Predicted, type TreesModel } from "./learned_model.ts";
import { type Line, ridge } from "./ridge.ts";
import { predictSideBySide, sharedValues, treesSideBySide } from "./side_by_side.ts";

/** What a model has learned. */
export interface Told {
  /** Measured minus predicted logarithm of each measured shot, by a model that did not see it; NaN for others. */
  readonly heldOut: Float64Array;
  /** Predicts some shots; of a large grid this is most of the work, so that only who speaks is asked. */
  readonly predict: (shots: Int32Array) => Predicted;
}

/** What the model says that speaks. */
export interface Learned extends Told {
  /** The same as `heldOut`, by the model that would speak without a prior. */
  readonly heldOutAlone: Float64Array;
  /** Models worth another try with more shots. */
  readonly promising: readonly Surrogate[];
}

/** A way to learn times. */
export interface Surrogate {
  /** Its kind. */
  readonly name: "trees" | "process";
  /** Whether it leans on a prior. */
  readonly leans: boolean;
  /**
   * Learns from measured shots.
   *
   * @param measured The shots that were measured.
   * @param logTimes The logarithm of every shot's time; only those of measured shots are read.
   * @param effort How much work goes into it.
   * @param seed Seed of every draw.
   * @returns What it has learned.
   */
  learn(measured: Int32Array, logTimes: Float64Array, effort: Effort, seed: number): Told;
}

/** How much work goes into trees. */
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
/** What the mean of two models may miss, as a share of what the better one misses; chance alone is not enough. */
const CLEARLY_NEARER = 0.97;
/**
 * What the second of the models without a prior may miss to be tried again, as a share of what the first one misses;
 * the same for those that lean on one, where they miss less than the first without.
 */
const PROMISING = 1.25;
/** Enough to choose shots. */
export const QUICK: Effort = { members: 4, boost: { ...COMMON, trees: 100, learningRate: 0.2 } };
/** For the times that are written. */
export const THOROUGH: Effort = { members: 6, boost: { ...COMMON, trees: 300, learningRate: 0.1 } };

/**
 * Learns by several models; the one speaks that misses least, on shots that it did not see, or the mean of the best
 * two where that is clearly nearer. One that leans on a prior must be clearly nearer than those that do not.
 *
 * @param surrogates The models.
 * @param measured The shots that were measured.
 * @param logTimes The logarithm of every shot's time; only those of measured shots are read.
 * @param effort How much work goes into it.
 * @param seed Seed of every draw.
 * @returns What the model that speaks has learned.
 */
export function learn(
  surrogates: readonly Surrogate[],
  measured: Int32Array,
  logTimes: Float64Array,
  effort: Effort,
  seed: number,
): Learned {
  const tried = surrogates.map((surrogate) => {
    const told = surrogate.learn(measured, logTimes, effort, seed);
    return { surrogate, told, miss: missOf(told, measured) };
  }).sort((a, b) => a.miss - b.miss);
  const own = tried.filter(({ surrogate }) => !surrogate.leans);
  const leaning = tried.filter(({ surrogate }) => surrogate.leans);
  const alone = speaker(own, measured);
  const any = speaker(tried, measured);
  const best = any.miss < CLEARLY_NEARER * alone.miss ? any : alone;
  const promising = [
    ...own.slice(0, 2).filter(({ miss }) => miss <= PROMISING * own[0]!.miss),
    ...leaning.slice(0, 2).filter(({ miss }) => miss < own[0]!.miss && miss < PROMISING * leaning[0]!.miss),
  ];
  return {
    ...best.told,
    heldOutAlone: alone.told.heldOut,
    promising: promising.map(({ surrogate }) => surrogate),
  };
}

interface Tried {
  readonly told: Told;
  readonly miss: number;
}

/** The best of some, in ascending order of what they miss, or the mean of the best two. */
function speaker([first, second]: readonly Tried[], measured: Int32Array): Tried {
  if (first === undefined) throw new Error("No model to learn by");
  if (second === undefined) return first;
  const both = [first.told, second.told];
  const told = {
    heldOut: meanOf(both.map(({ heldOut }) => heldOut)),
    predict(shots: Int32Array): Predicted {
      const [one, other] = both.map(({ predict }) => predict(shots)) as [Predicted, Predicted];
      return { logTimes: meanOf([one.logTimes, other.logTimes]), doubt: one.doubt };
    },
  };
  const miss = missOf(told, measured);
  return miss < CLEARLY_NEARER * first.miss ? { told, miss } : first;
}

function missOf({ heldOut }: Pick<Told, "heldOut">, shots: Int32Array): number {
  return shots.reduce((sum, shot) => sum + Math.abs(heldOut[shot]!), 0);
}

/**
 * A Gaussian process, which knows smooth functions of its features best.
 *
 * @param features The features of all shots, measured or not.
 * @param leans Whether a prior is among them.
 * @returns The model.
 */
export function processOn({ columns }: Pick<Features, "columns">, leans = false): Surrogate {
  return {
    name: "process",
    leans,
    learn(measured, logTimes): Told {
      const { heldOut, model } = fitProcess(columns, measured, logTimes);
      return { heldOut, predict: (shots) => predictSideBySide(model, shots, logTimes.length) };
    },
  };
}

/**
 * A linear model of the logarithm for each kernel, and boosted trees for what it misses: they know jumps best. Several
 * members are learned, each without its own part of the shots; the mean of all counts, and their standard deviation
 * is the doubt.
 *
 * @param features The features of all shots, measured or not.
 * @param leans Whether a prior is among them.
 * @returns The model.
 */
export function treesOn(features: Features, leans = false): Surrogate {
  const binned = binColumns(features.columns);
  return {
    name: "trees",
    leans,
    learn(measured, logTimes, { members: count, boost }, seed): Told {
      const leaves = Math.min(
        LEAVES.most,
        Math.max(LEAVES.least, Math.trunc(measured.length / LEAVES.shots)),
      );
      const shuffled = draw(measured, measured.length, randomFrom(seed));
      const parts = {
        binned,
        linear: features.linear.map((at) => features.columns[at]!),
        kernel: features.kernel,
        learningRate: boost.learningRate,
      };
      const learners = Array.from({ length: count }, (_, member) => {
        const rows = shuffled.filter((_, i) => i % count !== member);
        const lines = linesOf(parts, rows, logTimes);
        const lineOnly = predictByMember({ lines, trees: packTrees([]) }, parts, rows);
        const targets = sharedValues(logTimes.length);
        for (const [i, shot] of rows.entries()) targets[shot] = logTimes[shot]! - lineOnly[i]!;
        return { lines, rows, targets, options: { ...boost, leaves, seed: seed * count + member } };
      });
      const trees = treesSideBySide(binned, learners);
      const members = learners.map(({ lines }, member) => ({ lines, trees: trees[member]! }));
      const heldOut = new Float64Array(logTimes.length).fill(NaN);
      for (const [at, member] of members.entries()) {
        const unseen = shuffled.filter((_, i) => i % count === at);
        const said = predictByMember(member, parts, unseen);
        for (const [i, shot] of unseen.entries()) heldOut[shot] = logTimes[shot]! - said[i]!;
      }
      const model = { ...parts, members };
      return { heldOut, predict: (shots) => predictSideBySide(model, shots, logTimes.length) };
    },
  };
}

function meanOf(columns: readonly Float64Array[]): Float64Array {
  return columns[0]!.map((_, row) => columns.reduce((sum, column) => sum + column[row]!, 0) / columns.length);
}

function linesOf(
  { linear, kernel }: Pick<TreesModel, "linear" | "kernel">,
  seen: Int32Array,
  logTimes: Float64Array,
): Line[] {
  return Array.from({ length: 1 + Math.max(...new Set(kernel)) }, (_, each) => {
    const own = seen.filter((shot) => kernel[shot] === each);
    return ridge(linear, own.length > 2 * linear.length ? own : seen, logTimes, PENALTY);
  });
}
