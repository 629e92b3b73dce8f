/**
 * What becomes of a shot's outcome.
 *
 * @module
 */
import type { ShotOutcome } from "../harness/harness.ts";
import { type Shot, shotKey } from "../shots/shot.ts";
import type { FailedShotEvent, ShotEvent } from "../events.ts";
import { median } from "../stats.ts";
import type { Recorder } from "./recorder.ts";

/** How an outcome is recorded. */
export interface RecordOptions {
  /** Whether rows that are there are replaced. */
  readonly again: boolean;
  /** Which lane of a pool fired the shot. */
  readonly lane?: string | undefined;
}

/**
 * Records the outcome of a shot: the samples of the layers that have no row, or of all when the shot is measured again.
 *
 * @param session Where.
 * @param shot The shot.
 * @param outcome Its samples or its failure.
 * @param options Whether rows are replaced.
 * @returns What to tell.
 * @throws {UsageError} when the disk refuses.
 */
export function recordOutcome(
  session: Pick<Recorder, "timed" | "missing" | "inDoubt" | "measured" | "fail">,
  shot: Shot,
  outcome: ShotOutcome,
  { again, lane }: RecordOptions,
): ShotEvent | FailedShotEvent {
  if (outcome.status === "failed") {
    return { type: "failed-shot", ...session.fail(shot, outcome.kind, outcome.message, { lane }) };
  }
  const missing = session.missing(shot);
  // What has all its rows was fired because they are in doubt.
  const layers = again || missing.length === 0 || session.inDoubt(shot) ? session.timed(shot) : missing;
  const unusable = layers.find((layer) => !(median(outcome.samples[layer] ?? []) > 0));
  if (unusable !== undefined) {
    const got = JSON.stringify(outcome.samples[unusable] ?? []);
    const message = `The times of layer '${unusable}' must have a median above 0 us, got ${got}`;
    return { type: "failed-shot", ...session.fail(shot, "unsupported", message, { lane }) };
  }
  const samples = Object.fromEntries(layers.map((layer) => [layer, outcome.samples[layer]!]));
  const { stop, kernels, kernel_sums, recordings, shot_clocks_mhz } = outcome;
  const timesUs = session.measured(shot, samples, {
    ...stop && { stop },
    ...kernels && { kernels },
    ...kernel_sums && { kernel_sums },
    ...recordings !== undefined && { recordings },
    ...shot_clocks_mhz && { shot_clocks_mhz },
    ...lane !== undefined && { lane },
  });
  return { type: "shot", category: shot.category, tp: shot.tp, key: shotKey(shot), timesUs };
}
