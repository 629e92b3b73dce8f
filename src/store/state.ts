/**
 * What a bundle holds: the valid rows of its files, overlaid by its journal.
 *
 * @module
 */
import type { EstimatedRow } from "../bundle/estimated.ts";
import { type Issue, renderIssue } from "../bundle/issue.ts";
import { metaPath, tablePath } from "../bundle/layout.ts";
import { type Meta, parseMeta } from "../bundle/meta.ts";
import type { SweepCategory } from "../shots/shot.ts";
import { dropEstimate } from "./estimates.ts";
import type { Identity } from "../journal/identity.ts";
import { JOURNAL_FILE, readJournal } from "../journal/file.ts";
import { applyLine, emptyState, type JournalState } from "./journal_state.ts";
import { overlay, overlaySkew } from "./overlay.ts";
import { readIfThere } from "../files/read.ts";
import { dropRows, readRows, tableOf } from "./rows.ts";

/** What a bundle holds. */
export interface BundleState extends JournalState {
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
 * Reads what a bundle holds.
 *
 * @param dir The bundle's folder.
 * @param named The attention kernels whose rows name them.
 * @returns Its state; where file and journal differ, the journal's row stands and a notice says so.
 * @throws {UsageError} when meta.yaml is not one of a bundle.
 */
export async function readState(dir: string, named: ReadonlySet<string>): Promise<BundleState> {
  const { rows, skew, estimates, listed, issues } = await readRows(dir);
  const journal = emptyState(named);
  const identities: Identity[] = [];
  const reading = await readJournal(`${dir}/${JOURNAL_FILE}`, (line) => {
    if (line.type === "session") identities.push(line.identity);
    applyLine(journal, line);
  });
  journal.judge.end();
  const faulty = faultyFiles(issues);
  const overlaid = overlay(dir, rows, journal.rows);
  const metaText = await readIfThere(metaPath(dir));
  const skewNotices = overlaySkew(dir, skew, journal.skew);
  for (const [tp, table] of estimates) {
    const measured = tableOf(rows, tp, "attention");
    for (const text of table.keys()) if (measured.has(text)) table.delete(text);
  }
  for (const shot of journal.failed.values()) dropEstimate(estimates, shot);
  const unarchived = [...journal.archived.values()].filter((shot) => dropRows({ rows, skew }, shot) !== null);
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
