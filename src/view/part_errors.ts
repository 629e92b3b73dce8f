/**
 * What measuring a part of an attention table costs in exactness, by how the part is chosen.
 *
 * @module
 */
import { adaptAttention } from "../adaptive/attention.ts";
import type { Bundle } from "../bundle/open.ts";
import type { Row } from "../bundle/tables.ts";
import { CONFIG_DIR } from "../config_dir.ts";
import type { Model } from "../model/model.ts";
import { shardConfig } from "../model/shard.ts";
import { predictor } from "../predict/predictor.ts";
import { randomFrom } from "../random.ts";
import { loadHardware } from "../roofline/hardware.ts";
import { sizesOf } from "../roofline/sizes.ts";
import { type AttentionShot, shotKey } from "../shots/shot.ts";
import { distinct, quantile } from "../stats.ts";
import type { ErrorCurve } from "./figures/error_over_shots.ts";
import { predictRow } from "./predictions.ts";

/** What is tried. */
export interface PartErrorsOptions {
  /** Tensor-parallel degree. @default {1} */
  readonly tp?: number;
  /** Shares of the shots that are measured. */
  readonly shares: readonly number[];
  /** Seed of the random parts. @default {0} */
  readonly seed?: number;
  /** Folder of the hardware's sheets. @default {"the project's own"} */
  readonly configDir?: string;
}

/** An adaptive sweep of a table whose truth is known. */
export interface AdaptivePart {
  /** Share of the shots that was measured. */
  readonly shots: number;
  /** The relative error that 90% of all rows stay within. */
  readonly error: number;
  /** The same as the sweep itself estimates it, from shots that its model did not see. */
  readonly estimate: number;
  /** What it says that the error stays below, with 95% confidence. */
  readonly bound: number;
}

/** Every so many-th value of each axis that coarser grids keep: chunk, KV length before it, decodes, their KV length. */
const COARSER = [[1, 1, 1, 2], [1, 2, 1, 2], [2, 2, 1, 2], [2, 2, 2, 2]] as const;

/**
 * Measures parts of a bundle's attention table again, answered from its rows: chosen by adaptive sweeps, at random, and
 * by coarser grids. Rows that were not chosen are predicted by the adaptive sweep, and looked up as a simulator would in
 * the others.
 *
 * @param bundle The bundle, measured in full.
 * @param model Its model.
 * @param options Which parts.
 * @returns The adaptive sweeps, and all three ways as `errorOverShots` draws them; errors are relative, and measured
 * rows count as exact.
 * @throws {UsageError} when there is no sheet of the bundle's hardware.
 *
 * @example
 * ```ts
 * import { loadModel, openBundle } from "shotlab";
 * import { partErrors } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H200/meta-llama/Llama-3.1-8B/bf16");
 * const model = await loadModel("meta-llama/Llama-3.1-8B");
 * const { adaptive: [tenth], curves } = await partErrors(bundle, model, { shares: [0.1] });
 * assert.ok(tenth!.error < 0.1);
 * assert.deepEqual(curves.map(({ name }) => name), ["adaptive", "random part", "coarser grid"]);
 * ```
 */
export async function partErrors(
  bundle: Bundle,
  model: Model,
  { tp = 1, shares, seed = 0, configDir = CONFIG_DIR }: PartErrorsOptions,
): Promise<{ adaptive: AdaptivePart[]; curves: ErrorCurve[] }> {
  const { multiprocessors } = await loadHardware(bundle.meta.hardware ?? "", configDir);
  const { heads, kvHeads } = sizesOf(shardConfig(model.config, tp), 2, 2);
  const truth = bundle.table(tp, "attention");
  const timeUs = new Map(truth.map(({ key, timeUs }) => [key.join(), timeUs]));

  /** The error that 90% of the rows stay within. */
  function error90(rows: readonly Row[]): number {
    const errors = rows.map(({ key, timeUs: us }) => Math.abs(us / timeUs.get(key.join())! - 1));
    return quantile(Float64Array.from(errors).sort(), 0.9);
  }

  function lookedUp(part: readonly Row[]): { shots: number; error: number } {
    const lookup = predictor({ ...bundle, table: () => part });
    const measured = new Set(part);
    const rows = truth.map((row) =>
      measured.has(row) ? row : { ...row, timeUs: predictRow(lookup, tp, "attention", row) }
    );
    return { shots: part.length / truth.length, error: error90(rows) };
  }

  const grid = truth.map(({ key }) => shotOf(tp, key));
  const answer = (asked: readonly AttentionShot[]): Promise<number[]> =>
    Promise.resolve(asked.map((shot) => timeUs.get(shotKey(shot).join())!));
  const adaptive: AdaptivePart[] = [];
  for (const shots of shares) {
    const { rows, errors } = await adaptAttention(grid, { heads, kvHeads, multiprocessors }, answer, {
      shots,
    });
    const { estimate, upper: bound } = errors.p90;
    adaptive.push({ shots, error: error90(rows), estimate, bound });
  }
  const random = randomFrom(seed);
  const places = truth.map(() => random());
  return {
    adaptive,
    curves: [
      { name: "adaptive", points: adaptive },
      {
        name: "random part",
        points: shares.map((share) => lookedUp(truth.filter((_, i) => places[i]! < share))),
      },
      { name: "coarser grid", points: COARSER.map((steps) => lookedUp(coarser(truth, steps))) },
    ],
  };
}

function shotOf(tp: number, key: readonly number[]): AttentionShot {
  const [prefill_chunk, kv_prefill, n_decode, kv_decode] = key as [number, number, number, number];
  return { category: "attention", tp, prefill_chunk, kv_prefill, n_decode, kv_decode };
}

/** Every so many-th value of each axis, the largest and 0 among them. */
function coarser(rows: readonly Row[], steps: readonly number[]): readonly Row[] {
  const kept = steps.map((step, axis) => {
    const values = distinct(rows.map(({ key }) => key[axis]!)).reverse();
    return new Set([0, ...values.filter((_, i) => i % step === 0)]);
  });
  return rows.filter(({ key }) => key.every((value, axis) => kept[axis]!.has(value)));
}
