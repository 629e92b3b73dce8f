/**
 * A harness that is replaced when it breaks: what is fired through it gets one outcome per shot.
 *
 * @module
 */
import { HarnessError } from "../errors.ts";
import type {
  Booted,
  BootRequest,
  CallOptions,
  FireRequest,
  Harness,
  HarnessInfo,
  ShotOutcome,
} from "../harness/harness.ts";
import type { Shot } from "../sweep/shot.ts";

/** Shots that are handed to a harness at once. */
const CHUNK = 64;
/** Replacements without a measured shot between them, after which a lane gives up. */
const MAX_RESTARTS = 5;

/** Where a lane gets its harnesses from: a way to open them, or one that is open and cannot be replaced. */
export type LaneSource =
  | { readonly open: () => Promise<Harness> }
  | { readonly harness: Harness };

/** How a lane fires. */
export interface LaneFire extends Omit<FireRequest, "shots">, CallOptions {
  /** Shots handed over at once. @default {64} */
  readonly chunk?: number;
}

/** What a lane tells while it fires. */
export type LaneStep =
  | {
    /** What became of a shot. */
    readonly type: "outcome";
    /** The shot. */
    readonly shot: Shot;
    /** Its samples or its failure. */
    readonly outcome: ShotOutcome;
  }
  | {
    /** The harness broke; a new one takes its place. */
    readonly type: "broken";
    /** What happened, in a sentence. */
    readonly message: string;
  };

/** A harness with its replacements; disposing ends what the lane has opened. */
export interface Lane extends AsyncDisposable {
  /** Who answers. */
  readonly info: HarnessInfo;
  /**
   * Boots an engine, in place of the one before.
   *
   * @throws {HarnessError} when it cannot.
   */
  boot(request: BootRequest, options?: CallOptions): Promise<Booted>;
  /**
   * Fires shots on the booted engine: one outcome per shot, in their order. When the harness breaks, it is replaced
   * and the shot in flight is tried once more alone; when it breaks again, the shot has failed.
   *
   * @throws {HarnessError} when the harness cannot be replaced, or broke too often without a measured shot.
   */
  fire(shots: readonly Shot[], how: LaneFire): AsyncGenerator<LaneStep>;
}

/**
 * Opens a lane.
 *
 * @param source Where its harnesses come from.
 * @returns The lane.
 * @throws {HarnessError} when the first harness cannot be opened.
 */
export async function openLane(source: LaneSource): Promise<Lane> {
  const replaceable = "open" in source;
  let harness = replaceable ? await source.open() : source.harness;
  let broken = false;
  let booted: BootRequest | undefined;

  async function boot(request: BootRequest, options: CallOptions): Promise<Booted> {
    if (broken && replaceable) {
      await harness.close().catch(() => {});
      harness = await source.open();
    }
    booted = request;
    const answer = await harness.boot(request, options);
    broken = false;
    return answer;
  }

  async function* fire(shots: readonly Shot[], how: LaneFire): AsyncGenerator<LaneStep> {
    const { chunk = CHUNK, signal, iterations, quantity } = how;
    const options = signal === undefined ? {} : { signal };
    let next = 0;
    let restarts = 0;
    // Whether the next shot was in flight when a harness broke.
    let suspect = false;
    while (next < shots.length) {
      signal?.throwIfAborted();
      const end = Math.min(next + (suspect ? 1 : chunk), shots.length);
      let firing = false;
      try {
        if (broken && booted !== undefined) await boot(booted, options);
        firing = true;
        for await (
          const outcome of harness.fire({ shots: shots.slice(next, end), iterations, quantity }, options)
        ) {
          if (outcome.status === "failed" && outcome.kind === "engine_dead") {
            throw engineDead(outcome.message);
          }
          if (outcome.status === "measured") restarts = 0;
          suspect = false;
          yield { type: "outcome", shot: shots[next++]!, outcome };
        }
        if (next < end) throw engineDead(`it left ${end - next} shots of a chunk unanswered`);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof HarnessError) || !replaceable) throw error;
        broken = true;
        if (++restarts > MAX_RESTARTS) throw gaveUp(error);
        yield { type: "broken", message: `The harness broke and is replaced: ${error.message}` };
        if (!firing || next >= end) continue;
        if (suspect) yield { type: "outcome", shot: shots[next++]!, outcome: failure(error) };
        suspect = !suspect;
      }
    }
  }
  return {
    get info(): HarnessInfo {
      return harness.info;
    },
    boot: (request, options = {}) => boot(request, options),
    fire,
    async [Symbol.asyncDispose](): Promise<void> {
      if (replaceable) await harness.close();
    },
  };
}

function engineDead(message: string): HarnessError {
  return new HarnessError(`The engine died: ${message}`, { stage: "fire", kind: "engine_dead" });
}

function gaveUp(cause: HarnessError): HarnessError {
  const message = `Cannot go on: the harness broke ${
    MAX_RESTARTS + 1
  } times without a measured shot between, at last: ${cause.message}`;
  return new HarnessError(message, cause.details, { cause });
}

function failure({ details, message }: HarnessError): ShotOutcome {
  return {
    status: "failed",
    index: 0,
    kind: details.kind === "timeout" ? "timeout" : "engine_dead",
    message,
  };
}
