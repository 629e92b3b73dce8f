/**
 * A bundle while it is written: its lock, its journal, its rows, and the files made from them.
 *
 * @module
 */
import { metaPath } from "../bundle/layout.ts";
import { formatMeta, type Meta } from "../bundle/meta.ts";
import type { Row } from "../bundle/tables.ts";
import { UsageError } from "../errors.ts";
import type { FailedShot, Scatter } from "../events.ts";
import { describeOwner, type Lock, lockBundle } from "../files/lock.ts";
import { writeAtomic } from "../files/write.ts";
import { JOURNAL_FILE, type JournalFile } from "../journal/file.ts";
import type { Booted } from "../harness/harness.ts";
import type { Identity } from "../journal/identity.ts";
import { JOURNAL_FORMAT, type JournalLine, type Watch } from "../journal/line.ts";
import type { Architecture } from "../model/model.ts";
import type { Sweep } from "../shots/plan_sweeps.ts";
import type { AttentionShot, SkewShot, SweepCategory } from "../shots/shot.ts";
import { idOf, rowText, shotText } from "../shots/shot_id.ts";
import type { SkewMode } from "../shots/skew_parts.ts";
import { quantile } from "../stats.ts";
import { type CsvRows, csvRows, ofWholeHistory, touchStale } from "./csv_rows.ts";
import { bootedBefore } from "./booted_before.ts";
import { type Estimate, estimateLists, setEstimates } from "./estimates.ts";
import { addSeconds, type Durations, type SessionFacts, sessionFacts } from "./facts.ts";
import { identityConflict } from "./identity_conflict.ts";
import { JournalStore } from "./journal_store.ts";
import type { Recorder, SpentTime } from "./recorder.ts";
import { reconcileGrid } from "./reconcile_grid.ts";
import { removedLayers } from "./removed_layers.ts";
import { degreesOf, tableOf } from "./rows.ts";
import { countCases, skewedTime, skewProblem, skewTimesOf } from "./skew_times.ts";
import { type BundleState, readState } from "./state.ts";
import { namedKernels } from "./timed_layers.ts";
import { type TableFiles, tableFiles } from "./table_files.ts";
import { type Confirm, wipeBundle } from "./wipe.ts";

export type { SessionFacts } from "./facts.ts";

/** Shortest time between two rewrites of the files during a sweep, in milliseconds. */
const SAVE_MS = 5000;
/** Largest share of the time that rewriting may take. */
const SAVE_SHARE = 0.02;

/** What is recorded of rows that nobody's name stands on. */
const UNKNOWN_ORIGIN = "rows of unknown origin: neither meta.yaml nor a journal says who measured them";

/** Options of {@linkcode openSession}. */
export interface SessionOptions {
  /** The layers to measure. */
  readonly architecture: Architecture;
  /**
   * Where the times of uniform batches of skew cases come from.
   * @default {"interpolated"}
   */
  readonly skewMode?: SkewMode;
  /** Deletes what is there. @default {false} */
  readonly force?: boolean;
  /** Asked before something is deleted. @default {nobody is} */
  readonly confirm?: Confirm;
  /** Writes a whole file. @default {writeAtomic} */
  readonly write?: (path: string, text: string) => Promise<void>;
  /** Opens the journal's file. */
  readonly openFile?: (path: string) => JournalFile;
  /** The time in seconds since 1970. @default now */
  readonly nowS?: () => number;
}

