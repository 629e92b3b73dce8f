import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { loadArchitecture, parseArchitecture } from "../../src/model/architecture.ts";
import { attentionAxes } from "../../src/shots/attention_shots.ts";
import { powerOfTwoAxis, tokenAxis } from "../../src/shots/axes.ts";
import type { Limits } from "../../src/shots/limits.ts";
import type { ModelConfig } from "../../src/model/model.ts";
import { type PlanOptions, planSweeps, type Sweep } from "../../src/shots/plan_sweeps.ts";
import { type Category, shotKey, type SweepCategory } from "../../src/shots/shot.ts";
import { UsageError } from "../../src/errors.ts";

/** Shots of the reference profiler under one setting. */
interface Vector {
  header: {
    setting: string;
    architecture: string;
    tp: number;
    asked: Record<string, number>;
    limits: Omit<Limits, "block_size">;
    block_size: number;
  };
  categories_run: Category[];
  axes: Record<string, number[]>;
  categories: Record<string, { count: number; sha256: string; first20: number[][]; last20: number[][] }>;
}

const vectors = await readVectors();
const llama = await loadArchitecture("llama", "configs");

const SMALL: PlanOptions = {
  architecture: llama,
  limits: {
    max_num_batched_tokens: 64,
    max_num_seqs: 4,
    num_cache_tokens: 4096,
    max_model_len: 1024,
    num_experts: null,
    top_k: null,
    block_size: 16,
  },
  tp: 1,
  maxNumBatchedTokens: 64,
  maxNumSeqs: 4,
  attentionMaxKv: 128,
  attentionChunkFactor: 2,
  attentionKvFactor: 2,
  skewNFactor: 2,
  skewPcFactor: 2,
  skewKpFactor: 2,
  skewKvsFactor: 2,
  skewMode: "interpolated",
  skipSkew: true,
  onlySkew: false,
  parity: false,
};

for (const vector of vectors) {
  Deno.test(`planSweeps with parity gives the reference's shots: ${vector.header.setting}`, async () => {
    const { header, categories } = vector;
    const sweeps = planSweeps({ ...await reference(vector), parity: true });
    assert.deepEqual(sweeps.map((sweep) => sweep.category), vector.categories_run);
    for (const { category, tp, shots } of sweeps) {
      const keys = shots.map(shotKey);
      const expected = categories[category as Category]!;
      assert.equal(tp, header.tp);
      assert.equal(keys.length, expected.count);
      assert.deepEqual(keys.slice(0, 20), expected.first20);
      assert.deepEqual(keys.slice(-20), expected.last20);
      assert.equal(createHash("sha256").update(keys.join("\n")).digest("hex"), expected.sha256);
    }
  });
}

Deno.test("the axes are the reference's under every setting", () => {
  for (const { header: { asked, limits, setting }, axes } of vectors) {
    const { chunks, decodes, kv } = attentionAxes({
      maxNumBatchedTokens: limits.max_num_batched_tokens,
      maxNumSeqs: limits.max_num_seqs,
      attentionMaxKv: Math.min(asked.attention_max_kv!, limits.max_model_len),
      attentionChunkFactor: asked.attention_chunk_factor!,
      attentionKvFactor: asked.attention_kv_factor!,
    });
    const ours: Record<string, readonly number[]> = {
      dense_token_axis: tokenAxis(limits.max_num_batched_tokens),
      per_sequence_axis: tokenAxis(limits.max_num_seqs),
      prefill_chunk_axis: chunks,
      n_decode_axis: decodes,
      kv_axis: kv,
      moe_token_axis: powerOfTwoAxis(limits.max_num_batched_tokens),
      moe_expert_axis: powerOfTwoAxis(limits.num_experts ?? 0),
    };
    for (const [name, axis] of Object.entries(axes)) {
      assert.deepEqual(ours[name], axis, `${setting}: ${name}`);
    }
  }
});

Deno.test("planSweeps without parity adds max_num_seqs decodes with a prefill, and nothing else", async () => {
  for (const vector of vectors) {
    const options = await reference(vector);
    const { max_num_seqs: most } = options.limits;
    const parity = planSweeps({ ...options, parity: true });
    const ours = planSweeps({ ...options, parity: false });
    const rest = ours.map(({ shots, ...sweep }) => ({
      ...sweep,
      shots: shots.filter((shot) =>
        !(shot.category === "attention" && shot.prefill_chunk > 0 && shot.n_decode === most)
      ),
    }));
    assert.deepEqual(rest, parity, vector.header.setting);
  }
});

