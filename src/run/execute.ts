/**
 * Firing sweeps: what has no row is fired, recorded, and told.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { launchNews } from "../journal/launches.ts";
import type { CallOptions, FireRequest, SustainRequest } from "../harness/harness.ts";
import type { Sweep } from "../shots/plan_sweeps.ts";
import { adaptiveTasks } from "./adaptive_sweeps.ts";
import { dueSustained } from "./due.ts";
import type { AdaptiveOptions } from "./round_sweep.ts";
import type { RunEvent } from "../events.ts";
import { checkDoubts, extent, fireDoubtful, runSweeps } from "./run_sweeps.ts";
import type { Lane } from "../workers/lane.ts";
import type { Recorder } from "../store/recorder.ts";
import { hasSpareCores } from "./spare_cores.ts";
import type { SentinelOptions } from "../workers/sentinel_watch.ts";
import { wholeSweep } from "./sweep_task.ts";

/** In which a request reaches its process, before predicting keeps this thread from its event loop. */
const REACHED_MS = 50;

/** Options of {@linkcode execute}. */
export interface ExecuteOptions extends Omit<FireRequest, "shots">, CallOptions {
  /** Fires the shots; an engine is booted on it. */
  readonly lane: Lane;
  /** Records them; it has been started. */
  readonly session: Recorder;
  /** What to fire, in this order. */
  readonly sweeps: readonly Sweep[];
  /** Shuffles the shots of each sweep by this seed; null fires them in the plan's order. @default {null} */
  readonly seed?: number | null;
  /**
   * A shot that is repeated every so often. When its time or the device's clock has moved too far, what was measured
   * around it is measured again, once the sweep is through. Without it nothing watches.
   */
  readonly sentinel?: SentinelOptions;
  /** Hash of who boots the engine and of what was asked for, which the journal keeps with it. @default {none} */
  readonly asked?: string;
  /** Fires a part of attention and skew, and predicts the rest; without it, all is fired. */
  readonly adaptive?: AdaptiveOptions;
  /** Shots that are repeated without a pause after all sweeps, where the harness can. */
  readonly sustain?: SustainRequest;
  /** Fires the shots again that failed before. @default {false} */
  readonly retryFailed?: boolean;
  /** Fires all shots again, those that have rows too; old rows are kept until they are replaced. @default {false} */
  readonly again?: boolean;
  /** Shots handed to the harness at once. @default {64} */
  readonly chunk?: number;
  /**
   * Called and awaited once nothing more is fired, where that is known before the last rows are predicted and the host
   * has cores to spare: when a share of the shots is fired, without a budget, and nothing is repeated after it.
   */
  readonly onFired?: () => Promise<void> | void;
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
 * import { loadModel, openHarness, shardConfig } from "shotlab";
 * import { execute, identityOf, openLane, openSession } from "shotlab/run";
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
  const { session, sweeps, adaptive } = options;
  const { tasks, conclusion } = adaptive === undefined
    ? { tasks: sweeps.map((sweep) => [wholeSweep(sweep, options)]), conclusion: () => null }
    : adaptiveTasks(options, adaptive);
  const device = { timeMoved: false, atPowerLimit: false, againInVain: false };
  try {
    yield* checkDoubts(sweeps, options, device);
    if (sweeps[0] !== undefined) {
      yield { type: "planned", tp: sweeps[0].tp, sweeps: tasks.flat().map((task) => extent(task, sweeps)) };
    }
    let lasting: AsyncGenerator<RunEvent> | null = null;
    const onFired = async (): Promise<void> => {
      if (!hasSpareCores()) return;
      if (options.sustain === undefined) await options.onFired?.();
      else lasting = begun(sustain(options, options.sustain));
      await sleep(REACHED_MS);
    };
    for (const together of tasks) {
      const isLast = together === tasks.at(-1) && adaptive?.budget === undefined;
      yield* runSweeps(together, { ...options, onFired: isLast ? onFired : (): void => {} }, device);
    }
    // Predicted rows would not follow.
    if (adaptive === undefined) yield* fireDoubtful(sweeps, options, device);
    const message = conclusion();
    if (message !== null) yield { type: "notice", message };
    if (options.sustain !== undefined) yield* lasting ?? sustain(options, options.sustain);
    for (const news of launchNews(session.otherKernels)) yield { type: "notice", message: news };
  } finally {
    session.judge.end();
    await session.save();
  }
}

/** The same events, of which the first is asked for now. */
function begun(events: AsyncGenerator<RunEvent>): AsyncGenerator<RunEvent> {
  const first = events.next();
  first.catch(() => {}); // told when it is asked for
  return (async function* (): AsyncGenerator<RunEvent> {
    for (let step = await first; !step.done; step = await events.next()) yield step.value;
  })();
}

/** Records what a lasting load makes of shots that have times, those of which it is not known. */
async function* sustain(
  { lane, session, signal }: ExecuteOptions,
  { shots, seconds }: SustainRequest,
): AsyncGenerator<RunEvent> {
  const open = dueSustained(shots, session);
  if (open.length === 0) return;
  for await (const step of lane.sustain({ shots: open, seconds }, { ...signal && { signal } })) {
    if (step.type === "fact") session.note(step.fact);
    else if (step.type === "broken") yield { type: "notice", message: step.message };
  }
}
