/**
 * The device's clock during a run, from its bundle's journal.
 *
 * @module
 */
import { JOURNAL_FILE, readJournal } from "../journal/file.ts";

/** The device's clock at a shot. */
export interface ClockReading {
  /** Position of the next shot in the journal, from 0. */
  readonly order: number;
  /** Clock of the multiprocessors in MHz. */
  readonly mhz: number;
  /** Which lane of a pool it is of; left out where there is no pool. */
  readonly lane?: string;
}

/**
 * Reads the clocks that a harness reported between its shots.
 *
 * @param dir The bundle's folder.
 * @returns The readings in their order; none where there is no journal, or the device tells no clock.
 */
export async function readClocks(dir: string): Promise<ClockReading[]> {
  const readings: ClockReading[] = [];
  let order = 0;
  await readJournal(`${dir}/${JOURNAL_FILE}`, (line) => {
    if (line.type === "shot") order++;
    if (line.type !== "state" || line.sm_clock_mhz === null) return;
    const { sm_clock_mhz: mhz, lane } = line;
    readings.push({ order, mhz, ...lane !== undefined && { lane } });
  });
  return readings;
}
