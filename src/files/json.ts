/**
 * JSON whose numbers stay what they were written as: to Python `2.0` is a float and `2` is none, and whole numbers of
 * any length are exact. In JavaScript both are the number 2; the text of a number is kept beside it.
 *
 * @module
 */

/** Texts of the numbers in an object or list that are not written as JavaScript would, by key. */
const TEXTS = new WeakMap<object, Map<string, string>>();

/** The parts of JSON that the compiler's library does not know yet. */
const { parse, rawJSON } = JSON as unknown as {
  parse(
    text: string,
    reviver: (this: object, key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
};

/**
 * Reads JSON.
 *
 * @param text The text.
 * @returns Plain data; {@linkcode formatJson} writes its numbers as they stand here.
 * @throws {SyntaxError} when it is no JSON.
 *
 * @example
 * ```ts
 * import { formatJson, parseJson } from "./json.ts";
 * import assert from "node:assert/strict";
 * const text = '{"factor":2.0,"theta":1e6,"id":9007199254740993,"scales":[1.0,-0.0]}';
 * assert.equal(formatJson(parseJson(text)), text);
 * ```
 */
export function parseJson(text: string): unknown {
  return parse(text, function (key, value, { source }): unknown {
    if (typeof value === "number" && source !== undefined && String(value) !== source) {
      const texts = TEXTS.get(this) ?? new Map<string, string>();
      TEXTS.set(this, texts.set(key, source));
    }
    return value;
  });
}

/**
 * Writes JSON; a number that was read by {@linkcode parseJson}, and is the same still, is written as it was.
 *
 * @param value Plain data.
 * @param space What a level is indented by, in spaces; without it all is on one line.
 * @returns The text.
 */
export function formatJson(value: unknown, space?: number): string {
  return JSON.stringify(value, function (this: object, key: string, part: unknown): unknown {
    const text = TEXTS.get(this)?.get(key);
    return text !== undefined && Number(text) === part ? rawJSON(text) : part;
  }, space);
}

/**
 * Lets the numbers of a copy be written as those of the original.
 *
 * @param copy A copy of an object, in which fields may differ.
 * @param original The object.
 * @returns The copy.
 */
export function keepNumbers<T extends object>(copy: T, original: object): T {
  const texts = TEXTS.get(original);
  if (texts !== undefined) TEXTS.set(copy, texts);
  return copy;
}

/**
 * Picks elements of a list, whose numbers are written as they were in it.
 *
 * @param list The list.
 * @param places The places to pick, in their new order.
 * @returns The elements.
 */
export function pickKeeping(list: readonly unknown[], places: readonly number[]): unknown[] {
  const picked = places.map((place) => list[place]);
  const texts = TEXTS.get(list);
  if (texts === undefined) return picked;
  const kept = places.flatMap((place, i): [string, string][] => {
    const text = texts.get(String(place));
    return text === undefined ? [] : [[String(i), text]];
  });
  TEXTS.set(picked, new Map(kept));
  return picked;
}
