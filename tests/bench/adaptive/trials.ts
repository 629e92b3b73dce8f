/**
 * Single adaptive sweeps, answered from full ones.
 *
 * @module
 */
import process from "node:process";
import { adaptAttention } from "../../../src/adaptive/attention.ts";
import type { PriorTable } from "../../../src/adaptive/prior.ts";
import { adaptSkew } from "../../../src/adaptive/skew.ts";
import type { SkewRow } from "../../../src/bundle/skew.ts";
import type { Row } from "../../../src/bundle/tables.ts";
import { interpolatedTimes } from "../../../src/fit/uniform_times.ts";
import { quantile } from "../../../src/stats.ts";
import { relativeErrors } from "../../../src/fit/model.ts";
import { shrinkageProblem } from "../../../src/fit/problem.ts";
import { randomFolds } from "../../../src/fit/random_folds.ts";
import { makeAttentionTable } from "../../../src/predict/attention.ts";
import { type AttentionShot, shotKey } from "../../../src/shots/shot.ts";
import type { Truth } from "./truth.ts";

/** What to try. */
export interface Trial {
  /** Which sweep. */
  readonly category: "attention" | "skew";
  /** The position of the truth. */
  readonly table: number;
  /** The share that is measured, of the skew cases all counted. @default {as many as the error takes} */
  readonly shots?: number;
  /** The error that ends the rounds. @default {none} */
  readonly error?: number;
  /** Seed of every draw. */
  readonly seed: number;
  /**
   * The prior: all degrees of the other models on the device; those of other devices; or the table's own times
   * shuffled. @default {"none"}
   */
  readonly prior?: "none" | "device" | "others" | "nonsense";
}

/** Median, 90% and 99% of relative errors. */
export type Quantiles = readonly [p50: number, p90: number, p99: number];

/** How a trial went. */
export interface Outcome {
  /** Errors: of all rows of a table, measured ones exact; of unseen skew cases by the alphas. */
  readonly errors: Quantiles;
  /** What the errors are to be compared with: the bounds that the sweep gave itself; a full skew sweep's errors. */
  readonly beside: Quantiles;
  /** The share of the predicted rows that are within their own expected error; null for skew cases, which have none. */
  readonly inside: number | null;
  /** Shots that were measured. */
  readonly measured: number;
  /** Milliseconds of one processor for choosing and learning, for each measured shot. */
  readonly msPerShot: number;
}

/** Skew cases fall into so many parts, one of which is never measured but judged. */
const PARTS = 5;

/**
 * Tries a sweep.
 *
 * @param truths All truths.
 * @param trial What to try.
 * @returns How it went.
 */
export function run(truths: readonly Truth[], trial: Trial): Promise<Outcome> {
  const truth = truths[trial.table]!;
  if (trial.category === "skew") return trySkew(truth, trial);
  return tryAttention(truth, trial, priorOf(truths, truth, trial.prior ?? "none") ?? []);
}

/**
 * A prior of a kind.
 *
 * @param truths All truths.
 * @param truth The one that is tried.
 * @param kind The kind.
 * @returns Its tables; null when there are none of this kind.
 */
export function priorOf(
  truths: readonly Truth[],
  { attention, kernel, hardware, model }: Truth,
  kind: NonNullable<Trial["prior"]>,
): PriorTable[] | null {
  if (kind === "none") return [];
  if (kind === "nonsense") {
    const { length } = attention;
    return [{
      kernel,
      rows: attention.map((row, i) => ({ ...row, timeUs: attention[i * 7919 % length]!.timeUs })),
    }];
  }
  const isOne = (other: Truth): boolean =>
    kind === "others" ? other.hardware !== hardware : other.hardware === hardware && other.model !== model;
  const tables = truths.filter(isOne).map(({ attention, kernel }) => ({ rows: attention, kernel }));
  return tables.length > 0 ? tables : null;
}

async function tryAttention(
  { attention, kernel }: Truth,
  { shots = 1, error = 0, seed }: Trial,
  prior: readonly PriorTable[],
): Promise<Outcome> {
  const times = new Map(attention.map(({ key, timeUs }) => [key.join(), timeUs]));
  const begunMs = processorMs();
  const { rows, estimated, errors } = await adaptAttention(
    attention.map(shotOf),
    kernel,
    (asked) => Promise.resolve(asked.map((shot) => times.get(shotKey(shot).join())!)),
    { shots, error, seed, prior },
  );
  const measured = rows.length - estimated.length;
  const found = new Map(rows.map(({ key, timeUs }) => [key.join(), timeUs]));
  const inside = estimated.filter(({ key, expectedError }) =>
    Math.abs(found.get(key.join())! / times.get(key.join())! - 1) <= expectedError
  );
  return {
    measured,
    inside: inside.length / estimated.length,
    msPerShot: (processorMs() - begunMs) / measured,
    errors: quantilesOf(Float64Array.from(rows, ({ key, timeUs }) => timeUs / times.get(key.join())! - 1)),
    beside: [errors.p50.upper, errors.p90.upper, errors.p99.upper],
  };
}

function shotOf({ key: [chunk = 0, history = 0, decodes = 0, kv = 0] }: Row): AttentionShot {
  return {
    category: "attention",
    tp: 1,
    prefill_chunk: chunk,
    kv_prefill: history,
    n_decode: decodes,
    kv_decode: kv,
  };
}

/** Processor time of this thread. */
function processorMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

async function trySkew({ attention, kernel, skew }: Truth, { shots = 1, seed }: Trial): Promise<Outcome> {
  const part = randomFolds(skew.length, PARTS, seed);
  const seen = skew.filter((_, i) => part[i] !== 0);
  const unseen = skew.filter((_, i) => part[i] === 0);
  const begunMs = processorMs();
  const { measured, predicted, imagined } = await adaptSkew(
    seen,
    attention,
    kernel,
    (cases) => Promise.resolve(cases.map(({ t_skew_us }) => t_skew_us)),
    { shots: shots * skew.length / seen.length, seed },
  );
  const msPerShot = (processorMs() - begunMs) / measured.length;
  const table = makeAttentionTable(attention)!;
  const errorsWith = (known: readonly SkewRow[]): Quantiles => {
    const rows = [...known, ...unseen];
    const { fitter, usable, cases, ends } = shrinkageProblem(rows, interpolatedTimes(rows, table))!;
    const model = fitter((i) => i < known.length && usable(i));
    return quantilesOf(relativeErrors(model, cases, ends, (i) => i >= known.length));
  };
  return {
    errors: errorsWith([...measured, ...predicted, ...imagined]),
    beside: errorsWith(seen),
    measured: measured.length,
    inside: null,
    msPerShot,
  };
}

function quantilesOf(errors: Float64Array): Quantiles {
  const sizes = errors.filter((error) => !Number.isNaN(error)).map(Math.abs).sort();
  return [quantile(sizes, 0.5), quantile(sizes, 0.9), quantile(sizes, 0.99)];
}
