/**
 * Expert parallelism on one device: the experts of one of the devices that share them.
 *
 * @module
 */
import { plural } from "../count_text.ts";
import { UsageError } from "../errors.ts";
import { EXPERTS, type MoeParameters, moeParameters, textConfig, TOP_K } from "./config.ts";
import type { ModelConfig } from "./model.ts";

/**
 * The routing that one device sees: it holds an equal share of the experts, and of the experts of a token as many as
 * come to it, one at least.
 *
 * @param moe Experts and experts per token of the model.
 * @param ep Devices that share the experts.
 * @returns Those of one device.
 * @throws {UsageError} when the experts cannot be shared equally.
 *
 * @example
 * ```ts
 * import { sharedExperts } from "./share_experts.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(sharedExperts({ numExperts: 128, topK: 8 }, 16), { numExperts: 8, topK: 1 });
 * ```
 */
export function sharedExperts({ numExperts, topK }: MoeParameters, ep: number): MoeParameters {
  if (numExperts % ep !== 0) {
    throw cannotShare(ep, `their number must be divisible by it, got ${numExperts}; leave this degree out`);
  }
  return { numExperts: numExperts / ep, topK: Math.max(1, Math.floor(topK / ep)) };
}

/**
 * A configuration with the experts of one device; all else is as it was.
 *
 * @param config The configuration after sharding.
 * @param ep Devices that share the experts.
 * @returns The configuration to boot.
 * @throws {UsageError} when there are no experts, or they or their groups cannot be shared equally.
 */
export function shareExperts(config: ModelConfig, ep: number): ModelConfig {
  const text = textConfig(config);
  const moe = moeParameters(config);
  if (moe === null) throw cannotShare(ep, "the model must have some, its config names none");
  const { numExperts, topK } = sharedExperts(moe, ep);
  const { n_group: groups } = text;
  if (typeof groups === "number" && groups > 1 && numExperts % groups !== 0) {
    throw cannotShare(
      ep,
      `n_group must divide those of a device (${numExperts}), got ${groups}; leave this degree out`,
    );
  }
  const shared = {
    ...text,
    ...withValue(text, EXPERTS, numExperts),
    ...withValue(text, TOP_K, topK),
  };
  return text === config ? shared : { ...config, text_config: shared };
}

/** Every field of some that is there, with a value in the place of each of its numbers. */
function withValue(text: ModelConfig, names: readonly string[], value: number): Record<string, unknown> {
  return Object.fromEntries(
    names.filter((name) => (text[name] ?? null) !== null)
      .map((name) => [name, Array.isArray(text[name]) ? text[name].map(() => value) : value]),
  );
}

function cannotShare(ep: number, rule: string): UsageError {
  return new UsageError(`Cannot share the experts among ${plural(ep, "device")}: ${rule}`);
}
