import assert from "node:assert/strict";
import type { Row } from "../../src/bundle/tables.ts";
import type { Model } from "../../src/model/model.ts";
import type { Batch } from "../../src/predict/batch.ts";
import { predictIteration } from "../../src/predict/iteration.ts";
import { predictor } from "../../src/predict/predictor.ts";
import { type CacheGroup, withinChunk } from "../../src/shots/limits.ts";

function model(config: Record<string, unknown>, mlp: Record<string, string[]>): Model {
  return {
    id: "org/name",
    config,
    architecture: {
      modelType: "tiny",
      sha256: "",
      sequence: {
        prologue: ["embedding"],
        pre_attn: ["rotary_emb", "attn"],
        post_attn: ["o_proj"],
        ...mlp,
        head: ["lm_head"],
      },
      catalog: {
        dense: {
          embedding: { vllm: ["E"] },
          rotary_emb: { vllm: ["R"] },
          o_proj: { vllm: ["O"] },
          down_proj: { vllm: ["D"] },
        },
        per_sequence: { lm_head: { vllm: ["L"] } },
        attention: { attn: { vllm: ["A"] } },
        moe: { moe: { vllm: ["M"] } },
      },
    },
  };
}

const DENSE = model({ num_hidden_layers: 3 }, { mlp_dense: ["down_proj"], mlp_moe: [] });
const MOE = model({ num_hidden_layers: 3, num_experts: 8, num_experts_per_tok: 2 }, {
  mlp_dense: [],
  mlp_moe: ["moe"],
});
const BATCH = { prefills: [{ chunk: 3, history: 0 }], decodes: [{ kv: 16, count: 2 }] } as const;

/** Each layer's time is a power of ten times its tokens, or its sequences; o_proj is missing. */
function made(hardware: string, tps: readonly number[] = [1]): ReturnType<typeof predictor> {
  const line = (
    layer: string | null,
    us: number,
  ): { layer: string | null; key: number[]; timeUs: number }[] =>
    [1, 10].map((size) => ({ layer, key: [size], timeUs: us * size }));
  return predictor({
    tps,
    meta: { hardware },
    skewFit: () => [],
    table: (_, category) => {
      switch (category) {
        case "dense":
          return [...line("embedding", 1), ...line("rotary_emb", 10), ...line("down_proj", 100)];
        case "per_sequence":
          return line("lm_head", 1000);
        case "attention":
          return [{ layer: null, key: [3, 0, 2, 16], timeUs: 7 }];
        case "linear_attention":
          return [];
        case "moe":
          return [2, 8].flatMap((experts) =>
            [1, 10].map((tokens) => ({ layer: null, key: [tokens, experts], timeUs: experts }))
          );
      }
    },
  });
}

Deno.test("predictIteration walks prologue and head once, the blocks once for each layer", () => {
  const estimate = predictIteration(made("H100"), { model: DENSE, tp: 1, ...BATCH });
  assert.deepEqual(estimate, {
    totalNs: 5_000 + 150_000 + 21_000 + 1_500_000 + 3_000_000,
    tokens: 5,
    sequences: 3,
    contributions: [
      { stage: "prologue", layer: "embedding", times: 1, ns: 5_000, totalNs: 5_000 },
      { stage: "pre_attn", layer: "rotary_emb", times: 3, ns: 50_000, totalNs: 150_000 },
      { stage: "pre_attn", layer: "attn", times: 3, ns: 7_000, totalNs: 21_000 },
      { stage: "mlp_dense", layer: "down_proj", times: 3, ns: 500_000, totalNs: 1_500_000 },
      { stage: "head", layer: "lm_head", times: 1, ns: 3_000_000, totalNs: 3_000_000 },
    ],
    places: {
      embedding: "between",
      rotary_emb: "between",
      attn: "exact",
      down_proj: "between",
      lm_head: "between",
    },
    skipped: ["o_proj"],
    notes: [],
    excludes: ["communication", "scheduling"],
  });
});

