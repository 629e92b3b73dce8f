/**
 * Predictions of many shots on all cores.
 *
 * @module
 */
import { type LearnedModel, type Predicted, predictShots } from "./learned_model.ts";

/** What a thread works on. */
export interface SharedWork {
  /** What a model has learned. */
  readonly model: LearnedModel;
  /** The shots to predict. */
  readonly shots: Int32Array;
  /** What it says, in memory that all threads share. */
  readonly said: Predicted;
  /** Parts that were begun, and parts that were left by a thread, done or not; shared too. */
  readonly counts: Int32Array;
  /** 1 for each part that is done; shared too. */
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
 * meanwhile. A thread that cannot be started or fails costs its help alone: what it left is done here.
 *
 * @param model What a model has learned; large arrays in shared memory are not copied.
 * @param shots Which shots.
 * @param count Shots of the grid.
 * @returns What the model says of `shots`, by their number.
 */
export function predictSideBySide(model: LearnedModel, shots: Int32Array, count: number): Predicted {
  const parts = Math.ceil(shots.length / PART);
  const isLarge = parts >= LEAST_PARTS;
  const values = (): Float64Array =>
    isLarge ? new Float64Array(new SharedArrayBuffer(8 * count)) : new Float64Array(count);
  const said = { logTimes: values(), doubt: values() };
  if (!isLarge) {
    predictShots(model, shots, said);
    return said;
  }
  const counts = new Int32Array(new SharedArrayBuffer(8));
  const done = new Uint8Array(new SharedArrayBuffer(parts));
  const work = { model, shots, said, counts, done };
  const threads = Array.from(
    { length: Math.min(navigator.hardwareConcurrency - 1, MOST_THREADS, parts - 1) },
    () => new Worker(import.meta.resolve("./prediction_worker.ts"), { type: "module" }),
  );
  try {
    for (const thread of threads) {
      thread.onerror = (event): void => event.preventDefault();
      thread.postMessage(work);
    }
    workOnParts(work);
    for (let left = 0; left < parts; left = Atomics.load(counts, LEFT)) Atomics.wait(counts, LEFT, left);
    for (let part = 0; part < parts; part++) {
      if (done[part] === 0) predictShots(model, partOf(shots, part), said);
    }
  } finally {
    for (const thread of threads) thread.terminate();
  }
  return said;
}

/**
 * Works on parts until all are begun.
 *
 * @param work The work.
 */
export function workOnParts({ model, shots, said, counts, done }: SharedWork): void {
  for (let part = Atomics.add(counts, BEGUN, 1); part < done.length; part = Atomics.add(counts, BEGUN, 1)) {
    try {
      predictShots(model, partOf(shots, part), said);
      done[part] = 1;
    } finally {
      Atomics.add(counts, LEFT, 1);
      Atomics.notify(counts, LEFT);
    }
  }
}

function partOf(shots: Int32Array, part: number): Int32Array {
  return shots.subarray(part * PART, (part + 1) * PART);
}
