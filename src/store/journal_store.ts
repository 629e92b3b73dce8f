/**
 * What a journal knows of shots, and how more is written into it; the file is left alone until there is something to
 * write.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { FailedShot } from "../events.ts";
import type { FailureKind, FireFact } from "../harness/harness.ts";
import { type Journal, type JournalFile, openJournal } from "../journal/file.ts";
import type { Doubts, Verdict } from "../journal/judge.ts";
import type { JournalLine, SessionLine } from "../journal/line.ts";
import { unpackJournal } from "../journal/packed.ts";
import type { Architecture } from "../model/model.ts";
import type { Category, Shot, SweepCategory } from "../shots/shot.ts";
import { idOf, rowText, shotText } from "../shots/shot_id.ts";
import type { SkewMode } from "../shots/skew_parts.ts";
import { median } from "../stats.ts";
import { applyLine, type JournalState } from "./journal_state.ts";
import type {
  Evidence,
  FactOrigin,
  FailedOrigin,
  Recorder,
  Samples,
  SentinelReading,
  SpentTime,
} from "./recorder.ts";
import { tableOf } from "./rows.ts";
import { countCases, hasPart, skewTimesOf } from "./skew_times.ts";
import { type TimedLayer, timedLayers } from "./timed_layers.ts";

/** Where a store's journal is, and what it holds. */
export interface JournalStoreOptions {
  /** The journal. */
  readonly path: string;
  /** Bytes of its whole lines. */
  readonly bytes: number;
  /** What it says; what is recorded is taken in. */
  readonly state: JournalState;
  /** The layers to measure. */
  readonly architecture: Architecture;
  /** Opens the journal's file. */
  readonly openFile?: ((path: string) => JournalFile) | undefined;
  /** The time in seconds since 1970. @default now */
  readonly nowS?: (() => number) | undefined;
}

/** Records shots in a journal; disposing closes it. */
export abstract class JournalStore implements Recorder, AsyncDisposable {
  readonly #options: JournalStoreOptions;
  readonly #layers = new Map<string, readonly TimedLayer[]>();
  #opener: SessionLine | undefined;
  #hasOpener = false;
  #journal: Journal | undefined;

  /** Begins with what a journal holds. */
  constructor(options: JournalStoreOptions) {
    this.#options = options;
  }

  abstract readonly skewMode: SkewMode | null;
  abstract skewProblem(tp: number, again: boolean): string | null;
  abstract spend(tp: number, category: SweepCategory, spent: SpentTime): void;
  abstract saveIfDue(): Promise<void>;
  abstract save(): Promise<void>;

  /** Called with each line that was recorded. */
  protected recorded(_line: JournalLine): void {}

  /** Whether anything was recorded. */
  protected get isOpen(): boolean {
    return this.#journal !== undefined;
  }

  /** Says who writes from here on; it is recorded with the first line that follows. */
  protected open(opener: SessionLine): void {
    this.#opener = opener;
    this.#hasOpener = false;
  }

  /**
   * Records a line; of a field that is undefined nothing is written.
   *
   * @throws {UsageError} when nobody said who measures, or the disk refuses.
   */
  record(line: JournalLine): void {
    const { path, bytes, state, openFile } = this.#options;
    if (this.#opener === undefined) {
      throw new UsageError(`Cannot record a shot in ${path}: start the session first`);
    }
    if (this.#journal === undefined) {
      unpackJournal(path);
      this.#journal = openJournal(path, bytes, openFile);
    }
    if (!this.#hasOpener) {
      this.#journal.append(this.#opener);
      applyLine(state, this.#opener);
      this.#hasOpener = true;
    }
    this.#journal.append(line);
    applyLine(state, line);
    this.recorded(line);
  }

  /** Waits until everything is on the disk. */
  protected async sync(): Promise<void> {
    await this.#journal?.sync();
  }

  get judge(): Doubts {
    return this.#options.state.judge;
  }

  get otherKernels(): ReadonlyMap<string, string> {
    return this.#options.state.launches.changed;
  }

