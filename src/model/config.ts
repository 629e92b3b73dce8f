/**
 * What a model's configuration says, under the names that the hub uses.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { ModelConfig } from "./model.ts";

/** Names of the number of routed experts; the first that is there counts. */
const EXPERTS = ["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"];
/** Names of the experts per token; the first that is there counts. */
const TOP_K = [
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

/** Sizes and counts that a model has one of; a list holds one of each layer. */
const SIZES = [
  "hidden_size",
  "num_hidden_layers",
  "num_attention_heads",
  "num_key_value_heads",
  "head_dim",
  "vocab_size",
  "intermediate_size",
  "max_position_embeddings",
];

/** Sizes that some layers lack: 0 says so. */
const SIZES_FROM_0 = [
  "moe_intermediate_size",
  "shared_expert_intermediate_size",
  "n_shared_experts",
  "first_k_dense_replace",
  "sliding_window",
];

/**
 * Checks a configuration's sizes and counts, once for whoever reads them later.
 *
 * @param config The configuration.
 * @returns What is wrong with it, as `hidden_size must be a whole number above 0, got "4096"`; null when nothing is. A size
 * that is absent or null is left to the engine's default.
 *
 * @example
 * ```ts
 * import { sizeFault } from "./config.ts";
 * import assert from "node:assert/strict";
 * assert.equal(sizeFault({ hidden_size: 4096, head_dim: null }), null);
 * assert.equal(sizeFault({ head_dim: -1 }), "head_dim must be a whole number above 0, got -1");
 * assert.equal(
 *   sizeFault({ num_experts: 128 }),
 *   "num_experts is 128, and no field names the experts per token, such as num_experts_per_tok",
 * );
 * ```
 */
export function sizeFault(config: ModelConfig): string | null {
  const text = textConfig(config);
  for (const [names, least, rule] of [[SIZES, 1, "above 0"], [SIZES_FROM_0, 0, "from 0"]] as const) {
    const wrong = names.find((name) => {
      const given = text[name] ?? [];
      const sizes = Array.isArray(given) ? given : [given];
      return !sizes.every((size) => Number.isSafeInteger(size) && size >= least);
    });
    if (wrong !== undefined) {
      return `${wrong} must be a whole number ${rule}, got ${JSON.stringify(text[wrong])}`;
    }
  }
  const { num_attention_heads: heads, num_key_value_heads: kvHeads } = text;
  if (typeof heads === "number" && typeof kvHeads === "number" && heads % kvHeads !== 0) {
    return `num_key_value_heads must divide num_attention_heads, got ${kvHeads} and ${heads}`;
  }
  const experts = count(text, EXPERTS);
  const topK = TOP_K.find((name) => (text[name] ?? null) !== null);
  if (experts !== null && experts > 1 && topK === undefined) {
    const name = EXPERTS.find((name) => (text[name] ?? null) !== null);
    return `${name} is ${experts}, and no field names the experts per token, such as ${TOP_K[0]}`;
  }
  const chosen = count(text, TOP_K);
  if (experts !== null && chosen !== null && chosen > experts) {
    return `${topK} must be ${experts} at most, as there are so many experts, got ${chosen}`;
  }
  return null;
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

function count(config: ModelConfig, names: readonly string[]): number | null {
  const name = names.find((candidate) => (config[candidate] ?? null) !== null);
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
