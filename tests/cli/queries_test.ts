import assert from "node:assert/strict";
import { answer } from "../../src/cli/queries.ts";
import { UsageError } from "../../src/errors.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { predictor } from "../../src/predict/predictor.ts";
import { newerSource } from "../predict/v1_2_vectors.ts";

const source = predictor({
  tps: [1],
  meta: {},
  table: (_, category) =>
    category === "attention"
      ? [64, 128].map((kv) => ({ layer: null, key: [0, 0, 2, kv], timeUs: kv }))
      : [{ layer: "lm_head", key: [4], timeUs: 7 }],
  skewFit: () => [],
});

Deno.test("answer takes a size below what was measured, as a simulator does, and says so", () => {
  assert.deepEqual(answer(source, '{"kind":"per_sequence","tp":1,"layer":"lm_head","sequences":0}'), {
    ns: 7000,
    place: "clamped",
  });
});

Deno.test("answer says how a batch came about", () => {
  const batch = '{"kind":"batch","tp":1,"prefills":[],"decodes":[[64,1],[128,1]]}';
  assert.deepEqual(answer(source, batch), {
    ns: 96_000,
    t_mean: 96_000,
    t_max: null,
    skew_rate: 0.5,
    bucket: "pc=0|n<=2|sr<=70%|kvB<=1k|kp=0",
    alpha: 0,
    place: "between",
  });
});

Deno.test("answer refuses what is no query, naming field and value", () => {
  const cases: readonly (readonly [line: string, rule: string])[] = [
    ["{", "it must be JSON, got {"],
    [
      '{"kind":"skew"}',
      'kind must be dense, per_sequence, moe, attention, linear_attention, mtp, batch or iteration, got "skew"',
    ],
    [
      '{"kind":"attention","tp":1,"prefill_chunk":0,"n_decode":2,"kv_decode":64}',
      "kv_prefill must be given, or prefill_key in its place, got nothing",
    ],
    [
      '{"kind":"iteration","tp":1,"model":"org/name","prefills":[],"decodes":[]}',
      "model org/name is not known",
    ],
    ['{"kind":"dense","tp":0,"layer":"a","tokens":1}', "tp must be a whole number above 0, got 0"],
    ['{"kind":"dense","tp":1,"layer":1,"tokens":1}', "layer must be a layer's name, got 1"],
    ['{"kind":"dense","tp":1,"layer":"a","tokens":1.5}', "tokens must be a whole number from 0, got 1.5"],
    ['{"kind":"dense","tp":1,"layer":"a","tokens":-4}', "tokens must be a whole number from 0, got -4"],
    ['{"kind":"moe","tokens":1}', "activated_experts must be a whole number from 0, got nothing"],
    ['{"kind":"moe","tokens":1,"activated_experts":1,"layer":"a"}', "layer is no known field"],
    ['{"kind":"batch","tp":1,"prefills":[[1]],"decodes":[]}', "prefills.0 must be [chunk, history], got [1]"],
  ];
  for (const [line, rule] of cases) {
    assert.throws(() => answer(source, line), new UsageError(`Cannot answer the query: ${rule}`));
  }
});

const NEWER = {
  "dense": "layer,tokens,time_us\nembedding,1,1\nlayernorm,1,2\nqkv_proj,1,3\n",
  "per_sequence": "layer,sequences,time_us\nlm_head,1,5\n",
  "attention": "layer,prefill_chunk,prefill_key,n_decode,kv_decode,decode_q_len,time_us\n" +
    "attention,0,0.0,2,64,1,10\nattention,16,24.0,0,0,1,20\nattention,16,40.0,0,0,1,30\nattention,0,0.0,2,64,4,40\n",
  "linear_attention": "layer,prefill_tokens,n_decode,time_us\ngdn,16,0,6\n",
  "mtp": "layer,sequences,time_us\nmtp_fc,1,7\n",
  "moe": "ep,tokens,activated_experts,time_us\n1,4,8,8\n2,4,4,9\n",
};

