/**
 * What a kind of setting is: how it is read from text, what it allows and how the rule is said. Here are those of
 * switches, choices and commands; `names.ts` and `numbers.ts` have the others.
 *
 * @module
 */
import { z } from "zod";
import { splitArgv } from "./argv.ts";

/**
 * A kind of value.
 *
 * @internal
 */
export interface Kind<T> {
  /** What stands for the value in the help; empty for a switch. */
  readonly placeholder: string;
  /** Checks a value; its messages complete the sentence "Cannot use X: ...". */
  readonly schema: z.ZodType<T>;
  /** Reads the text of a flag or an environment variable; text that makes no sense is left for the schema. */
  readonly read: (text: string) => unknown;
}

const ON = ["1", "true", "yes", "on"];
const OFF = ["0", "false", "no", "off"];

/** On or off. */
export const toggle: Kind<boolean> = {
  placeholder: "",
  schema: z.boolean({ error: `expected 1 (${ON.slice(1).join(", ")}) or 0 (${OFF.slice(1).join(", ")})` }),
  read: (value) => {
    const word = value.trim().toLowerCase();
    return ON.includes(word) ? true : OFF.includes(word) ? false : value;
  },
};

/** A command's words. */
export const argv: Kind<readonly string[]> = {
  placeholder: '"<argv>"',
  schema: z.array(z.string(), {
    error: "expected a command and its arguments, quotes closed, such as ssh gpu1",
  }),
  read: (value) => splitArgv(value) ?? value,
};

/**
 * One of a few words.
 *
 * @param words The words.
 * @param read How its text is read.
 * @returns The kind.
 */
export function oneOf<const W extends string>(
  words: readonly W[],
  read: (text: string) => string = same,
): Kind<W> {
  return {
    placeholder: `<${words.join("|")}>`,
    schema: z.enum(words, { error: `expected ${either(words)}` }),
    read,
  };
}

/**
 * A kind that null is also a value of.
 *
 * @param kind The kind.
 * @returns The kind with null.
 */
export function optional<T>(kind: Kind<T>): Kind<T | null> {
  return { ...kind, schema: kind.schema.nullable() };
}

/**
 * Words as a choice in a sentence.
 *
 * @param words The words.
 * @returns `a, b or c`.
 */
export function either(words: readonly string[]): string {
  return words.join(", ").replace(/, ([^,]*)$/, " or $1");
}

/**
 * Reads text that is the value.
 *
 * @param value The text.
 * @returns The text.
 */
export function same(value: string): string {
  return value;
}
