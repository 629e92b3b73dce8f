/**
 * The kinds of values that settings have: how each is read from text, what it allows and how the rule is said.
 *
 * @module
 */
import { z } from "zod";
import type { Precision } from "../harness/harness.ts";
import { splitArgv } from "./argv.ts";

/** A kind of value. */
export interface Kind<T> {
  /** What stands for the value in the help; empty for a switch. */
  readonly placeholder: string;
  /** Checks a value; its messages complete the sentence "Cannot use X: ...". */
  readonly schema: z.ZodType<T>;
  /** Reads the text of a flag or an environment variable; text that makes no sense is left for the schema. */
  readonly read: (text: string) => unknown;
}

/** A piece of a file name or of the hub's names: no separator, no leading dot or dash, no `..`. */
const NAME = /^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._+-]*$/;
const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;
const ON = ["1", "true", "yes", "on"];
const OFF = ["0", "false", "no", "off"];

/** `<org>/<name>`, as the hub names models. */
export const modelId: Kind<string> = {
  placeholder: "<org>/<name>",
  schema: text(
    "expected <org>/<name> of letters, digits, '.', '_' and '-', such as Qwen/Qwen3-0.6B",
    (id) => {
      const parts = id.split("/");
      return parts.length === 2 && parts.every((part) => NAME.test(part));
    },
  ),
  read: same,
};

/** A branch, tag or commit, as git names them. */
export const revision: Kind<string> = {
  placeholder: "<revision>",
  schema: text(
    "expected a branch, tag or commit, such as main or refs/pr/1",
    (name) => name.length <= 200 && name.split("/").every((part) => NAME.test(part)),
  ),
  read: same,
};

/** The name of one folder. */
export const folderName: Kind<string> = {
  placeholder: "<name>",
  schema: text(
    "expected one folder name of letters, digits, '.', '_', '+' and '-', such as H100",
    (name) => NAME.test(name),
  ),
  read: same,
};

/** A folder's name; the names that mean "derive it" elsewhere are refused. */
export const variantName: Kind<string> = {
  placeholder: "<name>",
  schema: text(
    "expected one folder name, and neither auto nor default: leave it out to have it derived from the types",
    (name) => NAME.test(name) && name !== "auto" && name !== "default",
  ),
  read: same,
};

/** A numeric type by the engine's name. */
export const dtypeName: Kind<string> = {
  placeholder: "<type>",
  schema: text("expected a type's name, such as bfloat16 or fp8", (name) => /^[a-z][a-z0-9_]*$/.test(name)),
  read: same,
};

/** A numeric type, or null for the model's own, which may be written `auto`. */
export const weightDtype: Kind<string | null> = {
  ...dtypeName,
  schema: dtypeName.schema.nullable().transform((name) => name === "auto" ? null : name),
};

/** A path of the file system. */
export const path: Kind<string> = {
  placeholder: "<folder>",
  schema: text("expected a path", (value) => value !== "" && !value.includes("\0")),
  read: same,
};

/** The text that names a harness. */
export const harnessSpec: Kind<string> = {
  placeholder: "<harness>",
  schema: text(
    "expected vllm, roofline:<hardware>, replay:<bundle> or cmd:<argv>",
    (spec) => spec.trim() !== "",
  ),
  read: same,
};

/** On or off. */
export const toggle: Kind<boolean> = {
  placeholder: "",
  schema: z.boolean({ error: `expected 1 (${ON.slice(1).join(", ")}) or 0 (${OFF.slice(1).join(", ")})` }),
  read: (value) => {
    const word = value.trim().toLowerCase();
    return ON.includes(word) ? true : OFF.includes(word) ? false : value;
  },
};

/** A geometric factor of an axis: it must grow. */
export const factor: Kind<number> = {
  placeholder: "<factor>",
  schema: z.number({ error: "expected a number above 1" }).gt(1, "expected a number above 1"),
  read: number,
};

/** A time to wait. */
export const seconds: Kind<number> = {
  placeholder: "<seconds>",
  schema: z.number({ error: "expected a number of seconds above 0" }).gt(
    0,
    "expected a number of seconds above 0",
  ),
  read: number,
};

/** A time between repeats, 0 for none. */
export const interval: Kind<number> = {
  placeholder: "<seconds>",
  schema: z.number({ error: "expected a number of seconds, 0 for never" }).min(
    0,
    "expected a number of seconds, 0 for never",
  ),
  read: number,
};

/** A share of a whole. */
export const share: Kind<number> = {
  placeholder: "<share>",
  schema: z.number({ error: "expected a share above 0 and below 1, such as 0.03" })
    .gt(0, "expected a share above 0 and below 1, such as 0.03")
    .lt(1, "expected a share above 0 and below 1, such as 0.03"),
  read: number,
};

const PRECISION =
  "expected <relative>[,<min>,<max>] such as 0.01,3,30: a share above 0 and below 1, then at least 2 " +
  "samples and no fewer at most";

/** When a shot has enough samples; 3 at least and 30 at most unless it says so. */
export const precision: Kind<Precision> = {
  placeholder: "<relative>[,<min>,<max>]",
  schema: z.strictObject({
    relative: z.number(PRECISION).gt(0, PRECISION).lt(1, PRECISION),
    min: z.int(PRECISION).min(2, PRECISION).default(3),
    max: z.int(PRECISION).default(30),
  }, PRECISION).refine(({ min, max }) => max >= min, PRECISION),
  read: (value) => {
    const [relative, min, max, ...rest] = value.split(",").map(number);
    return rest.length > 0 || (min !== undefined && max === undefined)
      ? value
      : { relative, ...min !== undefined && { min, max } };
  },
};

/** Tensor-parallel degrees, sorted; 1 is always among them. */
export const degrees: Kind<readonly number[]> = {
  placeholder: "<list>",
  schema: integers("expected different integers of at least 1, such as 1,2,4", 1)
    .refine(
      (list) => list.includes(1),
      "1 must be among them, because layers that no degree changes are measured there",
    )
    .transform(sorted),
  read: numbers,
};

/** Device numbers, in the order given. */
export const devices: Kind<readonly number[]> = {
  placeholder: "<list>",
  schema: integers("expected different device numbers, such as 0,1", 0),
  read: numbers,
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
 * An integer.
 *
 * @param min The least value.
 * @returns The kind.
 */
export function integer(min: number): Kind<number> {
  const error = `expected an integer of at least ${min}`;
  return { placeholder: "<n>", schema: z.int({ error }).min(min, error), read: number };
}

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

function text(error: string, allows: (value: string) => boolean): z.ZodString {
  return z.string({ error }).refine(allows, error);
}

function integers(error: string, min: number): z.ZodType<number[]> {
  return z.array(z.int({ error }).min(min, error), { error })
    .refine((list) => new Set(list).size === list.length, error);
}

function sorted(list: readonly number[]): readonly number[] {
  return [...list].sort((a, b) => a - b);
}

function number(value: string): unknown {
  return DECIMAL.test(value.trim()) ? Number(value) : value;
}

function numbers(value: string): unknown {
  return value.split(",").map(number);
}

function same(value: string): string {
  return value;
}
