/**
 * Shots whose times are in doubt, because the device had moved when they were measured.
 *
 * @module
 */
import type { Samples } from "../store/sink.ts";

/** How often a shot is measured again at most. */
const MOST_AGAIN = 2;

/** Follows shots and sentinels in the order of the journal. */
export interface Doubts {
  /** A writer begins: what was measured before is judged no more. */
  begin(): void;
  /** A shot was measured, by a lane of a pool or the only one. */
  measured(shot: string, samples: Samples, lane?: string): void;
  /** A sentinel was fired; when it has moved, what its lane has measured since the one before is in doubt. */
  sentinel(moved: boolean, lane?: string): void;
  /** Whether a shot is in doubt. */
  has(shot: string): boolean;
  /** Whether a shot is in doubt and may be measured again. */
  isDue(shot: string): boolean;
  /** How often these samples of a shot were put in doubt. */
  known(shot: string, samples: Samples): number;
  /** How many shots are in doubt. */
  readonly standing: number;
  /** How many measurements took the place of one in doubt. */
  readonly again: number;
}

/**
 * Begins without doubts.
 *
 * @returns The doubts, by the texts of shots.
 */
export function newDoubts(): Doubts {
  // Only shots that a sentinel comes before can be judged; without sentinels nothing is kept.
  const unjudged = new Map<string, Map<string, Samples>>();
  // The samples that were in doubt, as texts.
  const marks = new Map<string, readonly string[]>();
  const standing = new Set<string>();
  let again = 0;
  return {
    begin(): void {
      unjudged.clear();
    },
    measured(shot, samples, lane = ""): void {
      if (standing.delete(shot)) again++;
      unjudged.get(lane)?.set(shot, samples);
    },
    sentinel(moved, lane = ""): void {
      if (moved) {
        for (const [shot, samples] of unjudged.get(lane) ?? []) {
          standing.add(shot);
          marks.set(shot, [...marks.get(shot) ?? [], JSON.stringify(samples)]);
        }
      }
      unjudged.set(lane, new Map());
    },
    has: (shot) => standing.has(shot),
    isDue: (shot) => standing.has(shot) && marks.get(shot)!.length <= MOST_AGAIN,
    known(shot, samples): number {
      const text = JSON.stringify(samples);
      return marks.get(shot)?.filter((mark) => mark === text).length ?? 0;
    },
    get standing(): number {
      return standing.size;
    },
    get again(): number {
      return again;
    },
  };
}
