/**
 * Made-up loads: lengths and arrivals drawn by a seed.
 *
 * @module
 */
import { normal, type Random, randomFrom } from "../random.ts";
import { UsageError } from "../errors.ts";
import type { Load, LoadRequest } from "./load.ts";

/** Lengths of a lognormal distribution. */
export interface Lengths {
  /** Median in tokens, at least 1. */
  readonly median: number;
  /** Standard deviation of the logarithm; 0 for one length. */
  readonly sigma: number;
  /** Longest length in tokens; longer draws are cut to it. */
  readonly max: number;
}

/** What is drawn. */
export interface GenerateLoadOptions {
  /** What tables call it. @default {"generated"} */
  readonly name?: string;
  /** How many requests. */
  readonly requests: number;
  /** Requests a second on average; null for requests that arrive when others end. */
  readonly ratePerS: number | null;
  /** Requests served at any time, where `ratePerS` is null. @default {null} */
  readonly concurrency?: number | null;
  /**
   * Shape of the gamma distribution of the times between arrivals, as vLLM's `--burstiness`: 1 is a Poisson process,
   * less is burstier, more is steadier.
   *
   * @default {1}
   */
  readonly burstiness?: number;
  /** Prompts. @default {CHAT_LENGTHS.input} */
  readonly input?: Lengths;
  /** Answers. @default {CHAT_LENGTHS.output} */
  readonly output?: Lengths;
  /** Seed of the draws. @default {0} */
  readonly seed?: number;
}

/** Lengths of the order of those of chats (ShareGPT's are about so); made up, not fitted to a data set. */
export const CHAT_LENGTHS: { readonly input: Lengths; readonly output: Lengths } = {
  input: { median: 250, sigma: 1.1, max: 8192 },
  output: { median: 150, sigma: 0.8, max: 2048 },
};

/**
 * Draws a load.
 *
 * @param options What is drawn.
 * @returns The load; the same options give the same one.
 * @throws {UsageError} when a number is out of its range.
 *
 * @example
 * ```ts
 * import { generateLoad } from "shotlab";
 * import assert from "node:assert/strict";
 * const { requests } = generateLoad({ requests: 1000, ratePerS: 4, seed: 7 });
 * assert.ok(Math.abs(requests.at(-1)!.arrivalS - 250) < 25);
 * ```
 */
export function generateLoad(options: GenerateLoadOptions): Load {
  const { name = "generated", requests, ratePerS, burstiness = 1, seed = 0 } = options;
  const { input = CHAT_LENGTHS.input, output = CHAT_LENGTHS.output, concurrency = null } = options;
  check("requests", requests, Number.isInteger(requests) && requests >= 1, "a whole number from 1");
  check("ratePerS", ratePerS, ratePerS === null || ratePerS > 0, "above 0, or null");
  check("burstiness", burstiness, burstiness > 0, "above 0");
  if ((ratePerS === null) !== (concurrency !== null)) {
    throw new UsageError("Cannot generate a load: it has either ratePerS or concurrency");
  }
  for (const [side, { median, sigma, max }] of Object.entries({ input, output })) {
    check(`${side}.median`, median, median >= 1, "at least 1");
    check(`${side}.sigma`, sigma, sigma >= 0, "at least 0");
    check(`${side}.max`, max, max >= 1, "at least 1");
  }
  const random = randomFrom(seed);
  let arrivalS = 0;
  return {
    name,
    concurrency,
    requests: Array.from({ length: requests }, (): LoadRequest => {
      if (ratePerS !== null) arrivalS += gamma(burstiness, random) / (burstiness * ratePerS);
      return { arrivalS, inputTokens: drawn(input, random), outputTokens: drawn(output, random) };
    }),
  };
}

function drawn({ median, sigma, max }: Lengths, random: Random): number {
  return Math.max(1, Math.min(Math.floor(max), Math.round(median * Math.exp(sigma * normal(random)))));
}

/** A number of the gamma distribution with a shape and scale 1 (Marsaglia and Tsang 2000). */
function gamma(shape: number, random: Random): number {
  if (shape === 1) return -Math.log(1 - random());
  if (shape < 1) return gamma(shape + 1, random) * (1 - random()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  while (true) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random()) < x * x / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}

function check(name: string, value: unknown, holds: boolean, rule: string): void {
  if (!holds) throw new UsageError(`Cannot generate a load: ${name} must be ${rule}, got ${value}`);
}
