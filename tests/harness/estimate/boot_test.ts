/** What a roofline boot grants and what its times are, by hand. */
import assert from "node:assert/strict";
import { HarnessError } from "../../../src/errors.ts";
import type { BootRequest } from "../../../src/harness/harness.ts";
import { infeasible } from "../../../src/harness/estimate/infeasible.ts";
import { rooflineHarness } from "../../../src/harness/estimate/roofline.ts";
import type { HardwareSheet } from "../../../src/roofline/hardware.ts";
import type { Limits } from "../../../src/shots/limits.ts";
import type { Shot } from "../../../src/shots/shot.ts";
import { VERSION } from "../../../src/version.ts";
import { bootRequest, fireAll } from "../toy.ts";

const sheet: HardwareSheet = {
  device: "Box",
  memory_gib: 1,
  bandwidth_gb_s: 1000,
  multiprocessors: 10,
  l2_mib: 10,
  launch_us: 2,
  peak_tflops: { bfloat16: 100, float16: 50 },
};
const { moe_intermediate_size: _, num_experts: __, num_experts_per_tok: ___, ...dense } = bootRequest.config;

/** Weights of the toy's one layer, head and words by hand: attention, embedding and head, experts, in bfloat16. */
const WEIGHTS = 1024 * ((8 + 8 + 2 + 2) * 128 + 2 * 1000 + 8 * 3 * 512) * 2;
const DENSE_WEIGHTS = 1024 * ((8 + 8 + 2 + 2) * 128 + 2 * 1000 + 3 * 4096) * 2;
const TOKEN = 2 * 2 * 128 * 2;
const blocks = (weights: number, tokenBytes: number, block: number, gib = 1): number =>
  Math.floor((0.9 * gib * 2 ** 30 - weights) / (tokenBytes * block));

const boots: [
  string,
  Partial<BootRequest>,
  number,
  { readonly blocks: number; readonly limits: Partial<Limits> },
][] = [
  ["the toy", {}, 1, { blocks: blocks(WEIGHTS, TOKEN, 16), limits: {} }],
  ["blocks of 32", { block_size: 32 }, 1, { blocks: blocks(WEIGHTS, TOKEN, 32), limits: { block_size: 32 } }],
  [
    "a KV cache of fp8",
    { kv_cache_dtype: "fp8" },
    1,
    { blocks: blocks(WEIGHTS, TOKEN / 2, 16), limits: {} },
  ],
  [
    "a dense MLP",
    { config: { ...dense, intermediate_size: 4096 } },
    1,
    { blocks: blocks(DENSE_WEIGHTS, TOKEN, 16), limits: { num_experts: null, top_k: null } },
  ],
  [
    "no MLP at all",
    { config: dense },
    1,
    { blocks: blocks(1024 * (20 * 128 + 2000) * 2, TOKEN, 16), limits: { num_experts: null, top_k: null } },
  ],
  [
    "a pool below the model's positions",
    {},
    0.04,
    {
      blocks: blocks(WEIGHTS, TOKEN, 16, 0.04),
      limits: { max_model_len: blocks(WEIGHTS, TOKEN, 16, 0.04) * 16 },
    },
  ],
  [
    "a model that names no positions",
    { config: { ...bootRequest.config, max_position_embeddings: null } },
    1,
    { blocks: blocks(WEIGHTS, TOKEN, 16), limits: { max_model_len: blocks(WEIGHTS, TOKEN, 16) * 16 } },
  ],
  [
    "a batch of its own",
    { max_num_batched_tokens: 100, max_num_seqs: 3 },
    1,
    { blocks: blocks(WEIGHTS, TOKEN, 16), limits: { max_num_batched_tokens: 100, max_num_seqs: 3 } },
  ],
];
for (const [what, request, memory_gib, expected] of boots) {
  Deno.test(`a roofline boot of ${what} grants what is left of the memory`, async () => {
    await using harness = await rooflineHarness({ ...sheet, memory_gib });
    const booted = await harness.boot({ ...bootRequest, ...request });
    const block = request.block_size ?? 16;
    assert.equal(booted.num_gpu_blocks, expected.blocks);
    assert.deepEqual(booted.limits, {
      max_num_batched_tokens: 64,
      max_num_seqs: 8,
      num_cache_tokens: expected.blocks * block,
      max_model_len: 4096,
      num_experts: 8,
      top_k: 2,
      block_size: block,
      ...expected.limits,
    });
    assert.deepEqual(booted.engine_args, {
      dtype: "bfloat16",
      kv_cache_dtype: request.kv_cache_dtype ?? "auto",
      block_size: block,
    });
  });
}

