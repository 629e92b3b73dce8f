/**
 * What a bundle is to those who write it.
 *
 * @module
 */
import type { Meta, Noise } from "../bundle/meta.ts";
import type { FailureKind, FireFact, Stop } from "../harness/harness.ts";
import type { Architecture } from "../model/model.ts";
import type { Sweep } from "../sweep/plan_sweeps.ts";
import type { Shot, SweepCategory } from "../sweep/shot.ts";
import type { SkewMode } from "../sweep/skew_parts.ts";
import type { FailedShot } from "./events.ts";
import type { Identity } from "./identity.ts";
import type { JournalFile } from "./journal.ts";
import type { SentinelLine, ShotLine } from "./journal_line.ts";
import type { ShotId } from "./shot_id.ts";

/** Options of `openSession()`. */
export interface SessionOptions {
  /** The layers to measure. */
  readonly architecture: Architecture;
  /**
   * Where the times of uniform batches of skew cases come from.
   * @default {"interpolated"}
   */
  readonly skewMode?: SkewMode;
  /** Deletes what is there, if `yes` confirms it. @default {false} */
  readonly force?: boolean;
  /** Confirms the deletion. @default {false} */
  readonly yes?: boolean;
  /** Writes a whole file. @default {writeAtomic} */
  readonly write?: (path: string, text: string) => Promise<void>;
  /** Opens the journal's file. */
  readonly openFile?: (path: string) => JournalFile;
}

/** What a session knows about its bundle, for meta.yaml. */
export interface SessionFacts {
  /** Tensor-parallel degrees that have rows, ascending. */
  readonly tps: readonly number[];
  /** Those of them that have skew cases. */
  readonly skewTps: readonly number[];
  /** Samples in the journal, by category. */
  readonly samples: Readonly<Partial<Record<SweepCategory, number>>>;
  /** Seconds spent firing, by `tp<N>` and category. */
  readonly durationS: Readonly<Record<string, Readonly<Partial<Record<SweepCategory, number>>>>>;
  /** Seconds of these in which the device worked, where the harness tells. */
  readonly deviceBusyS: SessionFacts["durationS"];
  /** How noisy the measurements are, null when nothing shows it. */
  readonly noise: Noise | null;
  /** Shots that failed and were not measured since. */
  readonly failed: readonly FailedShot[];
  /** What was mixed: differences of identity that the user allowed. */
  readonly mixed: readonly string[];
}

/** Microseconds of each timed forward, by layer or part. */
export type Samples = ShotLine["samples"];

/** What is known of a measured shot beside its samples. */
export interface Evidence {
  /** Why there are no more samples. */
  readonly stop?: Stop;
  /** Short hashes of the kernels of one forward in their order, by layer. */
  readonly kernels?: Readonly<Record<string, readonly string[]>>;
  /** Which lane of a pool fired it. */
  readonly lane?: string;
}

/** How a session starts to write. */
export interface StartOptions {
  /** Who measures, and what. */
  readonly identity: Identity;
  /** The settings to record in the journal. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Allows another identity than the bundle's. @default {false} */
  readonly allowMixed?: boolean;
}

/** A bundle that is open for writing; disposing closes the journal and releases the lock. */
export interface Session extends AsyncDisposable {
  /** The bundle's folder. */
  readonly dir: string;
  /** What was found on opening that a user should know, in sentences. */
  readonly notices: readonly string[];
  /** Shots that failed and were not measured since. */
  readonly failed: readonly FailedShot[];
  /** What meta.yaml said on opening, null when there was none. */
  readonly meta: Meta | null;
  /**
   * Says who measures; it is recorded with the first shot.
   *
   * @returns Notices of what is mixed.
   * @throws {UsageError} when the bundle is bound to another identity and `allowMixed` is off.
   */
  start(options: StartOptions): string[];
  /** Says how meta.yaml is made; until then none is written. */
  describe(make: (facts: SessionFacts) => Meta): void;
  /** Where the times of uniform batches of skew cases come from. */
  readonly skewMode: SkewMode;
  /** Names of the layers that a shot is to time; of a skew case its parts that are to be fired. */
  timed(shot: Shot): string[];
  /** Those of them that have no time yet. */
  missing(shot: Shot): string[];
  /** How many rows a table has; of skew, cases that have a time. */
  count(tp: number, category: SweepCategory): number;
  /** Why the skew sweep must not be run, null when it may; with `again` all of its cases are measured again. */
  skewProblem(tp: number, again: boolean): string | null;
  /** Whether a shot failed and was not measured since. */
  hasFailed(shot: Shot): boolean;
  /** Whether a sentinel puts a shot's times in doubt and it may be measured again. */
  inDoubt(shot: Shot): boolean;
  /**
   * Records the samples of a shot.
   *
   * @param shot The shot.
   * @param samples Those that make rows, by layer or part.
   * @param more Why there are no more of them and which kernels they ran, where the harness tells.
   * @returns Microseconds by layer or part, the median of its samples.
   * @throws {UsageError} when the disk refuses.
   */
  measured(shot: Shot, samples: Samples, more?: Evidence): Record<string, number>;
  /**
   * Records a sentinel.
   *
   * @param shot The shot that was repeated.
   * @param sentinel Its samples, the clock and the verdict.
   * @throws {UsageError} when the disk refuses.
   */
  sentinel(shot: Shot, sentinel: Omit<SentinelLine, "type" | keyof ShotId>): void;
  /**
   * Records what a harness tells beside its outcomes: the device's state, and names of kernels that have none yet.
   *
   * @param fact What it tells.
   * @param atS When, in seconds since 1970, by default now; null when it is not known.
   * @throws {UsageError} when the disk refuses.
   */
  note(fact: FireFact, atS?: number | null): void;
  /**
   * Records that a shot failed.
   *
   * @throws {UsageError} when the disk refuses.
   */
  fail(shot: Shot, kind: FailureKind, message: string): FailedShot;
  /**
   * Settles what a table has beside the plan: the rows are kept, or moved into the archive.
   *
   * @param sweep The planned shots.
   * @param exact Whether the table is to have the plan's rows alone.
   * @returns What a user should know, in sentences.
   * @throws {UsageError} when the disk refuses.
   */
  settle(sweep: Sweep, exact: boolean): Promise<string[]>;
  /** Adds to the time that was spent on a sweep and, where it is known, that in which the device worked, in seconds. */
  spend(tp: number, category: SweepCategory, seconds: number, deviceBusyS?: number | null): void;
  /** Writes the files when the last time is long enough ago. */
  saveIfDue(): Promise<void>;
  /**
   * Writes the files whose rows have changed, and meta.yaml unless nothing has.
   *
   * @throws {UsageError} when the disk refuses; every file there is whole nevertheless.
   */
  save(): Promise<void>;
}
