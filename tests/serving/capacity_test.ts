import assert from "node:assert/strict";
import { loadModel } from "../../src/model/load_model.ts";
import type { Model } from "../../src/model/model.ts";
import { loadHardware } from "../../src/roofline/hardware.ts";
import { batchBlocks } from "../../src/predict/batch_blocks.ts";
import { type Capacity, type CapacityOptions, fits } from "../../src/serving/capacity.ts";

const LLAMA = "meta-llama/Llama-3.1-8B";

/** An engine of one layer, as bundles are measured with; its experts are whole at every degree. */
function oneLayer(model: Model, tp: number): Model {
  const { moe_intermediate_size: width } = model.config;
  const experts = typeof width === "number" ? { moe_intermediate_size: width * tp } : {};
  return { ...model, config: { ...model.config, ...experts, num_hidden_layers: 1 } };
}

Deno.test("fits gives vLLM's KV blocks within 1%: servers of full depth on an H200", async () => {
  const table: [model: string, blocks: number][] = [
    [LLAMA, 55_917],
    ["Qwen/Qwen3-0.6B", 72_297],
    ["Qwen/Qwen3-30B-A3B-Instruct-2507", 46_017],
  ];
  const hardware = await loadHardware("H200", "configs");
  for (const [id, blocks] of table) {
    const found = fits(await loadModel(id), hardware);
    assert.ok(Math.abs(found.blocks / blocks - 1) < 0.003, `${id}: ${found.blocks}`);
    assert.equal(found.fits, true, id);
  }
});

Deno.test("fits gives vLLM's KV blocks within 1%: engines that no constant was taken from", async () => {
  const table: [model: string, hardware: string, tp: number, blocks: number][] = [
    ["Qwen/Qwen3-30B-A3B-Instruct-2507", "H100", 4, 9_080_831],
    ["Qwen/Qwen3-32B", "H100", 4, 4_583_073],
    [LLAMA, "H100", 4, 4_618_809],
    ["microsoft/Phi-mini-MoE-instruct", "H100", 1, 1_145_775],
    ["mistralai/Mixtral-8x7B-v0.1", "H100", 1, 1_103_602],
    [LLAMA, "H200", 1, 2_010_701],
  ];
  for (const [id, name, tp, blocks] of table) {
    const engine = { tp, eager: true, maxNumBatchedTokens: 2048 + 256, maxNumSeqs: 257 };
    const found = fits(oneLayer(await loadModel(id), tp), await loadHardware(name, "configs"), engine);
    assert.ok(Math.abs(found.blocks / blocks - 1) < 0.005, `${id} on ${name}: ${found.blocks}`);
  }
});

Deno.test("fits says what is too large, and what a batch asks for", async () => {
  const [llama, large] = [await loadModel(LLAMA), await loadModel("meta-llama/Llama-3.1-70B")];
  const h100 = await loadHardware("H100", "configs");
  const table: [model: Model, options: CapacityOptions, expected: boolean][] = [
    [llama, {}, true],
    [large, {}, false],
    [large, { tp: 2, maxModelLen: 16_384 }, true],
    [large, { tp: 2, maxModelLen: 32_768 }, false],
    [large, { tp: 2, maxModelLen: 32_768, memoryUtilization: 0.95 }, true],
    [large, { tp: 4 }, true],
    [large, { dtype: "fp8", maxModelLen: 2048 }, true],
    [llama, { memoryBytes: 24 * 2 ** 30, maxModelLen: 8192 }, true],
    [llama, { memoryBytes: 16 * 2 ** 30, maxModelLen: 8192 }, false],
  ];
  for (const [model, options, expected] of table) {
    const found = fits(model, h100, options);
    assert.equal(
      found.fits,
      expected,
      `${model.id} ${JSON.stringify(options)} ${JSON.stringify(found.bytes)}`,
    );
  }
  const capacity = fits(llama, h100);
  assert.equal(batchBlocks({ prefills: [], decodes: [{ kv: 4096, count: 128 }] }, capacity).fits, false);
  assert.equal(batchBlocks({ prefills: [], decodes: [{ kv: 4096, count: 64 }] }, capacity).fits, true);
  assert.deepEqual(
    batchBlocks({ prefills: [{ chunk: 17, history: 16 }], decodes: [{ kv: 15, count: 2 }] }, capacity).blocks,
    3 + 2,
  );
});

