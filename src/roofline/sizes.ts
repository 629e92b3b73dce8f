/**
 * The sizes of a model that its layers' work depends on.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { moeParameters, textConfig } from "../model/config.ts";
import type { ModelConfig } from "../model/model.ts";

/** Sizes of a model after sharding; `null` where the configuration has no such size. */
export interface Sizes {
  /** Width of the residual stream. */
  readonly hidden: number;
  /** Query heads. */
  readonly heads: number;
  /** Key and value heads. */
  readonly kvHeads: number;
  /** Width of a head. */
  readonly headDim: number;
  /** Words. */
  readonly vocab: number;
  /** Width of the dense MLP. */
  readonly intermediate: number | null;
  /** Width of one expert. */
  readonly expertIntermediate: number | null;
  /** Routed experts. */
  readonly experts: number | null;
  /** Experts per token. */
  readonly topK: number | null;
  /** Tokens that attention of a window or of chunks looks back at. */
  readonly span: number | null;
  /** Bytes of a weight, scales of quantized ones included. */
  readonly weightBytes: number;
  /** Bytes of a weight of the head, which quantized checkpoints leave as it was. */
  readonly headBytes: number;
  /** Bytes of a number in the KV cache. */
  readonly kvBytes: number;
}

/**
 * The sizes that a configuration describes.
 *
 * @param config The configuration after sharding.
 * @param weightBytes Bytes of a weight.
 * @param kvBytes Bytes of a number in the KV cache.
 * @param headBytes Bytes of a weight of the head. @default {those of a weight}
 * @returns The sizes.
 * @throws {UsageError} when a size that every model has is missing.
 */
export function sizesOf(
  config: ModelConfig,
  weightBytes: number,
  kvBytes: number,
  headBytes: number = weightBytes,
): Sizes {
  const text = textConfig(config);
  const optional = (name: string): number | null => typeof text[name] === "number" ? text[name] : null;
  const required = (name: string): number => {
    const value = optional(name);
    if (value !== null) return value;
    throw new UsageError(
      `Cannot estimate the model: its config must have ${name}, got ${JSON.stringify(text[name])}`,
    );
  };
  const moe = moeParameters(config);
  const hidden = required("hidden_size");
  const heads = required("num_attention_heads");
  return {
    hidden,
    heads,
    kvHeads: optional("num_key_value_heads") ?? heads,
    headDim: optional("head_dim") ?? hidden / heads,
    vocab: required("vocab_size"),
    intermediate: optional("intermediate_size"),
    expertIntermediate: optional("moe_intermediate_size") ?? optional("intermediate_size"),
    experts: moe?.numExperts ?? null,
    topK: moe?.topK ?? null,
    span: optional("sliding_window") ?? optional("attention_chunk_size"),
    weightBytes,
    headBytes,
    kvBytes,
  };
}

/**
 * Bytes of a number by type. Types of four bits with their scales: one of two bytes for a group of 128 (AWQ, GPTQ), one
 * byte for 32 (OCP Microscaling Formats 1.0, 2023) and for 16 (NVFP4).
 */
const TYPE_BYTES: Readonly<Record<string, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  fp8: 1,
  int8: 1,
  int4: 0.5 + 2 / 128,
  mxfp4: 0.5 + 1 / 32,
  nvfp4: 0.5 + 1 / 16,
};

/** Types whose size is known. */
export const KNOWN_TYPES: readonly string[] = Object.keys(TYPE_BYTES);

/**
 * The bytes of a number.
 *
 * @param type Its type, such as `bfloat16` or `fp8_e5m2`.
 * @returns The bytes, null of a type that is not known.
 *
 * @example
 * ```ts
 * import { typeBytes } from "./sizes.ts";
 * import assert from "node:assert/strict";
 * assert.equal(typeBytes("fp8_e4m3"), 1);
 * ```
 */
export function typeBytes(type: string): number | null {
  return TYPE_BYTES[type.startsWith("fp8") ? "fp8" : type] ?? null;
}
