/**
 * Steps of a device that rests in between.
 *
 * @module
 */

/**
 * How long a device is at work before its power limit takes the clock down, in nanoseconds. On an H200 the clock changes
 * every 0.1 s, and first falls 0.05 to 0.17 s after a lasting load begins (eight queues of two models, docs/sustained.md).
 */
export const LIMIT_REACTION_NS = 100e6;

/** A step's time in both states of the device, in nanoseconds. */
export interface StepTimesByState {
  /** As a cool device has it. */
  readonly coolNs: number;
  /** As one has it that is at work all the time. */
  readonly sustainedNs: number;
}

/**
 * The time of a step that begins on a device that has rested: as on a cool one until the power limit acts, then as under
 * a lasting load. Steps that follow one another without a rest are those of a lasting load.
 *
 * @param step The step in both states.
 * @param reactionNs How long the limit takes to act, in nanoseconds. @default {LIMIT_REACTION_NS, that of an H200}
 * @returns Nanoseconds, an estimate.
 *
 * @example
 * ```ts
 * import { afterRestNs } from "shotlab";
 * import assert from "node:assert/strict";
 * assert.equal(afterRestNs({ coolNs: 40e6, sustainedNs: 48e6 }), 40e6);
 * assert.equal(afterRestNs({ coolNs: 200e6, sustainedNs: 240e6 }), 220e6);
 * ```
 */
export function afterRestNs(
  { coolNs, sustainedNs }: StepTimesByState,
  reactionNs: number = LIMIT_REACTION_NS,
): number {
  const limited = Math.max(0, coolNs - reactionNs);
  return coolNs + limited * (sustainedNs / coolNs - 1);
}
