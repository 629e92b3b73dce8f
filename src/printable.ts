/**
 * Texts of others made safe to print: what moves a cursor, renames a window or turns the reading direction is shown as
 * what it is.
 *
 * @module
 */

// C0, DEL and C1; marks of direction, which can show a text in another order than it has.
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
// deno-lint-ignore no-control-regex
const COLOR = /(\x1b\[\d{1,2}m)/;

/**
 * Escapes what a text must not do to a terminal.
 *
 * @param text The text, of one line.
 * @param keep Characters that are left, such as line feeds. @default {""}
 * @returns The text, such characters as `\x1b` or `\u202e`.
 *
 * @example
 * ```ts
 * import { printable } from "./printable.ts";
 * import assert from "node:assert/strict";
 * assert.equal(printable("a\u001b]0;mine\u0007b"), "a\\x1b]0;mine\\x07b");
 * ```
 */
export function printable(text: string, keep = ""): string {
  return text.replace(CONTROL, (character) => {
    if (keep.includes(character)) return character;
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
  });
}

/**
 * Escapes what an output of several lines must not do to a terminal.
 *
 * @param text The output.
 * @param colors Whether colours are seen: their codes are left then.
 * @returns The output.
 */
export function printableLines(text: string, colors = false): string {
  if (!colors) return printable(text, "\n\t");
  return text.split(COLOR).map((part, i) => i % 2 === 1 ? part : printable(part, "\n\t")).join("");
}
