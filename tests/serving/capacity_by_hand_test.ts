/** Pools of tiny models by hand: groups of layers, windows, ranks and what a user is told. */
import assert from "node:assert/strict";
import type { Capacity, CapacityOptions } from "../../src/serving/capacity.ts";
import { cacheGroups, fits } from "../../src/serving/capacity.ts";
import type { Model } from "../../src/model/model.ts";

/** Numbers of two bytes; a token takes 2 x 4 x 16 of them in a layer. */
const BASE = {
  num_hidden_layers: 6,
  hidden_size: 128,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 16,
  intermediate_size: 256,
  vocab_size: 1000,
  max_position_embeddings: 4096,
  torch_dtype: "bfloat16",
};
const TOKEN = 2 * 4 * 16 * 2;
const modelOf = (config: Record<string, unknown>): Model => ({
  id: "org/m",
  config: { ...BASE, ...config },
  architecture: null as never,
});
const of = (config: Record<string, unknown>, options: CapacityOptions = {}): Capacity =>
  fits(modelOf(config), { memory_gib: 1 }, options);
const types = (...counts: [kind: string, layers: number][]): string[] =>
  counts.flatMap(([kind, layers]) => Array<string>(layers).fill(kind));
/** The groups as a letter each, and the layers that a block is of. */
function laid(
  config: Record<string, unknown>,
  options: CapacityOptions = {},
): [groups: string, layers: number] {
  const found = of(config, options);
  const bytes = found.bytes.kv / found.blocks;
  const letters = found.groups.map(({ kind, span }) => `${kind[0]}${span ?? ""}`).join(" ");
  return [letters, Math.round(bytes / (found.blockSize * TOKEN))];
}

const WINDOW = { sliding_window: 32 };
const pools: [what: string, config: Record<string, unknown>, groups: string, layers: number][] = [
  ["layers that are alike", {}, "f", 6],
  [
    "five that slide and one that does not",
    {
      ...WINDOW,
      layer_types: types(["sliding_attention", 5], ["full_attention", 1]),
    },
    "s32 s32 s32 s32 s32 f",
    1,
  ],
  [
    "two of each kind in threes",
    {
      ...WINDOW,
      layer_types: types(["sliding_attention", 4], ["full_attention", 2]),
    },
    "s32 s32 f",
    2,
  ],
  [
    "half as many again, which is not nearly as many",
    {
      ...WINDOW,
      num_hidden_layers: 5,
      layer_types: types(["sliding_attention", 3], ["full_attention", 2]),
    },
    "s32 s32 f",
    2,
  ],
  [
    "nearly as many, which are laid side by side",
    {
      ...WINDOW,
      num_hidden_layers: 7,
      layer_types: types(["sliding_attention", 4], ["full_attention", 3]),
    },
    "s32 f",
    4,
  ],
  [
    "chunks",
    {
      attention_chunk_size: 64,
      num_hidden_layers: 4,
      layer_types: types(["chunked_attention", 3], ["full_attention", 1]),
    },
    "c64 c64 c64 f",
    1,
  ],
];
for (const [what, config, groups, layers] of pools) {
  Deno.test(`a pool of ${what}`, () => assert.deepEqual(laid(config), [groups, layers]));
}

Deno.test("what a pool of several groups holds is told in tokens of the longest requests", () => {
  const config = { ...WINDOW, layer_types: types(["sliding_attention", 5], ["full_attention", 1]) };
  const found = of(config, { maxModelLen: 320, maxNumBatchedTokens: 64 });
  // Of 320 tokens 20 blocks; behind a window of 32 a step of 64 tokens forgets 320 - 64 - 31 = 225, 14 blocks of them.
  const longest = 20 + 5 * (20 - 14);
  assert.equal(found.tokens, Math.floor(found.blocks / longest * 320));
  // A step as long as the request forgets nothing.
  const whole = of(config, { maxModelLen: 320, maxNumBatchedTokens: 2048 });
  assert.equal(whole.tokens, Math.floor(whole.blocks / (6 * 20) * 320));
  assert.deepEqual(found.notices, [
    "6 groups of layers share the blocks, and a request takes some of each; beyond a window a request needs fewer of " +
    "them than its tokens say",
  ]);
  assert.deepEqual(of({}).notices, []);
});

Deno.test("a model without attention has a block a request for its states, as long as the longest request", () => {
  const mamba = { model_type: "mamba2", num_heads: 8, state_size: 5, n_groups: 2, conv_kernel: 4 };
  const state = (8 * 16 + 2 * 2 * 5) * 3 * 2 + 8 * 16 * 5 * 2;
  const found = of(mamba, { maxModelLen: 100 });
  assert.deepEqual(found.caches, []);
  assert.deepEqual(found.groups, [{ kind: "state", block_size: 100, span: null }]);
  assert.equal(found.blocks, Math.floor(found.bytes.kv / (6 * state)));
  assert.deepEqual(found.recurrent, { layers: 6, bytesPerRequest: 6 * state });
  assert.deepEqual(found.notices, [
    "Each request holds the state of 6 recurrent layers, 1 of its blocks whatever its length",
  ]);
  const unknown = of({ model_type: "mamba2" });
  assert.deepEqual([unknown.blocks, unknown.blockSize, unknown.tokens, unknown.fits], [0, 16, 0, true]);
  assert.deepEqual(unknown.recurrent, { layers: 6, bytesPerRequest: null });
  assert.deepEqual(unknown.notices, [
    "The state of recurrent layers is left out: the configuration does not say its sizes, and it takes memory for each " +
    "request, not for each token",
  ]);
  assert.equal(of({ model_type: "mamba2" }, { memoryBytes: 1e6 }).fits, false);
});

