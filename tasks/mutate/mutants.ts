/**
 * Faults put into a source, one at a time, to see whether a test notices. They are found in the text as `deno fmt`
 * writes it, with comments, texts and patterns left out; what they make of types is for the compiler to refuse.
 *
 * @module
 */

/** A fault. */
export interface Mutant {
  /** What kind it is of. */
  readonly operator: string;
  /** The line, from 1. */
  readonly line: number;
  /** What stands there, and what is put in its place. */
  readonly change: string;
  /** The source with the fault. */
  readonly text: string;
}

/** What is found, by the kind of fault, and what is put in its place. */
const RULES: readonly (readonly [operator: string, found: RegExp, put: (found: string) => string])[] = [
  ["flip a comparison", / (===|!==) /g, (found) => found === " === " ? " !== " : " === "],
  [
    "move a bound",
    / (<=?|>=?) (?=[\w(])/g,
    (found) => found.includes("=") ? found.replace("=", "") : `${found.trimEnd()}= `,
  ],
  ["swap and/or", / (&&|\|\|) /g, (found) => found === " && " ? " || " : " && "],
  ["swap plus/minus", / [+-] (?=[\w(])/g, (found) => found === " + " ? " - " : " + "],
  ["swap times/divided", / [*/] (?=[\w(])/g, (found) => found === " * " ? " / " : " * "],
  ["swap min/max", /Math\.(min|max)\(/g, (found) => found === "Math.min(" ? "Math.max(" : "Math.min("],
  [
    "swap floor/ceil",
    /Math\.(floor|ceil)\(/g,
    (found) => found === "Math.floor(" ? "Math.ceil(" : "Math.floor(",
  ],
  ["swap some/every", /\.(some|every)\(/g, (found) => found === ".some(" ? ".every(" : ".some("],
  ["off by one", /(?<![\w.$])\d+(?![\w.])/g, (found) => String(Number(found) + 1)],
  ["negate a boolean", /\b(true|false)\b/g, (found) => found === "true" ? "false" : "true"],
  ["leave a loop", /\b(continue|break);/g, (found) => found === "continue;" ? "break;" : "continue;"],
  ["negate a condition", /(?<=\bif \()!?(?=[\w(])/g, (found) => found === "!" ? "" : "!"],
  ["drop a call", /(?<=^ +)(await )?[\w.]+\([^\n]*\);$/gm, () => ";"],
];

/** Comments, texts and patterns, which are no place for a fault. */
const TEXTS =
  /\/\*[^]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|(?<=[(,=:!&|?]\s*)\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*/g;

/**
 * Lists the faults of a source.
 *
 * @param source The source, as `deno fmt` writes it.
 * @returns One for each place and kind.
 *
 * @example
 * ```ts
 * import { mutants } from "./mutants.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(mutants("return a < 3; // < 4\n").map(({ change }) => change), ["< → <=", "3 → 4"]);
 * ```
 */
export function mutants(source: string): Mutant[] {
  const code = source.replace(TEXTS, (text) => text.replace(/[^\n]/g, "\u0000"));
  return RULES.flatMap(([operator, found, put]) =>
    [...code.matchAll(found)].map((match): Mutant => {
      const there = source.slice(match.index, match.index + match[0].length);
      const other = put(there);
      return {
        operator,
        line: source.slice(0, match.index).split("\n").length,
        change: `${there.trim()} → ${other.trim()}`,
        text: source.slice(0, match.index) + other + source.slice(match.index + there.length),
      };
    })
  );
}
