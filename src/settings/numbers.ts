/**
 * The kinds of values that are numbers, or lists of them.
 *
 * @module
 */
import type { Precision } from "../quantity.ts";
import { z } from "zod";
import type { Kind } from "./kind.ts";

const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/** A geometric factor of an axis: it must grow. */
export const factor: Kind<number> = {
  placeholder: "<factor>",
  schema: z.number({ error: "expected a number above 1" }).gt(1, "expected a number above 1"),
  read: number,
};

/** A step between numbers of tokens that divides the reference's 16, so that its axis is among the values. */
export const denseStep: Kind<1 | 2 | 4 | 8 | 16> = {
  placeholder: "<1|2|4|8|16>",
  schema: z.literal([1, 2, 4, 8, 16], { error: "expected 1, 2, 4, 8 or 16" }),
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
export const degrees: Kind<readonly number[]> = withOne(
  "expected different integers of at least 1, such as 1,2,4",
  "layers that no degree changes are measured there",
);

/** New tokens of a decode, sorted; 1 is always among them. */
export const newTokens: Kind<readonly number[]> = withOne(
  "expected different numbers of tokens of at least 1, such as 1,4",
  "decodes without drafts have one",
);

/** Devices that share the experts, sorted; 1 is always among them. */
export const epDegrees: Kind<readonly number[]> = withOne(
  "expected different numbers of devices of at least 1, such as 1,2,4",
  "the engine of all layers has all experts",
);

/** Device numbers, in the order given. */
export const devices: Kind<readonly number[]> = {
  placeholder: "<list>",
  schema: integers("expected different device numbers, such as 0,1", 0),
  read: numbers,
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

/** Different integers from 1, with 1 among them for a reason. */
function withOne(error: string, why: string): Kind<readonly number[]> {
  return {
    placeholder: "<list>",
    schema: integers(error, 1)
      .refine((list) => list.includes(1), `1 must be among them, because ${why}`)
      .transform(sorted),
    read: numbers,
  };
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
