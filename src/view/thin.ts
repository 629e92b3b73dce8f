/**
 * Fewer points for a figure.
 *
 * @module
 */

/**
 * Takes evenly spaced items.
 *
 * @param items The items.
 * @param most How many are taken at most.
 * @returns The items in their order, always the same ones.
 *
 * @example
 * ```ts
 * import { thin } from "./thin.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(thin([1, 2, 3, 4, 5, 6], 3), [1, 3, 5]);
 * ```
 */
export function thin<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, i) => items[Math.floor(i * items.length / most)]!);
}
