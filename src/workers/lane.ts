/**
 * A harness that is replaced when it breaks: what is fired through it gets one outcome per shot.
 *
 * @module
 */
import { plural } from "../count_text.ts";
import { HarnessError } from "../errors.ts";
import type {
  Booted,
  BootRequest,
  CallOptions,
  FireFact,
  FireRequest,
  Harness,
  HarnessInfo,
  ShotOutcome,
  SustainRequest,
} from "../harness/harness.ts";
import type { Clocks } from "../journal/clock_range.ts";
import type { Shot } from "../shots/shot.ts";
import { engineDead, failure, gaveUp, newRestarts, refuseOther } from "./restarts.ts";
import { refuseUnlocked } from "./locked_clock.ts";
import { againWhenKilled, pause, pauseMsAfter } from "./retry.ts";
import { fireSentinel, SENTINEL_SAMPLES, type SentinelOptions, sentinelWatch } from "./sentinel_watch.ts";

/** Shots that are handed to a harness at once. */
export const CHUNK = 64;

/** Where a lane gets its harnesses from: a way to open them, or one that is open and cannot be replaced. */
export type LaneSource =
  | {
    /** Opens a harness. */
    readonly open: () => Promise<Harness>;
    /** Pause after a replacement that could not be opened or booted, in milliseconds; each next one is twice as long. */
    readonly pauseMs?: number;
  }
  | { readonly harness: Harness };

/** How a lane fires. */
export interface LaneFire extends Omit<FireRequest, "shots">, CallOptions {
  /** Shots handed over at once. @default {64} */
  readonly chunk?: number;
  /** A shot that each lane repeats after a boot, then every so often between chunks; without it none is. */
  readonly sentinel?: SentinelOptions;
  /** Lanes of a pool that are to fire nothing, because their device drifted. @default none */
  readonly resting?: readonly string[];
}

/** What a lane tells while it fires. */
export type LaneStep =
  | {
    /** An engine was booted since the last step, the first one or in place of one that broke. */
    readonly type: "engine";
    /** Its tensor-parallel degree. */
    readonly tp: number;
    /** Devices that share the experts, of which it has one's; absent where it has all. */
    readonly ep?: number | undefined;
    /** What its boot told. */
    readonly booted: Booted;
    /** Which lane of a pool booted it; left out by a lane that is alone. */
    readonly lane?: string;
  }
  | {
    /** What became of a shot. */
    readonly type: "outcome";
    /** The shot. */
    readonly shot: Shot;
    /** Its samples or its failure. */
    readonly outcome: ShotOutcome;
    /** Which lane of a pool fired it; left out by a lane that is alone. */
    readonly lane?: string;
  }
  | {
    /** The sentinel was fired. */
    readonly type: "sentinel";
    /** The shot. */
    readonly shot: Shot;
    /** Its samples or its failure. */
    readonly outcome: ShotOutcome;
    /** The clocks since the sentinel before. */
    readonly clocks: Clocks;
    /** Which lane of a pool fired it; left out by a lane that is alone. */
    readonly lane?: string;
  }
  | {
    /** What the harness tells beside the outcomes. */
    readonly type: "fact";
    /** The device's state, names of kernels, or the cost of a chunk. */
    readonly fact: FireFact;
    /** Which lane of a pool it is about; left out by a lane that is alone. */
    readonly lane?: string;
  }
  | {
    /** A harness broke or is slower than its fellows; the others, or a new one, go on. */
    readonly type: "broken" | "slow";
    /** What happened, in a sentence. */
    readonly message: string;
  };

/** A harness with its replacements; disposing ends what the lane has opened. */
export interface Lane extends AsyncDisposable {
  /** Who answers. */
  readonly info: HarnessInfo;
  /**
   * Boots an engine, in place of the one before; again when the harness is killed meanwhile.
   *
   * @throws {HarnessError} when it cannot.
   */
  boot(request: BootRequest, options?: CallOptions): Promise<Booted>;
  /**
   * Fires shots on the booted engine: one outcome per shot, in their order. When the harness breaks, it is replaced
   * and the shots of the chunk that have no outcome are fired one by one, because an error of a device can come late;
   * one that was in flight twice has failed. A sentinel that is due is fired without shots too.
   *
   * @throws {HarnessError} when the harness cannot be replaced, or broke too often without a measured shot.
   * @throws {UsageError} when what would replace it is another engine or device.
   */
  fire(shots: readonly Shot[], how: LaneFire): AsyncGenerator<LaneStep>;
  /**
   * Repeats the layers of shots without a pause, on one device, where the harness can; a harness that breaks meanwhile
   * is replaced before the next shots are fired.
   */
  sustain(request: SustainRequest, options?: CallOptions): AsyncGenerator<LaneStep>;
  /**
   * Ends one of several lanes for good, so that its device is free; the others go on. A lane that is alone has none to
   * give.
   *
   * @param name What messages call it.
   */
  release?(name: string): Promise<void>;
}

/**
 * Opens a lane.
 *
 * @param source Where its harnesses come from.
 * @returns The lane.
 * @throws {HarnessError} when the first harness cannot be opened; one that is killed meanwhile is opened again.
 *
 * @example
 * ```ts
 * import { openHarness } from "shotlab";
 * import { openLane } from "shotlab/run";
 * import assert from "node:assert/strict";
 * await using lane = await openLane({ harness: await openHarness("roofline:H100") });
 * assert.equal(lane.info.engine, "roofline");
 * ```
 */
