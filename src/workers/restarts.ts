/**
 * What follows when the harness of a lane breaks: which shots are fired alone, which one has failed, when to give up, and
 * what may take its place.
 *
 * @module
 */
import { HarnessError, UsageError } from "../errors.ts";
import type { HarnessInfo, ShotOutcome } from "../harness/harness.ts";
import { kindDifferences } from "./alike.ts";

/** Breaks without a measured shot between them, after which a lane gives up. */
const MOST_BREAKS = 5;

/** The breaks of one lane. */
export interface Restarts {
  /** How often the harness broke since a shot was measured. */
  readonly breaks: number;
  /** Other shots are fired: those of before are nobody's suspects any more. */
  begin(): void;
  /**
   * How many shots to hand over at once.
   *
   * @param next Position of the first one.
   * @param chunk How many it may be.
   * @returns One where the harness broke on a chunk, because an error of a device can come late.
   */
  size(next: number, chunk: number): number;
  /** A shot was measured. */
  measured(): void;
  /**
   * The harness broke.
   *
   * @param chunk The shots of the chunk that had no outcome, by position; null when none was being fired.
   * @returns What becomes of the first of these: it is fired again, or has failed when it was in flight twice. The lane
   * gives up when there were too many breaks.
   */
  broke(chunk: { readonly next: number; readonly end: number } | null): "again" | "failed" | "give up";
}

/**
 * Begins without breaks.
 *
 * @returns The breaks.
 *
 * @example
 * ```ts
 * import { newRestarts } from "./restarts.ts";
 * import assert from "node:assert/strict";
 * const restarts = newRestarts();
 * assert.equal(restarts.size(0, 64), 64);
 * assert.equal(restarts.broke({ next: 3, end: 64 }), "again");
 * assert.equal(restarts.size(3, 64), 1);
 * assert.equal(restarts.broke({ next: 3, end: 4 }), "failed");
 * assert.equal(restarts.size(64, 64), 64);
 * ```
 */
export function newRestarts(): Restarts {
  let breaks = 0;
  let suspectsEnd = 0;
  let blamed: number | null = null;
  return {
    get breaks(): number {
      return breaks;
    },
    begin(): void {
      suspectsEnd = 0;
      blamed = null;
    },
    size: (next, chunk) => next < suspectsEnd ? 1 : chunk,
    measured(): void {
      breaks = 0;
    },
    broke(chunk): "again" | "failed" | "give up" {
      if (++breaks > MOST_BREAKS) return "give up";
      if (chunk === null || chunk.next >= chunk.end) return "again";
      suspectsEnd = Math.max(suspectsEnd, chunk.end);
      if (blamed === chunk.next) return "failed";
      blamed = chunk.next;
      return "again";
    },
  };
}

/**
 * Sees to it that what takes the place of a broken harness measures the same thing.
 *
 * @param before Who answered before.
 * @param now Who answers now.
 * @throws {UsageError} when engines or devices differ.
 */
export function refuseOther(before: HarnessInfo, now: HarnessInfo): void {
  const differences = kindDifferences([
    { name: "the one that broke", info: before },
    { name: "the new one", info: now },
  ]);
  if (differences.length === 0) return;
  throw new UsageError(
    `Cannot replace the harness that broke by another kind (${differences.join("; ")}); ` +
      `run again where it is the same, or with allowMixed (--allow-mixed), which is recorded`,
  );
}

/**
 * An engine that answers no more.
 *
 * @param message How that showed.
 * @returns The error.
 */
export function engineDead(message: string): HarnessError {
  return new HarnessError(`The engine died: ${message}`, { stage: "fire", kind: "engine_dead" });
}

/**
 * What ends a lane that is not replaced any more.
 *
 * @param cause How its harness broke at last.
 * @param breaks How often one broke without a measured shot between.
 * @returns The error.
 */
export function gaveUp(cause: HarnessError, breaks: number): HarnessError {
  const message =
    `Cannot go on: the harness broke ${breaks} times without a measured shot between, at last: ${cause.message}`;
  return new HarnessError(message, cause.details, { cause });
}

/**
 * What became of a shot whose harness broke twice.
 *
 * @param error How it broke.
 * @returns The outcome.
 */
export function failure({ details, message }: HarnessError): ShotOutcome {
  return {
    status: "failed",
    index: 0,
    kind: details.kind === "timeout" ? "timeout" : "engine_dead",
    message,
  };
}