Deno.test("planSweeps closes the corner of the default grid without parity", async () => {
  const vector = vectors.find(({ header }) => header.setting === "default-llama-tp1")!;
  const count = (parity: boolean, shots = planSweeps({ ...options, parity })[2]!.shots): number =>
    shots.length;
  const options = await reference(vector);
  assert.equal(count(true), 8643);
  assert.equal(count(false), 8643 + 8 * 12 * 11);
});

Deno.test("planSweeps counts whole KV blocks of the engine's size", () => {
  const pool = (block_size: number, num_cache_tokens: number): number[] =>
    planSweeps({ ...SMALL, limits: { ...SMALL.limits, block_size, num_cache_tokens } })
      .map((sweep) => sweep.shots.length);
  assert.deepEqual(pool(16, 64), [28, 4, 14]);
  assert.deepEqual(pool(32, 64), [28, 2, 13]);
  assert.deepEqual(pool(64, 64), [28, 1, 9]);
});

Deno.test("planSweeps stays within what was asked and what the engine allows", () => {
  const largest = (options: PlanOptions): unknown =>
    planSweeps(options).map(({ shots }) => shots.length && shotKey(shots.at(-1)!));
  const asked = { ...SMALL, maxNumBatchedTokens: 32, maxNumSeqs: 2 };
  const allowed = { ...SMALL, limits: { ...SMALL.limits, max_num_batched_tokens: 32, max_num_seqs: 2 } };
  assert.deepEqual(largest(asked), [[32], [2], [32, 128, 2, 128]]);
  assert.deepEqual(largest(allowed), largest(asked));
});

Deno.test("planSweeps has a sweep of layers with a recurrent state, by the chunk of the model's kernel", async () => {
  const architecture = await loadArchitecture("falcon_h1", "configs");
  const planned = (tp: number, config?: ModelConfig): Sweep[] =>
    planSweeps({ ...SMALL, architecture, tp, ...config && { config } });
  assert.deepEqual(planned(1).map((sweep) => sweep.category), [
    "dense",
    "per_sequence",
    "attention",
    "linear_attention",
  ]);
  const prefills = (sweeps: readonly Sweep[]): number[] => [
    ...new Set(sweeps.at(-1)!.shots.map((shot) => shotKey(shot)[0]!)),
  ];
  assert.deepEqual(prefills(planned(2)), [0, 16, 32, 64]);
  assert.deepEqual(prefills(planned(2, { mamba_chunk_size: 32 })), [0, 16, 32, 33, 64]);
});

Deno.test("planSweeps leaves a category out above tp 1 when the degree changes none of its layers", () => {
  const text = Deno.readTextFileSync("configs/architecture/mixtral.yaml")
    .replace("vllm: LogitsProcessor }", "vllm: LogitsProcessor, tp_stable: true }");
  const architecture = parseArchitecture(text, "mixtral.yaml");
  const limits = { ...SMALL.limits, num_experts: 8, top_k: 2 };
  const run = (tp: number): SweepCategory[] =>
    planSweeps({ ...SMALL, architecture, limits, tp }).map((s) => s.category);
  assert.deepEqual(run(1), ["dense", "per_sequence", "attention", "moe"]);
  assert.deepEqual(run(2), ["dense", "attention"]);
});

Deno.test("planSweeps refuses an architecture with experts when the limits name none", async () => {
  const architecture = await loadArchitecture("mixtral", "configs");
  for (const [num_experts, top_k] of [[null, null], [8, null], [null, 2]] as const) {
    assert.throws(
      () => planSweeps({ ...SMALL, architecture, limits: { ...SMALL.limits, num_experts, top_k } }),
      new UsageError(
        `Cannot plan moe: num_experts and top_k must be known, got ${num_experts} and ${top_k}; ` +
          "the model's config names neither, or under names that are not known",
      ),
    );
  }
});

Deno.test("planSweeps refuses factor 1", () => {
  assert.throws(
    () => planSweeps({ ...SMALL, attentionKvFactor: 1 }),
    new UsageError("Cannot make a geometric axis: the factor must be above 1, got 1"),
  );
});

async function reference({ header }: Vector): Promise<Omit<PlanOptions, "parity">> {
  const { asked, limits, block_size, tp, architecture } = header;
  return {
    architecture: await loadArchitecture(architecture, "configs"),
    limits: { ...limits, block_size },
    tp,
    maxNumBatchedTokens: asked.max_num_batched_tokens!,
    maxNumSeqs: asked.max_num_seqs!,
    attentionMaxKv: asked.attention_max_kv!,
    attentionChunkFactor: asked.attention_chunk_factor!,
    attentionKvFactor: asked.attention_kv_factor!,
    skewNFactor: 2,
    skewPcFactor: 2,
    skewKpFactor: 2,
    skewKvsFactor: 2,
    skewMode: "exact",
    skipSkew: true,
    onlySkew: false,
  };
}

