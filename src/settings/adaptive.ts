/**
 * The kinds of values that say how much of a sweep is fired.
 *
 * @module
 */
import { z } from "zod";
import type { Kind } from "./kind.ts";

/** When a sweep has enough shots: a share of them is fired, or 90% of the rows are within a relative error. */
export type AdaptiveTarget = { readonly shots: number } | { readonly error: number };

const TARGET = "expected a share of the shots such as 20%, or an error such as error=3% ({ shots: 0.2 } or " +
  "{ error: 0.03 }), above 0 and below 100%";
const BUDGET = "expected a time above 0 such as 90s, 5min or 1h30min, or a number of seconds";

const part = z.number(TARGET).gt(0, TARGET).lt(1, TARGET);

/** A share of the shots, or an error. */
export const adaptiveTarget: Kind<AdaptiveTarget> = {
  placeholder: "<share|error=share>",
  schema: z.union([z.strictObject({ shots: part }), z.strictObject({ error: part })], TARGET),
  read: (text) => {
    const [, name = "shots", number, percent] = /^(?:(shots|error)=)?([\d.]+)(%?)$/.exec(text.trim()) ?? [];
    return number === undefined ? text : { [name]: Number(number) / (percent === "%" ? 100 : 1) };
  },
};

/** A time, in seconds. */
export const timeSpan: Kind<number> = {
  placeholder: "<time>",
  schema: z.number(BUDGET).gt(0, BUDGET),
  read: (text) => {
    const [all, h, min, s] = /^(?:([\d.]+)h)?(?:([\d.]+)min)?(?:([\d.]+)s?)?$/.exec(text.trim()) ?? [];
    return all === undefined || all === ""
      ? text
      : 3600 * Number(h ?? 0) + 60 * Number(min ?? 0) + Number(s ?? 0);
  },
};