Deno.test("fits knows the cache of each kind of layer", () => {
  const base = {
    hidden_size: 1024,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 128,
    intermediate_size: 2048,
    vocab_size: 1000,
    max_position_embeddings: 4096,
    torch_dtype: "bfloat16",
  };
  const of = (config: Record<string, unknown>, options: CapacityOptions = {}): Capacity =>
    fits({ id: "org/m", config, architecture: null as never }, { memory_gib: 80 }, options);
  const full = of({ ...base, num_hidden_layers: 6 });
  assert.deepEqual(full.caches, [
    { kind: "full_attention", layers: 6, bytesPerToken: 6 * 2 * 4 * 128 * 2, windowTokens: null },
  ]);
  const windowed = of({
    ...base,
    num_hidden_layers: 6,
    sliding_window: 512,
    layer_types: [...Array(5).fill("sliding_attention"), "full_attention"],
  });
  assert.deepEqual(windowed.caches.map(({ kind, layers, windowTokens }) => [kind, layers, windowTokens]), [
    ["sliding_attention", 5, 512],
    ["full_attention", 1, null],
  ]);
  // One layer of each group lies over the others: a block is that of one layer.
  assert.ok(Math.abs(windowed.blocks / full.blocks / 6 - 1) < 0.001);
  assert.match(windowed.notices.join(), /a request needs fewer/);
  const recurrent = of({
    ...base,
    num_hidden_layers: 2,
    layer_types: ["linear_attention", "full_attention"],
    linear_num_value_heads: 8,
    linear_num_key_heads: 8,
    linear_key_head_dim: 64,
    linear_value_head_dim: 64,
  });
  assert.deepEqual(recurrent.caches.map(({ layers }) => layers), [1]);
  assert.match(recurrent.notices.join(), /The state of recurrent layers is left out/);
  const latent = of({ ...base, num_hidden_layers: 2, kv_lora_rank: 512, qk_rope_head_dim: 64 });
  assert.equal(latent.caches[0]!.bytesPerToken, 2 * 576 * 2);
  assert.equal(
    of({ ...base, num_hidden_layers: 6 }, { kvDtype: "fp8" }).caches[0]!.bytesPerToken,
    6 * 2 * 4 * 128,
  );
  assert.equal(of({ ...base, num_hidden_layers: 6 }, { tp: 8 }).caches[0]!.bytesPerToken, 6 * 2 * 128 * 2);
});

Deno.test("fits refuses what it cannot answer", async () => {
  const [model, hardware] = [await loadModel(LLAMA), await loadHardware("H100", "configs")];
  const table: [options: CapacityOptions, message: string][] = [
    [{ tp: 0 }, "Cannot say whether the model fits: tp must be a whole number from 1, got 0"],
    [
      { memoryUtilization: 1.5 },
      "Cannot say whether the model fits: memoryUtilization must be above 0 and at most 1, got 1.5",
    ],
    [{ tp: 3 }, "Cannot shard the model to tp 3: num_attention_heads must be divisible by it, got 32"],
  ];
  for (const [options, message] of table) {
    assert.throws(() => fits(model, hardware, options), { name: "UsageError", message });
  }
});

const SMALL: Model = {
  id: "org/m",
  architecture: null as never,
  config: {
    ...{
      hidden_size: 1024,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      head_dim: 128,
      num_hidden_layers: 6,
    },
    ...{ intermediate_size: 2048, vocab_size: 1000, max_position_embeddings: 4096, torch_dtype: "bfloat16" },
  },
};
Deno.test("fits adds up bytes that are known by hand: compiled with graphs, and eager", () => {
  const layer = 2 * 1024 * 1024 + 2 * 1024 * 512 + 3 * 1024 * 2048;
  const weights = 2 * (6 * layer + 2 * 1000 * 1024) + 4096 * 128 * 2;
  const logits = 256 * 1000 * 4 * 4.1;
  const usable = 0.9 * (80 * 2 ** 30 - 0.6 * 2 ** 30);
  const compiled = fits(SMALL, { memory_gib: 80 });
  const parts = {
    ...{ usable, weights, runtime: 250e6 },
    ...{ activations: logits + 2048 * 9 * 2048 * 2, graphs: 6 * 11.4e6 },
  };
  const kv = usable - weights - parts.activations - parts.graphs - 250e6;
  assert.deepEqual(compiled.bytes, { ...parts, kv });
  const perBlock = 6 * 2 * 4 * 128 * 2 * 16;
  assert.deepEqual([compiled.blocks, compiled.tokens], [
    Math.floor(kv / perBlock),
    16 * Math.floor(kv / perBlock),
  ]);
  assert.deepEqual([compiled.blockSize, compiled.maxModelLen], [16, 4096]);
  const eager = fits(SMALL, { memory_gib: 80 }, {
    eager: true,
    maxNumSeqs: 10,
    maxNumBatchedTokens: 100,
    memoryUtilization: 1,
  });
  assert.equal(eager.bytes.usable, 80 * 2 ** 30 - 0.6 * 2 ** 30);
  assert.equal(eager.bytes.graphs, 0);
  assert.equal(eager.bytes.activations, 10 * 1000 * 4 * 4.1 + 100 * (3 * 2048 + 2 * 1024) * 2);
});

Deno.test("fits asks for one block more than the longest request fills", () => {
  const perBlock = 6 * 2 * 4 * 128 * 2 * 16;
  const engine = { memoryUtilization: 1, maxModelLen: 161 };
  const { usable, kv } = fits(SMALL, { memory_gib: 1 }, { ...engine, memoryBytes: 2 ** 32 }).bytes;
  const withBlocks = (blocks: number): [number, boolean] => {
    const found = fits(SMALL, { memory_gib: 1 }, {
      ...engine,
      memoryBytes: usable - kv + blocks * perBlock + 9,
    });
    return [found.blocks, found.fits];
  };
  assert.deepEqual([11, 12].map(withBlocks), [[11, false], [12, true]]);
  assert.deepEqual(withBlocks(-1), [0, false]);
});
