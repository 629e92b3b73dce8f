import assert from "node:assert/strict";
import { attentionWork } from "../../../src/roofline/attention_work.ts";
import type { BootRequest } from "../../../src/harness/harness.ts";
import type { HardwareSheet } from "../../../src/roofline/hardware.ts";
import { loadHardware } from "../../../src/roofline/hardware.ts";
import { infeasible } from "../../../src/harness/estimate/infeasible.ts";
import { rooflineHarness } from "../../../src/harness/estimate/roofline.ts";
import { sizesOf } from "../../../src/roofline/sizes.ts";
import { loadModel } from "../../../src/model/load_model.ts";
import { shardConfig } from "../../../src/model/shard.ts";
import type { Shot } from "../../../src/shots/shot.ts";
import { skewCaseOf } from "../../../src/shots/skew_cases.ts";
import type { SkewPart } from "../../../src/shots/skew_parts.ts";
import { architecture, bootRequest, fireAll, withFolder } from "../toy.ts";

const sheet: HardwareSheet = {
  device: "Box",
  memory_gib: 1,
  bandwidth_gb_s: 1000,
  multiprocessors: 10,
  l2_mib: 10,
  launch_us: 2,
  peak_tflops: { bfloat16: 100 },
};
const dense = (tokens: number): Shot => ({ category: "dense", tp: 1, tokens });
const attention = (key: readonly [number, number, number, number]): Shot => {
  const [prefill_chunk, kv_prefill, n_decode, kv_decode] = key;
  return { category: "attention", tp: 1, prefill_chunk, kv_prefill, n_decode, kv_decode };
};

/** Shot, layer, peak in TFLOP/s, and launches, then bytes at 90% of the bandwidth or products at 85% of the peak. */
const byHand: [string, Shot, string, number, number][] = [
  ["one token: the weight's bytes", dense(1), "o_proj", 100, 2 + (2 * 1024 * 1024 + 4 * 1024 / 2.5) / 0.9e6],
  ["many tokens: the products", dense(72), "o_proj", 1, 2 + 2 * 72 * 1024 * 1024 / 0.85e6],
  ["activations from the cache", dense(64), "layernorm", 100, 2 + 4 * 64 * 1024 * 2 / (2.5 * 0.9e6)],
  [
    "the experts that have work",
    { category: "moe", tp: 1, tokens: 1, activated_experts: 2 },
    "experts",
    100,
    16 + ((2 * 3 * 1024 * 512 + 1024 * 8) * 2 + 2 * (2048 + 1536) * 2 / 2.5) / 0.9e6,
  ],
];
for (const [what, shot, layer, peak, timeUs] of byHand) {
  Deno.test(`rooflineHarness estimates ${what}`, async () => {
    await using harness = await rooflineHarness({ ...sheet, peak_tflops: { bfloat16: peak } });
    await harness.boot(bootRequest);
    const [outcome] = await fireAll(harness, [shot]);
    assert(outcome?.status === "measured");
    const samples = outcome.samples[layer]!;
    assert.equal(samples.length, 3);
    for (const sample of samples) {
      assert(Math.abs(sample / timeUs - 1) < 1e-9, `${sample}, by hand ${timeUs}`);
    }
  });
}

Deno.test("rooflineHarness estimates the parts of a skew case: the uniform ones as the attention shots that they are", async () => {
  await using harness = await rooflineHarness(sheet);
  await harness.boot(bootRequest);
  const skewCase = skewCaseOf([8, 2, 16, 100, 250, 1000]);
  const parts: SkewPart[] = ["t_mean", "t_max", "t_skew"];
  const [skewed, mean, max] = await fireAll(harness, [
    { category: "skew", tp: 1, ...skewCase, tier: 1, parts },
    attention([16, 100, 8, skewCase.kv_mean]),
    attention([16, 100, 8, 1000]),
  ]);
  assert(skewed?.status === "measured" && mean?.status === "measured" && max?.status === "measured");
  assert.deepEqual(Object.keys(skewed.samples), parts);
  assert.deepEqual(skewed.samples.t_mean, mean.samples.attn);
  assert.deepEqual(skewed.samples.t_max, max.samples.attn);
  const [time, below, above] = [skewed, mean, max].map(({ samples }) => Object.values(samples).at(-1)![0]!);
  assert(below! <= time! && time! < above!, `${below} ${time} ${above}`);
});

const grows: [string, Shot, Shot][] = [
  ["the history of decodes", attention([0, 0, 4, 100]), attention([0, 0, 4, 1000])],
  ["the number of decodes", attention([0, 0, 4, 1000]), attention([0, 0, 8, 1000])],
  ["the prefill", attention([16, 0, 4, 1000]), attention([65, 0, 4, 1000])],
  ["the history of the prefill", attention([16, 16, 0, 0]), attention([16, 4000, 0, 0])],
];
for (const [what, less, more] of grows) {
  Deno.test(`attention's estimate grows with ${what}`, async () => {
    await using harness = await rooflineHarness(sheet);
    await harness.boot(bootRequest);
    const [a, b] = await fireAll(harness, [less, more]);
    assert(a?.status === "measured" && b?.status === "measured");
    assert(a.samples["attn"]![0]! < b.samples["attn"]![0]!);
  });
}