/** How a session starts to write. */
export interface StartOptions {
  /** Who measures, and what. */
  readonly identity: Identity;
  /** The settings to record in the journal. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Allows another identity than the bundle's. @default {false} */
  readonly allowMixed?: boolean;
  /** Makes the device's speed what its times are held against from here on. @default {false} */
  readonly acceptSpeed?: boolean;
  /** When measuring was begun. @default {new Date()} */
  readonly started?: Date;
  /** How the device is watched; null when nothing watches. @default {null} */
  readonly watch?: Watch | null;
  /** The journal that the lines are taken from, where they were fired elsewhere. */
  readonly origin?: string;
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
  /** Where the times of uniform batches of skew cases come from. */
  readonly skewMode: SkewMode;
  /**
   * Says who measures; it is recorded with the first shot.
   *
   * @param options Who, with which settings, and how the device is watched.
   * @returns Notices of what is mixed.
   * @throws {UsageError} when the bundle is bound to another identity and `allowMixed` is off.
   */
  start(options: StartOptions): string[];
  /**
   * The engine that was booted before when the same was asked for, as the journal tells; of several lanes what each of
   * them allows. Null when none was, or a line of it is not whole.
   *
   * @param asked Hash of who boots it and of what is asked for.
   */
  bootedBefore(asked: string): Booted | null;
  /** Says how meta.yaml is made; until then none is written. */
  describe(make: (facts: SessionFacts) => Meta): void;
  /**
   * The measured time of an attention shot or a skewed batch in microseconds, null when there is none.
   *
   * @param shot The shot.
   * @param layer What rows of the attention kernel name. @default {null}
   */
  timeUs(shot: AttentionShot | SkewShot, layer?: string | null): number | null;
  /** How far samples of one shot lie apart at a degree, of skew cases those of t_skew; null when those of none do. */
  scatter(tp: number, category: "attention" | "skew"): Scatter | null;
  /** The rows of a degree's attention.csv, measured and predicted. */
  attention(tp: number): readonly Row[];
  /** Sets the shots of a degree's attention.csv that are predicted; what was measured or failed is not among them. */
  estimate(tp: number, predicted: readonly Estimate[]): void;
  /**
   * Settles what a table has beside the plan: the rows are kept, or moved into the archive.
   *
   * @param sweep The planned shots.
   * @param exact Whether the table is to have the plan's rows alone.
   * @returns What a user should know, in sentences.
   * @throws {UsageError} when the disk refuses.
   */
  reconcileGrid(sweep: Sweep, exact: boolean): Promise<string[]>;
}

/** What a session works on. */
interface Opened {
  readonly dir: string;
  readonly options: SessionOptions;
  readonly state: BundleState;
  readonly lock: Lock;
}

/** A session on the files of a bundle. */
export class BundleSession extends JournalStore implements Session {
  readonly dir: string;
  readonly notices: readonly string[];
  readonly meta: Meta | null;
  readonly skewMode: SkewMode;
  readonly #state: BundleState;
  readonly #shown: CsvRows;
  readonly #files: TableFiles;
  readonly #lock: Lock;
  readonly #write: (path: string, text: string) => Promise<void>;
  readonly #durationS: Durations;
  readonly #deviceBusyS: Durations;
  #mixed: readonly string[];
  #makeMeta: ((facts: SessionFacts) => Meta) | undefined;
  #lastSave = performance.now();
  #pauseMs = SAVE_MS;

