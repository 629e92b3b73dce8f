/**
 * Firing sweeps: what has no row is fired, recorded, and told.
 *
 * @module
 */
import type { CallOptions, FireRequest, ShotOutcome } from "../harness/harness.ts";
import type { Sweep } from "../sweep/plan_sweeps.ts";
import { type Shot, shotKey, type SweepCategory } from "../sweep/shot.ts";
import type { FailedShotEvent, RunEvent, ShotEvent } from "./events.ts";
import type { Lane } from "./lane.ts";
import { median } from "./median.ts";
import type { Session } from "./session.ts";
import { dueSkew } from "./skew_due.ts";

/** Options of {@linkcode execute}. */
export interface ExecuteOptions extends Omit<FireRequest, "shots">, CallOptions {
  /** Fires the shots; an engine is booted on it. */
  readonly lane: Lane;
  /** Records them; it has been started. */
  readonly session: Session;
  /** What to fire, in this order. */
  readonly sweeps: readonly Sweep[];
  /** Fires the shots again that failed before. @default {false} */
  readonly retryFailed?: boolean;
  /** Fires all shots again, those that have rows too; a row stands until it is measured. @default {false} */
  readonly again?: boolean;
  /** Shots handed to the harness at once. @default {64} */
  readonly chunk?: number;
}

/**
 * Fires sweeps. A shot is fired when a layer that it times has no row, and only the absent rows are taken.
 *
 * However it ends (done, an error, an abort, or the consumer leaving the loop), what was measured is in the journal
 * and in the files.
 *
 * @param options What to fire, on what, and where it is recorded.
 * @returns Events, each told after it is in the journal.
 * @throws {HarnessError} when the harness breaks too often.
 * @throws {UsageError} when the disk refuses.
 *
 * @example
 * ```ts
 * import { execute } from "./execute.ts";
 * import { identityOf } from "./identity.ts";
 * import { openLane } from "./lane.ts";
 * import { openSession } from "./session.ts";
 * import { openHarness } from "../harness/open.ts";
 * import { loadModel } from "../model/load_model.ts";
 * import { shardConfig } from "../model/shard.ts";
 * import assert from "node:assert/strict";
 *
 * const { config, architecture } = await loadModel("Qwen/Qwen3-0.6B");
 * const dir = await Deno.makeTempDir();
 * {
 *   await using session = await openSession(dir, { architecture });
 *   await using lane = await openLane({ open: () => openHarness("roofline:H100") });
 *   const quantity = "estimate";
 *   const identity = identityOf(lane.info, { dtype: "bfloat16", kv_cache_dtype: "auto", quantity });
 *   session.start({ identity, settings: {} });
 *   await lane.boot({
 *     config: shardConfig(config, 1),
 *     architecture,
 *     tp: 1,
 *     dtype: "auto",
 *     kv_cache_dtype: "auto",
 *     block_size: null,
 *     max_num_batched_tokens: 64,
 *     max_num_seqs: 8,
 *   });
 *   const sweeps = [{ category: "dense", tp: 1, shots: [{ category: "dense", tp: 1, tokens: 16 }] }] as const;
 *   for await (const event of execute({ lane, session, sweeps, iterations: 3, quantity })) {
 *     if (event.type === "shot") assert.ok(event.timesUs.qkv_proj! > 0);
 *   }
 * }
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export async function* execute(options: ExecuteOptions): AsyncGenerator<RunEvent> {
  const { session, sweeps } = options;
  const works = sweeps.map((sweep): Work => ({ sweep, todo: dueShots(sweep, options, sweeps) }));
  try {
    if (sweeps[0] !== undefined) yield { type: "planned", tp: sweeps[0].tp, sweeps: works.map(extent) };
    for (const work of works) {
      if (work.sweep.category === "skew") yield* fireSkew(work.sweep, options);
      else yield* fireSweep(work, options);
    }
  } finally {
    await session.save();
  }
}

/** What attention gives the cases is certain only now. */
async function* fireSkew(sweep: Sweep, options: ExecuteOptions): AsyncGenerator<RunEvent> {
  const problem = options.session.skewProblem(sweep.tp, options.again ?? false);
  if (problem === null) return yield* fireSweep({ sweep, todo: dueShots(sweep, options) }, options);
  yield { type: "notice", message: `The skew sweep at tp ${sweep.tp} is left out: ${problem}` };
}

/** A sweep, and those of its shots that are to be fired. */
interface Work {
  readonly sweep: Sweep;
  readonly todo: readonly Shot[];
}

function extent({ sweep, todo }: Work): { category: SweepCategory; planned: number; done: number } {
  const planned = sweep.shots.length;
  return { category: sweep.category, planned, done: planned - todo.length };
}

/** The shots of a sweep that are to be fired, when the shots of other sweeps are fired before. */
function dueShots(sweep: Sweep, options: ExecuteOptions, before: readonly Sweep[] = []): readonly Shot[] {
  const { session, again = false, retryFailed = false } = options;
  if (sweep.category !== "skew") return sweep.shots.filter((shot) => isDue(shot, options));
  const attention = before.find(({ category, tp }) => category === "attention" && tp === sweep.tp);
  const keys = new Set(attention?.shots.map((shot) => shotKey(shot).join()));
  const promised = (batch: readonly number[]): boolean => keys.has(batch.join());
  return dueSkew(sweep.shots.filter((shot) => shot.category === "skew"), {
    session,
    again,
    retryFailed,
    promised,
  });
}

function isDue(shot: Shot, { session, again = false, retryFailed = false }: ExecuteOptions): boolean {
  if (again) return true;
  return session.missing(shot).length > 0 && (retryFailed || !session.hasFailed(shot));
}

async function* fireSweep(work: Work, options: ExecuteOptions): AsyncGenerator<RunEvent> {
  const { lane, session } = options;
  const { category, tp } = work.sweep;
  yield { type: "sweep-started", tp, ...extent(work) };
  const begun = performance.now();
  const seconds = (): number => (performance.now() - begun) / 1000;
  let measured = 0;
  let failed = 0;
  try {
    for await (const step of lane.fire(work.todo, options)) {
      if (step.type === "fact") continue;
      if (step.type !== "outcome") {
        yield { type: "notice", message: step.message };
        continue;
      }
      const event = record(step.shot, step.outcome, options);
      if (event.type === "shot") measured++;
      else failed++;
      yield event;
      await session.saveIfDue();
    }
  } finally {
    session.spend(tp, category, seconds());
  }
  await session.save();
  yield { type: "sweep-finished", category, tp, measured, failed, seconds: seconds() };
}

function record(
  shot: Shot,
  outcome: ShotOutcome,
  { session, again = false }: ExecuteOptions,
): ShotEvent | FailedShotEvent {
  if (outcome.status === "failed") {
    return { type: "failed-shot", ...session.fail(shot, outcome.kind, outcome.message) };
  }
  const layers = again ? session.timed(shot) : session.missing(shot);
  const unusable = layers.find((layer) => !(median(outcome.samples[layer] ?? []) > 0));
  if (unusable !== undefined) {
    const got = JSON.stringify(outcome.samples[unusable] ?? []);
    const message = `The times of layer '${unusable}' must have a median above 0 us, got ${got}`;
    return { type: "failed-shot", ...session.fail(shot, "unsupported", message) };
  }
  const samples = Object.fromEntries(layers.map((layer) => [layer, outcome.samples[layer]!]));
  return {
    type: "shot",
    category: shot.category,
    tp: shot.tp,
    key: shotKey(shot),
    timesUs: session.measured(shot, samples),
  };
}
