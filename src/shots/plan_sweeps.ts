/**
 * The plan of one engine: what to fire, category by category.
 *
 * @module
 */
import { formatCount, plural } from "../count_text.ts";
import { layersOf } from "../model/layers.ts";
import type { Architecture, ModelConfig } from "../model/model.ts";
import type { Settings } from "../settings.ts";
import { attentionAxes, type AttentionGrid, attentionShots } from "./attention_shots.ts";
import { chunkOf, type Limits, windowOf } from "./limits.ts";
import { linearShots, recurrentChunk } from "./linear_shots.ts";
import { newerAttentionShots, newerAxes, newerMoeShots } from "./newer_shots.ts";
import { unionAttentionShots } from "./union_shots.ts";
import { type Category, CATEGORY_ORDER, type Shot, shotKey, type SweepCategory } from "./shot.ts";
import { planSkew, type SkewPlanOptions } from "./skew_plan.ts";
import { denseShots, moeShots, perSequenceShots } from "./token_shots.ts";

/** The shots of one category at one tensor-parallel degree, in the order in which they are fired. */
export interface Sweep {
  /** What is measured. */
  readonly category: SweepCategory;
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** Devices that share the experts: the shots need an engine with those of one of them. @default {1} */
  readonly ep?: number;
  /** The shots; none when the engine can fire none. */
  readonly shots: readonly Shot[];
  /** Skew cases that are left out, as a batch of theirs does not fit the engine; absent when there are none. */
  readonly leftOut?: number;
}

/** What a plan depends on. */
export interface PlanOptions extends AttentionGrid, SkewPlanOptions {
  /** The layers to measure. */
  readonly architecture: Architecture;
  /** The model's configuration: it says how many tokens its recurrent kernels take at once. @default {64 tokens} */
  readonly config?: ModelConfig;
  /** What the booted engine allows; where it allows less than was asked, the plan stays within it. */
  readonly limits: Limits;
  /** Tensor-parallel degree of the engine. */
  readonly tp: number;
  /**
   * Plan exactly the reference profiler's shots: without `max_num_seqs` decodes with a prefill, and with skew cases
   * of which not every batch fits.
   */
  readonly parity: boolean;
  /** Step of the token axis of dense shots from 64 tokens on; below, 4 at most. @default {16} */
  readonly denseStep?: Settings["denseStep"];
  /** Devices that share the experts, ascending, of v1.2's grid. @default {[1]} */
  readonly epDegrees?: readonly number[];
  /** Leave the skew sweep out. */
  readonly skipSkew: boolean;
  /** Plan the skew sweep alone. */
  readonly onlySkew: boolean;
}

/**
 * Plans the sweeps of one engine. Experts are measured at tensor-parallel degree 1 alone, as they are not sharded;
 * above it, a category is left out when the degree changes none of its layers.
 *
 * @param options The layers, what the engine allows and the extent of the grids.
 * @returns One sweep per category, in the order in which they are measured, and last the skew sweep of attention.
 * @throws {UsageError} when a factor is not above 1, or the limits of an architecture with experts name none.
 *
 * @example
 * ```ts
 * import { planSweeps } from "shotlab";
 * import { loadArchitecture } from "shotlab/model";
 * import assert from "node:assert/strict";
 * const sweeps = planSweeps({
 *   architecture: await loadArchitecture("llama", "configs"),
 *   limits: {
 *     max_num_batched_tokens: 2048,
 *     max_num_seqs: 256,
 *     num_cache_tokens: 4_400_000,
 *     max_model_len: 131_072,
 *     num_experts: null,
 *     top_k: null,
 *     block_size: 16,
 *   },
 *   tp: 1,
 *   maxNumBatchedTokens: 2048,
 *   maxNumSeqs: 256,
 *   attentionMaxKv: 16_384,
 *   attentionChunkFactor: 2,
 *   attentionKvFactor: 2,
 *   skewNFactor: 2,
 *   skewPcFactor: 2,
 *   skewKpFactor: 2,
 *   skewKvsFactor: 2,
 *   skewMode: "interpolated",
 *   skipSkew: false,
 *   onlySkew: false,
 *   parity: true,
 * });
 * assert.deepEqual(
 *   sweeps.map(({ category, shots }) => [category, shots.length]),
 *   [["dense", 152], ["per_sequence", 40], ["attention", 8643], ["skew", 13009]],
 * );
 * ```
 */
export function planSweeps(options: PlanOptions): Sweep[] {
  const { architecture, tp } = options;
  const limits: Limits = {
    ...options.limits,
    max_num_batched_tokens: Math.min(options.maxNumBatchedTokens, options.limits.max_num_batched_tokens),
    max_num_seqs: Math.min(options.maxNumSeqs, options.limits.max_num_seqs),
  };
  const sweeps = CATEGORY_ORDER
    .filter((category) => !options.onlySkew && isMeasured(architecture, category, tp))
    .map((category): Sweep => ({ category, tp, shots: shotsOf(category, limits, options) }));
  const skewed = !options.skipSkew && isMeasured(architecture, "attention", tp);
  return [
    ...sweeps,
    ...skewed ? [skewSweep(sweeps, options)] : [],
    ...sweeps.some(({ category }) => category === "moe") ? sharedSweeps(limits, options) : [],
  ];
}

