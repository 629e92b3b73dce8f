/**
 * Single adaptive sweeps, answered from full ones.
 *
 * @module
 */
import { adaptAttention } from "../../../src/adaptive/attention.ts";
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
  /** The share that is measured, of the skew cases all counted. */
  readonly shots: number;
  /** Seed of every draw. */
  readonly seed: number;
  /** The prior: the truth before this one, or this one's own times shuffled. @default {"none"} */
  readonly prior?: "none" | "before" | "nonsense";
}

/** Median, 90% and 99% of relative errors. */
export type Quantiles = readonly [p50: number, p90: number, p99: number];

/** How a trial went. */
export interface Outcome {
  /** Errors: of all rows of a table, measured ones exact; of unseen skew cases by the alphas. */
  readonly errors: Quantiles;
  /** What the errors are to be compared with: the bounds that the sweep gave itself; a full skew sweep's errors. */
  readonly beside: Quantiles;
  /** Milliseconds of choosing and learning for each measured shot. */
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
  const { attention } = truth;
  const priors = {
    none: undefined,
    before: truths.at(trial.table - 1)!.attention,
    nonsense: attention.map((row, i) => ({
      ...row,
      timeUs: attention[i * 7919 % attention.length]!.timeUs,
    })),
  };
  return tryAttention(truth, trial, priors[trial.prior ?? "none"]);
}

async function tryAttention(
  { attention, kernel }: Truth,
  { shots, seed }: Trial,
  prior: readonly Row[] | undefined,
): Promise<Outcome> {
  const times = new Map(attention.map(({ key, timeUs }) => [key.join(), timeUs]));
  const begun = performance.now();
  const { rows, estimated, errors } = await adaptAttention(
    attention.map(shotOf),
    kernel,
    (asked) => Promise.resolve(asked.map((shot) => times.get(shotKey(shot).join())!)),
    { shots, seed, ...prior && { prior } },
  );
  return {
    msPerShot: (performance.now() - begun) / (rows.length - estimated.length),
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

async function trySkew({ attention, kernel, skew }: Truth, { shots, seed }: Trial): Promise<Outcome> {
  const part = randomFolds(skew.length, PARTS, seed);
  const seen = skew.filter((_, i) => part[i] !== 0);
  const unseen = skew.filter((_, i) => part[i] === 0);
  const begun = performance.now();
  const { measured, predicted, imagined } = await adaptSkew(
    seen,
    attention,
    kernel,
    (cases) => Promise.resolve(cases.map(({ t_skew_us }) => t_skew_us)),
    { shots: shots * skew.length / seen.length, seed },
  );
  const msPerShot = (performance.now() - begun) / measured.length;
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
    msPerShot,
  };
}

function quantilesOf(errors: Float64Array): Quantiles {
  const sizes = errors.filter((error) => !Number.isNaN(error)).map(Math.abs).sort();
  return [quantile(sizes, 0.5), quantile(sizes, 0.9), quantile(sizes, 0.99)];
}