Deno.test("predictIteration takes several new tokens of a decode for as many tokens", () => {
  const { tokens, sequences } = predictIteration(made("H100"), {
    model: DENSE,
    tp: 1,
    ...BATCH,
    decodeQLen: 4,
  });
  assert.deepEqual([tokens, sequences], [3 + 2 * 4, 3]);
});

Deno.test("predictIteration walks blocks alone where an architecture has neither prologue nor head", () => {
  const { prologue: _, head: __, ...sequence } = DENSE.architecture.sequence;
  const bare = { ...DENSE, architecture: { ...DENSE.architecture, sequence } };
  const { contributions } = predictIteration(made("H100"), { model: bare, tp: 1, ...BATCH });
  assert.deepEqual(contributions.map(({ layer }) => layer), ["rotary_emb", "attn", "down_proj"]);
});

Deno.test("predictIteration leaves rotary_emb out on a TPU", () => {
  const { contributions } = predictIteration(made("TPUv6e"), { model: DENSE, tp: 1, ...BATCH });
  assert.deepEqual(contributions.map(({ layer }) => layer), ["embedding", "attn", "down_proj", "lm_head"]);
});

Deno.test("predictIteration asks experts for what uniform routing activates, or for what it is told", () => {
  const moeOf = (activatedExperts?: number | readonly number[]): unknown =>
    predictIteration(made("H100"), {
      model: MOE,
      tp: 1,
      ...BATCH,
      ...(activatedExperts && { activatedExperts }),
    }).contributions.find(({ layer }) => layer === "moe");
  // 8 * (1 - 0.75 ** 5) = 6.1
  assert.deepEqual(moeOf(), { stage: "mlp_moe", layer: "moe", times: 3, ns: 6_000, totalNs: 18_000 });
  assert.deepEqual(moeOf(4), { stage: "mlp_moe", layer: "moe", times: 3, ns: 4_000, totalNs: 12_000 });
});

Deno.test("predictIteration gives the leading layers of a mixed model a dense MLP", () => {
  const mixed = model({
    num_hidden_layers: 3,
    first_k_dense_replace: 1,
    num_experts: 8,
    num_experts_per_tok: 2,
  }, {
    mlp_dense: ["down_proj"],
    mlp_moe: ["moe"],
  });
  const { contributions } = predictIteration(made("H100"), { model: mixed, tp: 1, ...BATCH });
  const times = contributions.filter(({ stage }) => stage.startsWith("mlp")).map((
    own,
  ) => [own.layer, own.times]);
  assert.deepEqual(times, [["down_proj", 1], ["moe", 2]]);
});

Deno.test("predictIteration walks the pattern of dense and sparse layers that the model has", () => {
  const experts = { num_experts: 8, num_experts_per_tok: 2 };
  const stages = { mlp_dense: ["down_proj"], mlp_moe: ["moe"] };
  const cases: readonly [Record<string, unknown>, dense: number, moe: number][] = [
    [{ ...experts, decoder_sparse_step: 2 }, 3, 3],
    [{ ...experts, decoder_sparse_step: 1, mlp_only_layers: [0, 4] }, 2, 4],
    [{ ...experts, moe_layer_freq: [0, 1, 1, 1, 1, 0] }, 2, 4],
    [{ ...experts, first_k_dense_replace: 2, moe_layer_freq: 2 }, 4, 2],
    [{ ...experts, interleave_moe_layer_step: 3 }, 4, 2],
    [experts, 0, 6],
    [{}, 6, 0],
  ];
  for (const [fields, dense, moe] of cases) {
    const { contributions } = predictIteration(made("H100"), {
      model: model({ num_hidden_layers: 6, ...fields }, stages),
      tp: 1,
      ...BATCH,
    });
    const times = (name: string): number => contributions.find(({ layer }) => layer === name)?.times ?? 0;
    assert.deepEqual([times("down_proj"), times("moe")], [dense, moe]);
  }
});

