/**
 * Where the outcomes of shots go: a bundle, or a journal away from one.
 *
 * @module
 */
import type { Booted, FailureKind, FireFact, Stop } from "../harness/harness.ts";
import type { Clocks } from "../journal/clock_range.ts";
import type { Doubts, Verdict } from "../journal/judge.ts";
import type { Shot, SweepCategory } from "../shots/shot.ts";
import type { SkewMode } from "../shots/skew_parts.ts";
import type { FailedShot } from "../events.ts";

/** Microseconds of each timed forward, by layer or part. */
export type Samples = Readonly<Record<string, readonly number[]>>;

/** What is known of a measured shot beside its samples. */
export interface Evidence {
  /** Why there are no more samples. */
  readonly stop?: Stop;
  /** Short hashes of the kernels of one forward in their order, by layer. */
  readonly kernels?: Readonly<Record<string, readonly string[]>>;
  /** As the samples, each kernel counted in full, of layers whose kernels overlap. */
  readonly kernel_sums?: Samples;
  /** How often the shot was recorded until its forwards agreed in their kernels, when more than once. */
  readonly recordings?: number;
  /** The clock in MHz right before its first forward and right behind its last one. */
  readonly shot_clocks_mhz?: readonly [number, number];
  /** Which lane of a pool fired it. */
  readonly lane?: string;
}

/** A sentinel that was fired. */
export interface SentinelReading {
  /** Its samples. */
  readonly samples: Samples;
  /** Short hashes of the kernels of one forward, by layer, where the harness tells. */
  readonly kernels?: Readonly<Record<string, readonly string[]>> | undefined;
  /** The clock in MHz right before and right behind it, where the harness counts it. */
  readonly shot_clocks_mhz?: readonly [number, number] | undefined;
  /** The clocks since the sentinel before. */
  readonly clocks: Clocks;
  /** Which lane of a pool fired it. */
  readonly lane?: string | undefined;
}

/** What is known of a failed shot beside its failure. */
export interface FailedOrigin {
  /** Which lane of a pool fired it. */
  readonly lane?: string | undefined;
  /** Whether it was fired as the sentinel. @default {false} */
  readonly sentinel?: boolean;
}

/** What a sweep took. */
export interface SpentTime {
  /** Seconds. */
  readonly seconds: number;
  /** Those in which the device worked; null where nobody knows. @default {null} */
  readonly deviceBusyS?: number | null;
}

/** Where a fact comes from. */
export interface FactOrigin {
  /** When it was, in seconds since 1970; null when it is not known. @default now */
  readonly atS?: number | null;
  /** Which lane of a pool tells it. */
  readonly lane?: string | undefined;
}

/** What records shots. */
export interface Recorder {
  /** Where the times of uniform batches of skew cases come from; null fires the batches that the shots name. */
  readonly skewMode: SkewMode | null;
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
  /** The first shot of each layer that launched other kernels than in an earlier session, by layer. */
  readonly otherKernels: ReadonlyMap<string, string>;
  /** Whether what a lasting load makes of a shot is known. */
  hasSustained(shot: Shot): boolean;
  /** Says which times can be relied on. */
  readonly judge: Doubts;
  /** Whether a shot's times are in doubt and it may be measured again. */
  inDoubt(shot: Shot): boolean;
  /**
   * Records that an engine was booted.
   *
   * @param engine Its degree, what its boot told, and the hash of what was asked for.
   * @param lane Which lane of a pool booted it.
   * @throws {UsageError} when the disk refuses.
   */
  engine(
    engine: {
      readonly tp: number;
      readonly ep?: number | undefined;
      readonly booted: Booted;
      readonly asked?: string | undefined;
    },
    lane?: string,
  ): void;
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
   * @param sentinel Its samples and the clocks.
   * @returns What it says.
   * @throws {UsageError} when the disk refuses.
   */
  sentinel(shot: Shot, sentinel: SentinelReading): Verdict;
  /**
   * Records what a harness tells beside its outcomes: the device's state, and names of kernels that have none yet.
   *
   * @param fact What it tells.
   * @param about When, and of which lane.
   * @throws {UsageError} when the disk refuses.
   */
  note(fact: FireFact, about?: FactOrigin): void;
  /**
   * Records that a shot failed.
   *
   * @param shot The shot.
   * @param kind What kind of failure.
   * @param message What happened, in a sentence.
   * @param more Which lane of a pool fired it, and whether it was fired as the sentinel.
   * @returns The failure.
   * @throws {UsageError} when the disk refuses.
   */
  fail(shot: Shot, kind: FailureKind, message: string, more?: FailedOrigin): FailedShot;
  /** Adds to the time that was spent on the sweep of a category at a degree. */
  spend(tp: number, category: SweepCategory, spent: SpentTime): void;
  /** Writes the files when the last time is long enough ago. */
  saveIfDue(): Promise<void>;
  /**
   * Writes the files whose rows have changed, and meta.yaml unless nothing has.
   *
   * @throws {UsageError} when the disk refuses; every file there is whole nevertheless.
   */
  save(): Promise<void>;
}