Deno.test("answer asks v1.2 by prefill_key, kernel and several new tokens a decode", () => {
  const files = Object.entries(NEWER).map(([table, text]) => [`tp1/${table}.csv`, text]);
  const made = predictor(newerSource({ "meta.yaml": "hardware: X\n", ...Object.fromEntries(files) }), {
    simulator: "v1.2",
  });
  const place = { kind: "attention", tp: 1, prefill_chunk: 16, n_decode: 0, kv_decode: 0 };
  const queries: readonly (readonly [query: object, ns: number | null, place: string])[] = [
    [{ ...place, prefill_key: 32 }, 25_000, "between"],
    [{ ...place, kv_prefill: 24 }, 25_000, "between"],
    [{ ...place, kv_prefill: 24, layer: "attention" }, 25_000, "between"],
    [
      { ...place, prefill_chunk: 0, prefill_key: 0, n_decode: 2, kv_decode: 64, decode_q_len: 4 },
      40_000,
      "exact",
    ],
    [{ kind: "linear_attention", tp: 1, layer: "gdn", prefill_tokens: 16, n_decode: 0 }, 6_000, "exact"],
    [{ kind: "linear_attention", tp: 1, layer: "gdn", prefill_tokens: 0, n_decode: 4 }, null, "exact"],
    [{ kind: "mtp", tp: 1, layer: "mtp_fc", sequences: 4 }, 7_000, "clamped"],
    [{ kind: "moe", tokens: 4, activated_experts: 4, ep: 2 }, 9_000, "exact"],
  ];
  for (const [query, ns, place] of queries) {
    assert.deepEqual(answer(made, JSON.stringify(query)), { ns, place });
  }
  const batch = { kind: "batch", tp: 1, prefills: [[8, 20], [8, 24]], decodes: [] };
  assert.deepEqual(answer(made, JSON.stringify(batch)), {
    ns: 21_250,
    t_mean: 21_250,
    t_max: null,
    skew_rate: 0,
    bucket: null,
    alpha: null,
    prefill_key: 26,
    lev: null,
    place: "between",
  });
});

Deno.test("answer adds up an iteration and says how often each layer runs", () => {
  const made = predictor(
    newerSource({
      "meta.yaml": "hardware: X\n",
      "tp1/dense.csv": NEWER.dense,
      "tp1/per_sequence.csv": NEWER.per_sequence,
      "tp1/attention.csv": NEWER.attention,
    }),
    { simulator: "v1.2" },
  );
  const stages = {
    prologue: ["embedding"],
    pre_attn: ["layernorm", "qkv_proj", "attention"],
    post_attn: ["layernorm"],
  };
  const entry = { vllm: ["X"] };
  const model = {
    id: "org/name",
    config: { num_hidden_layers: 3 },
    architecture: {
      modelType: "tiny",
      sequence: { ...stages, mlp_dense: ["gone"], mlp_moe: [], head: ["lm_head"] },
      catalog: {
        dense: { embedding: entry, layernorm: entry, qkv_proj: entry, gone: entry },
        per_sequence: { lm_head: entry },
        attention: { attention: entry },
        moe: {},
      },
      sha256: "",
    },
  };
  const query = { kind: "iteration", tp: 1, model: "org/name", prefills: [], decodes: [[64, 2]] };
  assert.deepEqual(answer(made, JSON.stringify(query), model), {
    ns: 1_000 + 3 * (2_000 + 3_000 + 10_000 + 2_000) + 5_000,
    layers: {
      embedding: { ns: 1_000, times: 1 },
      layernorm: { ns: 2_000, times: 6 },
      qkv_proj: { ns: 3_000, times: 3 },
      attention: { ns: 10_000, times: 3 },
      lm_head: { ns: 5_000, times: 1 },
    },
    places: {
      embedding: "clamped",
      layernorm: "clamped",
      qkv_proj: "clamped",
      attention: "exact",
      lm_head: "clamped",
    },
    skipped: ["gone"],
  });
  assert.throws(
    () => answer(made, JSON.stringify({ ...query, decodes: [] }), model),
    new UsageError("Cannot answer the query: an iteration has a request at least"),
  );
});

