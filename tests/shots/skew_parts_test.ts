import assert from "node:assert/strict";
import { loadArchitecture } from "../../src/model/architecture.ts";
import { skewCases } from "../../src/shots/skew_cases.ts";
import {
  fitsEngine,
  sharing,
  type SkewMode,
  type SkewPart,
  type UniformBatch,
} from "../../src/shots/skew_parts.ts";
import { planSweeps } from "../../src/shots/plan_sweeps.ts";
import { planSkew } from "../../src/shots/skew_plan.ts";
import { shotKey } from "../../src/shots/shot.ts";

const MIXED = { n: 4, nb: 1, pc: 16, kp: 512, kvs: 128, kv_big: 512, kv_mean: 224 };

/** The default grid on an engine with room for all of it. */
const DEFAULT = {
  tp: 1,
  limits: {
    max_num_batched_tokens: 2048,
    max_num_seqs: 256,
    num_cache_tokens: 4_400_000,
    max_model_len: 131_072,
    num_experts: null,
    top_k: null,
    block_size: 16,
  },
  maxNumBatchedTokens: 2048,
  maxNumSeqs: 256,
  attentionMaxKv: 16_384,
  attentionChunkFactor: 2,
  attentionKvFactor: 2,
  skewNFactor: 2,
  skewPcFactor: 2,
  skewKpFactor: 2,
  skewKvsFactor: 2,
  skewMode: "interpolated",
  skipSkew: false,
  onlySkew: false,
} as const;
/** Shots that the reference profiler fires for the default grid: three for each case. */
const REFERENCE = 3 * 13_009;

Deno.test("sharing opens the parts whose batches nobody gives", () => {
  const open = (mode: SkewMode, ...given: UniformBatch[]): SkewPart[] =>
    sharing(mode, (batch) => given.some((other) => other.join() === batch.join())).open(MIXED);
  assert.deepEqual(open("exact"), ["t_mean", "t_max", "t_skew"]);
  assert.deepEqual(open("exact", [16, 512, 4, 512]), ["t_mean", "t_skew"]);
  assert.deepEqual(open("exact", [16, 512, 4, 224], [16, 512, 4, 512]), ["t_skew"]);
  assert.deepEqual(open("exact", [16, 0, 4, 512], [0, 0, 4, 512]), ["t_mean", "t_max", "t_skew"]);
  assert.deepEqual(open("interpolated"), ["t_skew"]);
});

Deno.test("sharing opens a batch once, whichever case and part it is of", () => {
  const parts = sharing("exact", () => false);
  parts.give(MIXED, ["t_max", "t_skew"]);
  assert.deepEqual(parts.open({ ...MIXED, nb: 2, kv_mean: 320 }), ["t_mean", "t_skew"]);
  assert.deepEqual(parts.open({ ...MIXED, kvs: 256, kv_big: 1024, kv_mean: 512 }), ["t_max", "t_skew"]);
  assert.deepEqual(parts.open({ ...MIXED, kp: 0 }), ["t_mean", "t_max", "t_skew"]);
});

Deno.test("fitsEngine counts whole blocks with room for each new token, and the longest request", () => {
  const limits = { ...DEFAULT.limits, num_cache_tokens: 3072, max_model_len: 4096 };
  // 528 tokens of the prefill; 4 decodes: at 224 240 tokens each, at 512 528, skewed 528 and three of 144.
  const cached: Record<SkewPart, number> = { t_mean: 1488, t_max: 2640, t_skew: 1488 };
  for (const [part, tokens] of Object.entries(cached) as [SkewPart, number][]) {
    assert.equal(fitsEngine(MIXED, part, { ...limits, num_cache_tokens: tokens }), true, part);
    assert.equal(fitsEngine(MIXED, part, { ...limits, num_cache_tokens: tokens - 1 }), false, part);
  }
  assert.equal(fitsEngine(MIXED, "t_max", { ...limits, max_model_len: 529 }), true);
  assert.equal(fitsEngine(MIXED, "t_max", { ...limits, max_model_len: 528 }), false);
  const pure = { ...MIXED, pc: 0, kp: 0 };
  assert.equal(fitsEngine(pure, "t_max", { ...limits, max_model_len: 514 }), true);
  assert.equal(fitsEngine(pure, "t_max", { ...limits, max_model_len: 513 }), false);
  assert.equal(fitsEngine(pure, "t_mean", { ...limits, max_model_len: 513 }), true);
  // Without a prefill its history takes nothing, of a prefill of one token all of it.
  assert.equal(fitsEngine(pure, "t_max", { ...limits, num_cache_tokens: 4 * 528 }), true);
  assert.equal(fitsEngine({ ...pure, kp: 512 }, "t_max", { ...limits, num_cache_tokens: 4 * 528 }), true);
  assert.equal(fitsEngine({ ...MIXED, pc: 1 }, "t_max", { ...limits, num_cache_tokens: 5 * 528 - 1 }), false);
});

Deno.test("the default sweep fires a third of the reference's shots when it interpolates, two thirds exactly", async () => {
  const architecture = await loadArchitecture("llama", "configs");
  const attention = planSweeps({ ...DEFAULT, architecture, parity: false })
    .find(({ category }) => category === "attention")!;
  const keys = new Set(attention.shots.map((shot) => shotKey(shot).join()));
  const fired = (skewMode: SkewMode, afterAttention: boolean): Record<string, number> => {
    const { shots } = planSkew(
      { ...DEFAULT, parity: false, skewMode },
      (batch) => afterAttention && keys.has(batch.join()),
    );
    const parts = shots.flatMap((shot) => shot.parts);
    const count = Object.fromEntries(
      ["t_mean", "t_max", "t_skew"].map((part) => [part, parts.filter((fired) => fired === part).length]),
    );
    return { ...count, percent: Math.round(100 * parts.length / REFERENCE) };
  };
  assert.equal(skewCases(DEFAULT, DEFAULT.limits).length, REFERENCE / 3);
  assert.deepEqual(fired("interpolated", true), { t_mean: 0, t_max: 0, t_skew: 13_009, percent: 33 });
  assert.deepEqual(fired("exact", true), { t_mean: 13_007, t_max: 2, t_skew: 13_009, percent: 67 });
  assert.deepEqual(fired("exact", false), { t_mean: 13_007, t_max: 2069, t_skew: 13_009, percent: 72 });
});
