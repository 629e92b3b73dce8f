/**
 * Numbers of things in words.
 *
 * @module
 */

/**
 * A whole number with its thousands apart.
 *
 * @param value The number.
 * @returns Such as `2,048`.
 */
export function formatCount(value: number): string {
  return value.toLocaleString("en-US");
}

/**
 * A number of things.
 *
 * @param count How many.
 * @param one What one of them is called.
 * @param many What several are called.
 * @returns Such as `1 row` or `2,048 rows`.
 *
 * @example
 * ```ts
 * import { plural } from "./count_text.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual([plural(1, "row"), plural(2048, "row")], ["1 row", "2,048 rows"]);
 * assert.equal(plural(1, "shot is", "shots are"), "1 shot is");
 * ```
 */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
