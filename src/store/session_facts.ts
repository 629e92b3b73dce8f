/**
 * What meta.yaml tells of what a session holds.
 *
 * @module
 */
import type { SweepCategory } from "../shots/shot.ts";
import { estimatesOf } from "./estimates.ts";
import { noiseOf } from "./noise.ts";
import { degreesOf } from "./rows.ts";
import type { SessionFacts } from "./session_types.ts";
import { countCases, skewTimesOf } from "./skew_times.ts";
import type { BundleState } from "./state.ts";

/** Seconds, by `tp<N>` and category. */
export type Durations = Record<string, Partial<Record<SweepCategory, number>>>;

/**
 * Adds to the time that a sweep took.
 *
 * @param durations The times of all sweeps; changed.
 * @param tp Tensor-parallel degree.
 * @param category Category, or the skew cases.
 * @param seconds What is added.
 */
export function addSeconds(durations: Durations, tp: number, category: SweepCategory, seconds: number): void {
  const spent = durations[`tp${tp}`] ??= {};
  spent[category] = (spent[category] ?? 0) + seconds;
}

/**
 * Gathers what meta.yaml is made from.
 *
 * @param state What the bundle holds.
 * @param others What its rows and its journal do not tell.
 * @returns The facts.
 */
export function sessionFacts(
  state: BundleState,
  others: Pick<SessionFacts, "durationS" | "deviceBusyS" | "mixed">,
): SessionFacts {
  const tps = degreesOf(state.rows);
  const estimated = tps.map((tp) => [tp, estimatesOf(state.estimates, tp).length] as const);
  return {
    tps,
    skewTps: tps.filter((tp) => countCases(skewTimesOf(state.skew, tp)) > 0),
    estimated: Object.fromEntries(estimated.filter(([, count]) => count > 0)),
    samples: state.samples,
    failed: [...state.failed.values()],
    noise: noiseOf(state),
    ...others,
  };
}
