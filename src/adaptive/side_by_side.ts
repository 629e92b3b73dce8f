/**
 * Work on all cores: features of many shots, predictions, and trees.
 *
 * @module
 */
import type { AttentionShot } from "../shots/shot.ts";
import { boostedTrees, type BoostOptions } from "./boost.ts";
import type { Binned } from "./bins.ts";
import { emptyFeatures, type Features, fillFeatures, type LayoutKind } from "./features.ts";
import { type Forest, packTrees } from "./forest.ts";
import type { AttentionKernel } from "./layout.ts";
import { type LearnedModel, type Predicted, predictShots } from "./learned_model.ts";
import { type PackedShots, packShots, unpackedShot } from "./packed_shots.ts";

/** Shots to predict. */
export interface PredictionTask {
  /** What a model has learned. */
  readonly model: LearnedModel;
  /** Which shots. */
  readonly shots: Int32Array;
  /** What it says, in memory that all threads share. */
  readonly said: Predicted;
}

/** Shots whose features are wanted. */
export interface FeaturesTask {
  /** Whose layout they are of. */
  readonly kind: LayoutKind;
  /** Names, and columns in memory that all threads share. */
  readonly features: Pick<Features, "names" | "columns">;
  /** Model and device. */
  readonly kernel: AttentionKernel;
  /** The shots. */
  readonly packed: PackedShots;
}

/** Trees of some members, each of which learns from its own rows. */
export interface TreesTask {
  /** The columns of all rows, in memory that all threads share. */
  readonly binned: Binned;
  /** The members. */
  readonly members: readonly TreesOfMember[];
  /** The trees of each, in memory that all threads share. */
  readonly forests: readonly Forest[];
}

/** What a member's trees are grown from. */
export interface TreesOfMember {
  /** Its rows. */
  readonly rows: Int32Array;
  /** The target of every row; only those of `rows` are read. */
  readonly targets: Float64Array;
  /** How they are grown. */
  readonly options: BoostOptions;
}

/** What threads work on; the arrays are in memory that they share. */
export interface SharedWork {
  /** What is to be done. */
  readonly task: PredictionTask | FeaturesTask | TreesTask;
  /** Parts that were begun, and parts that were left by a thread, done or not. */
  readonly counts: Int32Array;
  /** 1 for each part that is done. */
  readonly done: Uint8Array;
}

/** Shots of a part. */
const PART = 2048;
/** Below so many parts threads take longer to start than they would work; below the other, to be told. */
const LEAST_PARTS = 16;
const LEAST_PARTS_KEPT = 4;
/** Below so many rows of all members it is the same with trees. */
const LEAST_ROWS = 2000;
/** Threads beside this one. */
const MOST_THREADS = 15;
const [BEGUN, LEFT] = [0, 1];

/** Threads that wait for more work; null where none are kept. */
let kept: Worker[] | null = null;
let keepers = 0;

/**
 * Keeps threads between one work and the next: each takes some 20 ms to start, one after the other. Without it they are
 * ended with the work that they were started for.
 *
 * @returns Disposing ends them, once nobody else keeps them.
 */
export function keepThreads(): Disposable {
  keepers++;
  kept ??= [];
  return {
    [Symbol.dispose](): void {
      if (--keepers > 0) return;
      for (const thread of kept ?? []) thread.terminate();
      kept = null;
    },
  };
}

/** Whether so many parts are worth other threads. */
function isWorthThreads(parts: number): boolean {
  return parts >= (kept === null ? LEAST_PARTS : LEAST_PARTS_KEPT);
}

/**
 * Zeros in memory that threads share.
 *
 * @param count How many.
 * @returns The values.
 */
export function sharedValues(count: number): Float64Array {
  return new Float64Array(new SharedArrayBuffer(8 * count));
}

/**
 * Predicts shots: few on this thread, many on as many threads as there are cores. It does not return to the event loop
 * meanwhile.
 *
 * @param model What a model has learned; large arrays in shared memory are not copied.
 * @param shots Which shots.
 * @param count Shots of the grid.
 * @returns What the model says of `shots`, by their number.
 */
export function predictSideBySide(model: LearnedModel, shots: Int32Array, count: number): Predicted {
  const parts = Math.ceil(shots.length / PART);
  if (!isWorthThreads(parts)) {
    const said = { logTimes: new Float64Array(count), doubt: new Float64Array(count) };
    predictShots(model, shots, said);
    return said;
  }
  const said = { logTimes: sharedValues(count), doubt: sharedValues(count) };
  workOnAllCores({ model, shots, said }, parts);
  return said;
}

