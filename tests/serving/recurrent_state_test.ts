/** Bytes of a request's state, and how caches of several kinds and states share the blocks. */
import assert from "node:assert/strict";
import type { Model } from "../../src/model/model.ts";
import { tinyModel } from "../inspect/tiny_models.ts";
import { batchBlocks } from "../../src/predict/batch_blocks.ts";
import { cacheGroups, type Capacity, type CapacityOptions, fits } from "../../src/serving/capacity.ts";
import { stateBytes } from "../../src/serving/recurrent_state.ts";

const GATED_DELTA = {
  linear_num_key_heads: 16,
  linear_key_head_dim: 128,
  linear_num_value_heads: 32,
  linear_value_head_dim: 128,
  linear_conv_kernel_dim: 4,
};
const MAMBA2 = {
  mamba_n_heads: 24,
  mamba_d_head: 128,
  mamba_n_groups: 2,
  mamba_d_state: 256,
  mamba_d_conv: 4,
};
const NEMOTRON = { mamba_num_heads: 8, mamba_head_dim: 32, n_groups: 1, ssm_state_size: 32, conv_kernel: 4 };
const JAMBA = { mamba_expand: 2, hidden_size: 4096, mamba_d_state: 16, mamba_d_conv: 4 };

const bytesOf = (type: string): number => type === "float32" ? 4 : 2;

/** What the configuration says, the degree, and the bytes: the convolution's inputs, then the recurrence. */
const STATES:
  readonly (readonly [what: string, text: Record<string, unknown>, tp: number, bytes: number | null])[] = [
    ["a gated delta net", GATED_DELTA, 1, 8192 * 3 * 2 + 32 * 128 * 128 * 2],
    ["half of one", GATED_DELTA, 2, (8192 * 3 * 2 + 32 * 128 * 128 * 2) / 2],
    [
      "a wider recurrence",
      { ...GATED_DELTA, mamba_ssm_dtype: "float32" },
      1,
      8192 * 3 * 2 + 32 * 128 * 128 * 4,
    ],
    ["Mamba-2", MAMBA2, 1, (24 * 128 + 2 * 2 * 256) * 3 * 2 + 24 * 128 * 256 * 2],
    [
      "Mamba-2, groups on two devices",
      MAMBA2,
      2,
      ((24 * 128 + 2 * 2 * 256) * 3 * 2 + 24 * 128 * 256 * 2) / 2,
    ],
    [
      "Mamba-2, a group on each of four",
      MAMBA2,
      4,
      ((24 * 128 + 2 * 4 * 256) * 3 * 2 + 24 * 128 * 256 * 2) / 4,
    ],
    [
      "the type of its cache",
      { ...MAMBA2, mamba_ssm_cache_dtype: "float32" },
      1,
      4096 * 3 * 2 + 24 * 128 * 256 * 4,
    ],
    [
      "no type of its own",
      { ...MAMBA2, mamba_ssm_cache_dtype: "auto" },
      1,
      4096 * 3 * 2 + 24 * 128 * 256 * 2,
    ],
    ["Nemotron-H", { ...NEMOTRON, model_type: "nemotron_h" }, 1, (256 + 64) * 3 * 2 + 256 * 32 * 4],
    ["Jamba", { ...JAMBA, num_attention_heads: 32 }, 1, 8192 * 3 * 2 + 8192 * 16 * 2],
    ["Mamba", { intermediate_size: 5120, state_size: 16, conv_kernel: 4 }, 1, 5120 * 3 * 2 + 5120 * 16 * 2],
    ["sizes that are not said", { ...GATED_DELTA, linear_conv_kernel_dim: undefined }, 1, null],
    ["a convolution without a recurrence", { conv_kernel: 4, intermediate_size: 512 }, 1, null],
  ];
for (const [what, text, tp, bytes] of STATES) {
  Deno.test(`the state of ${what} at tp ${tp} takes ${bytes ?? "nobody knows how many"} bytes`, () => {
    assert.equal(stateBytes(text, tp, 2, bytesOf), bytes);
  });
}

const BASE = {
  hidden_size: 1024,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 128,
  intermediate_size: 2048,
  vocab_size: 1000,
  max_position_embeddings: 4096,
  torch_dtype: "bfloat16",
};
const hybrid = (layers: number): Record<string, unknown> => ({
  ...BASE,
  ...GATED_DELTA,
  num_hidden_layers: layers,
  layer_types: Array.from(
    { length: layers },
    (_, at) => at % 4 === 3 ? "full_attention" : "linear_attention",
  ),
});
const modelOf = (config: Record<string, unknown>): Model => ({
  id: "org/m",
  config,
  architecture: null as never,
});
const of = (config: Record<string, unknown>, options: CapacityOptions = {}): Capacity =>
  fits(modelOf(config), { memory_gib: 80 }, options);