Deno.test("predictIteration refuses what it cannot walk", () => {
  const ask =
    (of: Model, batch: Parameters<typeof predictIteration>[1] | object = BATCH): () => unknown => () =>
      predictIteration(made("H100"), { model: of, tp: 1, ...BATCH, ...batch });
  assert.throws(ask(DENSE, { prefills: [], decodes: [] }), {
    name: "RangeError",
    message: "Cannot estimate an iteration: the batch has no request",
  });
  assert.throws(ask(model({}, {})), {
    name: "UsageError",
    message: "Cannot walk org/name: num_hidden_layers must be a whole number from 1 to 10000: undefined",
  });
  assert.throws(ask(model({ num_hidden_layers: 1 }, { mlp_moe: ["moe"] })), {
    name: "UsageError",
    message: "Cannot walk org/name: its configuration names no number of experts",
  });
  const mixed = { num_hidden_layers: 4, num_experts: 8, num_experts_per_tok: 2, mlp_only_layers: [0] };
  assert.throws(ask(model(mixed, { mlp_moe: ["moe"] })), {
    name: "UsageError",
    message:
      "Cannot walk org/name: 1 of its layers have a dense MLP, and the architecture of tiny describes none: " +
      "add it under mlp_dense",
  });
  assert.throws(ask(model({ num_hidden_layers: 1 }, { mlp_dense: ["gate"] })), {
    name: "UsageError",
    message: "Cannot walk tiny: the catalogue has no layer gate",
  });
});

Deno.test("predictIteration under August refuses a kernel beside the one that it knows", () => {
  const own = model({ num_hidden_layers: 1 }, { mlp_dense: ["down_proj"], mlp_moe: [] });
  const { architecture } = own;
  const catalog = { ...architecture.catalog, attention: { attn: { vllm: ["A"] }, sliding: { vllm: ["S"] } } };
  const sequence = { ...architecture.sequence, pre_attn: ["sliding"] };
  const two = { ...own, architecture: { ...architecture, catalog, sequence } };
  assert.throws(() => predictIteration(made("H100"), { model: two, tp: 1, ...BATCH }), {
    name: "LookupError",
    message: "Cannot look up sliding by prefill_key: only v1.2 does",
  });
});

Deno.test("predictIteration reads a sliding kernel's rows at what lies within its window", () => {
  const own = model({ num_hidden_layers: 1, sliding_window: 100 }, { mlp_dense: [], mlp_moe: [] });
  const { architecture } = own;
  const catalog = {
    ...architecture.catalog,
    attention: { attention: { vllm: ["A"] }, sliding_attention: { vllm: ["A"] } },
  };
  const sequence = { prologue: [], pre_attn: ["sliding_attention", "attention"], post_attn: [], head: [] };
  const sliding = { ...own, architecture: { ...architecture, catalog, sequence } };
  const rows = [0, 100, 1000].map((kv) => ({ kv, window: Math.min(kv, 100) }));
  const bundle = {
    tps: [1],
    meta: { hardware: "H100" },
    skewFit: () => [],
    table: () =>
      rows.flatMap(({ kv, window }) => [
        { layer: null, key: [0, 0, 2, kv], timeUs: 10 + kv },
        { layer: "sliding_attention", key: [0, 0, 2, kv], timeUs: 10 + window },
      ]),
  };
  const { contributions } = predictIteration(predictor(bundle, { simulator: "v1.2" }), {
    model: sliding,
    tp: 1,
    prefills: [],
    decodes: [{ kv: 20, count: 1 }, { kv: 800, count: 1 }],
  });
  const timesUs = Object.fromEntries(contributions.map(({ layer, ns }) => [layer, ns / 1000]));
  assert.deepEqual(timesUs, { attention: 420, sliding_attention: 70 });
});

