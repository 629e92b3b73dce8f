/** What each field of a message may be: the values at its bounds pass as they are, those beyond them are refused. */
import assert from "node:assert/strict";
import { decodeAnswer, decodeRequest } from "../../src/harness/protocol.ts";

type Value = Record<string, unknown>;
/** A message, which is whole, and of its fields by their paths what passes and what does not. */
type Bounds = readonly [
  message: Value,
  fields: Readonly<Record<string, readonly [passes: readonly unknown[], refused: readonly unknown[]]>>,
];

const COUNT = [[0, 1], [-1, 0.5, "1", null]] as const;
const POSITIVE = [[1, 2], [0, -1, 1.5, "1", null]] as const;
const ABOVE_0 = [[1e-9, 1], [0, -1, null]] as const;
const FROM_0 = [[0, 0.5], [-1e-9, null]] as const;
const READING = [[null, 0, -5, 0.5], ["38"]] as const;
const TEXT = [["", "a"], [1, null]] as const;
const TEXTS = [[[], ["a"]], [[1], "a"]] as const;
const OBJECT = [[{}, { a: [null, 1] }], [[], "a", null]] as const;
const FLAG = [[true, false], [1, "true", null]] as const;
const optional = <P, R>([passes, refused]: readonly [readonly P[], readonly R[]]) =>
  [[...passes, undefined], refused] as const;

const decode = { category: "attention", tp: 1, prefill_chunk: 0, kv_prefill: 0, n_decode: 1, kv_decode: 16 };
const moe = { category: "moe", tp: 1, tokens: 8, activated_experts: 2 };
const skewed = {
  ...{ category: "skew", tp: 1, n: 4, nb: 1, skew: 2.5, ratio: 0.25, pc: 0, kp: 0, kvs: 128, kv_big: 512 },
  ...{ kv_mean: 224, regime: "pure", tier: 1, parts: ["t_mean"] },
};
const shots = {
  dense: { category: "dense", tp: 1, tokens: 8 },
  per_sequence: { category: "per_sequence", tp: 1, sequences: 8 },
  linear_attention: { category: "linear_attention", tp: 1, prefill_tokens: 0, n_decode: 1 },
};
const fire = (shot: Value): Value =>
  ({ type: "fire", seq: 0, shots: [shot], iterations: 1, quantity: "wall" }) as Value;
const boot = {
  ...{ type: "boot", tp: 1, config: {}, dtype: "auto", kv_cache_dtype: "auto", block_size: null },
  ...{ max_num_batched_tokens: 64, max_num_seqs: 8 },
  architecture: {
    modelType: "toy",
    sequence: { pre_attn: ["proj"] },
    catalog: { dense: { proj: { vllm: ["Linear"] } }, per_sequence: {}, attention: {}, moe: {} },
    sha256: "00",
  },
};
const ENTRY = "architecture.catalog.dense.proj";

