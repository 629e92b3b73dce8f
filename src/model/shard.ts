/**
 * Tensor parallelism on one device: the sizes of one rank, in a model of one layer.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { textConfig } from "./config.ts";
import type { ModelConfig } from "./model.ts";

/** What a rank has a share of; experts are not sharded. */
const SHARDED = ["intermediate_size", "num_attention_heads", "num_key_value_heads", "vocab_size"];

/**
 * The configuration of one rank: one layer, sizes divided by the degree, head_dim as it was.
 *
 * @param config The model's configuration; the language model's fields may be in `text_config`.
 * @param tp Tensor-parallel degree.
 * @returns The configuration to boot.
 * @throws {UsageError} when a size is no integer or does not divide, naming the first such field.
 *
 * @example
 * ```ts
 * import { shardConfig } from "./shard.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(shardConfig({ hidden_size: 4096, num_attention_heads: 32, num_hidden_layers: 32 }, 4), {
 *   hidden_size: 4096,
 *   num_attention_heads: 8,
 *   num_hidden_layers: 1,
 *   head_dim: 128,
 * });
 * ```
 */
export function shardConfig(config: ModelConfig, tp: number): ModelConfig {
  const text = textConfig(config);
  const sharded = { ...text, ...hfOverrides(text, tp) };
  return text === config ? sharded : { ...config, text_config: sharded };
}

/**
 * What sharding sets, as meta.yaml records it.
 *
 * The engine derives a missing head_dim from hidden_size and the number of heads, which would grow by `tp` with the
 * heads divided: it is set to what the undivided heads give.
 *
 * @param config The model's configuration.
 * @param tp Tensor-parallel degree.
 * @returns The fields that are there to be divided, after num_hidden_layers; head_dim last, when it was missing.
 * @throws {UsageError} when a size is no integer or does not divide, naming the first such field.
 */
export function hfOverrides(config: ModelConfig, tp: number): Record<string, unknown> {
  const text = textConfig(config);
  const overrides: Record<string, unknown> = { num_hidden_layers: 1 };
  for (const field of SHARDED) {
    const size = text[field] ?? null;
    if (size !== null) overrides[field] = share(field, size, tp);
  }
  const headDim = derivedHeadDim(text);
  return headDim === null ? overrides : { ...overrides, head_dim: headDim };
}

function share(field: string, size: unknown, tp: number): number {
  if (typeof size !== "number" || !Number.isSafeInteger(size)) {
    throw new UsageError(
      `Cannot shard the model to tp ${tp}: ${field} must be an integer, got ${JSON.stringify(size)}`,
    );
  }
  if (size % tp !== 0) {
    throw new UsageError(
      `Cannot shard the model to tp ${tp}: ${field} must be divisible by it, got ${size}; leave this degree out`,
    );
  }
  return size / tp;
}

function derivedHeadDim(text: ModelConfig): number | null {
  const { head_dim: headDim, hidden_size: hidden, num_attention_heads: heads } = text;
  const derivable = (headDim ?? null) === null && typeof hidden === "number" && typeof heads === "number";
  return derivable ? Math.floor(hidden / heads) : null;
}
