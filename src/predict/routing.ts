/**
 * What a simulator makes of a batch that is routed evenly over experts on several devices: how many tokens each device
 * has, and how many of its experts get some.
 *
 * @module
 */
import type { Simulator } from "../bundle/simulator.ts";
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
 * @param tokens New tokens of the batch.
 * @param ep Devices that share the experts.
 * @returns The load.
 *
 * @example
 * ```ts
 * import { expertLoad } from "./routing.ts";
 * import assert from "node:assert/strict";
 * const moe = { numExperts: 8, topK: 2 };
 * assert.deepEqual(expertLoad("august", moe, 4, 2), { tokens: 3, activatedExperts: 4 });
 * assert.deepEqual(expertLoad("v1.2", moe, 4, 2), { tokens: 4, activatedExperts: 3 });
 * ```
 */
export function expertLoad(
  simulator: Simulator,
  { numExperts, topK }: MoeParameters,
  tokens: number,
  ep: number,
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
