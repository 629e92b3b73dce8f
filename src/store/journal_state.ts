/**
 * What shots gave, taken in from the lines of a journal.
 *
 * @module
 */
import type { Sustained } from "../bundle/meta_blocks.ts";
import type { Category, SweepCategory } from "../shots/shot.ts";
import type { SkewPart } from "../shots/skew_parts.ts";
import { type Judge, newJudge } from "../journal/judge.ts";
import { type ClockTally, countClocks } from "../journal/clock_counts.ts";
import { type Launches, newLaunches } from "../journal/launches.ts";
import { dropEstimate, type Estimates } from "./estimates.ts";
import type { FailedShot } from "../events.ts";
import type { EngineLine, JournalLine, ShotLine } from "../journal/line.ts";
import { rowLayer } from "./timed_layers.ts";
import { dropRows, putBack, type Rows, setRow, type ShotRows, tableOf } from "./rows.ts";
import { type ShotId, shotText } from "../shots/shot_id.ts";
import { setPart, type SkewTimesByTp, skewTimesOf } from "./skew_times.ts";
import { median, relativeSpread } from "../stats.ts";

/** A shot whose rows are in the archive. */
export interface ArchivedShot extends ShotId {
  /** What its rows were; null where no line of the journal tells. */
  readonly had: ShotRows | null;
}

/** What shots gave: rows, failures, and how many samples went into them. */
export interface JournalState {
  /** Attention kernels whose rows name them. */
  readonly named: ReadonlySet<string>;
  /** Rows of the shots that were measured. */
  readonly rows: Rows;
  /** Times of the skew cases. */
  readonly skew: SkewTimesByTp;
  /** Attention rows that are predictions, of shots that were neither measured nor failed. */
  readonly estimates: Estimates;
  /** Shots that failed and were not measured since, by their texts. */
  readonly failed: Map<string, FailedShot>;
  /** Timed forwards, by category. */
  readonly samples: Partial<Record<SweepCategory, number>>;
  /** How often shots were measured. */
  measured: number;
  /** Which shots are in doubt. */
  readonly judge: Judge;
  /** Which kernels shots launched. */
  readonly launches: Launches;
  /** Hashes of the kernels that have a name. */
  readonly kernels: Set<string>;
  /** The last engine of each lane, by the hash of what was asked for and by lane. */
  readonly engines: Map<string, Map<string, EngineLine>>;
  /** What layers take under a lasting load, by shot and layer. */
  readonly sustained: Map<string, Sustained>;
  /** Which clock the device had. */
  readonly clocks: ClockTally;
  /** Shots that were archived and not measured since, by their texts. */
  readonly archived: Map<string, ArchivedShot>;
}

/**
 * The state before the first line.
 *
 * @param named The attention kernels whose rows name them.
 * @returns The state.
 */
export function emptyState(named: ReadonlySet<string>): JournalState {
  return {
    named,
    rows: new Map(),
    skew: new Map(),
    estimates: new Map(),
    failed: new Map(),
    samples: {},
    measured: 0,
    judge: newJudge(),
    launches: newLaunches(),
    kernels: new Set(),
    engines: new Map(),
    sustained: new Map(),
    clocks: countClocks(),
    archived: new Map(),
  };
}

/**
 * Takes in a line of the journal.
 *
 * @param state What is known so far; it is changed.
 * @param line The line.
 */
export function applyLine(state: JournalState, line: JournalLine): void {
  state.judge.take(line);
  state.launches.take(line);
  state.clocks.take(line);
  switch (line.type) {
    case "failed": {
      if (line.sentinel) return;
      const { category, tp, key, kind, message } = line;
      state.failed.set(shotText(line), { category, tp, key, kind, message });
      return dropEstimate(state.estimates, line);
    }
    case "engine": {
      const { asked, lane = "" } = line;
      if (asked === undefined) return;
      const byLane = state.engines.get(asked) ?? new Map<string, EngineLine>();
      state.engines.set(asked, byLane.set(lane, line));
      return;
    }
    case "kernels":
      for (const hash of Object.keys(line.names)) state.kernels.add(hash);
      return;
    case "sustained":
      for (const [layer, times] of Object.entries(line.layers)) {
        const { tp, key } = line;
        const category = line.category as Category;
        state.sustained.set(`${shotText(line)} ${layer}`, { category, tp, key, layer, ...times });
      }
      return;
    case "archived":
      state.archived.set(shotText(line), { ...line, had: dropRows(state, line) });
      return dropEstimate(state.estimates, line);
    case "restored": {
      const { had = null } = state.archived.get(shotText(line)) ?? {};
      state.archived.delete(shotText(line));
      if (had !== null) putBack(state, line, had);
      return dropEstimate(state.estimates, line);
    }
    case "shot":
      return applyShot(state, line);
  }
}

function applyShot(state: JournalState, line: ShotLine): void {
  const { category, tp, key } = line;
  const text = shotText(line);
  state.failed.delete(text);
  state.archived.delete(text);
  dropEstimate(state.estimates, line);
  state.measured++;
  const samples = Object.entries(line.samples);
  const taken = state.samples[category] ?? 0;
  if (category === "skew") {
    const times = skewTimesOf(state.skew, tp);
    for (const [part, values] of samples) setPart(times, key, part as SkewPart, median(values));
    const spread = relativeSpread(line.samples.t_skew ?? []);
    if (spread !== null) times.spreads.set(key.join(), spread);
    state.samples[category] = samples.reduce((sum, [, values]) => sum + values.length, taken);
    return;
  }
  const table = tableOf(state.rows, tp, category);
  for (const [name, values] of samples) {
    setRow(table, {
      layer: rowLayer(category, name, state.named),
      key,
      timeUs: median(values),
      spread: relativeSpread(values),
    });
  }
  state.samples[category] = taken + (samples[0]?.[1].length ?? 0);
}