Deno.test("a roofline harness says that it estimates, and what it would run", async () => {
  await using harness = await rooflineHarness(sheet);
  assert.deepEqual(harness.info, {
    harness: "roofline",
    harness_version: VERSION,
    engine: "roofline",
    engine_version: VERSION,
    device: "Box (roofline estimate)",
    driver: "none",
    runtime: "none",
    quantities: ["estimate"],
    lanes: 1,
  });
  const { layers } = await harness.boot(bootRequest);
  const estimate = { class: "estimate", modules: 1 };
  assert.deepEqual(layers, {
    o_proj: estimate,
    layernorm: estimate,
    lm_head: estimate,
    attn: estimate,
    experts: estimate,
  });
});

const refusals: [string, Partial<BootRequest>, number, string, string][] = [
  [
    "a pool without room for a block",
    {},
    (WEIGHTS + 1024 * 16 - 1) / 0.9 / 2 ** 30,
    "out_of_memory",
    "Cannot boot tp 2: one layer takes 0.0 GiB, Box has ",
  ],
  [
    "a type without a peak",
    { dtype: "float32" },
    1,
    "unsupported",
    "Cannot boot tp 2: the sheet of Box has peaks for",
  ],
];
for (const [what, request, memory_gib, kind, message] of refusals) {
  Deno.test(`a roofline boot fails over ${what}, of kind ${kind}`, async () => {
    await using harness = await rooflineHarness({ ...sheet, memory_gib });
    await assert.rejects(harness.boot({ ...bootRequest, tp: 2, ...request }), (error) => {
      assert.ok(error instanceof HarnessError);
      assert.ok(error.message.startsWith(message), error.message);
      assert.deepEqual([error.details.stage, error.details.kind], ["boot", kind]);
      return true;
    });
  });
}

Deno.test("a pool with room for one block boots", async () => {
  await using harness = await rooflineHarness({
    ...sheet,
    memory_gib: (WEIGHTS + TOKEN * 16 + 1) / 0.9 / 2 ** 30,
  });
  assert.equal((await harness.boot({ ...bootRequest, max_num_seqs: 1 })).num_gpu_blocks, 1);
});

const shot = { category: "attention", tp: 1 } as const;
/** Shot, layer, and launches and the slower of bytes and products, in microseconds by hand. */
const times: [string, Partial<BootRequest>, Partial<HardwareSheet>, Shot, string, number][] = [
  [
    "activations that fill half of the cache come from it",
    { max_num_batched_tokens: 8192 },
    {},
    { category: "dense", tp: 1, tokens: 640 },
    "layernorm",
    2 + 4 * 640 * 1024 * 2 / (1000 * 0.9e3 * 2.5),
  ],
  [
    "activations beyond half of the cache come from memory",
    { max_num_batched_tokens: 8192 },
    {},
    { category: "dense", tp: 1, tokens: 641 },
    "layernorm",
    2 + 4 * 641 * 1024 * 2 / (1000 * 0.9e3),
  ],
  [
    "another type has another peak",
    { dtype: "float16" },
    { bandwidth_gb_s: 1e9, peak_tflops: { bfloat16: 100, float16: 1 } },
    { category: "dense", tp: 1, tokens: 64 },
    "o_proj",
    2 + 2 * 64 * 1024 * 1024 / (1e6 * 0.85),
  ],
  [
    "attention's products run at 65% of the peak, after four launches",
    {},
    { bandwidth_gb_s: 1e9, peak_tflops: { bfloat16: 1 } },
    { ...shot, prefill_chunk: 64, kv_prefill: 0, n_decode: 0, kv_decode: 0 },
    "attn",
    4 * 2 + 4 * 64 * 64 * 128 * Math.max(3 * 10, 3 * 8) / (1e6 * 0.65),
  ],
  [
    "attention's decodes are bound by what they read",
    {},
    { peak_tflops: { bfloat16: 1e9 } },
    { ...shot, prefill_chunk: 0, kv_prefill: 0, n_decode: 8, kv_decode: 999 },
    "attn",
    4 * 2 + 8 * 1000 * 1024 / 0.9e6 + 2 * 8 * 8 * 128 * 2 / (0.9e6 * 2.5),
  ],
  ...([["drift apart over a cache of 2 MiB", 2, 4], ["share a cache of 3 MiB", 3, 1]] as const).map((
    [what, l2_mib, reads],
  ): typeof times[number] => [
    `query heads that ${what} read the decodes' 2.9 MiB ${reads} times`,
    { max_num_seqs: 64 },
    { peak_tflops: { bfloat16: 1e9 }, l2_mib },
    { ...shot, prefill_chunk: 16, kv_prefill: 0, n_decode: 32, kv_decode: 999 },
    "attn",
    4 * 2 + (16 + reads * 32 * 1000) * 1024 / 0.9e6 + 2 * 48 * 8 * 128 * 2 / (0.9e6 * 2.5),
  ]),
];
for (const [what, request, device, fired, layer, timeUs] of times) {
  Deno.test(`a roofline's time by hand: ${what}`, async () => {
    await using harness = await rooflineHarness({ ...sheet, ...device });
    await harness.boot({ ...bootRequest, ...request });
    const [outcome] = await fireAll(harness, [fired]);
    assert.ok(outcome?.status === "measured", JSON.stringify(outcome));
    const [sample] = outcome.samples[layer]!;
    assert.ok(Math.abs(sample! / timeUs - 1) < 1e-9, `${sample}, by hand ${timeUs}`);
  });
}

