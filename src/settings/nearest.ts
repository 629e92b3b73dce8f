/**
 * Finds what somebody meant to type.
 *
 * @module
 */

/**
 * The candidate that is fewest edits away, if it is near enough to be a slip of the keys.
 *
 * @param word What was typed.
 * @param candidates What could have been meant.
 * @returns The nearest candidate, or null when each differs in more than two fifths of its letters.
 */
export function nearest(word: string, candidates: readonly string[]): string | null {
  let best: string | null = null;
  let least = Infinity;
  for (const candidate of candidates) {
    const edits = distance(word.toLowerCase(), candidate.toLowerCase());
    if (edits < least && edits <= candidate.length * 0.4) [best, least] = [candidate, edits];
  }
  return best;
}

/** Levenshtein's distance, row by row. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const kept = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(kept, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