Deno.test("attention over a window takes as long as what it sees, full attention of the same model does not", async () => {
  const { config, architecture } = await loadModel("google/gemma-3-27b-it");
  await using harness = await rooflineHarness("H200");
  await harness.boot({ ...bootRequest, config: shardConfig(config, 1), architecture });
  const shots = [[0, 0, 4, 1023], [0, 0, 4, 9999], [64, 1024, 0, 0], [64, 9000, 0, 0]] as const;
  const outcomes = await fireAll(harness, shots.map((key) => attention(key)));
  const times = (layer: string): number[] =>
    outcomes.map((outcome) => {
      assert(outcome.status === "measured");
      return outcome.samples[layer]![0]!;
    });
  const [decode, longDecode, prefill, longPrefill] = times("sliding_attention");
  assert.equal(longDecode, decode);
  assert.equal(longPrefill, prefill);
  const full = times("attention");
  assert(full[1]! > full[0]! * 1.5 && full[3]! > full[2]! && full[0] === decode, full.join());
});

Deno.test("every layer of every known model has a formula, on every sheet that knows bfloat16", async () => {
  for await (const { name } of Deno.readDir("configs/hardware")) {
    await using harness = await rooflineHarness(name.replace(".yaml", ""));
    for (
      const id of [
        "meta-llama/Llama-3.1-8B",
        "Qwen/Qwen3-0.6B",
        "Qwen/Qwen3-30B-A3B-Instruct-2507",
        "mistralai/Mixtral-8x7B-v0.1",
        "microsoft/Phi-mini-MoE-instruct",
      ]
    ) {
      const { config, architecture } = await loadModel(id);
      for (const tp of [1, 2]) {
        const booted = await harness.boot({
          ...bootRequest,
          config: shardConfig(config, tp),
          architecture,
          tp,
        });
        assert(booted.limits.num_cache_tokens > 10_000, `${name} ${id}`);
        const [outcome] = await fireAll(harness, [dense(16)]);
        assert(outcome?.status === "measured");
        assert.deepEqual(Object.keys(outcome.samples), Object.keys(architecture.catalog.dense));
      }
    }
  }
});

const refusedBoots: [string, Partial<BootRequest>, Partial<HardwareSheet>, string][] = [
  [
    "a layer without a formula",
    {
      architecture: {
        ...architecture,
        catalog: { ...architecture.catalog, dense: { gate: { vllm: ["G"] } } },
      },
    },
    {},
    "Cannot boot tp 1: there is no formula for the layer 'gate'; there are some for embedding, layernorm, " +
    "final_layernorm, qk_norm, rotary_emb, act_fn, qkv_proj, o_proj, gate_up_proj, down_proj, lm_head, sampler",
  ],
  [
    "a type without a peak",
    { dtype: "float32" },
    {},
    "Cannot boot tp 1: the sheet of Box has peaks for bfloat16, not for float32",
  ],
  [
    "an unknown KV type",
    { kv_cache_dtype: "int3" },
    {},
    "Cannot boot tp 1: the type must be one of float32, float16, bfloat16, fp8, int8, int4, mxfp4, nvfp4, got int3",
  ],
  [
    "a model that does not fit",
    {},
    { memory_gib: 0.02 },
    "Cannot boot tp 1: one layer takes 0.0 GiB, Box has 0.02",
  ],
  [
    "a config without a size",
    { config: { hidden_size: 8, num_attention_heads: 1 } },
    {},
    "Cannot estimate the model: its config must have vocab_size, got undefined",
  ],
];
for (const [what, request, device, message] of refusedBoots) {
  Deno.test(`boot refuses ${what}`, async () => {
    await using harness = await rooflineHarness({ ...sheet, ...device });
    await assert.rejects(harness.boot({ ...bootRequest, ...request }), { message });
  });
}

const limits = {
  max_num_batched_tokens: 64,
  max_num_seqs: 8,
  num_cache_tokens: 1024,
  max_model_len: 512,
  num_experts: null,
  top_k: null,
  block_size: 16,
};
const skewed = (parts: SkewPart[]): Shot => {
  return { category: "skew", tp: 1, ...skewCaseOf([4, 1, 0, 0, 128, 384]), tier: 1, parts };
};
const fits: [Shot, string | undefined][] = [
  [attention([64, 0, 8, 100]), undefined],
  [attention([64, 0, 9, 1]), "A batch may have 72 new tokens, got 73"],
  [attention([16, 0, 9, 1]), "A batch may have 9 requests, got 10"],
  [attention([0, 0, 0, 0]), "A batch must have a request, got none"],
  [attention([16, 497, 0, 0]), "A request may have 512 tokens, got 513"],
  [attention([0, 0, 8, 128]), "The KV pool holds 1,024 tokens in blocks of 16: the batch needs more"],
  [skewed(["t_skew"]), undefined],
  [skewed(["t_skew", "t_max"]), "The KV pool holds 1,024 tokens in blocks of 16: the batch needs more"],
  [{ category: "per_sequence", tp: 1, sequences: 10 }, "A batch may have 9 requests, got 10"],
];
for (const [shot, problem] of fits) {
  Deno.test(`infeasible says of ${Object.values(shot).join(" ")}: ${problem}`, () => {
    assert.equal(infeasible(shot, limits), problem);
  });
}

