/**
 * Figures as short JSON.
 *
 * @module
 */
import type { Figure } from "./figure.ts";

/** Digits of a number in a figure: more cannot be seen. */
const DIGITS = 5;

/**
 * Writes a figure as JSON, with no more digits than can be seen.
 *
 * @param figure The figure.
 * @returns The JSON.
 *
 * @example
 * ```ts
 * import { figureJson } from "./figure_json.ts";
 * import assert from "node:assert/strict";
 * const figure = { data: [{ x: [1000000], y: [2.0000001] }], layout: {} };
 * assert.equal(figureJson(figure), '{"data":[{"x":[1000000],"y":[2]}],"layout":{}}');
 * ```
 */
export function figureJson({ data, layout }: Figure): string {
  const short = (_: string, part: unknown): unknown =>
    typeof part === "number" && !Number.isInteger(part) ? Number(part.toPrecision(DIGITS)) : part;
  return JSON.stringify({ data, layout }, short);
}
