/**
 * How far a device moved during a run, from its bundle's journal.
 *
 * @module
 */
import { JOURNAL_FILE, readJournal } from "../journal/file.ts";

/** A sentinel: one shot that is repeated now and then. */
export interface Drift {
  /** Position of the next shot in the journal, from 0. */
  readonly order: number;
  /** By which share its time differs from the first one's. */
  readonly drift: number;
}

/**
 * Reads the sentinels of a bundle.
 *
 * @param dir The bundle's folder.
 * @returns The drifts in their order; none where there is no journal, or no sentinel was fired.
 */
export async function readDrifts(dir: string): Promise<Drift[]> {
  const drifts: Drift[] = [];
  let order = 0;
  await readJournal(`${dir}/${JOURNAL_FILE}`, (line) => {
    if (line.type === "shot") order++;
    if (line.type === "sentinel") drifts.push({ order, drift: line.drift });
  });
  return drifts;
}