Deno.test("where layers keep a state a block has as many tokens as take the memory of one", () => {
  const state = 8192 * 3 * 2 + 32 * 128 * 128 * 2;
  const perToken = 2 * 4 * 128 * 2;
  const found = of(hybrid(8));
  const blockSize = 16 * Math.ceil(state / 16 / perToken);
  assert.equal(found.blockSize, blockSize);
  assert.deepEqual(found.recurrent, { layers: 6, bytesPerRequest: 6 * state });
  assert.deepEqual(found.caches.map(({ layers }) => layers), [2]);
  // Two layers of attention, six of states: a block is that of two layers, a request holds three for its states.
  assert.deepEqual(found.groups.map(({ kind, block_size }) => [kind, block_size]), [
    ["full", blockSize],
    ["state", blockSize],
    ["state", blockSize],
    ["state", blockSize],
  ]);
  assert.equal(found.blocks, Math.floor(found.bytes.kv / (2 * blockSize * perToken)));
  assert.equal(found.blocks, of(hybrid(8), { maxModelLen: 64 }).blocks);
  assert.match(found.notices.join(), /Each request holds the state of 6 recurrent layers, 3 of its blocks/);
  const batch = { prefills: [], decodes: [{ kv: 10, count: 5 }, { kv: blockSize, count: 1 }] };
  assert.equal(batchBlocks(batch, found).blocks, 5 * (1 + 3) + (2 + 3));
  assert.equal(of(hybrid(8), { blockSize: 4096 }).blockSize, 4096);
});

Deno.test("a request fits when its tokens, windows and states do", () => {
  const room = (maxModelLen: number, memoryBytes: number, config: Record<string, unknown>): boolean =>
    of(config, { maxModelLen, memoryBytes }).fits;
  const states = hybrid(8);
  const { bytes: { kv, usable }, blocks } = of(states);
  const perBlock = kv / blocks;
  const memoryFor = (count: number): number => (usable - kv + (count + 0.5) * perBlock) / 0.9;
  assert.deepEqual([4, 5].map((count) => room(100, memoryFor(count), states)), [false, true]);
  const { blockSize } = of(states);
  assert.equal(room(blockSize + 1, memoryFor(5), states), false, "a second block of tokens");
});

Deno.test("layers of windows are laid over those of the rarest kind, or beside them where they are as many", () => {
  const windowed = (sliding: number, full: number): Capacity["groups"] =>
    cacheGroups(modelOf({
      ...BASE,
      num_hidden_layers: sliding + full,
      sliding_window: 512,
      layer_types: [...Array(sliding).fill("sliding_attention"), ...Array(full).fill("full_attention")],
    }));
  const table: [sliding: number, full: number, kinds: string[]][] = [
    [5, 1, [...Array(5).fill("sliding"), "full"]],
    [10, 2, [...Array(5).fill("sliding"), "full"]],
    [4, 4, ["sliding", "full"]],
    [5, 4, ["sliding", "full"]],
    [6, 4, ["sliding", "sliding", "full"]],
    [0, 4, ["full"]],
    [4, 0, ["sliding"]],
  ];
  for (const [sliding, full, kinds] of table) {
    const found = windowed(sliding, full);
    assert.deepEqual(found.map(({ kind }) => kind), kinds, `${sliding} ${full}`);
    assert.ok(found.every(({ kind, span }) => span === (kind === "sliding" ? 512 : null)));
  }
});

Deno.test("an engine's own block size stands in its groups", () => {
  const groups = cacheGroups(modelOf(hybrid(4)), { blockSize: 1056 });
  assert.deepEqual([...new Set(groups.map(({ block_size }) => block_size))], [1056]);
});

/** vLLM 0.32 on a CPU with 1 GiB of KV cache, blocks of 32 tokens asked, recurrences in float32: tokens it says it holds. */
const ENGINES: readonly (readonly [family: string, layers: number, blockSize: number, tokens: number])[] = [
  ["falcon_h1", 1, 160, 2_097_120],
  ["qwen3_next", 2, 160, 1_048_480],
  ["granitemoehybrid", 2, 160, 2_097_120],
  ["nemotron_h", 4, 160, 2_097_120],
  ["gemma3_text", 2, 32, 2_097_152],
];
for (const [family, layers, blockSize, tokens] of ENGINES) {
  Deno.test(`the pool of a tiny ${family} is that of vLLM's CPU engine`, () => {
    const config = { ...tinyModel(family).config, num_hidden_layers: layers, mamba_ssm_dtype: "float32" };
    const { blocks, bytes, groups, blockSize: own } = of(config, { blockSize: 32 });
    const held = Math.floor(2 ** 30 / Math.round(bytes.kv / blocks));
    assert.equal(own, blockSize);
    assert.equal(Math.floor(held / groups.length) * own, tokens);
  });
}
