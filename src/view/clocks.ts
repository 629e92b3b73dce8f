/**
 * The device's clock during a run, from its bundle's journal.
 *
 * @module
 */
import { JOURNAL_FILE } from "../run/journal.ts";
import { readIfThere } from "../run/read_if_there.ts";

/** The device's clock at a shot. */
export interface ClockReading {
  /** Position of the next shot in the journal, from 0. */
  readonly order: number;
  /** Clock of the multiprocessors in MHz. */
  readonly mhz: number;
}

/**
 * Reads the clocks that a harness reported between its shots.
 *
 * @param dir The bundle's folder.
 * @returns The readings in their order; none where there is no journal, or the device tells no clock.
 */
export async function readClocks(dir: string): Promise<ClockReading[]> {
  const bytes = await readIfThere(`${dir}/${JOURNAL_FILE}`);
  const readings: ClockReading[] = [];
  let order = 0;
  for (const line of bytes === null ? [] : new TextDecoder().decode(bytes).split("\n")) {
    if (line.startsWith('{"type":"shot"')) order++;
    if (!line.startsWith('{"type":"state"') || !line.endsWith("}")) continue;
    const { sm_clock_mhz: mhz } = JSON.parse(line);
    if (typeof mhz === "number") readings.push({ order, mhz });
  }
  return readings;
}
