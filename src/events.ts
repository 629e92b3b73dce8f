/**
 * What a run tells on its way: one typed stream, on which bars, tables and writers sit as consumers.
 *
 * @module
 */
import type { TableErrors } from "./adaptive/held_out.ts";
import type { FitMethod } from "./fit/fit_skew.ts";
import type { DegreeReport } from "./fit/report.ts";
import type { FailureKind, FoundLayer, HarnessInfo } from "./harness/harness.ts";
import type { Limits } from "./shots/limits.ts";
import type { SweepCategory } from "./shots/shot.ts";

/** A shot that has no samples, and why. */
export interface FailedShot {
  /** Category of the shot. */
  readonly category: SweepCategory;
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** The key's values, in the order of the category's columns. */
  readonly key: readonly number[];
  /** What kind of failure. */
  readonly kind: FailureKind;
  /** What happened, in a sentence. */
  readonly message: string;
}

/** A harness is being started; until it answers, nothing else is told. */
export interface StartingEvent {
  /** What the event is. */
  readonly type: "starting";
  /** The harness as the settings name it, secrets hidden. */
  readonly harness: string;
}

/** A harness answered: who it is. */
export interface ConnectedEvent {
  /** What the event is. */
  readonly type: "connected";
  /** Who answers. */
  readonly info: HarnessInfo;
}

/** An engine is being booted. */
export interface BootingEvent {
  /** What the event is. */
  readonly type: "booting";
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** Devices that share the experts, of which it has one's; absent where it has all. */
  readonly ep?: number;
}

/** An engine is ready. */
export interface BootedEvent {
  /** What the event is. */
  readonly type: "booted";
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** Devices that share the experts, of which it has one's; absent where it has all. */
  readonly ep?: number;
  /** What it allows. */
  readonly limits: Limits;
  /** The layers that will be timed, by name. */
  readonly layers: Readonly<Record<string, FoundLayer>>;
  /** How long the boot took, in seconds. */
  readonly seconds: number;
}

/** Nothing of a degree was left to fire, as the bundle's journal tells: no engine was booted for it. */
export interface CompleteEvent {
  /** What the event is. */
  readonly type: "complete";
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** Shots of the plan, skew cases as one each. */
  readonly shots: number;
}

/** The sweeps of one engine are known; told once per tensor-parallel degree, before the first of them. */
export interface PlannedEvent {
  /** What the event is. */
  readonly type: "planned";
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** The sweeps in firing order. */
  readonly sweeps: readonly {
    /** Category of the sweep. */
    readonly category: SweepCategory;
    /** Shots of the plan. */
    readonly planned: number;
    /** Shots of the plan that need no firing: measured before, or failed before and not asked for again. */
    readonly done: number;
  }[];
}

/** A sweep begins. */
export interface SweepStartedEvent {
  /** What the event is. */
  readonly type: "sweep-started";
  /** Category of the sweep. */
  readonly category: SweepCategory;
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** Shots of the plan. */
  readonly planned: number;
  /** Shots of the plan that need no firing. */
  readonly done: number;
}

/** A shot was measured and is in the journal. */
export interface ShotEvent {
  /** What the event is. */
  readonly type: "shot";
  /** Category of the shot. */
  readonly category: SweepCategory;
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** The key's values, in the order of the category's columns. */
  readonly key: readonly number[];
  /** Microseconds by layer, of a skew case by part: the median of its samples. */
  readonly timesUs: Readonly<Record<string, number>>;
}

/** A shot failed; the failure is in the journal. */
export interface FailedShotEvent extends FailedShot {
  /** What the event is. */
  readonly type: "failed-shot";
}

/** A sweep is over and its CSV file is written. */
export interface SweepFinishedEvent {
  /** What the event is. */
  readonly type: "sweep-finished";
  /** Category of the sweep. */
  readonly category: SweepCategory;
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** Shots that were measured in this sweep. */
  readonly measured: number;
  /** Shots that failed in this sweep. */
  readonly failed: number;
  /** How long the sweep took, in seconds. */
  readonly seconds: number;
  /** How much of it the device worked, in seconds; null when the harness does not tell. */
  readonly deviceBusyS: number | null;
}

