/**
 * Opening and booting harnesses whose process is killed meanwhile.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { HarnessError } from "../errors.ts";

/** Attempts after the first. */
const MOST_AGAIN = 3;

/** Pause after the first failure, in milliseconds. */
const FIRST_PAUSE_MS = 1000;

/** How killed attempts are told and followed by others. */
export interface AgainOptions {
  /** Told in a sentence of each attempt that was killed. */
  readonly tell: (message: string) => void;
  /** Pause after the first, in milliseconds; it doubles with each that follows. @default {1000} */
  readonly pauseMs?: number | undefined;
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
      await pause(pauseMsAfter(again + 1, pauseMs), signal);
    }
  }
}

/**
 * How long to wait before something that failed is tried once more.
 *
 * @param failures How often it failed in a row, from 1.
 * @param firstMs The pause after the first failure, in milliseconds.
 * @returns The pause in milliseconds, twice that of one failure less.
 *
 * @example
 * ```ts
 * import { pauseMsAfter } from "./retry.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual([1, 2, 3, 4].map((failures) => pauseMsAfter(failures)), [1000, 2000, 4000, 8000]);
 * assert.equal(pauseMsAfter(3, 5), 20);
 * ```
 */
export function pauseMsAfter(failures: number, firstMs = FIRST_PAUSE_MS): number {
  return firstMs * 2 ** (failures - 1);
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
