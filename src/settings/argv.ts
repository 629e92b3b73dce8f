/**
 * Splits a command line into words.
 *
 * @module
 */

/** A quoted piece (single quotes literal, double quotes with `\"` and `\\`), an escaped character or plain text. */
const PIECE = /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\]+)/sy;

/**
 * The words of a command line, by the quoting rules that shells share; nothing is expanded.
 *
 * @param text The command line.
 * @returns Its words, or null when a quote is not closed.
 *
 * @example
 * ```ts
 * import { splitArgv } from "./argv.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(splitArgv(`ssh -o "User x" gpu1`), ["ssh", "-o", "User x", "gpu1"]);
 * ```
 */
export function splitArgv(text: string): string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text.charAt(at))) {
      if (word !== null) words.push(word);
      word = null;
      at++;
      continue;
    }
    PIECE.lastIndex = at;
    const match = PIECE.exec(text);
    if (match === null) return null;
    word = (word ?? "") + (match[1] ?? match[2]?.replace(/\\(["\\])/g, "$1") ?? match[3] ?? match[4]);
    at = PIECE.lastIndex;
  }
  if (word !== null) words.push(word);
  return words;
}