  constructor({ dir, options, state, lock }: Opened) {
    const { architecture, skewMode = "interpolated", write = writeAtomic, openFile, nowS } = options;
    super({ path: `${dir}/${JOURNAL_FILE}`, bytes: state.journalBytes, state, architecture, openFile, nowS });
    const { meta, rows, estimates, listed } = state;
    this.dir = dir;
    this.meta = meta;
    this.skewMode = skewMode;
    this.notices = [...takeOver(lock), ...state.notices, ...removedLayers(dir, rows, architecture)];
    this.#state = state;
    this.#lock = lock;
    this.#write = write;
    this.#shown = csvRows(state, skewMode);
    const lists = estimateLists(dir, estimates, listed, write);
    this.#files = tableFiles(
      dir,
      { rows, estimates, lists, skewRows: this.#shown.skew },
      architecture,
      write,
    );
    touchStale(this.#files, state, this.#shown);
    this.#durationS = structuredClone(meta?.duration_s ?? {});
    this.#deviceBusyS = structuredClone(meta?.device_busy_s ?? {});
    this.#mixed = meta?.mixed ?? [];
  }

  start(options: StartOptions): string[] {
    const { identity, settings, watch = null, origin, acceptSpeed = false, allowMixed = false } = options;
    const { started = new Date() } = options;
    const differences = identityConflict(this.#state.identities, this.meta, identity);
    if (differences.length > 0 && !allowMixed) {
      throw new UsageError(
        `Cannot extend ${this.dir}: it was measured under other conditions (${differences.join("; ")}); ` +
          `choose another hardware or variant name, or pass allowMixed (--allow-mixed), which is recorded`,
      );
    }
    const unknown = isOfUnknownOrigin(this.#state) ? [UNKNOWN_ORIGIN] : [];
    this.#mixed = [...new Set([...this.#mixed, ...unknown, ...differences])];
    this.open({
      ...{
        type: "session",
        format: JOURNAL_FORMAT,
        started: started.toISOString(),
        identity,
        settings,
        watch,
      },
      ...acceptSpeed && { accept_speed: true },
      origin,
    });
    this.#state.identities.push(identity);
    return [
      ...unknown.map((origin) =>
        `${this.dir}: ${origin}; they are kept, which is recorded; force (--force) measures all anew`
      ),
      ...differences.map((difference) => `The bundle is mixed from here on: ${difference}`),
    ];
  }

  bootedBefore(asked: string): Booted | null {
    return bootedBefore(this.#state.engines.get(asked));
  }

  describe(make: (facts: SessionFacts) => Meta): void {
    this.#makeMeta = make;
  }

  skewProblem(tp: number, again: boolean): string | null {
    return skewProblem(skewTimesOf(this.#state.skew, tp), ofWholeHistory(this.#shown.attention(tp)), again);
  }

  timeUs(shot: AttentionShot | SkewShot, layer: string | null = null): number | null {
    const { rows, skew } = this.#state;
    const { category, tp } = shot;
    if (category === "skew") return skewedTime(skewTimesOf(skew, tp), idOf(shot).key);
    const table = tableOf(rows, tp, category);
    return table.size === 0 ? null : table.get(rowText(layer, idOf(shot).key))?.timeUs ?? null;
  }

  scatter(tp: number, category: "attention" | "skew"): Scatter | null {
    const { rows, skew } = this.#state;
    const spreads = category === "skew"
      ? [...skewTimesOf(skew, tp).spreads.values()]
      : [...tableOf(rows, tp, "attention").values()].flatMap(({ spread }) => spread ?? []);
    if (spreads.every((spread) => spread === 0)) return null;
    const sorted = Float64Array.from(spreads).sort();
    return { p50: quantile(sorted, 0.5), p90: quantile(sorted, 0.9), p99: quantile(sorted, 0.99) };
  }

  attention(tp: number): readonly Row[] {
    return [...ofWholeHistory(this.#shown.attention(tp)).values()];
  }

  estimate(tp: number, predicted: readonly Estimate[]): void {
    const measured = tableOf(this.#state.rows, tp, "attention");
    const { failed, estimates } = this.#state;
    const open = predicted.flatMap((shot) => {
      const { key } = shot;
      if (failed.size > 0 && failed.has(shotText({ category: "attention", tp, key }))) return [];
      const rows = shot.rows.filter(({ layer }) => !measured.has(rowText(layer, key)));
      return rows.length === 0 ? [] : rows.length === shot.rows.length ? shot : { ...shot, rows };
    });
    setEstimates(estimates, tp, open);
    this.#files.touch(tp, "attention");
  }

  reconcileGrid(sweep: Sweep, exact: boolean): Promise<string[]> {
    const { category, tp, shots } = sweep;
    if (exact && category === "attention") {
      const planned = new Set(shots.map((shot) => shotText(idOf(shot))));
      const kept = [...this.#state.estimates.get(tp)?.values() ?? []].filter(({ key }) =>
        planned.has(shotText({ category, tp, key }))
      );
      this.estimate(tp, kept);
    }
    return reconcileGrid(sweep, exact, {
      dir: this.dir,
      state: this.#state,
      skewRows: this.#shown.skew,
      write: this.#write,
      record: (line) => this.record(line),
    });
  }

  spend(tp: number, category: SweepCategory, { seconds, deviceBusyS = null }: SpentTime): void {
    addSeconds(this.#durationS, tp, category, seconds);
    if (deviceBusyS !== null) addSeconds(this.#deviceBusyS, tp, category, deviceBusyS);
  }

  async saveIfDue(): Promise<void> {
    if (performance.now() - this.#lastSave >= this.#pauseMs) await this.save();
  }

  /** Saves the journal first, then the tables whose rows have changed, then meta.yaml. */
  async save(): Promise<void> {
    const begun = performance.now();
    await this.sync();
    const changed = await this.#files.write() || this.isOpen || this.meta === null;
    if (this.#makeMeta !== undefined && changed) {
      await this.#write(metaPath(this.dir), formatMeta(this.#makeMeta(this.#facts())));
    }
    this.#lastSave = performance.now();
    this.#pauseMs = Math.max(SAVE_MS, (this.#lastSave - begun) / SAVE_SHARE);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    using _lock = this.#lock;
    await super[Symbol.asyncDispose]();
  }

  protected override recorded(line: JournalLine): void {
    if (line.type === "shot" || line.type === "archived" || line.type === "restored") {
      this.#files.touch(line.tp, line.category);
    }
  }

  #facts(): SessionFacts {
    const others = {
      rows: this.#files.counts(),
      durationS: this.#durationS,
      deviceBusyS: this.#deviceBusyS,
      mixed: this.#mixed,
    };
    return sessionFacts(this.#state, others);
  }
}

/**
 * Opens a bundle for writing; what it has is read and stands.
 *
 * @param dir The bundle's folder, made when it is not there.
 * @param options The layers to measure, and whether to start anew.
 * @returns The session.
 * @throws {UsageError} when another writer has the bundle, the folder cannot be written, its meta.yaml is broken,
 * its journal is of a newer format, or `confirm` says no to what `force` deletes.
 *
 * @example
 * ```ts
 * import { openSession } from "shotlab/run";
 * import assert from "node:assert/strict";
 * const dir = await Deno.makeTempDir();
 * const architecture = {
 *   modelType: "tiny", sequence: {}, sha256: "00",
 *   catalog: { dense: { embedding: { vllm: [] } }, per_sequence: {}, attention: {}, moe: {} },
 * };
 * {
 *   await using session = await openSession(dir, { architecture });
 *   assert.deepEqual(session.missing({ category: "dense", tp: 1, tokens: 16 }), ["embedding"]);
 * }
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export function openSession(dir: string, options: SessionOptions): Promise<Session> {
  return openBundleSession(dir, options);
}

/** As {@linkcode openSession}, for who takes lines in that another journal has. */
export async function openBundleSession(dir: string, options: SessionOptions): Promise<BundleSession> {
  const { force = false, confirm } = options;
  using opening = new DisposableStack();
  const lock = opening.use(await lockBundle(dir));
  if (force) await wipeBundle(dir, confirm);
  const session = new BundleSession({
    dir,
    options,
    state: await readState(dir, namedKernels(options.architecture)),
    lock,
  });
  opening.move();
  return session;
}

/** Whether there are rows of which neither meta.yaml nor a journal says who measured them. */
function isOfUnknownOrigin({ meta, identities, rows, skew }: BundleState): boolean {
  const isEmpty = degreesOf(rows).length === 0 &&
    [...skew.values()].every((times) => countCases(times) === 0);
  return meta === null && identities.length === 0 && !isEmpty;
}

function takeOver({ takenFrom }: Lock): string[] {
  return takenFrom === null
    ? []
    : [`The lock was left by ${describeOwner(takenFrom)}, which is over: taken over`];
}
