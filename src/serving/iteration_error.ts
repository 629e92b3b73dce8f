/**
 * How far the estimate of an iteration or a step may be off, by what the bundle says of itself.
 *
 * @module
 */
import type { Meta } from "../bundle/meta.ts";
import type { Row } from "../bundle/tables.ts";
import type { IterationEstimate, IterationQuery } from "../predict/iteration.ts";
import { emptyFacts, gatherFacts } from "../predict/batch.ts";
import type { PredictorSource } from "../predict/predictor.ts";
import { mean } from "../stats.ts";
import { heldOutStepError } from "./judge_steps.ts";
import type { StepModel } from "./step_model.ts";

/** Relative errors of an estimate, as shares of it; null where the bundle does not say. */
export interface IterationError {
  /** All together, as independent errors add up; null when a part is beyond what was measured. */
  readonly share: number | null;
  /** Repeated shots: the median spread of the rows. */
  readonly rows: number | null;
  /** Between measured sizes: what neighbours say of the nearest measured ones, a quarter of it; null beyond them. */
  readonly interpolation: number | null;
  /** Histories of unlike length: the alphas' error on cases that no fit has seen, by attention's part. */
  readonly skew: number | null;
  /** Steps: the held-out error of steps of its kind, as {@linkcode heldOutStepError} has it; 0 without a step. */
  readonly steps: number | null;
}

/** What an error band reads of a bundle. */
export interface ErrorSource extends Pick<PredictorSource, "table"> {
  /** The bundle's meta.yaml. */
  readonly meta: Pick<Meta, "noise" | "skew_fit">;
}

/**
 * The error band of an estimate. Halving the distance of measured sizes quarters what a straight line between them
 * misses, so that a size in between is off by about a quarter of what its neighbours miss of a measured one.
 *
 * @param bundle The bundle of the estimate.
 * @param query What was estimated.
 * @param estimate The estimate.
 * @param steps The step model, where the step is meant and not its kernels.
 * @returns The errors.
 *
 * @example
 * ```ts
 * import { iterationError, loadModel, openBundle, predictIteration, predictor } from "shotlab";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * const model = await loadModel("meta-llama/Llama-3.1-8B");
 * const query = { model, tp: 1, prefills: [], decodes: [{ kv: 1024, count: 16 }] };
 * const { share } = iterationError(bundle, query, predictIteration(predictor(bundle), query));
 * assert.ok(share === null || share < 0.1);
 * ```
 */
export function iterationError(
  bundle: ErrorSource,
  query: IterationQuery,
  estimate: Pick<IterationEstimate, "contributions" | "totalNs" | "tokens">,
  steps?: Pick<StepModel, "heldOut">,
): IterationError {
  const facts = emptyFacts();
  gatherFacts(facts, query);
  const { catalog } = query.model.architecture;
  const rows = bundle.meta.noise?.spread_p50 ?? null;
  let between: number | null = 0;
  let attentionShare = 0;
  const attention = bundle.table(query.tp, "attention");
  const dense = Map.groupBy(bundle.table(query.tp, "dense"), ({ layer }) => layer);
  for (const { layer, totalNs } of estimate.contributions) {
    const share = totalNs / estimate.totalNs;
    const asked = [facts.pc, facts.kp, facts.n, facts.kvMean];
    if (layer in catalog.attention) {
      attentionShare += share;
      between = added(between, attentionMiss(attention, asked), share);
    } else if (layer in catalog.dense) {
      between = added(between, lineMiss(points(dense.get(layer) ?? [], 0), estimate.tokens), share);
    }
  }
  const skewed = facts.n > 1 && facts.kvMax !== facts.kvMean;
  const alpha = bundle.meta.skew_fit?.per_tp?.[query.tp]?.rel_err_p50;
  const skew = skewed ? (typeof alpha === "number" ? alpha * attentionShare : null) : 0;
  const ofSteps = steps === undefined ? 0 : heldOutStepError(steps.heldOut, facts.pc > 0);
  const parts = [rows ?? 0, between, skew ?? 0, ofSteps ?? 0];
  return {
    share: between === null ? null : Math.hypot(...parts as number[]),
    rows,
    interpolation: between,
    skew,
    steps: ofSteps,
  };
}

function added(sum: number | null, miss: number | null, share: number): number | null {
  return sum === null || miss === null ? null : sum + share * miss;
}

/** Points of a line: a size and its time. */
type Point = readonly [size: number, us: number];

function points(rows: readonly Row[], axis: number): Point[] {
  return rows.map(({ key, timeUs }): Point => [key[axis]!, timeUs]).sort((a, b) => a[0] - b[0]);
}

/**
 * What a straight line misses between two points, by what it would miss of them without their own measurement; null
 * beyond the points, 0 at one of them.
 */
function lineMiss(line: readonly Point[], size: number): number | null {
  const at = line.findIndex(([known]) => known >= size);
  if (at < 0 || (at === 0 && line[0]![0] !== size)) return line.length <= 1 ? 0 : null;
  if (line[at]![0] === size) return 0;
  const misses = [at - 1, at].flatMap((i) => {
    const [before, point, after] = [line[i - 1], line[i]!, line[i + 1]];
    if (before === undefined || after === undefined) return [];
    const weight = (point[0] - before[0]) / (after[0] - before[0]);
    return [Math.abs(before[1] + weight * (after[1] - before[1]) - point[1]) / point[1]];
  });
  return misses.length === 0 ? 0 : mean(misses) / 4;
}

/** The misses along each axis of the attention grid, on the lines through the shot that is nearest to what is asked. */
function attentionMiss(rows: readonly Row[], asked: readonly number[]): number | null {
  let near = rows;
  const nearest = [0, 0, 0, 0];
  for (const axis of [0, 2, 1, 3]) {
    const value = nearestOn(near, axis, asked[axis]!);
    near = near.filter(({ key }) => key[axis] === value);
    nearest[axis] = value;
  }
  const misses = asked.map((size, axis) => {
    const line = rows.filter(({ key }) =>
      key.every((value, other) => other === axis || value === nearest[other])
    );
    return lineMiss(points(line, axis), size);
  });
  return misses.some((miss) => miss === null) ? null : Math.hypot(...misses as number[]);
}

function nearestOn(rows: readonly Row[], axis: number, asked: number): number {
  return rows.reduce(
    (best, { key }) => Math.abs(key[axis]! - asked) < Math.abs(best - asked) ? key[axis]! : best,
    Infinity,
  );
}
