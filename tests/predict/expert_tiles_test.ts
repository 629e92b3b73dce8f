import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import type { Bundle } from "../../src/bundle/open.ts";
import { loadModel } from "../../src/model/load_model.ts";
import type { Model } from "../../src/model/model.ts";
import { bundleExpertKernel, type ExpertKernel, unevenExpertsNs } from "../../src/predict/expert_tiles.ts";
import { loadHardware } from "../../src/roofline/hardware.ts";
import { quantile } from "../../src/stats.ts";

/** 10¹² products a second and 10⁹ bytes: an expert of 3 * 10 * 20 weights takes 1.2 ns for each token of a tile. */
const SHEET = { bandwidth_gb_s: 1, l2_mib: 1, peak_tflops: { bfloat16: 1 } };

function model(config: Record<string, unknown> = {}): Pick<Model, "config"> {
  return {
    config: {
      ...{ hidden_size: 10, num_attention_heads: 1, vocab_size: 1, torch_dtype: "bfloat16" },
      ...{ num_experts: 4, num_experts_per_tok: 2, moe_intermediate_size: 20 },
      ...config,
    },
  };
}

const EVEN = [0.5, 0.5, 0.5, 0.5];
const CERTAIN = [1, 1, 0, 0];
const UNEVEN = [1, 0.5, 0.5, 0];

const cases: [string, Partial<ExpertKernel>, Record<string, unknown>, readonly number[], number, number][] = [
  ["two experts that get all tokens fill 4 tiles of 10 each", {}, {}, CERTAIN, 2, 0],
  ["they fill 8, where four even ones would fill 8 too", {}, {}, CERTAIN, 4, 0],
  ["a larger tile is filled to a half by four, and by two wholly", { tiles: { 40: 40 } }, {}, CERTAIN, 4, 0],
  ["one tile of 39 more takes 46.8 ns", { tiles: { 40: 39 } }, {}, UNEVEN, 3, 39 * 1.2],
  ["the nearest entry has the tile", { tiles: { 20: 10, 41: 39, 60: 10 } }, {}, UNEVEN, 3, 39 * 1.2],
  [
    "an expert beyond the cache is read again: 12 MB at 10⁹ bytes a second",
    { tiles: { 40: 39 } },
    { moe_intermediate_size: 200_000 },
    UNEVEN,
    3,
    12e6,
  ],
  [
    "a device without a peak for the type tells nothing",
    { sheet: { ...SHEET, peak_tflops: {} } },
    {},
    UNEVEN,
    3,
    0,
  ],
  ["a kernel without tiles tells nothing", { tiles: {} }, {}, UNEVEN, 3, 0],
  ["a model without experts has none", {}, { num_experts: undefined }, CERTAIN, 2, 0],
];

for (const [what, kernel, config, shares, activatedExperts, ns] of cases) {
  Deno.test(`of 40 tokens on 4 experts: ${what}`, () => {
    const found = unevenExpertsNs({ tiles: { 40: 10 }, sheet: SHEET, ...kernel }, model(config), {
      ...{ shares, tokens: 40, activatedExperts },
    });
    assert.equal(found, Math.round(ns));
  });
}

Deno.test("the tiles of an expert are a mean over how many tokens it may get", () => {
  // Of 3 tokens each goes to the expert with 0.5: 0, 1, 2 or 3 of them, in tiles of 2 0, 1, 1 or 2 with 1/8, 3/8, 3/8, 1/8.
  const kernel = { tiles: { 3: 2 }, sheet: SHEET };
  const found = unevenExpertsNs(kernel, model(), { shares: EVEN, tokens: 3, activatedExperts: 2 });
  // Four experts fill one tile each at the mean, two even ones with 3 tokens two each.
  assert.equal(found, 0);
  const fewer = unevenExpertsNs(kernel, model(), { shares: UNEVEN, tokens: 3, activatedExperts: 3 });
  assert.equal(fewer, Math.round((2 + 1 + 1 - 3) * 2 * 1.2));
});

/** Tiles of vLLM 0.26's own files for an H200, of the numbers of tokens that were measured. */
const measured: [
  id: string,
  file: string,
  tiles: Record<string, number>,
  [p50: number, p90: number, full: number],
][] = [
  [
    "Qwen/Qwen3-30B-A3B-Instruct-2507",
    "Qwen3-30B-A3B",
    { 4: 16, 16: 16, 64: 16, 256: 32, 1024: 128, 2048: 128 },
    [1.4, 5.4, 4.3],
  ],
  [
    "mistralai/Mixtral-8x7B-v0.1",
    "Mixtral-8x7B",
    { 4: 16, 16: 16, 64: 32, 256: 128, 1024: 128, 2048: 128 },
    [1.1, 9.1, 2.1],
  ],
];

interface Routed {
  type: string;
  tokens: number;
  activated: number;
  loads: number[];
  even_us: number;
  zipf_us: number;
}

for (const [id, file, tiles, [p50, p90, full]] of measured) {
  Deno.test(`${file} under Zipf loads on an H200: even loads and their extra tiles are within ${p50} / ${p90}%, full batches ${full}%`, async () => {
    const kernel = { tiles, sheet: await loadHardware("H200", "configs") };
    const of = await loadModel(id, { download: false });
    const packed = await Deno.readFile(`perf/evidence/depth/routing-${file}.jsonl.gz`);
    const lines = gunzipSync(packed).toString().trim().split("\n").map((line): Routed => JSON.parse(line))
      .filter(({ type }) => type === "routing");
    const errors = lines.map(({ tokens, activated, loads, even_us, zipf_us }) => {
      const shares = loads.map((count) => count / tokens);
      const ns = unevenExpertsNs(kernel, of, { shares, tokens, activatedExperts: activated });
      return { tokens, percent: 100 * Math.abs((even_us + ns / 1000) / zipf_us - 1) };
    });
    const sorted = Float64Array.from(errors, ({ percent }) => percent).sort();
    assert.ok(quantile(sorted, 0.5) < p50);
    assert.ok(quantile(sorted, 0.9) < p90);
    assert.ok(errors.every(({ tokens, percent }) => tokens !== 2048 || percent < full));
  });
}

const metas: [string, string, unknown, Record<string, number> | null][] = [
  ["has the tiles that its worker recorded", "NVIDIA H200", { 64: 32, 2048: 128 }, { 64: 32, 2048: 128 }],
  ["of an older worker has none", "NVIDIA H200", undefined, null],
  ["of a device without a sheet has none", "Accelerator 1", { 64: 32 }, null],
  ["with tiles that are none has none", "NVIDIA H200", { 64: 0 }, null],
];

for (const [what, gpu, expert_tiles, tiles] of metas) {
  Deno.test(`a bundle ${what}`, async () => {
    const kernel = await bundleExpertKernel({
      meta: { gpu, conditions: { expert_tiles } } as Bundle["meta"],
    });
    assert.deepEqual(kernel?.tiles ?? null, tiles);
  });
}
