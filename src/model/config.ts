/**
 * What a model's configuration says, under the names that the hub uses.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { ModelConfig } from "./model.ts";

/** Names of the number of routed experts; the first that is there counts. */
export const EXPERTS: readonly string[] = [
  "num_local_experts",
  "num_experts",
  "n_routed_experts",
  "moe_num_experts",
];
/** Names of the experts per token; the first that is there counts. */
export const TOP_K: readonly string[] = [
  "num_experts_per_tok",
  "num_experts_per_token",
  "experts_per_token",
  "moe_k",
  "moe_topk",
  "moe_top_k",
  "top_k_experts",
];

/** The routing of a model with experts. */
export interface MoeParameters {
  /** Routed experts of a layer. */
  readonly numExperts: number;
  /** Experts per token. */
  readonly topK: number;
}

/**
 * The part of a configuration that describes the language model.
 *
 * @param config The configuration.
 * @returns Its nested `text_config`, or the configuration itself.
 *
 * @example
 * ```ts
 * import { textConfig } from "./config.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(textConfig({ text_config: { vocab_size: 64 } }), { vocab_size: 64 });
 * ```
 */
export function textConfig(config: ModelConfig): ModelConfig {
  return isObject(config.text_config) ? config.text_config : config;
}

/**
 * Whether a value is an object of JSON.
 *
 * @param value The value.
 * @returns Whether it is neither an array nor a scalar.
 */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The routing that a configuration describes.
 *
 * @param config The configuration.
 * @returns Experts and experts per token, null when either is missing or 0, as dense models of such families say.
 * @throws {UsageError} when one of them is neither a whole number nor a list of one number, repeated.
 *
 * @example
 * ```ts
 * import { moeParameters } from "./config.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(moeParameters({ num_local_experts: 8, num_experts_per_tok: 2 }), { numExperts: 8, topK: 2 });
 * ```
 */
export function moeParameters(config: ModelConfig): MoeParameters | null {
  const text = textConfig(config);
  const numExperts = count(text, EXPERTS);
  const topK = count(text, TOP_K);
  return numExperts === null || topK === null ? null : { numExperts, topK };
}

/**
 * The fields that name a number of routed experts, when they name different ones.
 *
 * @param config The configuration.
 * @returns The fields and their numbers, the one that counts first; none when they agree.
 */
export function expertConflict(config: ModelConfig): [name: string, experts: number][] {
  const text = textConfig(config);
  const named = EXPERTS.flatMap((name): [string, number][] => {
    const experts = count(text, [name]);
    return experts === null ? [] : [[name, experts]];
  });
  return new Set(named.map(([, experts]) => experts)).size > 1 ? named : [];
}

/**
 * The field that says something, among those that may.
 *
 * @param config The configuration, not nested.
 * @param names Names of the field; the first that is there counts.
 * @returns Its name, undefined when none is there.
 */
export function fieldOf(config: ModelConfig, names: readonly string[]): string | undefined {
  return names.find((name) => (config[name] ?? null) !== null);
}

/**
 * A number of experts.
 *
 * @param config The configuration, not nested.
 * @param names Names of the field; the first that is there counts.
 * @returns The number, null when it is missing or 0.
 * @throws {UsageError} when it is neither a whole number nor a list of one number, repeated.
 */
export function count(config: ModelConfig, names: readonly string[]): number | null {
  const name = fieldOf(config, names);
  if (name === undefined) return null;
  const given = config[name];
  const [first, ...others] = Array.isArray(given) ? given : [given];
  const value = typeof first === "string" && first.trim() !== "" ? Number(first) : first;
  if (Number.isSafeInteger(value) && value >= 0 && others.every((other) => other === first)) {
    return value === 0 ? null : value;
  }
  throw new UsageError(
    `Cannot read the model's experts: ${name} must be a whole number from 0, got ${JSON.stringify(given)}`,
  );
}