/** Experts that several devices share. */
function sharedSweeps(limits: Limits, { epDegrees = [1], tp }: PlanOptions): Sweep[] {
  return epDegrees.filter((ep) => ep > 1)
    .map((ep) => ({ category: "moe", tp, ep, shots: newerMoeShots(limits, ep) }));
}

/**
 * The engines that a plan needs, each with its sweeps.
 *
 * @param sweeps The plan.
 * @returns Degree and devices that share the experts, in the order in which they are met.
 */
export function enginesOf(
  sweeps: readonly Sweep[],
): { readonly tp: number; readonly ep: number; readonly sweeps: readonly Sweep[] }[] {
  const groups = Map.groupBy(sweeps, ({ tp, ep = 1 }) => `${tp} ${ep}`);
  return [...groups.values()].map((sweeps) => ({ tp: sweeps[0]!.tp, ep: sweeps[0]!.ep ?? 1, sweeps }));
}

function skewSweep(sweeps: readonly Sweep[], options: PlanOptions): Sweep {
  const attention = sweeps.find(({ category }) => category === "attention")?.shots ?? [];
  const keys = new Set(attention.map((shot) => shotKey(shot).join()));
  const { shots, listed } = planSkew(skewOptions(options), (batch) => keys.has(batch.join()));
  const leftOut = listed - shots.length;
  return { category: "skew", tp: options.tp, shots, ...leftOut > 0 && { leftOut } };
}

/** Skew cases keep to August's reach where the grid of v1.2 goes further, and to a window: beyond it none is longer. */
function skewOptions(options: PlanOptions): SkewPlanOptions {
  const reach = Math.min(
    options.attentionMaxKv,
    (options.grid ?? "august") === "august" ? Infinity : SKEW_REACH,
    windowOf(options.limits) ?? Infinity,
  );
  return { ...options, attentionMaxKv: reach };
}

/** The longest KV length of skew cases in tokens. */
const SKEW_REACH = 16_384;

/**
 * Says what a sweep leaves out: skew cases that do not fit, and histories that a window does not tell apart.
 *
 * @param sweep The sweep.
 * @param limits What the engine allows.
 * @returns A sentence; none when all of the reference profiler's shots are planned.
 */
export function leftOutNotice({ category, tp, shots, leftOut = 0 }: Sweep, limits: Limits): string[] {
  const windowTokens = windowOf(limits);
  if (category === "attention" && windowTokens !== null) {
    return [
      `Attention looks back at ${
        plural(windowTokens, "token")
      } at most at tp ${tp}: of longer histories only the first and the ` +
      "last are planned, which must take the same time",
    ];
  }
  if (leftOut === 0) return [];
  return [
    `${formatCount(leftOut)} of ${plural(shots.length + leftOut, "skew case")} at tp ${tp} ${
      leftOut === 1 ? "is" : "are"
    } left out: a batch of theirs does not fit the ` +
    `engine (a KV pool of ${
      plural(limits.num_cache_tokens, "token")
    }, requests below ${limits.max_model_len})`,
  ];
}

function isMeasured(architecture: Architecture, category: Category, tp: number): boolean {
  const layers = layersOf(architecture, category);
  if (tp === 1) return layers.length > 0;
  return category !== "moe" && layers.some((layer) => !layer.tpStable);
}

function shotsOf(category: Category, limits: Limits, options: PlanOptions): Shot[] {
  const { tp, parity } = options;
  switch (category) {
    case "dense":
      return denseShots(tp, limits, options.denseStep);
    case "per_sequence":
      return perSequenceShots(tp, limits);
    case "attention": {
      if (options.grid === "v1.2") return newerAttentionShots(tp, newerAxes(options, limits), limits);
      if (options.grid === "both") return unionAttentionShots(tp, options, limits);
      const axes = attentionAxes({
        ...options,
        maxNumBatchedTokens: limits.max_num_batched_tokens,
        maxNumSeqs: limits.max_num_seqs,
        attentionMaxKv: Math.min(options.attentionMaxKv, limits.max_model_len),
        windowTokens: windowOf(limits),
        localChunk: chunkOf(limits),
      });
      return attentionShots(tp, axes, limits, limits.max_num_seqs + (parity ? 0 : 1));
    }
    case "linear_attention":
      return linearShots(tp, recurrentChunk(options.config ?? {}), limits);
    case "moe":
      return (options.grid ?? "august") === "august" ? moeShots(limits) : newerMoeShots(limits);
  }
}
