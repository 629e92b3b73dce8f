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
import type { TableErrors } from "./held_out.ts";
import type { AttentionKernel } from "./layout.ts";
import { type PriorTable, priorTimes, withPrior } from "./prior.ts";
import { featuresSideBySide } from "./side_by_side.ts";
import { processOn, type Surrogate, treesOn } from "./time_model.ts";

/** Options of {@linkcode adaptAttention}. */
export interface AdaptOptions extends Omit<DesignOptions, "known"> {
  /** Attention times of other models, degrees or devices to lean on, those that count more at last. */
  readonly prior?: readonly PriorTable[];
  /** The time of a shot that was measured before, null for any other; one that no round asks for is used in the end. */
  readonly known?: (shot: AttentionShot) => number | null;
}

/** A kernel of attention that each shot fires. */
export interface AttentionLayer {
  /** What its rows name; null where they name none. */
  readonly layer: string | null;
  /** A shot as it reads it: a local one reads a part of the history. @default {the shot itself} */
  readonly seen?: (shot: AttentionShot) => AttentionShot;
}

/** Options of {@linkcode attentionRounds}. */
export interface RoundOptions extends Omit<AdaptOptions, "known"> {
  /** The kernels; times of other tables are those of rows that name none. @default {one, whose rows name none} */
  readonly layers?: readonly AttentionLayer[];
  /** The times of a shot's kernels, null for those that were not measured before. */
  readonly known?: (shot: AttentionShot) => readonly (number | null)[];
}

const ONE_LAYER: readonly AttentionLayer[] = [{ layer: null }];

/** A row that was predicted. */
export interface PredictedRow extends Row, EstimatedRow {}

/** A grid of which a part was measured. */
export interface AdaptedAttention {
  /** Rows of all shots but those that failed, in the order of the shots. */
  readonly rows: readonly Row[];
  /** Which of the rows are predictions. */
  readonly estimated: readonly PredictedRow[];
  /** How far the rows are from the truth. */
  readonly errors: TableErrors;
  /** What 90% of the rows would stay within without the prior, and do with it; null without one. */
  readonly prior: { readonly without: number; readonly with: number } | null;
}

/**
 * Chooses shots of a grid in rounds, each answered with their times, and predicts the rest. Of several kernels each has
 * models of its own; a shot fires them all, so that they have their shots in common.
 *
 * @param shots All shots of the grid, at one degree.
 * @param kernel Model and device.
 * @param options When to stop, the kernels, and a prior.
 * @returns The rounds, and the grid in the end.
 * @throws {UsageError} when an option is out of range, or too few shots give a time to learn from.
 */
export function* attentionRounds(
  shots: readonly AttentionShot[],
  kernel: AttentionKernel,
  options: RoundOptions = {},
): Generator<Round<readonly AttentionShot[], AdaptedAttention>, AdaptedAttention, Answers> {
  const { prior = [], known, layers = ONE_LAYER, ...others } = options;
  const surrogates = layers.map(({ layer, seen }) =>
    surrogatesOf(seen === undefined ? shots : shots.map(seen), kernel, layer === null ? prior : [])
  );
  const rounds = design(shots.length, surrogates, {
    ...others,
    ...known && { known: (shot): number[] => known(shots[shot]!).map((timeUs) => timeUs ?? NaN) },
  });
  const keys = shots.map(shotKey);
  const leans = surrogates.flat().some(({ leans }) => leans);
  return yield* answered(rounds, shots, (designed) => adapted(keys, layers, designed, leans));
}

function surrogatesOf(
  shots: readonly AttentionShot[],
  kernel: AttentionKernel,
  prior: readonly PriorTable[],
): Surrogate[] {
  const ways = [
    [treesOn, featuresSideBySide("whole", shots, kernel)],
    [processOn, featuresSideBySide("split", shots, kernel)],
  ] as const;
  const logTimes = priorTimes(shots, kernel, prior);
  return ways.flatMap(([on, features]) => [
    on(features),
    ...logTimes.length === 0 ? [] : [on(withPrior(features, logTimes), true)],
  ]);
}

function adapted(
  keys: readonly (readonly number[])[],
  layers: readonly AttentionLayer[],
  { kernels, predicted, errors, p90Alone }: Designed,
  leans: boolean,
): AdaptedAttention {
  const isPredicted = new Uint8Array(keys.length);
  for (const shot of predicted) isPredicted[shot] = 1;
  const rows: Row[] = [];
  const estimated: PredictedRow[] = [];
  for (const [shot, key] of keys.entries()) {
    for (const [k, { layer }] of layers.entries()) {
      const { timesUs, expectedErrors } = kernels[k]!;
      const timeUs = timesUs[shot]!;
      if (isPredicted[shot] === 1) {
        const row = { layer, key, timeUs, expectedError: expectedErrors[shot]! };
        rows.push(row);
        estimated.push(row);
      } else if (!Number.isNaN(timeUs)) rows.push({ layer, key, timeUs });
    }
  }
  return { rows, estimated, errors, prior: leans ? { without: p90Alone, with: errors.p90.estimate } : null };
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
  const { known, ...others } = options;
  const rounds = attentionRounds(shots, kernel, {
    ...others,
    ...known && { known: (shot): readonly (number | null)[] => [known(shot)] },
  });
  return measureAll(rounds, measure);
}