/**
 * The features of attention shots: of few on this thread, of many on as many threads as there are cores.
 *
 * @param kind Whose layout they are of.
 * @param shots The shots.
 * @param kernel Model and device.
 * @returns The features, in the order of the shots.
 */
export function featuresSideBySide(
  kind: LayoutKind,
  shots: readonly AttentionShot[],
  kernel: AttentionKernel,
): Features {
  const features = emptyFeatures(kind, shots);
  const parts = Math.ceil(shots.length / PART);
  if (!isWorthThreads(parts)) {
    fillFeatures(kind, features, kernel, (shot) => shots[shot]!, 0, shots.length);
  } else {
    const { names, columns } = features;
    workOnAllCores({ kind, features: { names, columns }, kernel, packed: packShots(shots) }, parts);
  }
  return features;
}

/**
 * Grows the trees of members: on this thread, or where threads are kept and there is much to do, a member a thread.
 *
 * @param binned The columns of all rows.
 * @param members What the trees of each are grown from.
 * @returns Their trees, in the order of the members.
 */
export function treesSideBySide(binned: Binned, members: readonly TreesOfMember[]): Forest[] {
  const rows = members.reduce((sum, member) => sum + member.rows.length, 0);
  if (kept === null || rows < LEAST_ROWS) {
    return members.map((member) =>
      packTrees(boostedTrees(binned, member.rows, member.targets, member.options))
    );
  }
  const forests = members.map(({ options: { trees, leaves } }): Forest => {
    const nodes = trees * (2 * leaves - 1);
    return {
      nodes: new Int32Array(new SharedArrayBuffer(4 * nodes)),
      values: sharedValues(nodes),
      starts: new Int32Array(new SharedArrayBuffer(4 * (trees + 1))),
    };
  });
  workOnAllCores({ binned, members, forests }, members.length);
  return forests;
}

/** A thread that cannot be started or fails costs its help alone: what it left is done here. */
function workOnAllCores(task: SharedWork["task"], parts: number): void {
  const counts = new Int32Array(new SharedArrayBuffer(8));
  const done = new Uint8Array(new SharedArrayBuffer(parts));
  const work = { task, counts, done };
  const threads = kept ?? [];
  const wanted = Math.min(navigator.hardwareConcurrency - 1, MOST_THREADS, parts - 1);
  while (threads.length < wanted) {
    const thread = new Worker(import.meta.resolve("./side_by_side_worker.ts"), { type: "module" });
    thread.onerror = (event): void => event.preventDefault();
    threads.push(thread);
  }
  try {
    for (const thread of threads.slice(0, wanted)) thread.postMessage(work);
    workOnParts(work);
    for (let left = 0; left < parts; left = Atomics.load(counts, LEFT)) Atomics.wait(counts, LEFT, left);
    for (let part = 0; part < parts; part++) if (done[part] === 0) workOnPart(task, part);
  } finally {
    if (threads !== kept) { for (const thread of threads) thread.terminate(); }
  }
}

/**
 * Works on parts until all are begun.
 *
 * @param work The work.
 */
export function workOnParts({ task, counts, done }: SharedWork): void {
  for (let part = Atomics.add(counts, BEGUN, 1); part < done.length; part = Atomics.add(counts, BEGUN, 1)) {
    try {
      workOnPart(task, part);
      done[part] = 1;
    } finally {
      Atomics.add(counts, LEFT, 1);
      Atomics.notify(counts, LEFT);
    }
  }
}

function workOnPart(task: SharedWork["task"], part: number): void {
  if ("forests" in task) {
    const { rows, targets, options } = task.members[part]!;
    const { nodes, values, starts } = packTrees(boostedTrees(task.binned, rows, targets, options));
    const forest = task.forests[part]!;
    forest.nodes.set(nodes);
    forest.values.set(values);
    forest.starts.set(starts);
    return;
  }
  const [start, end] = [part * PART, (part + 1) * PART];
  if ("model" in task) return predictShots(task.model, task.shots.subarray(start, end), task.said);
  const { kind, features, kernel, packed } = task;
  const last = Math.min(end, packed.starts.length - 1);
  fillFeatures(kind, features, kernel, (shot) => unpackedShot(packed, shot), start, last);
}
