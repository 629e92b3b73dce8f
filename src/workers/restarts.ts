/**
 * What follows when the harness of a lane breaks: which shots are fired alone, which one has failed, and when to give up.
 *
 * @module
 */

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
  let blamed = -1;
  return {
    get breaks(): number {
      return breaks;
    },
    begin(): void {
      suspectsEnd = 0;
      blamed = -1;
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