const DENSE_LAYERS = [
  ...["embedding", "layernorm", "qkv_proj", "qk_norm", "rotary_emb", "o_proj"],
  ...["gate_up_proj", "act_fn", "down_proj", "final_layernorm"],
];
Deno.test("answer says of an iteration each layer, its place, and what it had to leave out", async () => {
  const model = await loadModel("Qwen/Qwen3-0.6B");
  const made = (layers: readonly string[]): ReturnType<typeof predictor> =>
    predictor({
      tps: [1],
      meta: { model: model.id },
      table: (_, category) =>
        category === "attention"
          ? [16, 64].map((kv) => ({ layer: null, key: [0, 0, 1, kv], timeUs: 10 }))
          : category === "dense"
          ? layers.map((layer) => ({ layer, key: [1], timeUs: 10 }))
          : ["lm_head", "sampler"].map((layer) => ({ layer, key: [1], timeUs: 10 })),
      skewFit: () => [],
    }, model);
  const query = { kind: "iteration", tp: 1, model: model.id, prefills: [], decodes: [[40, 1]] };
  const heads = ["lm_head", "sampler"];
  const whole = (dense: readonly string[], place: string): object => {
    const once = new Set(["embedding", "final_layernorm", ...heads]);
    const all = [...dense.slice(0, -5), "attention", ...dense.slice(-5), ...heads];
    const times = (layer: string): number => once.has(layer) ? 1 : layer === "layernorm" ? 56 : 28;
    return {
      ns: all.reduce((sum, layer) => sum + 10_000 * times(layer), 0),
      layers: Object.fromEntries(all.map((layer) => [layer, { ns: 10_000, times: times(layer) }])),
      places: Object.fromEntries(
        all.map((
          layer,
        ) => [layer, layer === "attention" ? "between" : heads.includes(layer) ? "exact" : place]),
      ),
    };
  };
  const asked = (layers: readonly string[], more: object = {}): object =>
    answer(made(layers), JSON.stringify({ ...query, ...more }), model);
  assert.deepEqual(asked(DENSE_LAYERS), whole(DENSE_LAYERS, "exact"));
  assert.deepEqual(asked(DENSE_LAYERS, { decode_q_len: 2 }), whole(DENSE_LAYERS, "clamped"));
  const without = DENSE_LAYERS.filter((layer) => layer !== "qk_norm");
  assert.deepEqual(asked(without), { ...whole(without, "exact"), skipped: ["qk_norm"] });
  assert.equal((whole(DENSE_LAYERS, "exact") as { ns: number }).ns, 2_840_000);
  assert.throws(() => answer(made(DENSE_LAYERS), JSON.stringify({ ...query, decodes: [] }), model), {
    message: "Cannot answer the query: an iteration has a request at least",
  });
});

Deno.test("answer asks experts of an iteration by what it says of devices and of experts", async () => {
  const model = await loadModel("microsoft/Phi-mini-MoE-instruct");
  const layers = Object.keys(model.architecture.catalog.dense);
  const made = predictor({
    tps: [1],
    meta: { model: model.id },
    table: (_, category) =>
      category === "attention"
        ? [{ layer: null, key: [0, 0, 4, 64], timeUs: 10 }]
        : category === "moe"
        ? [1, 16].map((experts) => ({ layer: null, key: [4, experts], timeUs: experts }))
        : (category === "dense" ? layers : ["lm_head", "sampler"]).map((layer) => ({
          layer,
          key: [4],
          timeUs: 10,
        })),
    skewFit: () => [],
  }, model);
  const query = { kind: "iteration", tp: 1, model: model.id, prefills: [], decodes: [[64, 4]] };
  const asked = (more: object): unknown[] => {
    const asks: unknown[] = [];
    const spy = { ...made, moe: (...given: unknown[]) => (asks.push(...given), 1000) } as typeof made;
    answer(spy, JSON.stringify({ ...query, ...more }), model);
    return asks;
  };
  const all = { tokens: 4, activatedExperts: 8, ep: 1 };
  assert.deepEqual(asked({}), [all]);
  assert.deepEqual(asked({ activated_experts: 2 }), [{ ...all, activatedExperts: 2 }]);
  assert.deepEqual(asked({ ep: 2 }), [{ tokens: 3, activatedExperts: 4, ep: 2 }]);
});
