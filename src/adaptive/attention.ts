/**
 * The whole attention grid from a part of its shots.
 *
 * @module
 */
import { dirname } from "node:path";
import { tablePath } from "../bundle/layout.ts";
import { formatTable, type Row } from "../bundle/tables.ts";
import { writeAtomic } from "../bundle/write.ts";
import { type AttentionShot, shotKey } from "../sweep/shot.ts";
import { design, type DesignOptions } from "./design.ts";
import { estimatedPath, type EstimatedRow, formatEstimated } from "./estimated.ts";
import { attentionFeatures } from "./features.ts";
import type { TableErrors } from "./held_out.ts";
import type { AttentionKernel } from "./layout.ts";
import { withPrior } from "./prior.ts";

/** Options of {@linkcode adaptAttention}. */
export interface AdaptOptions extends DesignOptions {
  /** Attention rows of another model or device to lean on; a bundle's `table(tp, "attention")`. */
  readonly prior?: readonly Row[];
}

/** A grid of which a part was measured. */
export interface AdaptedAttention {
  /** Rows of all shots but those that failed, in the order of the shots. */
  readonly rows: readonly Row[];
  /** Which of the rows are predictions. */
  readonly estimated: readonly EstimatedRow[];
  /** How far the rows are from the truth. */
  readonly errors: TableErrors;
}

/**
 * Measures a part of a grid and predicts the rest.
 *
 * @param shots All shots of the grid, at one degree.
 * @param kernel Model and device.
 * @param measure Measures shots: the time of each in microseconds, null for one that failed.
 * @param options When to stop, and a prior.
 * @returns The grid.
 * @throws {UsageError} when an option is out of range, or leaves too few shots to learn from.
 * @throws {Error} when so many shots failed that nothing can be learned.
 *
 * @example
 * ```ts
 * import { adaptAttention } from "./attention.ts";
 * import type { AttentionShot } from "../sweep/shot.ts";
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
export async function adaptAttention(
  shots: readonly AttentionShot[],
  kernel: AttentionKernel,
  measure: (shots: readonly AttentionShot[]) => Promise<readonly (number | null)[]>,
  options: AdaptOptions = {},
): Promise<AdaptedAttention> {
  const keys = shots.map(shotKey);
  const own = attentionFeatures(keys, kernel);
  const { timesUs, predicted, expectedErrors, errors } = await design(
    options.prior === undefined ? [own] : [own, withPrior(own, keys, options.prior)],
    async (asked) => {
      const times = await measure(Array.from(asked, (shot) => shots[shot]!));
      return times.map((time) => time ?? NaN);
    },
    options,
  );
  return {
    rows: keys.flatMap((key, shot) => {
      const timeUs = timesUs[shot]!;
      return Number.isNaN(timeUs) ? [] : [{ layer: null, key, timeUs }];
    }),
    estimated: Array.from(predicted, (shot) => ({ key: keys[shot]!, expectedError: expectedErrors[shot]! })),
    errors,
  };
}

/**
 * Writes a grid into a bundle: the list of the predicted rows first, so that no reader at any moment takes one for
 * measured.
 *
 * @param dir The bundle's folder.
 * @param tp Tensor-parallel degree.
 * @param adapted The grid.
 * @throws {UsageError} when a file cannot be written.
 */
export async function writeAdapted(dir: string, tp: number, adapted: AdaptedAttention): Promise<void> {
  const path = estimatedPath(dir, tp);
  await Deno.mkdir(dirname(path), { recursive: true });
  await writeAtomic(path, formatEstimated(adapted.estimated));
  await writeAtomic(tablePath(dir, tp, "attention"), formatTable("attention", adapted.rows));
}
