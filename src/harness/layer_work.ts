/**
 * What each layer of a transformer computes and moves.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { moeParameters, textConfig } from "../model/config.ts";
import type { ModelConfig } from "../model/model.ts";
import type { MoeShot, Shot, SkewShot } from "../sweep/shot.ts";

/** The work of one call of a layer. */
export interface Work {
  /** Kernels that it launches. */
  readonly kernels: number;
  /** Multiplications and additions of matrix products. */
  readonly flops: number;
  /** Bytes that must come from memory: weights and the KV cache. */
  readonly memoryBytes: number;
  /** Bytes of activations, which a cache may hold between layers. */
  readonly activationBytes: number;
  /** Whether the products are those of attention, which runs further below the peak than a plain one. */
  readonly attention?: boolean;
}

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
  /** Bytes of a weight. */
  readonly weightBytes: number;
  /** Bytes of a number in the KV cache. */
  readonly kvBytes: number;
}

/** What attention's schedule depends on besides the sizes. */
export interface Device {
  /** Multiprocessors. */
  readonly multiprocessors: number;
  /** Bytes of the last cache. */
  readonly cacheBytes: number;
}

/** Rows of queries and of keys in a tile of FlashAttention-2. */
const TILE = 64;
/** What starting and ending a block of queries costs, in tiles. */
const TILE_OVERHEAD = 2;
/** Rounds of walks (two at a time on a multiprocessor) after which query heads have drifted apart; seen in bundles. */
const SIDE_BY_SIDE = 8;
/** Bytes of an activation: norms, rotations and gates work in bfloat16 whatever the weights are. */
const ACTIVATION = 2;

/**
 * The sizes that a configuration describes.
 *
 * @param config The configuration after sharding.
 * @param weightBytes Bytes of a weight.
 * @param kvBytes Bytes of a number in the KV cache.
 * @returns The sizes.
 * @throws {UsageError} when a size that every model has is missing.
 */
export function sizesOf(config: ModelConfig, weightBytes: number, kvBytes: number): Sizes {
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
    weightBytes,
    kvBytes,
  };
}

/** A product of `rows` rows with a weight of `inputs` × `outputs`. */
function product(rows: number, inputs: number, outputs: number, { weightBytes }: Sizes): Work {
  return {
    kernels: 1,
    flops: 2 * rows * inputs * outputs,
    memoryBytes: inputs * outputs * weightBytes,
    activationBytes: rows * (inputs + outputs) * ACTIVATION,
  };
}

/** A kernel that reads and writes `numbers` activations. */
function elementwise(numbers: number, kernels = 1): Work {
  return { kernels, flops: 0, memoryBytes: 0, activationBytes: numbers * ACTIVATION };
}

function mlp({ intermediate }: Sizes): number {
  if (intermediate !== null) return intermediate;
  throw new UsageError("Cannot estimate the model: its config must have intermediate_size for the dense MLP");
}

type Formula = (rows: number, sizes: Sizes) => Work;

/** Layers that work row by row: on tokens (dense) or on requests (per_sequence). */
const BY_ROW: Readonly<Record<string, Formula>> = {
  // Dummy tokens are few distinct words: the rows that are read stay in the cache.
  embedding: (rows, { hidden }) => elementwise(2 * rows * hidden),
  // Of the two of a decoder layer, the first one of a model has no residual to add.
  layernorm: (rows, { hidden }) => elementwise(3 * rows * hidden),
  final_layernorm: (rows, { hidden }) => elementwise(4 * rows * hidden),
  // The mean of the queries' and the keys'.
  qk_norm: (rows, { heads, kvHeads, headDim }) => elementwise(rows * (heads + kvHeads) * headDim),
  rotary_emb: (rows, { heads, kvHeads, headDim }) => elementwise(2 * rows * (heads + kvHeads) * headDim),
  act_fn: (rows, sizes) => elementwise(3 * rows * mlp(sizes)),
  qkv_proj: (rows, sizes) =>
    product(rows, sizes.hidden, (sizes.heads + 2 * sizes.kvHeads) * sizes.headDim, sizes),
  o_proj: (rows, sizes) => product(rows, sizes.heads * sizes.headDim, sizes.hidden, sizes),
  gate_up_proj: (rows, sizes) => product(rows, sizes.hidden, 2 * mlp(sizes), sizes),
  down_proj: (rows, sizes) => product(rows, mlp(sizes), sizes.hidden, sizes),
  lm_head: (rows, sizes) => product(rows, sizes.hidden, sizes.vocab, sizes),
  // Logits become float32 (2 bytes read, 4 written), the largest is searched (4 read); small kernels around it.
  sampler: (rows, { vocab }) => elementwise(5 * rows * vocab, 6),
};

/**
 * The work of the experts: router, permutation, two products and the sum.
 *
 * @param shot Tokens, and experts that have work.
 * @param sizes The model's sizes.
 * @returns The work.
 */
