/** The memory of a profile during a soak. */

/** Memory of a profile at a moment. */
export interface MemorySample {
  /** Seconds since the soak began. */
  readonly atS: number;
  /** Seconds since the profile was started. */
  readonly ageS: number;
  /** Bytes of the journal, which tell how many shots the profile knows. */
  readonly journalBytes: number;
  /** Resident memory, in bytes. */
  readonly bytes: number;
}

/** How fast memory grows. */
export interface Growth {
  /** Bytes for each byte of the journal: rows that are held. */
  readonly perJournalByte: number;
  /** Bytes for each minute of age beside that: what is lost. */
  readonly perMinute: number;
}

/** Profiles younger than this, in seconds, are still reading what there is. */
const SETTLED_S = 15;

/**
 * Tells what a profile's memory goes with, by least squares: a profile that is old holds more than one that was just
 * started on the same journal only when memory is lost.
 *
 * @param samples The samples of many starts.
 * @returns The two rates; NaN where there are too few samples.
 */
export function growthOf(samples: readonly MemorySample[]): Growth {
  const settled = samples.filter(({ ageS }) => ageS > SETTLED_S);
  const mean = (of: (sample: MemorySample) => number): number =>
    settled.reduce((sum, sample) => sum + of(sample), 0) / settled.length;
  const centred = (of: (sample: MemorySample) => number): number[] => {
    const level = mean(of);
    return settled.map((sample) => of(sample) - level);
  };
  const journal = centred(({ journalBytes }) => journalBytes);
  const age = centred(({ ageS }) => ageS / 60);
  const memory = centred(({ bytes }) => bytes);
  const product = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  const [jj, ja, aa] = [product(journal, journal), product(journal, age), product(age, age)];
  const [jm, am] = [product(journal, memory), product(age, memory)];
  const determinant = jj * aa - ja * ja;
  return {
    perJournalByte: (jm * aa - am * ja) / determinant,
    perMinute: (am * jj - jm * ja) / determinant,
  };
}