Deno.test("query heads read the KV cache for themselves once they drift apart and the cache is too small", () => {
  const sizes = sizesOf(bootRequest.config, 2, 2);
  const read = (cacheBytes: number, chunk: number, decodes: number): number =>
    attentionWork(
      { chunk, history: 0, decodes: [[999, decodes]] },
      sizes,
      { multiprocessors: 1, cacheBytes },
    ).memoryBytes;
  const once = 2 * 2 * 128 * 2 * (16 + 64 * 1000);
  assert.equal(read(Infinity, 16, 64), once);
  assert.equal(read(0, 16, 64), 2 * 2 * 128 * 2 * (16 + 64 * 1000 * 4));
  assert.equal(read(0, 0, 64), 2 * 2 * 128 * 2 * 64 * 1000);
});

const sheets: [string, string, string][] = [
  [
    "is not there",
    "peak",
    "Cannot estimate for the hardware 'X': <dir>/hardware has Y; choose one or add X.yaml",
  ],
  [
    "has a wrong field",
    "device: Y\nmemory_gib: -1\n",
    "Cannot read <dir>/hardware/Y.yaml: memory_gib is wrong (Too small: expected number to be >0)",
  ],
];
for (const [what, text, message] of sheets) {
  Deno.test(`loadHardware refuses a sheet that ${what}`, () =>
    withFolder({ "hardware/Y.yaml": text }, async (dir) => {
      const name = what === "is not there" ? "X" : "Y";
      await assert.rejects(loadHardware(name, dir), {
        name: "UsageError",
        message: message.replaceAll("<dir>", dir),
      });
    }));
}

Deno.test("quantized weights have their own width, and the peak of the type that products are computed in", async () => {
  const peaks = { bfloat16: 100, fp8: 200, int8: 200, nvfp4: 400 };
  const groups = (activations: object | null): object => ({
    group_0: { weights: { type: "int", num_bits: 8 }, input_activations: activations },
  });
  const cases: readonly [scheme: object, bytes: number, product: string][] = [
    [{ quant_method: "fp8" }, 1, "fp8"],
    [{ quant_method: "fp8", weight_block_size: [128, 128] }, 1, "fp8"],
    [{ quant_method: "awq", bits: 4, group_size: 128 }, 0.5 + 2 / 128, "bfloat16"],
    [{ quant_method: "gptq", bits: 4 }, 0.5 + 2 / 128, "bfloat16"],
    [{ quant_method: "gptq", bits: 8 }, 1, "bfloat16"],
    [{ quant_method: "compressed-tensors", config_groups: groups({ num_bits: 8 }) }, 1, "int8"],
    [{ quant_method: "compressed-tensors", config_groups: groups(null) }, 1, "bfloat16"],
    [{ quant_method: "mxfp4" }, 0.5 + 1 / 32, "bfloat16"],
    [{ quant_method: "modelopt", quant_algo: "NVFP4" }, 0.5 + 1 / 16, "nvfp4"],
  ];
  const wide = { ...sheet, peak_tflops: peaks, launch_us: 1 };
  for (const [quantization_config, bytes, product] of cases) {
    const config = { ...bootRequest.config, torch_dtype: "bfloat16", quantization_config };
    await using harness = await rooflineHarness(wide);
    const booted = await harness.boot({ ...bootRequest, config });
    const name = JSON.stringify(quantization_config);
    assert.equal(booted.engine_args["product_dtype"] ?? booted.engine_args["dtype"], product, name);
    const outcomes = await fireAll(harness, [dense(1), { category: "per_sequence", tp: 1, sequences: 1 }]);
    const [one, head] = outcomes.map((outcome) => outcome.status === "measured" ? outcome.samples : {});
    assert.equal(
      one!["o_proj"]![0]!.toFixed(4),
      (1 + (bytes * 1024 * 1024 + 4 * 1024 / 2.5) / 0.9e6).toFixed(4),
      name,
    );
    const vocabulary = Number(bootRequest.config["vocab_size"]);
    const headUs = 1 + (2 * 1024 * vocabulary + 2 * (1024 + vocabulary) / 2.5) / 0.9e6;
    assert.equal(head!["lm_head"]![0]!.toFixed(4), headUs.toFixed(4), name);
  }
});
