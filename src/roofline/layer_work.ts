/**
 * What each layer of a transformer computes and moves.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { LinearAttentionShot, MoeShot, Shot, SkewShot } from "../shots/shot.ts";
import { attentionWork, type Device } from "./attention_work.ts";
import type { Sizes } from "./sizes.ts";
import { ACTIVATION, TILE, type Work } from "./work.ts";

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
  layernorm: (rows, { hidden }) => elementwise(4 * rows * hidden),
  final_layernorm: (rows, { hidden }) => elementwise(4 * rows * hidden),
  // The queries' and the keys'.
  qk_norm: (rows, { heads, kvHeads, headDim }) => elementwise(2 * rows * (heads + kvHeads) * headDim, 2),
  rotary_emb: (rows, { heads, kvHeads, headDim }) => elementwise(2 * rows * (heads + kvHeads) * headDim),
  act_fn: (rows, sizes) => elementwise(3 * rows * mlp(sizes)),
  qkv_proj: (rows, sizes) =>
    product(rows, sizes.hidden, (sizes.heads + 2 * sizes.kvHeads) * sizes.headDim, sizes),
  o_proj: (rows, sizes) => product(rows, sizes.heads * sizes.headDim, sizes.hidden, sizes),
  gate_up_proj: (rows, sizes) => product(rows, sizes.hidden, 2 * mlp(sizes), sizes),
  down_proj: (rows, sizes) => product(rows, mlp(sizes), sizes.hidden, sizes),
  lm_head: (rows, sizes) =>
    product(rows, sizes.hidden, sizes.vocab, { ...sizes, weightBytes: sizes.headBytes }),
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

/** Layers of attention that look back at no more than a window, or than their chunk. */
const SLIDING = "sliding_attention";
const CHUNKED = "chunked_attention";

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
 * import { layerWork } from "./layer_work.ts";
 * import { sizesOf } from "./sizes.ts";
 * import assert from "node:assert/strict";
 * const sizes = sizesOf({ hidden_size: 64, num_attention_heads: 4, vocab_size: 1000 }, 2, 2);
 * const device = { multiprocessors: 1, cacheBytes: 0 };
 * assert.equal(layerWork("o_proj", { category: "dense", tp: 1, tokens: 10 }, sizes, device).flops, 2 * 10 * 64 * 64);
 * ```
 */
export function layerWork(
  layer: string,
  shot: Exclude<Shot, SkewShot | LinearAttentionShot>,
  sizes: Sizes,
  device: Device,
): Work {
  switch (shot.category) {
    case "dense":
      return BY_ROW[layer]!(shot.tokens, sizes);
    case "per_sequence":
      return BY_ROW[layer]!(shot.sequences, sizes);
    case "attention": {
      const span = layer === SLIDING || layer === CHUNKED ? sizes.span : null;
      const read = (history: number): number => layer === CHUNKED && span !== null ? history % span : history;
      return attentionWork(
        {
          chunk: shot.prefill_chunk,
          // Several prefills count as one at their place.
          history: read(Math.max(0, shot.kv_prefill)),
          decodes: [[read(shot.kv_decode), shot.n_decode]],
          decodeTokens: shot.decode_q_len ?? 1,
          ...span !== null && { span },
        },
        sizes,
        device,
      );
    }
    case "moe":
      return moeWork(shot, sizes);
  }
}