/** Microseconds of an attention that takes one for each token of each history that it reads, and 10 besides. */
function localUs(requests: readonly (readonly [tokens: number, history: number])[], span: number): number {
  let us = 10;
  for (const [tokens, history] of requests) {
    for (let at = history; at < history + tokens; at++) us += at % span;
  }
  return us;
}

Deno.test("predictIteration reads local attention's rows at what lies within the chunk, also where a prefill leaves one", () => {
  const span = 64;
  const own = model({ num_hidden_layers: 1, attention_chunk_size: span }, { mlp_dense: [], mlp_moe: [] });
  const { architecture } = own;
  const catalog = {
    ...architecture.catalog,
    attention: { attention: { vllm: ["A"] }, chunked_attention: { vllm: ["A"] } },
  };
  const sequence = { prologue: [], pre_attn: ["chunked_attention", "attention"], post_attn: [], head: [] };
  const local = { ...own, architecture: { ...architecture, catalog, sequence } };
  const kv = withinChunk([0, 16, 32, 64, 128], { spanTokens: span, isAll: false }, 16);
  assert.deepEqual(kv, [0, 16, 32, 48, 64, 128]);
  const rows: Row[] = [];
  for (const chunk of [0, 8, 16]) {
    for (const history of chunk === 0 ? [0] : kv) {
      for (const n of chunk === 0 ? [1, 4] : [0, 1, 4]) {
        for (const length of n === 0 ? [0] : kv) {
          const requests = [...chunk > 0 ? [[chunk, history] as const] : []];
          for (let i = 0; i < n; i++) requests.push([1, length]);
          const key = [chunk, history, n, length];
          rows.push({ layer: null, key, timeUs: localUs(requests, Infinity) });
          rows.push({ layer: "chunked_attention", key, timeUs: localUs(requests, span) });
        }
      }
    }
  }
  const groups = [{ kind: "chunked", block_size: 16, span }, { kind: "full", block_size: 16, span: null }];
  const meta = { hardware: "H100", kv_groups: groups as CacheGroup[] };
  const source = predictor({ tps: [1], meta, skewFit: () => [], table: () => rows }, { simulator: "v1.2" });
  const seen = (prefills: Batch["prefills"], decodes: Batch["decodes"]): Record<string, number> => {
    const { contributions } = predictIteration(source, { model: local, tp: 1, prefills, decodes });
    return Object.fromEntries(contributions.map(({ layer, ns }) => [layer, ns / 1000]));
  };
  const cases: readonly [prefill: readonly [number, number] | null, kv: number][] = [
    [null, 20],
    [null, 63],
    [null, 64 + 20],
    [null, 128 + 63],
    [[16, 0], 20],
    [[16, 40], 100],
    [[16, 64 + 40], 20],
    [[16, 56], 64 + 20],
    [[8, 128 + 60], 63],
  ];
  for (const [prefill, length] of cases) {
    const requests = [...prefill === null ? [] : [prefill], ...Array(4).fill([1, length])];
    const found = seen(
      prefill === null ? [] : [{ chunk: prefill[0], history: prefill[1] }],
      [{ kv: length, count: 4 }],
    );
    const what = `${prefill} beside 4 at ${length}`;
    assert.ok(Math.abs(found.chunked_attention! - localUs(requests, span)) < 1e-6, what);
    assert.ok(Math.abs(found.attention! - localUs(requests, Infinity)) < 1e-6, what);
  }
});

Deno.test("predictIteration says whether a batch fits the pool, and what a step of a server takes", () => {
  const estimate = (
    query: Partial<Parameters<typeof predictIteration>[1]>,
  ): ReturnType<typeof predictIteration> =>
    predictIteration(made("H100"), { model: DENSE, tp: 1, ...BATCH, ...query });
  assert.deepEqual(estimate({ pool: { blocks: 6, blockSize: 16 } }).kv, { blocks: 5, fits: true });
  assert.deepEqual(estimate({ pool: { blocks: 5, blockSize: 16 } }).kv, { blocks: 5, fits: false });
  assert.equal(estimate({ steps: { stepUs: ({ decodes }) => decodes.length * 1.5 } }).stepNs, 1500);
  assert.ok(!("kv" in estimate({})) && !("stepNs" in estimate({})));
});