  /** Shots that failed and were not measured since. */
  get failed(): readonly FailedShot[] {
    return [...this.#options.state.failed.values()];
  }

  timed(shot: Shot): string[] {
    if (shot.category === "skew") return [...shot.parts];
    return this.#layersOf(shot.category, shot.tp).map(({ name }) => name);
  }

  missing(shot: Shot): string[] {
    const { rows, skew } = this.#options.state;
    const { tp, key } = idOf(shot);
    if (shot.category === "skew") {
      const times = skewTimesOf(skew, tp);
      return shot.parts.filter((part) => !hasPart(times, key, part));
    }
    const { category } = shot;
    const table = tableOf(rows, tp, category);
    return this.#layersOf(category, tp)
      .filter(({ layer }) => !table.has(rowText(layer, key)))
      .map(({ name }) => name);
  }

  count(tp: number, category: SweepCategory): number {
    const { rows, skew } = this.#options.state;
    return category === "skew" ? countCases(skewTimesOf(skew, tp)) : tableOf(rows, tp, category).size;
  }

  hasFailed(shot: Shot): boolean {
    const { failed } = this.#options.state;
    return failed.size > 0 && failed.has(shotText(idOf(shot)));
  }

  hasSustained(shot: Shot): boolean {
    const text = shotText(idOf(shot));
    return this.timed(shot).some((layer) => this.#options.state.sustained.has(`${text} ${layer}`));
  }

  inDoubt(shot: Shot): boolean {
    return this.judge.isDue(shotText(idOf(shot)));
  }

  engine({ tp, ep, booted, asked }: Parameters<Recorder["engine"]>[0], lane?: string): void {
    const { limits, num_gpu_blocks, layers, engine_args, conditions, caches, sustains } = booted;
    this.record({
      ...{ type: "engine", tp, limits, num_gpu_blocks, layers, engine_args },
      ...{ ep, conditions, caches, sustains, asked, lane },
    });
  }

  measured(shot: Shot, samples: Samples, more: Evidence = {}): Record<string, number> {
    this.record({ type: "shot", ...idOf(shot), samples, ...more });
    return Object.fromEntries(Object.entries(samples).map(([layer, values]) => [layer, median(values)]));
  }

  fail(
    shot: Shot,
    kind: FailureKind,
    message: string,
    { lane, sentinel = false }: FailedOrigin = {},
  ): FailedShot {
    const failed = { ...idOf(shot), kind, message };
    this.record({ type: "failed", ...failed, ...sentinel && { sentinel }, lane });
    return failed;
  }

  sentinel(
    shot: Shot,
    { samples, kernels, shot_clocks_mhz, clocks: { latest, ...range }, lane }: SentinelReading,
  ): Verdict {
    this.record({
      ...{ type: "sentinel", ...idOf(shot), samples, clock_mhz: latest, ...range },
      ...{ shot_clocks_mhz, at_s: this.#nowS(), kernels, lane },
    });
    return this.judge.verdict!;
  }

  note(fact: FireFact, { atS = this.#nowS(), lane }: FactOrigin = {}): void {
    if (fact.type === "state") {
      this.record({ ...fact, ...atS !== null && { at_s: atS }, lane });
    }
    if (fact.type === "sustained") {
      this.record({ type: "sustained", ...idOf(fact.shot), layers: fact.layers, lane });
    }
    if (fact.type !== "kernels") return;
    const unnamed = Object.entries(fact.names).filter(([hash]) => !this.#options.state.kernels.has(hash));
    if (unnamed.length > 0) this.record({ type: "kernels", names: Object.fromEntries(unnamed) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#journal?.[Symbol.asyncDispose]();
  }

  #nowS(): number {
    return (this.#options.nowS ?? nowS)();
  }

  #layersOf(category: Category, tp: number): readonly TimedLayer[] {
    const id = `${category} ${tp}`;
    let layers = this.#layers.get(id);
    if (layers === undefined) {
      this.#layers.set(id, layers = timedLayers(this.#options.architecture, category, tp));
    }
    return layers;
  }
}

function nowS(): number {
  return Date.now() / 1000;
}
