/**
 * What a simulator makes of a batch that is routed evenly over experts on several devices: how many tokens each device
 * has, and how many of its experts get some.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { Simulator } from "../bundle/simulator.ts";
import { plural } from "../count_text.ts";
import type { MoeParameters } from "../model/config.ts";
import { roundHalfEven } from "./nanoseconds.ts";

/** The load of one device. */
export interface ExpertLoad {
  /** New tokens that it is asked for. */
  readonly tokens: number;
  /** Its experts that receive tokens. */
  readonly activatedExperts: number;
}

/**
 * The load of one of the devices that share the experts.
 *
 * August counts token-expert pairs until every expert has one, and gives a device the tokens that reach it. v1.2 takes
 * the number of experts that independent, uniform routing activates on average, and gives a device all tokens.
 *
 * @param simulator The simulator.
 * @param moe The model's experts and experts per token.
 * @param batch The batch's new tokens, and the devices that share the experts.
 * @returns The load.
 *
 * @example
 * ```ts
 * import { expertLoad } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * const moe = { numExperts: 8, topK: 2 };
 * assert.deepEqual(expertLoad("august", moe, { tokens: 4, ep: 2 }), { tokens: 3, activatedExperts: 4 });
 * assert.deepEqual(expertLoad("v1.2", moe, { tokens: 4, ep: 2 }), { tokens: 4, activatedExperts: 3 });
 * ```
 */
export function expertLoad(
  simulator: Simulator,
  { numExperts, topK }: MoeParameters,
  { tokens, ep }: { readonly tokens: number; readonly ep: number },
): ExpertLoad {
  const own = Math.floor(numExperts / ep);
  if (simulator === "v1.2") {
    const expected = roundHalfEven(own * (1 - ((numExperts - topK) / numExperts) ** tokens));
    return { tokens, activatedExperts: Math.min(own, Math.max(1, expected)) };
  }
  const reached = ep <= 1 ? 1 : 1 - ((ep - 1) / ep) ** topK;
  return {
    tokens: roundHalfEven(tokens * reached),
    activatedExperts: Math.min(roundHalfEven(tokens * topK / ep), Math.max(1, own)),
  };
}

/** By how much the shares of all experts may be off the experts of a token together: what rounded counts give. */
const SHARES_OFF = 0.01;

/**
 * How many experts get tokens when they are not loved alike: the sum over experts of 1 - (1 - share) ** tokens.
 *
 * @param shares Of each expert the share of tokens that go to it, between 0 and 1; together the experts of a token.
 * @param moe The model's experts and experts per token.
 * @param tokens New tokens of the batch.
 * @returns The expected number, rounded, no less than the experts of a token.
 * @throws {UsageError} when there is not one share for each expert, or they are none of a routing.
 *
 * @example
 * ```ts
 * import { expectedExperts } from "./routing.ts";
 * import assert from "node:assert/strict";
 * const moe = { numExperts: 4, topK: 2 };
 * assert.equal(expectedExperts([0.5, 0.5, 0.5, 0.5], moe, 2), 3);
 * assert.equal(expectedExperts([1, 0.8, 0.1, 0.1], moe, 2), 2);
 * ```
 */
export function expectedExperts(
  shares: readonly number[],
  { numExperts, topK }: MoeParameters,
  tokens: number,
): number {
  if (shares.length !== numExperts) {
    throw new UsageError(
      `Cannot spread tokens over experts: there must be a share for each of the ${
        plural(numExperts, "expert")
      }, got ${shares.length}`,
    );
  }
  const wrong = shares.find((share) => !(share >= 0 && share <= 1));
  if (wrong !== undefined) {
    throw new UsageError(
      `Cannot spread tokens over experts: a share of tokens must be between 0 and 1, got ${wrong}`,
    );
  }
  const sum = shares.reduce((total, share) => total + share, 0);
  if (Math.abs(sum / topK - 1) > SHARES_OFF) {
    throw new UsageError(
      `Cannot spread tokens over experts: the shares of all must add up to ${topK}, the experts of a token, got ${sum}`,
    );
  }
  const expected = shares.reduce((total, share) => total + 1 - (1 - share) ** tokens, 0);
  return Math.max(topK, Math.round(expected));
}
