/** The work of experts by hand, and the sizes that a configuration names or leaves out. */
import assert from "node:assert/strict";
import { layerWork } from "../../src/roofline/layer_work.ts";
import { type Sizes, sizesOf, typeBytes } from "../../src/roofline/sizes.ts";

const CONFIG = { hidden_size: 64, num_attention_heads: 8, vocab_size: 1000 };
const EXPERTS = { num_experts: 4, num_experts_per_tok: 2, moe_intermediate_size: 48 };
const DEVICE = { multiprocessors: 4, cacheBytes: 0 };

/** Tokens, experts that have work, and tiles of 64 rows: two rows a token, every expert's filled up. */
const shots: [tokens: number, activated: number, tiles: number][] = [
  [10, 3, 3],
  [96, 3, 3],
  [100, 3, 6],
  [64, 1, 2],
];
for (const [tokens, activated, tiles] of shots) {
  Deno.test(`${tokens} tokens over ${activated} experts are ${tiles} tiles`, () => {
    const weights = 3 * 64 * 48;
    assert.deepEqual(
      layerWork(
        "experts",
        { category: "moe", tp: 1, tokens, activated_experts: activated },
        sizesOf({ ...CONFIG, ...EXPERTS }, 2, 2),
        DEVICE,
      ),
      {
        kernels: 8,
        flops: 2 * tiles * 64 * weights,
        memoryBytes: (activated * weights + 64 * 4) * 2,
        activationBytes: tokens * 2 * (2 * 64 + 3 * 48) * 2,
      },
    );
  });
}

const BARE: Sizes = {
  hidden: 64,
  heads: 8,
  kvHeads: 8,
  headDim: 8,
  vocab: 1000,
  intermediate: null,
  expertIntermediate: null,
  experts: null,
  topK: null,
  span: null,
  weightBytes: 1,
  headBytes: 1,
  kvBytes: 4,
};
const configs: [string, Record<string, unknown>, Partial<Sizes>][] = [
  ["the least", {}, {}],
  ["fewer KV heads", { num_key_value_heads: 2 }, { kvHeads: 2 }],
  ["heads wider than their share", { head_dim: 32 }, { headDim: 32 }],
  ["a dense MLP", { intermediate_size: 96 }, { intermediate: 96, expertIntermediate: 96 }],
  [
    "experts as wide as the MLP",
    { intermediate_size: 96, num_local_experts: 4, num_experts_per_tok: 2 },
    { intermediate: 96, expertIntermediate: 96, experts: 4, topK: 2 },
  ],
  [
    "experts of their own width",
    { intermediate_size: 96, ...EXPERTS },
    { intermediate: 96, expertIntermediate: 48, experts: 4, topK: 2 },
  ],
  ["a window", { sliding_window: 128, attention_chunk_size: 256 }, { span: 128 }],
  ["chunks", { sliding_window: null, attention_chunk_size: 256 }, { span: 256 }],
];
for (const [what, config, sizes] of configs) {
  Deno.test(`sizesOf reads a configuration with ${what}`, () => {
    assert.deepEqual(sizesOf({ ...CONFIG, ...config }, 1, 4), { ...BARE, ...sizes });
    const { hidden_size, ...text } = { ...CONFIG, ...config };
    assert.deepEqual(sizesOf({ text_config: { hidden_size, ...text } }, 1, 4), { ...BARE, ...sizes });
  });
}

for (
  const [name, value] of [["hidden_size", undefined], ["num_attention_heads", "8"], ["vocab_size", null]]
) {
  Deno.test(`sizesOf refuses a configuration whose ${name} is ${value}`, () => {
    assert.throws(() => sizesOf({ ...CONFIG, [name as string]: value }, 1, 4), {
      name: "UsageError",
      message: `Cannot estimate the model: its config must have ${name}, got ${JSON.stringify(value)}`,
    });
  });
}

const missing: [string, Partial<Sizes>, string][] = [
  ["act_fn", {}, "Cannot estimate the model: its config must have intermediate_size for the dense MLP"],
  ["gate_up_proj", {}, "Cannot estimate the model: its config must have intermediate_size for the dense MLP"],
  ["experts", { experts: 4, topK: 2 }, "their number, size and top k"],
  ["experts", { experts: 4, expertIntermediate: 48 }, "their number, size and top k"],
  ["experts", { topK: 2, expertIntermediate: 48 }, "their number, size and top k"],
];
for (const [layer, sizes, message] of missing) {
  Deno.test(`layerWork refuses ${layer} of a model with no more than ${Object.keys(sizes).join(", ") || "the least"}`, () => {
    const shot = layer === "experts"
      ? { category: "moe", tp: 1, tokens: 1, activated_experts: 1 } as const
      : { category: "dense", tp: 1, tokens: 1 } as const;
    assert.throws(() => layerWork(layer, shot, { ...BARE, ...sizes }, DEVICE), {
      name: "UsageError",
      message: layer === "experts"
        ? `Cannot estimate the experts: the model's config must have ${message}`
        : message,
    });
  });
}

Deno.test("the bytes of a number by its type", () => {
  const types = ["float32", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2", "int8", "int3", "fp4"];
  assert.deepEqual(types.map(typeBytes), [4, 2, 2, 1, 1, 1, 1, null, null]);
  // Four bits, and a scale for every 128, 32 or 16 weights.
  assert.deepEqual(["int4", "mxfp4", "nvfp4"].map(typeBytes), [0.515625, 0.53125, 0.5625]);
});
