/**
 * The whole attention grid from a part of its shots.
 *
 * @module
 */
import type { EstimatedRow } from "../bundle/estimated.ts";
import type { Row } from "../bundle/tables.ts";
import { type AttentionShot, shotKey } from "../shots/shot.ts";
import { answered, type Answers, type Measure, measureAll } from "./answers.ts";
import { design, type Designed, type DesignOptions, type Round } from "./design.ts";
import { attentionFeatures, splitFeatures } from "./features.ts";
import type { TableErrors } from "./held_out.ts";
import type { AttentionKernel } from "./layout.ts";
import { type PriorTable, priorTimes, withPrior } from "./prior.ts";
import { processOn, treesOn } from "./time_model.ts";

/** Options of {@linkcode adaptAttention}. */
export interface AdaptOptions extends Omit<DesignOptions, "known"> {
  /** Attention times of other models, degrees or devices to lean on, those that count more at last. */
  readonly prior?: readonly PriorTable[];
  /** The time of a shot that was measured before, null for any other; one that no round asks for is used in the end. */
  readonly known?: (shot: AttentionShot) => number | null;
}

/** A grid of which a part was measured. */
export interface AdaptedAttention {
  /** Rows of all shots but those that failed, in the order of the shots. */
  readonly rows: readonly Row[];
  /** Which of the rows are predictions, with the keys of these rows themselves. */
  readonly estimated: readonly EstimatedRow[];
  /** How far the rows are from the truth. */
  readonly errors: TableErrors;
  /** What 90% of the rows would stay within without the prior, and do with it; null without one. */
  readonly prior: { readonly without: number; readonly with: number } | null;
}

/**
 * Chooses shots of a grid in rounds, each answered with their times, and predicts the rest.
 *
 * @param shots All shots of the grid, at one degree.
 * @param kernel Model and device.
 * @param options When to stop, and a prior.
 * @returns The rounds, and the grid in the end.
 * @throws {UsageError} when an option is out of range, or too few shots give a time to learn from.
 */
export function* attentionRounds(
  shots: readonly AttentionShot[],
  kernel: AttentionKernel,
  options: AdaptOptions = {},
): Generator<Round<readonly AttentionShot[], AdaptedAttention>, AdaptedAttention, Answers> {
  const { prior = [], known, ...others } = options;
  const keys = shots.map(shotKey);
  const ways = [[treesOn, attentionFeatures(shots, kernel)], [
    processOn,
    splitFeatures(shots, kernel),
  ]] as const;
  const logTimes = priorTimes(shots, kernel, prior);
  const surrogates = ways.flatMap(([on, features]) => [
    on(features),
    ...logTimes.length === 0 ? [] : [on(withPrior(features, logTimes), true)],
  ]);
  const rounds = design(shots.length, surrogates, {
    ...others,
    ...known && { known: (shot): number => known(shots[shot]!) ?? NaN },
  });
  return yield* answered(rounds, shots, (designed) => adapted(keys, designed, logTimes.length > 0));
}

function adapted(
  keys: readonly (readonly number[])[],
  { timesUs, predicted, expectedErrors, errors, p90Alone }: Designed,
  hasPrior: boolean,
): AdaptedAttention {
  return {
    rows: keys.flatMap((key, shot) => {
      const timeUs = timesUs[shot]!;
      return Number.isNaN(timeUs) ? [] : [{ layer: null, key, timeUs }];
    }),
    estimated: Array.from(predicted, (shot) => ({ key: keys[shot]!, expectedError: expectedErrors[shot]! })),
    errors,
    prior: hasPrior ? { without: p90Alone, with: errors.p90.estimate } : null,
  };
}

/**
 * Measures a part of a grid and predicts the rest.
 *
 * @param shots All shots of the grid, at one degree.
 * @param kernel Model and device.
 * @param measure Measures shots: the time of each in microseconds, null for one that failed.
 * @param options When to stop, and a prior.
 * @returns The grid.
 * @throws {UsageError} when an option is out of range, or too few shots give a time to learn from.
 *
 * @example
 * ```ts
 * import { adaptAttention } from "shotlab";
 * import type { AttentionShot } from "../shots/shot.ts";
 * import assert from "node:assert/strict";
 * const shots = Array.from({ length: 200 }, (_, i): AttentionShot => ({
 *   category: "attention", tp: 1, prefill_chunk: 0, kv_prefill: 0, n_decode: 1 + i % 10, kv_decode: 64 * (1 + i),
 * }));
 * const truth = ({ n_decode, kv_decode }: AttentionShot) => 5 + n_decode * kv_decode / 1000;
 * const { rows, estimated, errors } = await adaptAttention(
 *   shots,
 *   { heads: 32, kvHeads: 8, multiprocessors: 128 },
 *   (asked) => Promise.resolve(asked.map(truth)),
 *   { shots: 0.5 },
 * );
 * assert.equal(rows.length, 200);
 * assert.equal(estimated.length, 100);
 * assert.ok(errors.p90.estimate < 0.1);
 * ```
 */
export function adaptAttention(
  shots: readonly AttentionShot[],
  kernel: AttentionKernel,
  measure: Measure<AttentionShot>,
  options: AdaptOptions = {},
): Promise<AdaptedAttention> {
  return measureAll(attentionRounds(shots, kernel, options), measure);
}