/** The sentinel was fired: what the device is like beside the start of the run. */
export interface SentinelEvent {
  /** What the event is. */
  readonly type: "sentinel";
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** By which share the sentinel's time differs from that of the one it is held against, negative when it was faster. */
  readonly drift: number;
  /** Clock of the multiprocessors in MHz, the one farthest from usual; null when the device does not tell. */
  readonly clockMhz: number | null;
  /** Whether time or clock have moved too far: what was measured since the sentinel before, and until one that has not, is in doubt. */
  readonly moved: boolean;
  /** Which lane of a pool fired it; left out by a lane that is alone. */
  readonly lane?: string;
}

/** Shots of a sweep that were in doubt are about to be fired again. */
export interface MeasuringAgainEvent {
  /** What the event is. */
  readonly type: "measuring-again";
  /** Category of the sweep. */
  readonly category: SweepCategory;
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** How many. */
  readonly shots: number;
}

/** Something that the user should know and that stops nothing. */
export interface NoticeEvent {
  /** What the event is. */
  readonly type: "notice";
  /** The notice, in a sentence. */
  readonly message: string;
}

/** The alphas of the bundle's skew cases were fitted and written. */
export interface FittedEvent {
  /** What the event is. */
  readonly type: "fitted";
  /** How. */
  readonly method: FitMethod;
  /** The errors of the fit, by tensor-parallel degree; a degree without a usable case has none. */
  readonly report: ReadonlyMap<number, DegreeReport>;
}

/** How far samples of one shot lie apart: quantiles over shots, as shares of the time. */
export interface Scatter {
  /** The median. */
  readonly p50: number;
  /** What 90% of the shots stay within. */
  readonly p90: number;
  /** What 99% of them stay within. */
  readonly p99: number;
}

/** A sweep was fired in part; the rest of its rows is predicted. */
export interface EstimatedEvent {
  /** What the event is. */
  readonly type: "estimated";
  /** Category of the sweep. */
  readonly category: "attention" | "skew";
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** Rows that were measured. */
  readonly measured: number;
  /** Rows that are predicted. */
  readonly estimated: number;
  /** How far all rows are from the truth, as shares of the time, judged by shots that the model did not see. */
  readonly errors: TableErrors;
  /**
   * Standard deviations of a shot's samples as shares of the time, over all that were measured: no prediction can be
   * nearer than what is measured scatters; null when samples of no shot differ.
   */
  readonly scatter: Scatter | null;
  /** What 90% of the rows would stay within without the prior, and with it; null when there was none to compare. */
  readonly prior: { readonly without: number; readonly with: number } | null;
}

/** The run is over and the bundle is whole. */
export interface FinishedEvent {
  /** What the event is. */
  readonly type: "finished";
  /** The bundle's folder. */
  readonly dir: string;
  /** Shots that were measured in this run. */
  readonly measured: number;
  /** Shots that have failed, now or before, and were not measured since. */
  readonly failed: readonly FailedShot[];
  /** Shots whose times are in doubt: the device drifted when they were measured, or nothing says that it had not. */
  readonly inDoubt: number;
  /** How long the run took, in seconds. */
  readonly seconds: number;
}

/** One step of a run. */
export type RunEvent =
  | StartingEvent
  | ConnectedEvent
  | BootingEvent
  | BootedEvent
  | CompleteEvent
  | PlannedEvent
  | SweepStartedEvent
  | ShotEvent
  | FailedShotEvent
  | SweepFinishedEvent
  | SentinelEvent
  | MeasuringAgainEvent
  | NoticeEvent
  | EstimatedEvent
  | FittedEvent
  | FinishedEvent;
