/**
 * Which prefills a menu offers.
 *
 * @module
 */

/** Longest menu whose figures are all drawn. */
const MAX_CHOICES = 8;

/**
 * Chooses chunks for a menu.
 *
 * @param chunks New tokens of prefills, ascending.
 * @returns All of a short list; of a long one 0, powers of four and the last.
 */
export function menuChunks(chunks: readonly number[]): readonly number[] {
  return chunks.length <= MAX_CHOICES
    ? chunks
    : chunks.filter((chunk) => chunk === 0 || chunk === chunks.at(-1) || Math.log2(chunk) % 2 === 0);
}
