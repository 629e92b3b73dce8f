/**
 * What shots gave, taken in from the lines of a journal.
 *
 * @module
 */
import { CATEGORIES, type SweepCategory } from "../shots/shot.ts";
import type { SkewPart } from "../shots/skew_parts.ts";
import { type Doubts, newDoubts } from "../journal/suspects.ts";
import { dropEstimate, type Estimates } from "./estimates.ts";
import type { FailedShot } from "../events.ts";
import type { JournalLine, ShotLine } from "../journal/line.ts";
import { dropRows, type Rows, setRow, tableOf } from "./rows.ts";
import { type ShotId, shotText } from "../shots/shot_id.ts";
import { setPart, type SkewTimesByTp, skewTimesOf } from "./skew_times.ts";
import { median, relativeSpread } from "../stats.ts";

/** What shots gave: rows, failures, and how many samples went into them. */
export interface Outcomes {
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
  readonly doubts: Doubts;
  /** The drift of each sentinel, as a share of the time of the first. */
  readonly sentinels: number[];
  /** Hashes of the kernels that have a name. */
  readonly kernels: Set<string>;
  /** Shots that were archived and not measured since, by their texts. */
  readonly archived: Map<string, ShotId>;
}

/**
 * Outcomes before the first shot.
 *
 * @returns The outcomes.
 */
export function noOutcomes(): Outcomes {
  return {
    rows: new Map(),
    skew: new Map(),
    estimates: new Map(),
    failed: new Map(),
    samples: {},
    measured: 0,
    doubts: newDoubts(),
    sentinels: [],
    kernels: new Set(),
    archived: new Map(),
  };
}

/**
 * Takes in a line of the journal.
 *
 * @param outcomes What is known so far; it is changed.
 * @param line The line.
 */
export function takeIn(outcomes: Outcomes, line: JournalLine): void {
  switch (line.type) {
    case "session":
      return outcomes.doubts.begin();
    case "failed": {
      const { category, tp, key, kind, message } = line;
      outcomes.failed.set(shotText(line), { category, tp, key, kind, message });
      return dropEstimate(outcomes.estimates, line);
    }
    case "sentinel":
      outcomes.sentinels.push(line.drift);
      return outcomes.doubts.sentinel(line.moved, line.lane);
    case "kernels":
      for (const hash of Object.keys(line.names)) outcomes.kernels.add(hash);
      return;
    case "archived":
      outcomes.archived.set(shotText(line), line);
      dropRows(outcomes, line);
      return dropEstimate(outcomes.estimates, line);
    case "shot":
      return takeInShot(outcomes, line);
  }
}

function takeInShot(outcomes: Outcomes, line: ShotLine): void {
  const { category, tp, key } = line;
  const text = shotText(line);
  outcomes.failed.delete(text);
  outcomes.archived.delete(text);
  dropEstimate(outcomes.estimates, line);
  outcomes.doubts.measured(text, line.samples, line.lane);
  outcomes.measured++;
  const samples = Object.entries(line.samples);
  const taken = outcomes.samples[category] ?? 0;
  if (category === "skew") {
    const times = skewTimesOf(outcomes.skew, tp);
    for (const [part, values] of samples) setPart(times, key, part as SkewPart, median(values));
    outcomes.samples[category] = samples.reduce((sum, [, values]) => sum + values.length, taken);
    return;
  }
  const table = tableOf(outcomes.rows, tp, category);
  for (const [name, values] of samples) {
    const layer = CATEGORIES[category].layered ? name : null;
    setRow(table, { layer, key, timeUs: median(values), spread: relativeSpread(values) });
  }
  outcomes.samples[category] = taken + (samples[0]?.[1].length ?? 0);
}
