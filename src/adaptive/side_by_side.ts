/**
 * Work on many shots on all cores: their features, and predictions.
 *
 * @module
 */
import type { AttentionShot } from "../shots/shot.ts";
import { emptyFeatures, type Features, fillFeatures, type LayoutKind } from "./features.ts";
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

/** What threads work on; the arrays are in memory that they share. */
export interface SharedWork {
  /** What is to be done. */
  readonly task: PredictionTask | FeaturesTask;
  /** Parts that were begun, and parts that were left by a thread, done or not. */
  readonly counts: Int32Array;
  /** 1 for each part that is done. */
  readonly done: Uint8Array;
}

/** Shots of a part. */
const PART = 2048;
/** Below so many parts another thread takes longer to start than it would work. */
const LEAST_PARTS = 16;
/** Threads beside this one. */
const MOST_THREADS = 15;
const [BEGUN, LEFT] = [0, 1];

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
  if (parts < LEAST_PARTS) {
    const said = { logTimes: new Float64Array(count), doubt: new Float64Array(count) };
    predictShots(model, shots, said);
    return said;
  }
  const shared = (): Float64Array => new Float64Array(new SharedArrayBuffer(8 * count));
  const said = { logTimes: shared(), doubt: shared() };
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
  if (parts < LEAST_PARTS) {
    fillFeatures(kind, features, kernel, (shot) => shots[shot]!, 0, shots.length);
  } else {
    const { names, columns } = features;
    workOnAllCores({ kind, features: { names, columns }, kernel, packed: packShots(shots) }, parts);
  }
  return features;
}

/** A thread that cannot be started or fails costs its help alone: what it left is done here. */
function workOnAllCores(task: SharedWork["task"], parts: number): void {
  const counts = new Int32Array(new SharedArrayBuffer(8));
  const done = new Uint8Array(new SharedArrayBuffer(parts));
  const work = { task, counts, done };
  const threads = Array.from(
    { length: Math.min(navigator.hardwareConcurrency - 1, MOST_THREADS, parts - 1) },
    () => new Worker(import.meta.resolve("./side_by_side_worker.ts"), { type: "module" }),
  );
  try {
    for (const thread of threads) {
      thread.onerror = (event): void => event.preventDefault();
      thread.postMessage(work);
    }
    workOnParts(work);
    for (let left = 0; left < parts; left = Atomics.load(counts, LEFT)) Atomics.wait(counts, LEFT, left);
    for (let part = 0; part < parts; part++) if (done[part] === 0) workOnPart(task, part);
  } finally {
    for (const thread of threads) thread.terminate();
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
  const [start, end] = [part * PART, (part + 1) * PART];
  if ("model" in task) return predictShots(task.model, task.shots.subarray(start, end), task.said);
  const { kind, features, kernel, packed } = task;
  const last = Math.min(end, packed.starts.length - 1);
  fillFeatures(kind, features, kernel, (shot) => unpackedShot(packed, shot), start, last);
}
