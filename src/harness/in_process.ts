/**
 * Harnesses that are functions of this process.
 *
 * @module
 */
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { UsageError } from "../errors.ts";
import type { Shot } from "../shots/shot.ts";
import type {
  Booted,
  BootRequest,
  CallOptions,
  FailureKind,
  FireRequest,
  Harness,
  HarnessInfo,
  ShotOutcome,
} from "./harness.ts";

/** The answer to a shot: microseconds of each timed forward by layer, or why there are none. */
export type ShotAnswer =
  | { readonly samples: Readonly<Record<string, readonly number[]>> }
  | { readonly kind: FailureKind; readonly message: string };

/** An engine as a function. */
export interface InProcessEngine {
  /** What the boot reports. */
  readonly booted: Booted;
  /** Answers a shot with as many samples of each layer as asked. */
  readonly answer: (shot: Shot, iterations: number) => ShotAnswer;
}

/** Options of {@linkcode inProcessHarness}. */
export interface InProcessOptions {
  /** Who it is. */
  readonly info: HarnessInfo;
  /** Boots an engine, or throws a HarnessError. */
  readonly boot: (request: BootRequest) => InProcessEngine;
  /** Milliseconds that each shot takes. @default {0} */
  readonly delayMs?: number;
}

/**
 * A harness around a function; it keeps nothing between shots, and lets timers and signals in between chunks.
 *
 * @param options Who it is and what it boots.
 * @returns The harness.
 */
export function inProcessHarness({ info, boot, delayMs = 0 }: InProcessOptions): Harness {
  let engine: InProcessEngine | undefined;

  async function* fire(
    { shots, iterations, quantity }: FireRequest,
    { signal }: CallOptions = {},
  ): AsyncGenerator<ShotOutcome> {
    if (engine === undefined) {
      throw new UsageError(`Cannot fire on harness '${info.harness}': no engine is booted`);
    }
    if (!info.quantities.includes(quantity)) {
      throw new UsageError(
        `Harness '${info.harness}' gives ${info.quantities.join(", ")}, asked for ${quantity}`,
      );
    }
    await setImmediate();
    for (const [index, shot] of shots.entries()) {
      signal?.throwIfAborted();
      if (delayMs > 0) await pause(delayMs, signal);
      const answer = engine.answer(shot, iterations);
      yield "samples" in answer
        ? { status: "measured", index, samples: answer.samples }
        : { status: "failed", index, kind: answer.kind, message: answer.message };
    }
  }

  const close = (): Promise<void> => {
    engine = undefined;
    return Promise.resolve();
  };
  return {
    info,
    async boot(request: BootRequest, { signal }: CallOptions = {}): Promise<Booted> {
      signal?.throwIfAborted();
      engine = undefined;
      engine = await Promise.resolve(boot(request));
      return engine.booted;
    },
    fire,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  }
}