function moeWork({ tokens, activated_experts: activated }: MoeShot, sizes: Sizes): Work {
  const { hidden, expertIntermediate, topK, experts, weightBytes } = sizes;
  if (expertIntermediate === null || topK === null || experts === null) {
    throw new UsageError(
      "Cannot estimate the experts: the model's config must have their number, size and top k",
    );
  }
  const weights = 3 * hidden * expertIntermediate;
  // Every expert's rows are filled up to a whole tile.
  const rows = activated * Math.ceil(tokens * topK / activated / TILE) * TILE;
  return {
    kernels: 8,
    flops: 2 * rows * weights,
    memoryBytes: (activated * weights + hidden * experts) * weightBytes,
    activationBytes: tokens * topK * (2 * hidden + 3 * expertIntermediate) * ACTIVATION,
  };
}

/** A batch that attention works on. */
export interface AttentionBatch {
  /** New tokens of the prefill, 0 for none. */
  readonly chunk: number;
  /** History of the prefill in tokens. */
  readonly history: number;
  /** Runs of equal decodes: tokens of their history, and how many. */
  readonly decodes: readonly (readonly [kv: number, count: number])[];
}

/**
 * The work of attention as FlashAttention-2 schedules it. Without a prefill, the query heads of a KV head share its
 * tiles, and a request is split over the multiprocessors. With one, each query head walks its own tiles and reads
 * the KV cache for itself: from memory, once the heads no longer walk side by side and what they walk through does
 * not fit in the cache.
 *
 * @param batch The batch.
 * @param sizes The model's sizes.
 * @param device What the schedule depends on.
 * @returns The work; `flops` are those of whole tiles, and of the longest walk if it decides.
 */
export function attentionWork(
  { chunk, history, decodes }: AttentionBatch,
  sizes: Sizes,
  { multiprocessors, cacheBytes }: Device,
): Work {
  const { heads, kvHeads, headDim, kvBytes } = sizes;
  const mixed = chunk > 0;
  const walk = (tokens: number): number => Math.ceil(tokens / TILE) + TILE_OVERHEAD;
  let longest = 0;
  let tiles = 0;
  let requests = 0;
  let tokens = 0;
  for (const [kv, count] of decodes) {
    if (count > 0 && mixed) longest = Math.max(longest, walk(kv + 1));
    tiles += count * walk(kv + 1);
    requests += count;
    tokens += count * (kv + 1);
  }
  for (let end = 0; end < chunk;) {
    end = Math.min(end + TILE, chunk);
    longest = Math.max(longest, walk(history + end));
    tiles += walk(history + end);
  }
  const tokenBytes = 2 * kvHeads * headDim * kvBytes;
  const decodeBytes = tokens * tokenBytes;
  const slots = 2 * multiprocessors;
  const apart = requests * heads > SIDE_BY_SIDE * slots &&
    Math.ceil(slots / heads) * tokens / requests * tokenBytes > cacheBytes;
  const reads = mixed && apart ? heads / kvHeads : 1;
  return {
    kernels: 4,
    flops: 4 * TILE * TILE * headDim * Math.max(longest * multiprocessors, tiles * (mixed ? heads : kvHeads)),
    memoryBytes: (chunk + history) * tokenBytes + decodeBytes * reads,
    activationBytes: 2 * (chunk + requests) * heads * headDim * ACTIVATION,
    attention: true,
  };
}

/**
 * Layers that have a formula, by name; attention and experts are known by their group.
 */
export const KNOWN_LAYERS: readonly string[] = Object.keys(BY_ROW);

/**
 * The work of a layer for a shot of its category.
 *
 * @param layer The layer's name, one of {@linkcode KNOWN_LAYERS} in the dense and per_sequence categories.
 * @param shot The shot.
 * @param sizes The model's sizes.
 * @param device What attention's schedule depends on.
 * @returns The work.
 *
 * @example
 * ```ts
 * import { layerWork, sizesOf } from "./layer_work.ts";
 * import assert from "node:assert/strict";
 * const sizes = sizesOf({ hidden_size: 64, num_attention_heads: 4, vocab_size: 1000 }, 2, 2);
 * const device = { multiprocessors: 1, cacheBytes: 0 };
 * assert.equal(layerWork("o_proj", { category: "dense", tp: 1, tokens: 10 }, sizes, device).flops, 2 * 10 * 64 * 64);
 * ```
 */
export function layerWork(layer: string, shot: Exclude<Shot, SkewShot>, sizes: Sizes, device: Device): Work {
  switch (shot.category) {
    case "dense":
      return BY_ROW[layer]!(shot.tokens, sizes);
    case "per_sequence":
      return BY_ROW[layer]!(shot.sequences, sizes);
    case "attention":
      return attentionWork(
        {
          chunk: shot.prefill_chunk,
          history: shot.kv_prefill,
          decodes: [[shot.kv_decode, shot.n_decode]],
        },
        sizes,
        device,
      );
    case "moe":
      return moeWork(shot, sizes);
  }
}
