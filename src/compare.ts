/**
 * The order of keys, and of texts in a bundle's files.
 *
 * @module
 */

/**
 * Orders keys number by number; where one ends, it has 0.
 *
 * @param a A key.
 * @param b Another key.
 * @returns Below 0 when `a` comes first, 0 when they are equal.
 */
export function compareKeys(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Orders texts by code unit, as Python orders ASCII texts; not by a language's rules.
 *
 * @param a A text.
 * @param b Another text.
 * @returns Below 0 when `a` comes first, 0 when they are equal.
 */
export function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
