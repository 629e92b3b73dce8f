/** Shots that are chosen from a plan, at the edges of what an engine allows, and how what is no JSON is told. */
import assert from "node:assert/strict";
import { z } from "zod";
import {
  geometricAxis,
  geometricAxisFromZero,
  powerOfTwoAxis,
  refuseHuge,
  tokenAxis,
} from "../../src/shots/axes.ts";
import { attentionGridSpec, axisSpec } from "../../src/shots/axis_spec.ts";
import type { Limits } from "../../src/shots/limits.ts";
import type { Sweep } from "../../src/shots/plan_sweeps.ts";
import { readJson } from "../../src/shots/read_json.ts";
import { sentinelShot, sentinelsOf } from "../../src/shots/sentinel_shot.ts";
import type { AttentionShot, Shot } from "../../src/shots/shot.ts";
import { idOf, shotText } from "../../src/shots/shot_id.ts";
import { sustainedShots } from "../../src/shots/sustained_shots.ts";
import { denseShots, fitsOneRequest, moeShots, perSequenceShots } from "../../src/shots/token_shots.ts";

const LIMITS: Limits = {
  max_num_batched_tokens: 64,
  max_num_seqs: 8,
  num_cache_tokens: 1024,
  max_model_len: 512,
  num_experts: 8,
  top_k: 2,
  block_size: 16,
};
const dense = (tokens: number, tp = 1): Shot => ({ category: "dense", tp, tokens });
const experts = (tokens: number, activated_experts: number): Shot => ({
  category: "moe",
  tp: 1,
  tokens,
  activated_experts,
});
const attention = (key: readonly number[], tp = 1): AttentionShot => ({
  category: "attention",
  tp,
  prefill_chunk: key[0]!,
  kv_prefill: key[1]!,
  n_decode: key[2]!,
  kv_decode: key[3]!,
});
const textsOf = (shots: readonly Shot[]): string[] =>
  shots.map((shot) => shotText(idOf(shot)).replace("tp1 ", ""));
const sweep = (...shots: Shot[]): Sweep =>
  ({ category: shots[0]!.category, tp: shots[0]!.tp, shots }) as Sweep;
const powers = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

const sustained: [string, Sweep[], string[]][] = [
  ["nothing", [], []],
  ["shares of the largest batch", [sweep(...powers.map((tokens) => dense(tokens)))], [
    "dense 1024",
    "dense 512",
    "dense 256",
    "dense 128",
    "dense 32",
  ]],
  ["the nearest there are, each once", [sweep(dense(1), dense(700), dense(1024))], [
    "dense 1024",
    "dense 700",
    "dense 1",
  ]],
  ["of experts those that have most work", [
    sweep(...[64, 128].flatMap((n) => [2, 8, 4].map((e) => experts(n, e)))),
  ], [
    "moe 128,8",
    "moe 64,8",
  ]],
  ["the first degree alone", [sweep(dense(4, 2)), sweep(dense(8, 1)), sweep(attention([0, 0, 1, 16], 2))], [
    "dense tp2 4",
    "attention tp2 0,0,1,16",
  ]],
  [
    "corners of attention",
    [sweep(
      ...[0, 8, 32, 64].flatMap((chunk) =>
        [0, 64, 256, 1024].flatMap((history) =>
          chunk === 0 && history > 0
            ? []
            : [0, 4, 16].flatMap((n) =>
              chunk === 0 && n === 0
                ? []
                : (n === 0 ? [0] : [64, 256, 1024]).map((kv) => attention([chunk, history, n, kv]))
            )
        )
      ),
    )],
    [
      "attention 64,256,0,0",
      "attention 64,1024,0,0",
      "attention 8,1024,0,0",
      "attention 32,64,16,64",
      "attention 0,0,16,256",
      "attention 0,0,4,1024",
    ],
  ],
];
for (const [what, sweeps, texts] of sustained) {
  Deno.test(`shots that are repeated without a pause: ${what}`, () => {
    assert.deepEqual(textsOf(sustainedShots(sweeps)), texts);
  });
}