async function readVectors(): Promise<Vector[]> {
  const packed = await Deno.open("tests/data/shots.json.gz");
  return await new Response(packed.readable.pipeThrough(new DecompressionStream("gzip"))).json();
}

Deno.test("a plan of more shots than anybody fires is refused by its count, at once", () => {
  const wide = {
    ...SMALL,
    skipSkew: false,
    maxNumBatchedTokens: 2048,
    maxNumSeqs: 256,
    attentionMaxKv: 16_384,
  };
  const limits = {
    ...SMALL.limits,
    max_num_batched_tokens: 2048,
    max_num_seqs: 256,
    num_cache_tokens: 4_400_000,
    max_model_len: 131_072,
  };
  const cases: Record<string, Partial<PlanOptions>> = {
    attention: { attentionKvFactor: 1.001 },
    skew: { skewKpFactor: 1.001, skewKvsFactor: 1.01 },
  };
  for (const [category, factors] of Object.entries(cases)) {
    assert.throws(
      () => planSweeps({ ...wide, limits, ...factors }),
      (error) =>
        error instanceof UsageError &&
        /^Cannot plan \w+: its grid must span 5000000 shots at most, got \d{8,}; raise its factors, or lower how far it reaches$/
          .test(error.message) &&
        error.message.startsWith(`Cannot plan ${category}:`),
    );
  }
});

Deno.test("planSweeps fills the longest request to its last token, and no further", () => {
  const has = (max_model_len: number): boolean =>
    planSweeps({ ...SMALL, limits: { ...SMALL.limits, max_model_len } })
      .some(({ shots }) => shots.some((shot) => shotKey(shot).join() === "16,64,0,0"));
  assert.deepEqual([has(81), has(80)], [true, false]);
});

Deno.test("planSweeps with parity keeps to the requests that the engine allows, however many are asked for", () => {
  const most = (maxNumSeqs: number): number => {
    const options = { ...SMALL, skipSkew: false, parity: true, maxNumSeqs, attentionMaxKv: 1024 };
    const skew = planSweeps(options).find(({ category }) => category === "skew")!;
    return Math.max(...skew.shots.map((shot) => shotKey(shot)[0]!));
  };
  assert.deepEqual([most(64), most(4), most(2)], [4, 4, 2]);
});

Deno.test("planSweeps has a sweep of the experts that so many devices share, where there are experts", async () => {
  const limits = { ...SMALL.limits, num_experts: 8, top_k: 2 };
  const architecture = await loadArchitecture("mixtral", "configs");
  const shared = (options: PlanOptions): string[] =>
    planSweeps({ ...options, epDegrees: [1, 2, 4] }).map(({ category, ep }) => `${category} ${ep ?? 1}`);
  assert.deepEqual(shared({ ...SMALL, limits, architecture }).filter((sweep) => sweep.startsWith("moe")), [
    ...["moe 1", "moe 2", "moe 4"],
  ]);
  assert.deepEqual(shared(SMALL).filter((sweep) => !sweep.endsWith(" 1")), []);
});

const DENSE_GRIDS: Partial<PlanOptions>[] = [{}, { parity: true }, { grid: "v1.2" }, { grid: "both" }];
for (const grid of DENSE_GRIDS) {
  Deno.test(`denseStep acts on the dense sweep alone: ${JSON.stringify(grid)}`, async () => {
    const options = {
      ...SMALL,
      ...grid,
      architecture: await loadArchitecture("mixtral", "configs"),
      limits: { ...SMALL.limits, max_num_batched_tokens: 128, max_num_seqs: 80, num_experts: 8, top_k: 2 },
      ...{ maxNumBatchedTokens: 128, maxNumSeqs: 80, skipSkew: false },
    };
    const usual = planSweeps(options);
    assert.deepEqual(usual.map(({ category }) => category), [
      ...["dense", "per_sequence", "attention", "moe", "skew"],
    ]);
    assert.deepEqual(planSweeps({ ...options, denseStep: 16 }), usual);
    for (const denseStep of [1, 2, 4, 8] as const) {
      const [dense, ...others] = planSweeps({ ...options, denseStep });
      assert.deepEqual(others, usual.slice(1));
      assert.deepEqual(dense!.shots.map((shot) => shotKey(shot)[0]), tokenAxis(128, denseStep));
    }
  });
}
