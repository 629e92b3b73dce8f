/**
 * The skew sweep of one engine.
 *
 * @module
 */
import type { Limits } from "./limits.ts";
import type { SkewShot } from "./shot.ts";
import type { SkewGrid } from "./skew_axes.ts";
import { skewCases } from "./skew_cases.ts";
import { fitsEngine, sharing, type SkewMode, type UniformBatch } from "./skew_parts.ts";

/** What a skew sweep depends on. */
export interface SkewPlanOptions extends SkewGrid {
  /** What the booted engine allows; where it allows less than was asked, the plan stays within it. */
  readonly limits: Limits;
  /** Tensor-parallel degree of the engine. */
  readonly tp: number;
  /** Plan exactly the reference profiler's cases, those too of which the engine can fire only a part. */
  readonly parity: boolean;
  /** Where the times of uniform batches come from. */
  readonly skewMode: SkewMode;
}

/** A skew sweep. */
export interface SkewPlan {
  /** The cases, in firing order. */
  readonly shots: SkewShot[];
  /** How many cases the reference profiler lists on the same grid; those of which a part does not fit are left out. */
  readonly listed: number;
}

/**
 * Plans the skew sweep of one engine. A single decode has no skew and is planned with parity alone.
 *
 * @param options What the engine allows and the extent of the grid.
 * @param isGiven Whether the attention sweep gives the time of a uniform batch.
 * @returns The cases, each with the parts that neither the attention sweep nor an earlier case gives.
 * @throws {UsageError} when a factor is not above 1.
 *
 * @example
 * ```ts
 * import { planSkew } from "./skew_plan.ts";
 * import assert from "node:assert/strict";
 * const { shots, listed } = planSkew({
 *   limits: {
 *     max_num_batched_tokens: 64,
 *     max_num_seqs: 4,
 *     num_cache_tokens: 1024,
 *     max_model_len: 4096,
 *     num_experts: null,
 *     top_k: null,
 *     block_size: 16,
 *   },
 *   tp: 1,
 *   parity: false,
 *   skewMode: "exact",
 *   maxNumBatchedTokens: 64,
 *   maxNumSeqs: 4,
 *   attentionMaxKv: 512,
 *   skewNFactor: 2,
 *   skewPcFactor: 2,
 *   skewKpFactor: 2,
 *   skewKvsFactor: 2,
 * }, ([chunk, , n, kv]) => chunk === 0 && n === 2 && kv === 512);
 * assert.deepEqual(shots[0]?.parts, ["t_mean", "t_skew"]);
 * assert.ok(shots.length < listed);
 * ```
 */
export function planSkew(options: SkewPlanOptions, isGiven: (batch: UniformBatch) => boolean): SkewPlan {
  const { tp, parity, skewMode } = options;
  const { grid, limits } = parity ? asAsked(options) : asAllowed(options);
  const listed = skewCases(grid, limits).filter(({ n }) => parity || n > 1);
  const parts = sharing(skewMode, isGiven);
  const shots: SkewShot[] = [];
  for (const skewCase of listed) {
    const open = parts.open(skewCase);
    if (!parity && open.some((part) => !fitsEngine(skewCase, part, limits))) continue;
    parts.give(skewCase, open);
    shots.push({ category: "skew", tp, ...skewCase, parts: open });
  }
  return { shots, listed: listed.length };
}

/** The reference profiler keeps to the reported requests, but not to the reported tokens. */
function asAsked(options: SkewPlanOptions): { grid: SkewGrid; limits: Limits } {
  const { limits, maxNumSeqs } = options;
  return { grid: { ...options, maxNumSeqs: Math.min(maxNumSeqs, limits.max_num_seqs) }, limits };
}

function asAllowed(options: SkewPlanOptions): { grid: SkewGrid; limits: Limits } {
  const maxNumBatchedTokens = Math.min(options.maxNumBatchedTokens, options.limits.max_num_batched_tokens);
  const maxNumSeqs = Math.min(options.maxNumSeqs, options.limits.max_num_seqs);
  return {
    grid: { ...options, maxNumBatchedTokens, maxNumSeqs },
    limits: { ...options.limits, max_num_batched_tokens: maxNumBatchedTokens, max_num_seqs: maxNumSeqs },
  };
}