const sentinels: [number[][], number[] | null][] = [
  [[], null],
  [[[0, 0, 1, 16]], [0, 0, 1, 16]],
  [[[0, 0, 1, 16], [0, 0, 1, 64]], [0, 0, 1, 64]],
  [[[0, 0, 1, 64], [0, 0, 1, 16], [0, 0, 1, 32]], [0, 0, 1, 32]],
  [[[0, 0, 4, 16], [0, 0, 2, 32], [0, 0, 1, 64]], [0, 0, 2, 32]],
  [[[16, 0, 0, 0], [8, 16, 0, 0], [4, 2, 0, 0]], [16, 0, 0, 0]],
];
for (const [keys, key] of sentinels) {
  Deno.test(`of ${keys.map((each) => each.join("-")).join(", ") || "no shots"} the sentinel is ${key?.join("-")}`, () => {
    const found = sentinelShot([{ shots: [dense(1), ...keys.map((each) => attention(each))] }]);
    assert.deepEqual(found, key && attention(key));
  });
}
Deno.test("shots of several prefills are no sentinels; every degree has its own", () => {
  const several = { ...attention([16, -3, 0, 0]), prefills: [[8, 0], [8, 0]] as const };
  const single = { ...attention([16, 8, 0, 0]), prefills: [[16, 8]] as const };
  assert.deepEqual(sentinelShot([{ shots: [several, several, single] }]), single);
  const of = sentinelsOf([
    sweep(dense(1, 4)),
    sweep(attention([0, 0, 1, 16], 1)),
    sweep(attention([0, 0, 2, 16], 2)),
  ]);
  assert.deepEqual(of, { 1: attention([0, 0, 1, 16], 1), 2: attention([0, 0, 2, 16], 2) });
});

const tokens = (shots: readonly Shot[]): string =>
  textsOf(shots).map((text) => text.split(" ").at(-1)).join(" ");
const edges: [string, Partial<Limits>, (limits: Limits) => readonly Shot[], string][] = [
  ["one request's tokens", { max_num_batched_tokens: 5 }, (limits) => denseShots(1, limits), "1 2 3 4 5"],
  ["room for the next token", { max_model_len: 4 }, (limits) => denseShots(1, limits), "1 2 3"],
  [
    "the pool",
    { num_cache_tokens: 16, max_num_batched_tokens: 17 },
    (limits) => denseShots(1, limits),
    tokenAxis(16).join(" "),
  ],
  [
    "the pool in finer steps",
    { num_cache_tokens: 80, max_num_batched_tokens: 90 },
    (limits) => denseShots(1, limits, 8),
    tokenAxis(80, 8).join(" "),
  ],
  ["requests", { max_num_seqs: 4 }, (limits) => perSequenceShots(1, limits), "1 2 3 4"],
  ["tokens of requests", { max_num_batched_tokens: 3 }, (limits) => perSequenceShots(1, limits), "1 2 3"],
  ["a block a request", { num_cache_tokens: 47 }, (limits) => perSequenceShots(1, limits), "1 2"],
  ["experts", { max_num_batched_tokens: 4 }, moeShots, "1,2 2,2 2,4 4,2 4,4 4,8"],
  ["experts a token", { max_num_batched_tokens: 2, top_k: 4 }, moeShots, "1,4 2,4 2,8"],
  [
    "experts and the longest request",
    { max_num_batched_tokens: 4, max_model_len: 3 },
    moeShots,
    "1,2 2,2 2,4",
  ],
];
for (const [what, limits, plan, expected] of edges) {
  Deno.test(`token shots keep to ${what}`, () =>
    assert.equal(tokens(plan({ ...LIMITS, ...limits })), expected));
}
Deno.test("a request needs room for its next token, and whole blocks", () => {
  const of = (count: number, limits: Partial<Limits>): boolean =>
    fitsOneRequest(count, { ...LIMITS, ...limits });
  assert.deepEqual([of(511, {}), of(512, {})], [true, false]);
  assert.deepEqual([of(16, { num_cache_tokens: 16 }), of(17, { num_cache_tokens: 31 })], [true, false]);
});

