/**
 * Degrees of which nothing is left to fire: the journal says what their engines allow, so that none is booted to find
 * that out.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { UsageError } from "../errors.ts";
import type { BootRequest } from "../harness/harness.ts";
import type { Identity } from "../journal/identity.ts";
import { textConfig } from "../model/config.ts";
import type { ModelConfig } from "../model/model.ts";
import type { Limits } from "../shots/limits.ts";
import type { Sweep } from "../shots/plan_sweeps.ts";
import type { Shot } from "../shots/shot.ts";
import type { Recorder } from "../store/recorder.ts";
import { dueSustained } from "./due.ts";
import { dueInPlan, skewProblem } from "./sweep_task.ts";

/** More tokens and blocks than any memory holds. */
const ENDLESS = 2 ** 30;

/** What a batch is to hold. */
type Batch = Pick<BootRequest, "max_num_batched_tokens" | "max_num_seqs">;

/** Who boots an engine, and what is asked for. */
export interface Asked {
  /** Who answers: harness, engine, device, driver, processor, types. */
  readonly identity: Identity;
  /** The configuration, the layers, and what a batch is to hold. */
  readonly request: BootRequest;
  /** Hash of the source that measures. */
  readonly sourceSha256: string;
}

/**
 * Names an engine, so that another session knows it again.
 *
 * @param asked Who boots it, and what is asked for.
 * @returns SHA-256 of all of it, in hex: what an engine allows follows from it, but for the memory that is free.
 */
export function hashOfAsked({ identity, request, sourceSha256 }: Asked): string {
  return createHash("sha256").update(JSON.stringify([identity, request, sourceSha256])).digest("hex");
}

/**
 * The limits that an engine would have if memory bound none of them: what is free now need not be what was free then.
 * One that allowed smaller batches than it was asked for, or requests that are not as long as the model says, may have
 * done so for want of memory.
 *
 * @param limits What it allowed.
 * @param config The model's configuration.
 * @param asked What a batch was to hold.
 * @returns The limits.
 *
 * @example
 * ```ts
 * import { limitsWithoutMemory } from "./complete_degree.ts";
 * import assert from "node:assert/strict";
 * const limits = {
 *   max_num_batched_tokens: 64, max_num_seqs: 8, num_cache_tokens: 2000, max_model_len: 512, block_size: 16,
 *   num_experts: null, top_k: null,
 * };
 * const asked = { max_num_batched_tokens: 64, max_num_seqs: 16 };
 * const own = limitsWithoutMemory(limits, { max_position_embeddings: 512 }, asked);
 * assert.deepEqual([own.max_model_len, own.max_num_seqs], [512, 16]);
 * assert.ok(limitsWithoutMemory(limits, { max_position_embeddings: 4096 }, asked).max_model_len > 1e8);
 * ```
 */
export function limitsWithoutMemory(limits: Limits, config: ModelConfig, asked: Batch): Limits {
  const { max_num_batched_tokens: tokens, max_num_seqs: requests, max_model_len: longest, pool } = limits;
  const isOwn = textConfig(config)["max_position_embeddings"] === longest;
  return {
    ...limits,
    max_num_batched_tokens: Math.max(tokens, asked.max_num_batched_tokens),
    max_num_seqs: Math.max(requests, asked.max_num_seqs),
    num_cache_tokens: ENDLESS,
    max_model_len: isOwn ? longest : ENDLESS,
    ...pool && { pool: { ...pool, blocks: ENDLESS } },
  };
}

/** What decides whether a degree is complete. */
export interface CompleteOptions {
  /** Plans the degree by what its engine allows. */
  readonly plan: (limits: Limits) => readonly Sweep[];
  /** Chooses shots of a plan that are to be repeated without a pause. */
  readonly lasting: (planned: readonly Sweep[]) => readonly Shot[];
  /** What the engine allowed when it was booted before. */
  readonly limits: Limits;
  /** The model's configuration. */
  readonly config: ModelConfig;
  /** What a batch of it was to hold. */
  readonly request: Batch;
  /** Knows what was measured. */
  readonly session: Recorder;
  /** Whether shots are fired again that failed before. */
  readonly retryFailed: boolean;
}

/**
 * The plan of a degree of which nothing is left to fire, however much memory is free: each shot has its rows or has
 * failed, none is in doubt, and no sweep would be left out.
 *
 * @param options The plan, and what is known of its shots.
 * @returns The sweeps; null where something is left, or may be.
 */
export function completePlan(options: CompleteOptions): readonly Sweep[] | null {
  const { plan, lasting, limits, config, request, session } = options;
  let sweeps: readonly Sweep[];
  try {
    sweeps = plan(limitsWithoutMemory(limits, config, request));
  } catch (error) {
    // A grid up to a longest request that nobody knows may be too large to be planned.
    if (error instanceof UsageError) return null;
    throw error;
  }
  const isThere = (sweep: Sweep): boolean =>
    skewProblem(sweep, options) === null && !sweep.shots.some((shot) => session.inDoubt(shot)) &&
    dueInPlan(sweep, options, []).length === 0;
  return sweeps.every(isThere) && dueSustained(lasting(sweeps), session).length === 0 ? sweeps : null;
}