Deno.test("blocks of a latent cache beside states are a multiple of 128 tokens", () => {
  const hybrid = {
    kv_lora_rank: 24,
    qk_rope_head_dim: 8,
    layer_types: types(["linear_attention", 3], ["full_attention", 3]),
    ...{
      linear_num_key_heads: 2,
      linear_key_head_dim: 8,
      linear_num_value_heads: 2,
      linear_value_head_dim: 8,
    },
    linear_conv_kernel_dim: 4,
  };
  const state = (2 * 16 + 16) * 3 * 2 + 2 * 8 * 8 * 2;
  assert.equal(Math.ceil(state / (128 * 32 * 2)), 1);
  assert.equal(of(hybrid).blockSize, 128);
  assert.equal(of(hybrid, { blockSize: 256 }).blockSize, 256);
  const { kv_lora_rank: _, ...plain } = hybrid;
  assert.equal(of(plain).blockSize, 16 * Math.ceil(state / (16 * TOKEN)));
  assert.deepEqual(cacheGroups(modelOf(hybrid), { blockSize: 32 }).map(({ block_size }) => block_size), [
    32,
    32,
  ]);
});

Deno.test("a rank has its share of heads, MLPs and words; sizes that are not named are derived or left out", () => {
  const perToken = (config: Record<string, unknown>, tp = 1): number =>
    of(config, { tp }).caches[0]!.bytesPerToken / 6;
  assert.equal(perToken({}), TOKEN);
  assert.equal(perToken({}, 2), TOKEN / 2);
  assert.equal(perToken({}, 8), TOKEN / 4);
  assert.equal(perToken({ num_key_value_heads: null }), 2 * TOKEN);
  assert.equal(perToken({ head_dim: null, hidden_size: 132 }), TOKEN);
  assert.equal(perToken({ kv_lora_rank: 24, qk_rope_head_dim: 8 }, 4), (24 + 8) * 2);
  assert.equal(perToken({ kv_lora_rank: 1 }), 2);
  const logits = (config: Record<string, unknown>, tp: number): number =>
    of(config, { tp, maxNumSeqs: 10, maxNumBatchedTokens: 1, eager: true }).bytes.activations;
  const held = (width: number): number => (3 * width + 2 * 128) * 2;
  assert.equal(logits({ vocab_size: 1001 }, 2), 10 * 501 * 4 * 4.1 + held(128));
  const experts = { num_experts: 4, num_experts_per_tok: 2 };
  assert.equal(logits({ ...experts, moe_intermediate_size: 48 }, 2), 10 * 500 * 4 * 4.1 + held(2 * 24));
  assert.equal(logits(experts, 1), 10 * 1000 * 4 * 4.1 + held(2 * 256));
  assert.throws(() => of({ ...experts, moe_intermediate_size: 49 }, { tp: 2 }), {
    message: "Cannot shard the model to tp 2: moe_intermediate_size must be divisible by it, got 49",
  });
  assert.equal(of({ max_position_embeddings: null }).maxModelLen, 2048);
});

Deno.test("words keep the computation's type where weights are quantised, and are there once where they are tied", () => {
  const layer = 128 * 16 * (2 * 8 + 2 * 4) + 3 * 128 * 256;
  const [words, rotary] = [1000 * 128, 4096 * 16 * 2];
  const weights = (config: Record<string, unknown>, options: CapacityOptions = {}): number =>
    of(config, options).bytes.weights;
  assert.equal(weights({}), 2 * (6 * layer + 2 * words) + rotary);
  assert.equal(weights({ tie_word_embeddings: true }), 2 * (6 * layer + words) + rotary);
  assert.equal(weights({ quantization_config: { quant_method: "fp8" } }), 6 * layer + 2 * 2 * words + rotary);
  assert.equal(weights({}, { dtype: "fp8" }), 6 * layer + 2 * words + rotary);
  assert.equal(weights({ kv_lora_rank: 0, max_position_embeddings: null }), 2 * (6 * layer + 2 * words));
});

const refused: [options: CapacityOptions, rule: string][] = [
  [{ tp: 0 }, "tp must be a whole number from 1, got 0"],
  [{ tp: 1.5 }, "tp must be a whole number from 1, got 1.5"],
  [{ maxNumSeqs: 0 }, "maxNumSeqs must be a whole number from 1, got 0"],
  [{ maxNumBatchedTokens: 0.5 }, "maxNumBatchedTokens must be a whole number from 1, got 0.5"],
  [{ memoryUtilization: 0 }, "memoryUtilization must be above 0 and at most 1, got 0"],
  [{ memoryUtilization: 1.01 }, "memoryUtilization must be above 0 and at most 1, got 1.01"],
  [{ blockSize: 0 }, "blockSize must be a whole number from 1, got 0"],
];
for (const [options, rule] of refused) {
  Deno.test(`fits refuses ${JSON.stringify(options)}`, () => {
    assert.throws(() => of({}, options), {
      name: "UsageError",
      message: `Cannot say whether the model fits: ${rule}`,
    });
  });
}

Deno.test("a type without a size is refused with those that have one", () => {
  assert.throws(() => of({}, { kvDtype: "fp7" }), {
    name: "UsageError",
    message:
      "Cannot say whether the model fits: the size of the type fp7 is not known; known are float32, float16, " +
      "bfloat16, fp8, fp8_e4m3, fp8_e5m2, int8, int4, mxfp4, nvfp4",
  });
});
