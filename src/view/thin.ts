/**
 * Fewer points for a figure.
 *
 * @module
 */
import { formatCount } from "../count_text.ts";

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

/**
 * What a subtitle says of points that were left out.
 *
 * @param count How many points there are.
 * @param most How many are drawn at most.
 * @returns Such as `; points: 1,000 of 12,350`, empty when all are drawn.
 */
export function shownText(count: number, most: number): string {
  return count <= most ? "" : `; points: ${formatCount(most)} of ${formatCount(count)}`;
}
