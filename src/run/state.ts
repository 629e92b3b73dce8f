/**
 * What a bundle holds: the valid rows of its files, overlaid by its journal.
 *
 * @module
 */
import type { Issue } from "../bundle/issue.ts";
import { renderIssue } from "../bundle/issue.ts";
import type { EstimatedRow } from "../bundle/estimated.ts";
import { formatDecimals, formatTimeUs } from "../bundle/format.ts";
import { metaPath, tablePath } from "../bundle/layout.ts";
import { type Meta, parseMeta } from "../bundle/meta.ts";
import { CATEGORIES, type SweepCategory } from "../sweep/shot.ts";
import { type Doubts, newDoubts } from "./doubts.ts";
import { dropEstimate, type Estimates } from "./estimates.ts";
import type { FailedShot } from "./events.ts";
import type { Identity } from "./identity.ts";
import { JOURNAL_FILE, readJournal } from "./journal.ts";
import type { JournalLine, ShotLine } from "./journal_line.ts";
import { median } from "./median.ts";
import { readIfThere } from "./read_if_there.ts";
import { dropRows, readRows, type Rows, setRow, tableOf } from "./rows.ts";
import { type ShotId, shotText } from "./shot_id.ts";
import { relativeSpread } from "./spread.ts";
import { setPart, type SkewTimesByTp, skewTimesOf } from "./skew_times.ts";
import type { SkewPart } from "../sweep/skew_parts.ts";

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

/** What a bundle holds. */
export interface BundleState extends Outcomes {
  /** Content of its meta.yaml, null when there is none. */
  readonly meta: Meta | null;
  /** Who measured, by session; empty without a journal. */
  readonly identities: Identity[];
  /** What the lists of predicted rows on the disk name, by degree. */
  readonly listed: ReadonlyMap<number, readonly EstimatedRow[]>;
  /** Bytes of the journal's whole lines. */
  readonly journalBytes: number;
  /** Files that show other rows than these, as `[tp, category]`; what the journal says of skew cases is not compared. */
  readonly stale: readonly (readonly [number, SweepCategory])[];
  /** What a user should know, in sentences. */
  readonly notices: readonly string[];
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

/**
 * Reads what a bundle holds.
 *
 * @param dir The bundle's folder.
 * @returns Its state; where file and journal differ, the journal's row stands and a notice says so.
 * @throws {UsageError} when meta.yaml is not one of a bundle.
 */
export async function readState(dir: string): Promise<BundleState> {
  const { rows, skew, estimates, listed, issues } = await readRows(dir);
  const journal = noOutcomes();
  const identities: Identity[] = [];
  const reading = await readJournal(`${dir}/${JOURNAL_FILE}`, (line) => {
    if (line.type === "session") identities.push(line.identity);
    takeIn(journal, line);
  });
  const faulty = faultyFiles(issues);
  const overlaid = overlay(dir, rows, journal.rows);
  const metaText = await readIfThere(metaPath(dir));
  const skewNotices = overlaySkew(dir, skew, journal.skew);
  for (const [tp, table] of estimates) {
    const measured = tableOf(rows, tp, "attention");
    for (const text of table.keys()) if (measured.has(text)) table.delete(text);
  }
  for (const shot of journal.failed.values()) dropEstimate(estimates, shot);
  const unarchived = [...journal.archived.values()].filter((shot) => dropRows({ rows, skew }, shot));
  return {
    ...journal,
    rows,
    skew,
    estimates,
    listed,
    meta: metaText === null ? null : parseMeta(new TextDecoder().decode(metaText), metaPath(dir)),
    identities,
    journalBytes: reading.bytes,
    stale: [
      ...overlaid.stale,
      ...unarchived.map(({ tp, category }) => [tp, category] as const),
      ...[...rows].flatMap(([tp, tables]) =>
        [...tables.keys()].filter((category) => faulty.has(tablePath(dir, tp, category)))
          .map((category) => [tp, category] as const)
      ),
      ...[...skew.keys()].filter((tp) => faulty.has(tablePath(dir, tp, "skew")))
        .map((tp) => [tp, "skew"] as const),
    ],
    notices: [...reading.notices, ...overlaid.notices, ...skewNotices, ...faulty.values()],
  };
}

/** One notice per file that has faulty rows. */
function faultyFiles(issues: readonly Issue[]): Map<string, string> {
  const byFile = Map.groupBy(issues.filter(({ severity }) => severity === "error"), ({ path }) => path);
  return new Map(
    [...byFile].map(([path, found]) => [
      path,
      `${path}: what is not valid counts as not measured (${found.length} found, the first: ${
        renderIssue(found[0]!)
      })`,
    ]),
  );
}

/** Puts the journal's rows over those of the files. */
function overlay(
  dir: string,
  rows: Rows,
  journal: Rows,
): { stale: [number, SweepCategory][]; notices: string[] } {
  const stale: [number, SweepCategory][] = [];
  const notices: string[] = [];
  for (const [tp, tables] of journal) {
    for (const [category, table] of tables) {
      const shown = tableOf(rows, tp, category);
      let absent = 0;
      let different = 0;
      for (const [text, row] of table) {
        const there = shown.get(text);
        if (there === undefined) absent++;
        else if (formatTimeUs(there.timeUs) !== formatTimeUs(row.timeUs)) different++;
        shown.set(text, row);
      }
      if (absent + different > 0) stale.push([tp, category]);
      if (different > 0) notices.push(differing(tablePath(dir, tp, category), different));
    }
  }
  return { stale, notices };
}

/** Puts the journal's times of skew cases beside the rows of the files. */
function overlaySkew(dir: string, skew: SkewTimesByTp, journal: SkewTimesByTp): string[] {
  const notices: string[] = [];
  for (const [tp, { skewed, uniform }] of journal) {
    const times = skewTimesOf(skew, tp);
    let different = 0;
    for (const [text, timeUs] of skewed) {
      const there = times.rows.get(text);
      if (there !== undefined && formatDecimals(there.t_skew_us, 3) !== formatDecimals(timeUs, 3)) {
        different++;
      }
      times.skewed.set(text, timeUs);
    }
    for (const [text, timeUs] of uniform) times.uniform.set(text, timeUs);
    if (different > 0) notices.push(differing(tablePath(dir, tp, "skew"), different));
  }
  return notices;
}

function differing(path: string, rows: number): string {
  return `${path}: ${rows} rows differ from the journal, whose values are used`;
}