Deno.test("predictIteration says which layers lie beyond what was measured", () => {
  const { places } = predictIteration(made("H100"), {
    model: DENSE,
    tp: 1,
    prefills: [{ chunk: 9000, history: 0 }],
    decodes: [],
  });
  assert.deepEqual(places, {
    embedding: "extrapolated",
    rotary_emb: "extrapolated",
    attn: "clamped",
    down_proj: "extrapolated",
    lm_head: "exact",
  });
});

Deno.test("predictIteration notes a bundle of another model", () => {
  const { table, ...source } = {
    tps: [1],
    skewFit: () => [],
    table: (_tp: number, category: string) => [{
      layer: category === "attention" ? null : category === "dense" ? "embedding" : "lm_head",
      key: category === "attention" ? [3, 0, 2, 16] : [1],
      timeUs: 1,
    }],
  };
  const notes = (measured: string): readonly string[] =>
    predictIteration(predictor({ ...source, table, meta: { model: measured } }), {
      model: DENSE,
      tp: 1,
      ...BATCH,
    }).notes;
  assert.deepEqual(notes("org/name"), []);
  assert.deepEqual(notes("org/other"), [
    "The bundle is of org/other, the estimate of org/name: it holds where their layers have the same sizes",
  ]);
});

Deno.test("predictIteration refuses a batch of negative sizes", () => {
  assert.throws(
    () =>
      predictIteration(made("H100"), {
        model: DENSE,
        tp: 1,
        prefills: [{ chunk: -5, history: 0 }],
        decodes: [],
      }),
    new RangeError("Cannot look up a time: chunk must be a number from 0, got -5"),
  );
});

Deno.test("what experts of an uneven load take longer is estimated where their kernel is told, and said", () => {
  const sizes = { hidden_size: 10, num_attention_heads: 1, vocab_size: 1, torch_dtype: "bfloat16" };
  const sized = { ...MOE, config: { ...MOE.config, ...sizes, moe_intermediate_size: 2e6 } };
  const sheet = { bandwidth_gb_s: 1, l2_mib: 1, peak_tflops: { bfloat16: 1 } };
  const shares = [1, 1, 0, 0, 0, 0, 0, 0];
  const estimate = (more: object): [ns: number, notes: readonly string[]] => {
    const { contributions, notes } = predictIteration(made("H100"), {
      ...{ model: sized, tp: 1, ...BATCH, activatedExperts: [1, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1] },
      ...more,
    });
    return [contributions.find(({ layer }) => layer === "moe")!.ns, notes];
  };
  const [even, told] = estimate({});
  assert.deepEqual(told, [
    "Experts have the times of an even load; in large batches an uneven one takes longer (see expertKernel)",
  ]);
  // The 5 tokens of the expert that all go to are 3 tiles of 2 in place of 1.6, and each tile reads 120 MB.
  const [uneven, estimated] = estimate({ expertKernel: { tiles: { 4: 2 }, sheet } });
  assert.ok(uneven > even + 120e6, `${uneven} ${even}`);
  assert.deepEqual(estimated, [
    "What an uneven load of experts takes longer is an estimate from the data sheet",
  ]);
  assert.deepEqual(estimate({ activatedExperts: shares, expertKernel: { tiles: {}, sheet } })[0], 2_000);
  assert.deepEqual(estimate({ activatedExperts: 4, expertKernel: { tiles: { 4: 2 }, sheet } }), [4_000, []]);
  assert.deepEqual(estimate({ ep: 2, expertKernel: { tiles: { 4: 2 }, sheet } }), [even, told]);
});