export async function openLane(source: LaneSource): Promise<Lane> {
  const replaceable = "open" in source;
  const pauseMs = replaceable ? source.pauseMs : undefined;
  const kills: string[] = [];
  const again = { pauseMs, tell: (message: string): void => void kills.push(message) };
  let harness = replaceable ? await againWhenKilled(source.open, again) : source.harness;
  let broken = false;
  let booted: BootRequest | undefined;
  let fresh: Booted | undefined;
  const restarts = newRestarts();
  const watch = sentinelWatch();

  async function boot(request: BootRequest, options: CallOptions): Promise<Booted> {
    if (broken && replaceable) {
      const { info } = harness;
      await harness.close().catch(() => {});
      harness = await source.open();
      refuseOther(info, harness.info);
    }
    booted = request;
    broken = true;
    fresh = await harness.boot(request, options);
    refuseUnlocked(harness.info.harness, request, fresh);
    broken = false;
    watch.restart();
    return fresh;
  }

  /** Tells of the engine that was booted last, once. */
  function* tellEngine(): Generator<LaneStep> {
    if (fresh === undefined) return;
    const engine = { type: "engine", tp: booted!.tp, ep: booted!.ep, booted: fresh } as const;
    fresh = undefined;
    yield engine;
  }

  /** Fires a chunk; what comes after its end is a harness that broke or was left. */
  async function* fireChunk(chunk: readonly Shot[], how: LaneFire): AsyncGenerator<LaneStep> {
    const { signal, iterations, precision, quantity } = how;
    const facts: FireFact[] = [];
    let state: FireFact | undefined;
    let answered = 0;
    const onFact = (fact: FireFact): void => {
      facts.push(fact);
      if (fact.type === "state") state = fact;
    };
    broken = true;
    const outcomes = harness.fire(
      { shots: chunk, iterations, ...precision && { precision }, quantity },
      { ...signal && { signal }, onFact },
    );
    for await (const outcome of outcomes) {
      for (const fact of facts.splice(0)) yield { type: "fact", fact };
      if (outcome.status === "failed" && outcome.kind === "engine_dead") throw engineDead(outcome.message);
      if (outcome.status === "measured") restarts.measured();
      yield { type: "outcome", shot: chunk[answered++]!, outcome };
    }
    for (const fact of facts) yield { type: "fact", fact };
    if (state !== undefined) watch.see(state);
    const left = chunk.length - answered;
    if (left > 0) throw engineDead(`it left ${plural(left, "shot")} of a chunk unanswered`);
    broken = false;
  }

  async function* fire(shots: readonly Shot[], how: LaneFire): AsyncGenerator<LaneStep> {
    const { chunk = CHUNK, signal, sentinel } = how;
    for (const message of kills.splice(0)) yield { type: "broken", message };
    restarts.begin();
    let next = 0;
    // Whether a sentinel was fired since the last chunk.
    let checked = false;
    const due = (): boolean => !checked && sentinel !== undefined && watch.isDue(sentinel.everyS);
    while (next < shots.length || due()) {
      signal?.throwIfAborted();
      const end = Math.min(next + restarts.size(next, chunk), shots.length);
      let firing = false;
      try {
        if (broken && booted !== undefined) await boot(booted, how);
        yield* tellEngine();
        if (sentinel !== undefined && due()) {
          const { precision: _, ...fixed } = { ...how, iterations: SENTINEL_SAMPLES };
          yield* fireSentinel(watch, sentinel, () => fireChunk([sentinel.shot], fixed));
          checked = true;
          continue;
        }
        firing = true;
        checked = false;
        for await (const step of fireChunk(shots.slice(next, end), how)) {
          if (step.type === "outcome") next++;
          yield step;
        }
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof HarnessError) || !replaceable) throw error;
        const fate = restarts.broke(firing ? { next, end } : null);
        if (fate === "give up") throw gaveUp(error, restarts.breaks);
        yield { type: "broken", message: `The harness broke and is replaced: ${error.message}` };
        if (!firing) await pause(pauseMsAfter(restarts.breaks, pauseMs), signal);
        if (fate === "failed") yield { type: "outcome", shot: shots[next++]!, outcome: failure(error) };
      }
    }
  }
  return {
    get info(): HarnessInfo {
      return harness.info;
    },
    boot(request, options = {}): Promise<Booted> {
      const attempt = (): Promise<Booted> => boot(request, options);
      return replaceable ? againWhenKilled(attempt, { ...again, signal: options.signal }) : attempt();
    },
    fire,
    async *sustain(request, options = {}): AsyncGenerator<LaneStep> {
      if (broken || harness.sustain === undefined) return;
      broken = true;
      try {
        for await (const fact of harness.sustain(request, options)) yield { type: "fact", fact };
        broken = false;
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!(error instanceof HarnessError)) throw error;
        yield { type: "broken", message: `What a lasting load takes was not measured: ${error.message}` };
      }
    },
    async [Symbol.asyncDispose](): Promise<void> {
      if (replaceable) await harness.close();
    },
  };
}
