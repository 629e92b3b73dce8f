/**
 * What a bundle is to those who write it.
 *
 * @module
 */
import type { Meta, Noise } from "../bundle/meta.ts";
import type { Row } from "../bundle/tables.ts";
import type { Architecture } from "../model/model.ts";
import type { Sweep } from "../shots/plan_sweeps.ts";
import type { AttentionShot, Shot, SkewShot, SweepCategory } from "../shots/shot.ts";
import type { SkewMode } from "../shots/skew_parts.ts";
import type { FailedShot } from "../events.ts";
import type { Estimate } from "./estimates.ts";
import type { Identity } from "../journal/identity.ts";
import type { JournalFile } from "../journal/file.ts";
import type { Recorder, Samples } from "./sink.ts";

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
  /** How many rows of attention.csv are predictions, by degree; none where all were measured. */
  readonly estimated: Readonly<Record<string, number>>;
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

/** How a session starts to write. */
export interface StartOptions {
  /** Who measures, and what. */
  readonly identity: Identity;
  /** The settings to record in the journal. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Allows another identity than the bundle's. @default {false} */
  readonly allowMixed?: boolean;
  /** When measuring was begun. @default {new Date()} */
  readonly started?: Date;
}

/** A bundle that is open for writing; disposing closes the journal and releases the lock. */
export interface Session extends Recorder, AsyncDisposable {
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
  /** The measured time of an attention shot or a skewed batch in microseconds, null when there is none. */
  timeUs(shot: AttentionShot | SkewShot): number | null;
  /** The rows of a degree's attention.csv, measured and predicted. */
  attention(tp: number): readonly Row[];
  /** How often these samples of a shot were recorded and then put in doubt. */
  doubted(shot: Shot, samples: Samples): number;
  /** Sets the rows of a degree's attention.csv that are predictions; what was measured or failed is not among them. */
  estimate(tp: number, rows: readonly Estimate[]): void;
  /**
   * Settles what a table has beside the plan: the rows are kept, or moved into the archive.
   *
   * @param sweep The planned shots.
   * @param exact Whether the table is to have the plan's rows alone.
   * @returns What a user should know, in sentences.
   * @throws {UsageError} when the disk refuses.
   */
  settle(sweep: Sweep, exact: boolean): Promise<string[]>;
}