Deno.test("of experts that are not loved alike fewer get tokens", async (test) => {
  const shares = [1, 0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1];
  const moeNs = (activatedExperts?: number | readonly number[]): number =>
    predictIteration(made("H100"), {
      ...{ model: MOE, tp: 1, ...BATCH },
      ...activatedExperts !== undefined && { activatedExperts },
    }).contributions.find(({ layer }) => layer === "moe")!.ns;
  // 5 tokens: 1 + (1 - 0.6^5) + 6 (1 - 0.9^5) = 4.38; evenly it would be 8 (1 - 0.75^5) = 6.1.
  assert.equal(moeNs(shares), moeNs(4));
  assert.equal(moeNs(new Array<number>(8).fill(0.25)), moeNs());
  const refused: [string, number[], string][] = [
    ["not one for each expert", [1, 1], "there must be a share for each of the 8 experts, got 2"],
    ["no share", shares.with(1, 1.4), "a share of tokens must be between 0 and 1, got 1.4"],
    [
      "of another number of experts per token",
      new Array<number>(8).fill(0.5),
      "the shares of all must add up to 2, the experts of a token, got 4",
    ],
  ];
  for (const [what, wrong, message] of refused) {
    await test.step(`shares that are ${what} are refused`, () => {
      assert.throws(() => moeNs(wrong), {
        name: "UsageError",
        message: `Cannot spread tokens over experts: ${message}`,
      });
    });
  }
});

/** What is asked of the experts at a degree, by a query; each answer is 1 ns. */
function askedOf(
  simulator: "august" | "v1.2",
  query: Partial<Parameters<typeof predictIteration>[1]>,
): [asked: unknown[], experts: unknown] {
  const asked: unknown[] = [];
  const { moe: _, ...rest } = made("H100", [1, 2]);
  const fake = { ...rest, simulator, batch: () => 1, moe: (own: unknown) => (asked.push(own), 1) };
  const { experts } = predictIteration(fake, { model: MOE, tp: 2, ...BATCH, ...query });
  return [asked, experts];
}
const LOAD = { tokens: 5, activatedExperts: 6 };
const routings: [string, Parameters<typeof askedOf>, ReturnType<typeof askedOf>][] = [
  ["August, evenly on one device", ["august", {}], [[{ ...LOAD, ep: 1 }], "whole"]],
  ["August on two devices", ["august", { ep: 2 }], [[{ ...LOAD, ep: 2 }], "shared"]],
  ["v1.2, shared by the devices of the degree", ["v1.2", {}], [
    [{ tokens: 5, activatedExperts: 3, ep: 2 }],
    "shared",
  ]],
  ["v1.2, evenly", ["v1.2", { routing: "uniform" }], [[{ ...LOAD, ep: 1 }], "whole"]],
  ["one device", ["v1.2", { tp: 1 }], [[{ ...LOAD, ep: 1 }], undefined]],
  ["a number that is told", ["august", { activatedExperts: 4 }], [
    [{ tokens: 5, activatedExperts: 4, ep: 1 }],
    "whole",
  ]],
  ["no experts", ["august", { model: DENSE }], [[], undefined]],
  // One of eight devices gets 1 - (7 / 8)² of one token: none.
  ["a device without a token", ["august", {
    ...{ ep: 8, routing: "simulator", prefills: [], decodes: [{ kv: 16, count: 1 }] },
  }], [[], "shared"]],
];
for (const [what, [simulator, query], expected] of routings) {
  Deno.test(`experts are asked for what routing gives them: ${what}`, () => {
    assert.deepEqual(askedOf(simulator, query), expected);
  });
}

Deno.test("a degree that was not measured is refused, not skipped layer by layer", () => {
  assert.throws(
    () =>
      predictIteration(predictor({ tps: [1], meta: {}, skewFit: () => [], table: () => [] }), {
        ...{ model: DENSE, tp: 2, ...BATCH },
      }),
    { name: "LookupError" },
  );
});
