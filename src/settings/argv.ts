/**
 * Splits a command line into words, and writes words for one.
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

/**
 * Writes a word as a shell reads it.
 *
 * @param word The word.
 * @returns The word, in quotes where it needs them.
 *
 * @example
 * ```ts
 * import { shellWord, splitArgv } from "./argv.ts";
 * import assert from "node:assert/strict";
 * assert.equal(shellWord("perf/my box"), "'perf/my box'");
 * assert.deepEqual(splitArgv(shellWord("it's")), ["it's"]);
 * ```
 */
export function shellWord(word: string): string {
  return /^[\w./@%+=:,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