const requests: Bounds[] = [
  [{ type: "hello", protocol: 1 }, { protocol: [[0, 99], ["1", null]] }],
  [boot, {
    ...{ tp: POSITIVE, config: OBJECT, dtype: TEXT, kv_cache_dtype: TEXT },
    ...{ max_num_batched_tokens: POSITIVE, max_num_seqs: POSITIVE, clock_mhz: optional(POSITIVE) },
    block_size: [[null, 1], [0, 1.5]],
    "architecture.modelType": TEXT,
    "architecture.sha256": TEXT,
    "architecture.sequence.pre_attn": TEXTS,
    "architecture.layers": [[undefined, [], [[], ["proj"]]], [["proj"]]],
    "architecture.catalog.linear_attention": [[undefined, {}], [[]]],
    [`${ENTRY}.vllm`]: [[["A", "B"]], [[], [1], "A", undefined]],
    [`${ENTRY}.within`]: optional(TEXTS),
    [`${ENTRY}.not_within`]: optional(TEXTS),
    [`${ENTRY}.kernels`]: [[undefined, ["k"]], [[], "k"]],
    [`${ENTRY}.tp_stable`]: optional(FLAG),
    [ENTRY]: [[{ vllm: [], kernels: ["k"] }], [{ vllm: [] }, { kernels: ["k"] }]],
  }],
  [fire(shots.dense), {
    ...{ seq: COUNT, iterations: POSITIVE, "shots.0.tp": POSITIVE, "shots.0.tokens": POSITIVE },
    shots: [[[]], [null, [{}], [{ category: "other", tp: 1 }]]],
    quantity: [["kernel", "event", "wall", "estimate"], ["cpu", undefined]],
    precision: [[undefined, { relative: 1e-9, min: 1, max: 1 }], [
      { relative: 0, min: 1, max: 1 },
      { relative: 0.1, min: 0, max: 1 },
      { relative: 0.1, min: 1, max: 0 },
      { relative: 0.1, min: 1.5, max: 2 },
    ]],
  }],
  [fire(shots.per_sequence), { "shots.0.sequences": POSITIVE, "shots.0.tp": POSITIVE }],
  [fire(shots.linear_attention), {
    "shots.0.prefill_tokens": COUNT,
    "shots.0.n_decode": COUNT,
    "shots.0.tp": POSITIVE,
  }],
  [fire(decode), {
    ...{ "shots.0.tp": POSITIVE, "shots.0.prefill_chunk": COUNT, "shots.0.n_decode": COUNT },
    ...{ "shots.0.kv_decode": COUNT, "shots.0.kv_prefill": [[0, 0.5], ["0", null]] },
    "shots.0.prefills": [[undefined, [], [[1, 0], [8, 16]]], [[[0, 0]], [[1, -1]], [[1]], [[1, 0, 0]]]],
    "shots.0.prefill_key": [[undefined, 0, 0.5], ["0", null]],
    "shots.0.decode_q_len": optional(POSITIVE),
  }],
  [fire(moe), {
    ...{ "shots.0.tp": POSITIVE, "shots.0.tokens": POSITIVE, "shots.0.activated_experts": POSITIVE },
    "shots.0.ep": optional(POSITIVE),
  }],
  [fire(skewed), {
    ...{ "shots.0.tp": POSITIVE, "shots.0.n": POSITIVE, "shots.0.nb": POSITIVE, "shots.0.pc": COUNT },
    ...{ "shots.0.kp": COUNT, "shots.0.kvs": POSITIVE, "shots.0.kv_big": POSITIVE },
    ...{ "shots.0.kv_mean": POSITIVE, "shots.0.skew": ABOVE_0, "shots.0.ratio": ABOVE_0 },
    "shots.0.regime": [["pure", "mixed"], ["other"]],
    "shots.0.tier": [[1, 2], [0, 3, "1"]],
    "shots.0.parts": [[["t_skew"], ["t_mean", "t_max", "t_skew"]], [[], ["t_min"]]],
  }],
  [{ type: "sustain", seq: 0, shots: [shots.dense], seconds: 0.5 }, {
    ...{ seq: COUNT, seconds: ABOVE_0, shots: [[[]], [null]] },
  }],
  [{ type: "walk", batches: { a: [[1, 0]] } }, {
    "batches.a": [[[[1, 0]], [[8, 16], [1, 512]]], [[], [[0, 0]], [[1, -1]], [[1]]]],
  }],
];

const info = {
  ...{ harness: "toy", harness_version: "1", engine: "none", engine_version: "0", device: "abacus" },
  ...{ driver: "none", runtime: "none" },
};
const cache = { kind: "full", block_size: 16, span: null };
const node = {
  ...{ path: "model", class: "Model", parent: null, rows: null, elements: 0, weights: 0, cache: null },
  ...{ layer: null, experts: false, after: 0, kernels: [["gemm", 1.5]] },
};
const limits = {
  ...{ max_num_batched_tokens: 1, max_num_seqs: 1, num_cache_tokens: 1, max_model_len: 1 },
  ...{ num_experts: null, top_k: null, block_size: 1 },
};
const state = { sm_clock_mhz: 1980, memory_clock_mhz: null, temperature_c: 38, power_w: 90.5, throttle: [] };
const CACHE = {
  kind: [["full", "sliding", "chunked", "state"], ["other"]],
  block_size: POSITIVE,
  span: [[null, 1], [0, 0.5]],
} as const;
const NODE = "batches.a.nodes.0";
const under = <T>(path: string, fields: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(fields).map(([name, bounds]) => [`${path}.${name}`, bounds]));

