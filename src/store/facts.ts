/**
 * What meta.yaml tells of what a session holds.
 *
 * @module
 */
import type { Noise, Sustained } from "../bundle/meta.ts";
import type { FailedShot } from "../events.ts";
import { roundDecimals } from "../number_format.ts";
import type { SweepCategory } from "../shots/shot.ts";
import { quantile } from "../stats.ts";
import type { JournalState } from "./journal_state.ts";
import { degreesOf } from "./rows.ts";
import { countCases, skewTimesOf } from "./skew_times.ts";
import type { BundleState } from "./state.ts";

/** What a session knows about its bundle, for meta.yaml. */
export interface SessionFacts {
  /** Tensor-parallel degrees that have rows, ascending. */
  readonly tps: readonly number[];
  /** Those of them that have skew cases. */
  readonly skewTps: readonly number[];
  /** How many rows of attention.csv are predictions, by degree; none where all were measured. */
  readonly estimated: Readonly<Record<string, number>>;
  /** Samples in the journal, by category. */
  readonly samples: Readonly<Partial<Record<SweepCategory, number>>>;
  /** Rows of the tables' files, by `tp<N>` and category. */
  readonly rows: Readonly<Record<string, Readonly<Partial<Record<SweepCategory, number>>>>>;
  /** Seconds spent firing, by `tp<N>` and category. */
  readonly durationS: Readonly<Record<string, Readonly<Partial<Record<SweepCategory, number>>>>>;
  /** Seconds of these in which the device worked, where the harness tells. */
  readonly deviceBusyS: SessionFacts["durationS"];
  /** How noisy the measurements are, null when nothing shows it. */
  readonly noise: Noise | null;
  /** How many shots were fired at which clock. */
  readonly clocks: Readonly<Partial<Record<SweepCategory, Readonly<Record<string, number>>>>>;
  /** What layers take under a lasting load, in the order in which it was measured. */
  readonly sustained: readonly Sustained[];
  /** Shots that failed and were not measured since. */
  readonly failed: readonly FailedShot[];
  /** What was mixed: differences of identity that the user allowed, and rows of unknown origin. */
  readonly mixed: readonly string[];
}

/** Decimals of shares in meta.yaml. */
const DECIMALS = 5;

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
  others: Pick<SessionFacts, "rows" | "durationS" | "deviceBusyS" | "mixed">,
): SessionFacts {
  const tps = degreesOf(state.rows);
  const estimated = tps.map((tp) => [tp, state.estimates.get(tp)?.size ?? 0] as const);
  return {
    tps,
    skewTps: tps.filter((tp) => countCases(skewTimesOf(state.skew, tp)) > 0),
    estimated: Object.fromEntries(estimated.filter(([, count]) => count > 0)),
    samples: state.samples,
    clocks: state.clocks.counts,
    sustained: [...state.sustained.values()],
    failed: [...state.failed.values()],
    noise: noiseOf(state),
    ...others,
  };
}

/**
 * The noise figures of what was measured.
 *
 * @param state What shots and sentinels gave.
 * @returns The figures; null when no row has two samples and no sentinel was fired.
 */
function noiseOf(
  { rows, judge, measured, launches }: Pick<JournalState, "rows" | "judge" | "measured" | "launches">,
): Noise | null {
  const { drifts, again } = judge;
  const spreads = [...rows.values()].flatMap((tables) => [...tables.values()])
    .flatMap((table) => [...table.values()])
    .flatMap(({ spread }) => spread ?? []);
  if (spreads.length === 0 && drifts.length === 0) return null;
  const spread = Float64Array.from(spreads).sort();
  const drift = Float64Array.from(drifts, Math.abs).sort();
  return {
    ...spread.length > 0 &&
      { spread_p50: share(quantile(spread, 0.5)), spread_p90: share(quantile(spread, 0.9)) },
    sentinels: drifts.length,
    ...drift.length > 0 &&
      { sentinel_drift_p50: share(quantile(drift, 0.5)), sentinel_drift_max: share(drift.at(-1)!) },
    measured_again: share(again / Math.max(1, measured - again)),
    in_doubt: judge.standing,
    ...judge.lowering > 0 && { lowers_clock: judge.lowering },
    ...launches.changed.size > 0 && { other_kernels: [...launches.changed.keys()] },
  };
}

function share(value: number): number {
  return roundDecimals(value, DECIMALS);
}
