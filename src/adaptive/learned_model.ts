/**
 * What a model has learned, as data that another thread can take.
 *
 * @module
 */
import type { Binned } from "./bins.ts";
import type { Features } from "./features.ts";
import { type Forest, sumOfTrees } from "./forest.ts";
import { predictProcess, type ProcessModel } from "./gaussian_process.ts";
import { type Line, lineAt } from "./ridge.ts";

/** What a model says of shots that it is asked for, by their number; what it says of others means nothing. */
export interface Predicted {
  /** The logarithm of a shot's time. */
  readonly logTimes: Float64Array;
  /** How uncertain it is of a shot, in any unit. */
  readonly doubt: Float64Array;
}

/** A linear model for each kernel, and trees for what it misses. */
export interface Member {
  /** The linear model of each kernel. */
  readonly lines: readonly Line[];
  /** The trees. */
  readonly trees: Forest;
}

/** Members of which the mean counts; their standard deviation is the doubt. */
export interface TreesModel {
  /** The members. */
  readonly members: readonly Member[];
  /** The columns of all shots, in bins for the trees. */
  readonly binned: Pick<Binned, "columns">;
  /** Those that the lines follow. */
  readonly linear: readonly Float64Array[];
  /** The kernel of each shot. */
  readonly kernel: Features["kernel"];
  /** The share of a tree's values that is taken. */
  readonly learningRate: number;
}

/** What a model has learned. */
export type LearnedModel = TreesModel | ProcessModel;

/**
 * Predicts shots.
 *
 * @param model What a model has learned.
 * @param shots Which.
 * @param said What it says; the values of `shots` are written.
 */
export function predictShots(model: LearnedModel, shots: Int32Array, said: Predicted): void {
  if ("members" in model) predictByTrees(model, shots, said);
  else predictProcess(model, shots, { predictions: said.logTimes, strangeness: said.doubt });
}

/**
 * What one member says.
 *
 * @param member The member.
 * @param model The model that it is one of.
 * @param shots Which shots.
 * @returns The logarithms of the times of `shots`, in their order.
 */
export function predictByMember(
  { lines, trees }: Member,
  { binned, linear, kernel, learningRate }: Omit<TreesModel, "members">,
  shots: Int32Array,
): Float64Array {
  const logTimes = sumOfTrees(trees, binned, shots, learningRate);
  for (let i = 0; i < shots.length; i++) {
    const shot = shots[i]!;
    logTimes[i]! += lineAt(lines[kernel[shot]!]!, linear, shot);
  }
  return logTimes;
}

function predictByTrees(model: TreesModel, shots: Int32Array, { logTimes, doubt }: Predicted): void {
  const said = model.members.map((member) => predictByMember(member, model, shots));
  for (let i = 0; i < shots.length; i++) {
    let sum = 0;
    for (const member of said) sum += member[i]!;
    const mean = sum / said.length;
    let squares = 0;
    for (const member of said) squares += (member[i]! - mean) ** 2;
    logTimes[shots[i]!] = mean;
    doubt[shots[i]!] = Math.sqrt(squares / said.length);
  }
}