const answers: Bounds[] = [
  [{ type: "result", seq: 0, index: 0, samples: { proj: [1] } }, {
    ...{ seq: COUNT, index: COUNT, recordings: optional(POSITIVE) },
    samples: [[{}, { a: [1], b: [2, 3] }], [[], { a: 1 }]],
    "samples.proj": [[[1e-9]], [[], [0], [1, -1], [null]]],
    stop: [[undefined, "iterations", "precision", "max"], ["other", null]],
    kernels: [[undefined, {}, { proj: [] }, { proj: ["ab"] }], [{ proj: "ab" }, { proj: [1] }]],
    kernel_sums: [[undefined, {}, { proj: [1e-9] }], [{ proj: [0] }, { proj: 1 }]],
    shot_clocks_mhz: [[undefined, [1980, 1384.5]], [
      [1980],
      [1980, 0],
      [0, 1],
      [1, 2, 3],
      [null, 1980],
      1980,
      null,
    ]],
  }],
  [
    {
      ...{ type: "sustained", seq: 0, index: 0 },
      layers: { proj: { time_us: 1, power_w: 90, sm_clock_mhz: 1500 } },
    },
    {
      ...{ seq: COUNT, index: COUNT, "layers.proj.time_us": [[null, 1e-9], [0, -1]] },
      ...{ "layers.proj.power_w": READING, "layers.proj.sm_clock_mhz": READING },
      "layers.proj.busy_share": [[undefined, 0, 0.5, 1], [-1e-9, 1.01]],
    },
  ],
  [{ type: "failed", seq: 0, index: 0, kind: "timeout", message: "too late" }, {
    ...{ seq: COUNT, index: COUNT, message: TEXT },
    kind: [["infeasible", "out_of_memory", "unsupported", "engine_dead", "bad_request", "timeout"], [
      "other",
    ]],
  }],
  [{ type: "done", seq: 0 }, {
    ...{ seq: COUNT, device_busy_us: optional(FROM_0), wall_us: optional(FROM_0) },
  }],
  [{ type: "state", seq: 0, ...state }, {
    ...{ seq: COUNT, sm_clock_mhz: READING, memory_clock_mhz: READING, temperature_c: READING },
    ...{ power_w: READING, throttle: TEXTS, energy_j: optional(FROM_0) },
  }],
  [{ type: "kernels", names: { ab: "gemm" } }, { names: [[{}], [{ ab: 1 }, []]] }],
  [{ type: "hello", protocol: 1, ...info, quantities: ["wall"], lanes: 1 }, {
    ...Object.fromEntries(Object.keys(info).map((name) => [name, TEXT] as const)),
    ...{ lanes: POSITIVE, device_uuid: optional(TEXT), protocol: [[0, 99], ["1"]] },
    quantities: [[["estimate"], ["kernel", "event", "wall"]], [[], ["cpu"]]],
    processor: [[undefined, { name: "Zen", cores: 1, instruction_sets: [] }], [
      { name: "Zen", cores: 0, instruction_sets: [] },
      { name: "Zen", cores: 1 },
    ]],
  }],
  [{ type: "booted", tp: 1, limits, num_gpu_blocks: 0, layers: {}, engine_args: {} }, {
    ...{ tp: POSITIVE, num_gpu_blocks: COUNT, engine_args: OBJECT, conditions: optional(OBJECT) },
    ...under("limits", {
      ...{ max_num_batched_tokens: POSITIVE, max_num_seqs: POSITIVE, num_cache_tokens: POSITIVE },
      ...{ max_model_len: POSITIVE, block_size: POSITIVE },
      num_experts: [[null, 1], [0]] as const,
      top_k: [[null, 1], [0]] as const,
    }),
    layers: [[{ proj: { class: "Linear", modules: 1 } }], [{ proj: { class: "Linear", modules: 0 } }]],
    caches: [[undefined, [], [cache, cache]], [cache]],
    sustains: optional(FLAG),
  }],
  [{ type: "error", kind: "unsupported", message: "no", detail: null }, {
    ...{ kind: TEXT, message: TEXT, detail: [[null, "", "a"], [1]] },
  }],
  [{ type: "walked", decoders: [], caches: [cache], batches: { a: { nodes: [node] } } }, {
    ...{ decoders: TEXTS, "batches.a.nodes": [[[node, node]], [[], [{}]]] },
    ...under("caches.0", CACHE),
    ...under(NODE, { path: TEXT, class: TEXT, elements: COUNT, weights: COUNT, after: COUNT, experts: FLAG }),
    ...under(NODE, { parent: [[null, 0], [-1]], rows: [[null, 0], [-1]], cache: [[null, 0], [-1]] }),
    ...under(NODE, { layer: [[null, "model.layers.0"], [0]] }),
    [`${NODE}.kernels`]: [[[], [["gemm", 0]], [["gemm", 1, "ab"]]], [[["gemm"]], [["gemm", -1]], [[1, 1]]]],
  }],
];

/** The message with another value at a path; what is undefined is left out. */
function withValue(message: Value, path: string, value: unknown): Value {
  const copy = structuredClone(message);
  const names = path.split(".");
  const last = names.pop()!;
  const holder = names.reduce((at, name) => at[name] as Value, copy);
  if (value === undefined) delete holder[last];
  else holder[last] = value;
  return copy;
}

for (
  const [decoded, messages] of [[decodeRequest, requests], [decodeAnswer, answers]] as const
) {
  for (const [message, fields] of messages) {
    const shot = (message["shots"] as readonly Value[] | undefined)?.[0]?.["category"];
    Deno.test(`${message["type"]}${shot === undefined ? "" : ` of ${shot}`}: its fields have bounds`, () => {
      assert.deepEqual(decoded(JSON.stringify(message)), message);
      for (const [path, [passes, refused]] of Object.entries(fields)) {
        for (const value of passes) {
          const changed = withValue(message, path, value);
          assert.deepEqual(decoded(JSON.stringify(changed)), changed, `${path} ${JSON.stringify(value)}`);
        }
        for (const value of refused) {
          assert.throws(
            () => decoded(JSON.stringify(withValue(message, path, value))),
            { name: "SyntaxError" },
            `${path} ${JSON.stringify(value)}`,
          );
        }
      }
    });
  }
}