Deno.test("axes by their first and last values", () => {
  assert.deepEqual(tokenAxis(0), []);
  assert.deepEqual(tokenAxis(1), [1]);
  assert.deepEqual(tokenAxis(17), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]);
  assert.deepEqual(tokenAxis(90).slice(15), [16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 80, 90]);
  assert.deepEqual([powerOfTwoAxis(0), powerOfTwoAxis(1), powerOfTwoAxis(9)], [[], [1], [1, 2, 4, 8]]);
  const options = { start: 16, factor: 2 };
  assert.deepEqual([geometricAxis(0, options), geometricAxis(8, options), geometricAxis(16, options)], [[], [
    8,
  ], [16]]);
  assert.deepEqual(geometricAxis(100, options), [16, 32, 64, 100]);
  assert.deepEqual(geometricAxis(4, { start: 1, factor: 1.2 }), [1, 2, 3, 4]);
  assert.deepEqual([geometricAxisFromZero(15, options), geometricAxisFromZero(16, options)], [[0], [0, 16]]);
});

Deno.test("a grid of so many shots is planned, of one more refused", () => {
  refuseHuge("attention", 5_000_000);
  assert.throws(() => refuseHuge("attention", 5_000_001), {
    name: "UsageError",
    message:
      "Cannot plan attention: its grid must span 5000000 shots at most, got 5000001; raise its factors, or " +
      "lower how far it reaches",
  });
});

const specs: [number[], string | null][] = [
  [[0, 16, 32, 64, 100], "0, 16-100 x2"],
  [[1, 2, 4, 8], "1-8 x2"],
  [[16, 23, 33, 47], "16-47 x1.44"],
  [[0], null],
  [[5], null],
  [[16, 16], null],
  [[16, 32, 48], "16-48 x2"],
  [[16, 32, 48, 64], null],
  [[100, 200, 404], "100-404 x2"],
  [[100, 200, 409], null],
  [[100, 200, 393, 700], "100-700 x2"],
  [[100, 200, 391, 700], null],
];
for (const [values, text] of specs) {
  Deno.test(`an axis of ${values} is written as ${text ?? "it is"}`, () =>
    assert.deepEqual(axisSpec(values), text ?? values));
}

Deno.test("a grid that names no simulator is August's, whatever is known of the engine", () => {
  const grid = {
    maxNumBatchedTokens: 64,
    maxNumSeqs: 8,
    attentionMaxKv: 256,
    attentionChunkFactor: 2,
    attentionKvFactor: 4,
  };
  const august = {
    max_kv: 256,
    chunk_factor: 2,
    kv_factor: 4,
    chunks: "0, 16-64 x2",
    n_decode: "0, 1-8 x2",
    kv: "0, 16-256 x4",
  };
  assert.deepEqual(attentionGridSpec(grid), august);
  assert.deepEqual(attentionGridSpec(grid, LIMITS), august);
  assert.deepEqual(attentionGridSpec({ ...grid, grid: "v1.2" }), august);
  assert.equal(
    attentionGridSpec({ ...grid, grid: "v1.2" }, LIMITS).axes,
    "prefill_tokens,prefill_key,n_decode,kv_decode",
  );
});

const schema = z.strictObject({ tp: z.number().int(), of: z.object({ kv: z.number() }).optional() });
const faults: [string, string][] = [
  ["", "it must be JSON, got nothing"],
  ["beads\n  and  more", "it must be JSON, got beads and more"],
  [`${"x".repeat(80)}`, `it must be JSON, got ${"x".repeat(80)}`],
  [`${"x".repeat(81)}`, `it must be JSON, got ${"x".repeat(80)}...`],
  ["[1]", "it must be of type object, got [1]"],
  ["{}", "tp must be of type number, got nothing"],
  ['{"tp": "two"}', 'tp must be of type number, got "two"'],
  ['{"tp": 1, "of": {"kv": null}}', "of.kv must be of type number, got null"],
  ['{"tp": 1, "pt": 2}', "pt is no known field"],
];
for (const [text, rule] of faults) {
  Deno.test(`what is wrong with '${text.slice(0, 20)}' is told: ${rule.slice(0, 60)}`, () => {
    assert.throws(() => readJson(schema, text, (told) => new Error(told)), { message: rule });
  });
}