const limits: Limits = {
  max_num_batched_tokens: 64,
  max_num_seqs: 8,
  num_cache_tokens: 1024,
  max_model_len: 512,
  num_experts: null,
  top_k: null,
  block_size: 16,
};
const alone = { ...shot, n_decode: 0, kv_decode: 0 };
const batches: [string, Shot, string | undefined][] = [
  ["tokens up to the room", { category: "moe", tp: 1, tokens: 72, activated_experts: 1 }, undefined],
  [
    "a token too many",
    { category: "moe", tp: 1, tokens: 73, activated_experts: 1 },
    "A batch may have 72 new tokens, got 73",
  ],
  ["requests up to the room", { category: "per_sequence", tp: 1, sequences: 9 }, undefined],
  ["a request as long as the longest", { ...alone, prefill_chunk: 16, kv_prefill: 496 }, undefined],
  [
    "a decode that is longer",
    { ...shot, prefill_chunk: 0, kv_prefill: 0, n_decode: 1, kv_decode: 512 },
    "A request may have 512 tokens, got 513",
  ],
  [
    "several prefills, one too long",
    { ...alone, prefill_chunk: 32, kv_prefill: -1, prefills: [[16, 0], [16, 500]] },
    "A request may have 512 tokens, got 516",
  ],
  [
    "several prefills that fit",
    { ...alone, prefill_chunk: 32, kv_prefill: -1, prefills: [[16, 0], [16, 400]] },
    undefined,
  ],
  [
    "several prefills with too many new tokens",
    { ...alone, prefill_chunk: 80, kv_prefill: -1, prefills: [[40, 0], [40, 0]] },
    "A batch may have 72 new tokens, got 80",
  ],
];
for (const [what, batch, problem] of batches) {
  Deno.test(`infeasible says of ${what}: ${problem}`, () => {
    assert.equal(infeasible(batch, limits), problem);
  });
}

Deno.test("requests without a history are as long as their new tokens", () => {
  for (
    const [batch, longest] of [
      [{ category: "per_sequence", tp: 1, sequences: 8 }, 1],
      [{ category: "dense", tp: 1, tokens: 8 }, 8],
      [{ category: "moe", tp: 1, tokens: 8, activated_experts: 1 }, 8],
      [{ ...alone, prefill_chunk: 8, kv_prefill: 0 }, 8],
    ] as const
  ) {
    assert.equal(infeasible(batch, { ...limits, max_model_len: longest }), undefined);
    assert.equal(
      infeasible(batch, { ...limits, max_model_len: longest - 1 }),
      `A request may have ${longest - 1} tokens, got ${longest}`,
    );
  }
});
