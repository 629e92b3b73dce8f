/**
 * Opening and booting harnesses whose process is killed meanwhile.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { HarnessError } from "../errors.ts";

/** Attempts after the first. */
const MOST_AGAIN = 3;

/** How killed attempts are told and followed by others. */
export interface AgainOptions {
  /** Told in a sentence of each attempt that was killed. */
  readonly tell: (message: string) => void;
  /** Pause after the first, in milliseconds; it doubles with each that follows. */
  readonly pauseMs: number;
  /** Ends the pauses. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Attempts something on a harness, again when a signal ended its process: that is the doing of others (somebody's kill,
 * a host that is out of memory), and may go well the next time. A refusal, an exit or a lack of time stands.
 *
 * @param attempt What is attempted.
 * @param options How.
 * @returns What it gives.
 * @throws {HarnessError} when it fails otherwise, or was killed four times.
 */
export async function againWhenKilled<T>(attempt: () => Promise<T>, options: AgainOptions): Promise<T> {
  const { tell, pauseMs, signal } = options;
  for (let again = 0;; again++) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (again === MOST_AGAIN || !wasKilled(error)) throw error;
      tell(`The harness broke and is replaced: ${error.message}`);
      await pause(pauseMs * 2 ** again, signal);
    }
  }
}

function wasKilled(error: unknown): error is HarnessError {
  if (!(error instanceof HarnessError)) return false;
  const { kind, signal } = error.details;
  return kind === "engine_dead" && signal !== undefined;
}

/**
 * Waits; an abort ends it, and the next step notices it.
 *
 * @param ms How long, in milliseconds.
 * @param signal The abort.
 */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
