/** The formulas of the roofline by hand, for sizes that tell each of them apart. */
import assert from "node:assert/strict";
import { layerWork } from "../../src/roofline/layer_work.ts";
import { sizesOf } from "../../src/roofline/sizes.ts";
import type { Work } from "../../src/roofline/work.ts";

const SIZES = sizesOf(
  {
    hidden_size: 64,
    num_attention_heads: 8,
    num_key_value_heads: 2,
    head_dim: 16,
    vocab_size: 1000,
    intermediate_size: 96,
    moe_intermediate_size: 48,
    num_experts: 4,
    num_experts_per_tok: 2,
  },
  1,
  2,
);
const DEVICE = { multiprocessors: 4, cacheBytes: 0 };

/** Ten rows; activations have 2 bytes, weights 1 here. */
const TOKENS: Record<string, Work> = {
  embedding: { kernels: 1, flops: 0, memoryBytes: 0, activationBytes: 2 * 10 * 64 * 2 },
  layernorm: { kernels: 1, flops: 0, memoryBytes: 0, activationBytes: 4 * 10 * 64 * 2 },
  final_layernorm: { kernels: 1, flops: 0, memoryBytes: 0, activationBytes: 4 * 10 * 64 * 2 },
  qk_norm: { kernels: 2, flops: 0, memoryBytes: 0, activationBytes: 2 * 10 * (8 + 2) * 16 * 2 },
  rotary_emb: { kernels: 1, flops: 0, memoryBytes: 0, activationBytes: 2 * 10 * (8 + 2) * 16 * 2 },
  act_fn: { kernels: 1, flops: 0, memoryBytes: 0, activationBytes: 3 * 10 * 96 * 2 },
  qkv_proj: matrix(64, (8 + 2 * 2) * 16),
  o_proj: matrix(8 * 16, 64),
  gate_up_proj: matrix(64, 2 * 96),
  down_proj: matrix(96, 64),
};
const SEQUENCES: Record<string, Work> = {
  lm_head: matrix(64, 1000),
  sampler: { kernels: 6, flops: 0, memoryBytes: 0, activationBytes: 5 * 10 * 1000 * 2 },
};

function matrix(inputs: number, outputs: number): Work {
  return {
    kernels: 1,
    flops: 2 * 10 * inputs * outputs,
    memoryBytes: inputs * outputs,
    activationBytes: 10 * (inputs + outputs) * 2,
  };
}

Deno.test("the work of each layer is what its formula says", () => {
  for (const [layer, work] of Object.entries(TOKENS)) {
    assert.deepEqual(layerWork(layer, { category: "dense", tp: 1, tokens: 10 }, SIZES, DEVICE), work, layer);
  }
  for (const [layer, work] of Object.entries(SEQUENCES)) {
    const shot = { category: "per_sequence", tp: 1, sequences: 10 } as const;
    assert.deepEqual(layerWork(layer, shot, SIZES, DEVICE), work, layer);
  }
});
