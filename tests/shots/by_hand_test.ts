/** Shots, axes, blocks and plans that are small enough to be listed by hand. */
import assert from "node:assert/strict";
import { loadModel } from "../../src/model/load_model.ts";
import { resolveSettings } from "../../src/settings.ts";
import { WHOLE_CONTEXT } from "../../src/settings/whole_context.ts";
import { attentionGridSpec, axisSpec } from "../../src/shots/axis_spec.ts";
import { keptBlocks, type Limits } from "../../src/shots/limits.ts";
import { linearPrefillAxis, linearShots, recurrentChunk } from "../../src/shots/linear_shots.ts";
import { newerAttentionShots, newerAxes, newerMoeShots, placedShot } from "../../src/shots/newer_shots.ts";
import { formatPlan, parsePlan, planHeader } from "../../src/shots/plan_file.ts";
import { enginesOf, leftOutNotice, type Sweep } from "../../src/shots/plan_sweeps.ts";
import type { AttentionShot } from "../../src/shots/shot.ts";

const LIMITS: Limits = {
  ...{ max_num_batched_tokens: 64, max_num_seqs: 4, num_cache_tokens: 10_000, max_model_len: 128 },
  ...{ block_size: 16, num_experts: null, top_k: null },
};
const written = (shots: readonly AttentionShot[]): string[] =>
  shots.map(({ prefills = [], n_decode, kv_decode, decode_q_len, prefill_key, kv_prefill }) =>
    `${prefills.map((one) => one.join(":"))}@${prefill_key}/${kv_prefill} ${n_decode}x${kv_decode}` +
    (decode_q_len === undefined ? "" : ` q${decode_q_len}`)
  );
const AXES = { chunks: [0], keys: [0], decodes: [0], kv: [0], decodeQLens: [1] };

const placed: [what: string, axes: Partial<typeof AXES>, limits: Partial<Limits>, shots: string[]][] = [
  ["nothing", {}, {}, []],
  [
    "decodes up to the longest request, each with room for one more",
    {
      ...{ decodes: [0, 1, 4, 5], kv: [0, 16, 126, 127], decodeQLens: [1, 2] },
    },
    {},
    ["@0/0 1x16", "@0/0 1x16 q2", "@0/0 1x126", "@0/0 4x16", "@0/0 4x16 q2", "@0/0 4x126"],
  ],
  [
    "one prefill, at its middle and beyond, up to the longest request",
    { chunks: [16], keys: [0, 8, 40, 119, 120] },
    {},
    [
      ...["16:0@8/0 0x0", "16:32@40/32 0x0", "16:111@119/111 0x0"],
    ],
  ],
  [
    "a prefill beside decodes, of as many requests as there are",
    {
      ...{ chunks: [16], keys: [8], decodes: [0, 1, 3, 4], kv: [0, 16], decodeQLens: [1, 2] },
    },
    {},
    ["16:0@8/0 0x0", "16:0@8/0 1x16", "16:0@8/0 1x16 q2", "16:0@8/0 3x16", "16:0@8/0 3x16 q2"],
  ],
  ["several prefills where one would begin before the first token", { chunks: [64], keys: [7, 8, 24] }, {}, [
    ...["16:0,16:0,16:0,16:0@8/-24 0x0", "32:8,32:8@24/-8 0x0"],
  ]],
  ["prefills of unlike lengths, at the mean place of their tokens", { chunks: [63], keys: [24] }, {}, [
    ...["32:8,31:8@23.753968253968253/-7.746031746031747 0x0"],
  ]],
  ["no prefill of fewer than 16 tokens", { chunks: [15, 16, 31, 32, 48], keys: [8] }, {}, [
    ...["16:0@8/0 0x0", "16:0,16:0@8/-8 0x0", "16:0,16:0,16:0@8/-16 0x0"],
  ]],
  [
    "as many tokens as a batch and one for each request",
    {
      ...{ decodes: [4], kv: [16], decodeQLens: [16, 17, 18] },
    },
    {},
    ["@0/0 4x16 q16", "@0/0 4x16 q17"],
  ],
  ["as many blocks as the pool has", { decodes: [1, 2], kv: [15, 16, 31, 32] }, { num_cache_tokens: 64 }, [
    ...["@0/0 1x15", "@0/0 1x16", "@0/0 1x31", "@0/0 1x32", "@0/0 2x15", "@0/0 2x16", "@0/0 2x31"],
  ]],
];
for (const [what, axes, limits, shots] of placed) {
  Deno.test(`attention of v1.2's grid: ${what}`, () => {
    const own = newerAttentionShots(2, { ...AXES, ...axes }, { ...LIMITS, ...limits });
    assert.deepEqual(written(own), shots);
    assert.ok(own.every(({ category, tp }) => category === "attention" && tp === 2));
  });
}

Deno.test("a shot at a place has the tokens of all prefills, and names new tokens of a decode above one alone", () => {
  assert.deepEqual(placedShot(1, [[32, 0], [16, 4]], 20, 2, 64), {
    ...{ category: "attention", tp: 1, prefill_chunk: 48, kv_prefill: -4, n_decode: 2, kv_decode: 64 },
    ...{ prefills: [[32, 0], [16, 4]], prefill_key: 20 },
  });
  assert.equal(placedShot(1, [], 0, 2, 64, 2).decode_q_len, 2);
  assert.equal(placedShot(1, [], 0, 2, 64, 2).kv_prefill, 0);
});

for (const [at, name] of ["chunks", "keys", "decodes", "kv", "decodeQLens"].entries()) {
  Deno.test(`a grid of too many shots is refused before it is made, whichever axis is the longest: ${name}`, () => {
    const [chunks, keys, decodes, kv, decodeQLens] = [0, 1, 2, 3, 4].map((axis) =>
      new Array(axis === at ? 501 : 10).fill(axis === 3 ? 500 : 1)
    ) as [number[], number[], number[], number[], number[]];
    assert.throws(
      () => newerAttentionShots(1, { chunks, keys, decodes, kv, decodeQLens }, LIMITS),
      /5,?010,?000|5010000/,
    );
  });
}

const GRID = { attentionMaxKv: 512, attentionChunkFactor: 2, attentionKvFactor: 2 };
const sliding = (span: number): Limits["pool"] =>
  ({ groups: [{ kind: "sliding", block_size: 16, span }] }) as unknown as Limits["pool"];
Deno.test("v1.2's axes reach half a batch beyond the longest history, and a window's first and last beyond it", () => {
  const limits = { ...LIMITS, max_num_batched_tokens: 65, max_model_len: 4096 };
  const plain = newerAxes(GRID, limits);
  assert.deepEqual([plain.kv.at(-1), plain.keys.at(-1), plain.decodes, plain.decodeQLens], [512, 544, [
    0,
    1,
    2,
    4,
  ], [1]]);
  const window = newerAxes(GRID, { ...limits, pool: sliding(100) } as Limits);
  assert.deepEqual([window.kv, window.keys], [
    [0, 16, 32, 64, 128, 512],
    [0, 16, 32, 64, 128, 256, 544],
  ]);
  const exact = newerAxes(GRID, { ...limits, pool: sliding(128) } as Limits);
  assert.deepEqual(exact.kv, [0, 16, 32, 64, 128, 512]);
  assert.deepEqual(newerAxes({ ...GRID, attentionNFactor: 4 }, limits).decodes, [0, 1, 4]);
  const whole = { ...GRID, attentionMaxKv: WHOLE_CONTEXT, decodeQLens: [1, 4] };
  assert.equal(newerAxes(whole, { ...limits, max_model_len: 300 }).kv.at(-1), 295);
  assert.equal(newerAxes(whole, { ...limits, max_model_len: 3 }).kv.at(-1), 0);
  assert.equal(newerAxes(GRID, { ...limits, max_model_len: 300 }).kv.at(-1), 300);
});

Deno.test("the block of v1.2's grid has its factors, with those that nobody gave, and whether both grids stand in it", () => {
  const grid = { ...GRID, maxNumBatchedTokens: 64, maxNumSeqs: 4 };
  const spec = attentionGridSpec({ ...grid, grid: "v1.2" }, LIMITS);
  assert.deepEqual([spec["n_factor"], spec["decode_q_lens"], "union" in spec], [2, [1], false]);
  const both = attentionGridSpec({ ...grid, grid: "both", attentionNFactor: 3, decodeQLens: [1, 2] }, LIMITS);
  assert.deepEqual([both["n_factor"], both["decode_q_lens"], both["union"]], [3, [1, 2], true]);
});

const specs: [values: number[], text: string | null][] = [
  [[1, 2, 4, 5], "1-5 x2"],
  [[1, 2, 4, 8], "1-8 x2"],
  [[1, 2, 4, 4], null],
  [[1, 2, 4, 3], null],
  [[1, 2, 3, 8], null],
  [[1, 2, 5], null],
  [[0, 3, 6], "0, 3-6 x2"],
  [[5], null],
  [[0, 5], null],
  [[4, 2], null],
];
for (const [values, text] of specs) {
  Deno.test(`the axis ${values} is written ${text ?? "as it is"}`, () => {
    assert.deepEqual(axisSpec(values), text ?? values);
  });
}

Deno.test("experts are asked for with as many tokens as one request may have, of one device's share", () => {
  const limits = { ...LIMITS, max_model_len: 4, num_experts: 8, top_k: 2 };
  const shots = (ep?: number): string[] =>
    newerMoeShots(limits, ep).map((shot) =>
      `${shot.tokens}:${shot.activated_experts}${"ep" in shot ? `/${shot.ep}` : ""}`
    );
  assert.deepEqual(shots(), ["1:2", "2:2", "2:4", "3:2", "3:4"]);
  assert.deepEqual(shots(2), ["1:1/2", "2:1/2", "2:2/2", "3:1/2", "3:2/2"]);
});

const groups: [kind: string, span: number | null, tokens: number, history: number, blocks: number][] = [
  ["full", null, 64, 48, 4],
  ["full", 16, 64, 48, 4],
  ["full", null, 65, 48, 5],
  ["sliding", null, 64, 48, 4],
  ["sliding", 32, 64, 46, 4],
  ["sliding", 32, 64, 47, 3],
  ["sliding", 32, 64, 63, 2],
  ["sliding", 32, 16, 0, 1],
  ["chunked", 32, 64, 31, 4],
  ["chunked", 32, 64, 32, 2],
  ["chunked", 32, 64, 63, 2],
  ["sliding", 16, 16, 300, 0],
  ["state", null, 64, 48, 1],
];
for (const [kind, span, tokens, history, blocks] of groups) {
  Deno.test(`${kind} attention of ${span ?? "all"} keeps ${blocks} blocks of ${tokens} tokens behind ${history}`, () => {
    const group = { kind, block_size: 16, span } as unknown as Parameters<typeof keptBlocks>[0][number];
    assert.equal(keptBlocks([group], { tokens, history }), blocks);
    assert.equal(keptBlocks([group, group], { tokens, history }), 2 * blocks);
  });
}

Deno.test("prefills of recurrent layers double up to a chunk, then by whole chunks and one token more", () => {
  const axes = [[10, 64], [64, 64], [65, 64], [128, 64], [100, 16]].map(([most, chunk]) =>
    linearPrefillAxis(most!, chunk!)
  );
  assert.deepEqual(axes, [
    [0, 10],
    [0, 16, 32, 64],
    [0, 16, 32, 64, 65],
    [0, 16, 32, 64, 65, 128],
    [0, 16, 17, 32, 33, 64, 65, 100],
  ]);
  assert.deepEqual([0, -4, 1.5, "8", 1, 100].map((chunk_size) => recurrentChunk({ chunk_size })), [
    64,
    64,
    64,
    64,
    1,
    100,
  ]);
});

const recurrent: [what: string, limits: Partial<Limits>, shots: string][] = [
  ["room for all", {}, "0:1 0:2 16:0 16:1"],
  ["a request that has no room behind the decodes' history", { max_model_len: 257 }, "16:0"],
  ["just that room", { max_model_len: 258 }, "0:1 0:2 16:0 16:1"],
  ["a request that is just longer than the prefill", { max_model_len: 17 }, "16:0"],
  ["one that is not", { max_model_len: 16 }, ""],
  ["blocks of one decode and the prefill", { num_cache_tokens: 18 * 16 }, "0:1 16:0 16:1"],
  ["blocks of one decode", { num_cache_tokens: 17 * 16 }, "0:1 16:0"],
  ["blocks of less than a decode", { num_cache_tokens: 16 * 16 }, "16:0"],
];
for (const [what, limits, shots] of recurrent) {
  Deno.test(`shots of recurrent layers with ${what}: ${shots || "none"}`, () => {
    const own = linearShots(1, 64, {
      ...LIMITS,
      max_num_batched_tokens: 16,
      max_num_seqs: 2,
      max_model_len: 1024,
      ...limits,
    });
    assert.equal(own.map(({ prefill_tokens, n_decode }) => `${prefill_tokens}:${n_decode}`).join(" "), shots);
  });
}

const settings = resolveSettings({
  model: "mistralai/Mixtral-8x7B-v0.1",
  hardware: "H100",
  tpDegrees: [1, 2],
});
const moe = (tp: number, tokens: number, ep?: number): object => ({
  ...{ category: "moe", tp, tokens, activated_experts: 2 },
  ...ep !== undefined && { ep },
});
const sweepsOf = (shots: readonly object[]): Sweep[] =>
  [{ category: "moe", tp: 1, ep: 2, shots }] as unknown as Sweep[];
const header = planHeader(settings, await loadModel(settings.model), sweepsOf([]));
const HEADER = JSON.stringify(header);

Deno.test("a plan writes prefills at a place with all that one would say, and reads them back", () => {
  const shots = [placedShot(1, [[32, 0], [32, 16]], 24, 2, 64, 4), placedShot(1, [[32, 0.5]], 16.5, 0, 0)];
  const lines = [...formatPlan(header, [{ category: "attention", tp: 1, shots }])];
  assert.deepEqual(lines.slice(1), [
    '{"category":"attention","tp":1,"prefills":[[32,0],[32,16]],"prefill_key":24.0,"n_decode":2,"kv_decode":64,"decode_q_len":4}',
    '{"category":"attention","tp":1,"prefills":[[32,0.5]],"prefill_key":16.5,"n_decode":0,"kv_decode":0,"decode_q_len":1}',
  ]);
  const [one] = parsePlan([lines[0]!, "", "  ", lines[1]!]).sweeps;
  assert.deepEqual(one?.shots, [shots[0]]);
});

Deno.test("a plan's sweeps change with the category, the degree or the devices that share experts", () => {
  const dense = (tp: number): object => ({ category: "dense", tp, tokens: 1 });
  const shots = [
    ...[dense(1), dense(1), dense(2), moe(2, 1), moe(1, 1), moe(1, 2), moe(1, 1, 2), moe(1, 2, 2), moe(1, 4)],
  ];
  const { sweeps } = parsePlan([HEADER, ...shots.map((shot) => JSON.stringify(shot))]);
  assert.deepEqual(sweeps.map(({ category, tp, ep, shots }) => [category, tp, ep, shots.length]), [
    ["dense", 1, undefined, 2],
    ["dense", 2, undefined, 1],
    ["moe", 2, undefined, 1],
    ["moe", 1, undefined, 2],
    ["moe", 1, 2, 2],
    ["moe", 1, undefined, 1],
  ]);
  assert.deepEqual(enginesOf(sweeps).map(({ tp, ep, sweeps }) => [tp, ep, sweeps.length]), [
    [1, 1, 3],
    [2, 1, 2],
    [1, 2, 1],
  ]);
});

Deno.test("devices that a plan has no config for are refused", () => {
  const message = (head: string, ep: number): string => {
    try {
      parsePlan([head, JSON.stringify(moe(1, 1, ep))], "p.jsonl");
      return "none";
    } catch (error) {
      return (error as Error).message;
    }
  };
  const { expert_configs: _, ...without } = header;
  const rule = "Cannot read p.jsonl, line 2: ep must be one that the header has an expert config for";
  assert.deepEqual([message(HEADER, 2), message(HEADER, 4), message(JSON.stringify(without), 2)], [
    "none",
    `${rule} (2), got 4`,
    `${rule} (none), got 2`,
  ]);
});

Deno.test("a sweep says what it leaves out: skew cases that do not fit, histories that a window does not tell apart", () => {
  const sweep = (category: string, leftOut?: number): Sweep =>
    ({ category, tp: 2, shots: [{}, {}, {}], ...leftOut !== undefined && { leftOut } }) as unknown as Sweep;
  const skew =
    "2 of 5 skew cases at tp 2 are left out: a batch of theirs does not fit the engine (a KV pool of " +
    "10,000 tokens, requests below 128)";
  const window =
    "Attention looks back at 100 tokens at most at tp 2: of longer histories only the first and the last " +
    "are planned, which must take the same time";
  const windowed = { ...LIMITS, pool: sliding(100) } as Limits;
  const told = ([
    ["skew", undefined, LIMITS],
    ["skew", 0, LIMITS],
    ["skew", 2, LIMITS],
    ["attention", undefined, LIMITS],
    ["attention", undefined, windowed],
    ["dense", undefined, windowed],
    ["skew", 2, windowed],
  ] as const).map(([category, leftOut, limits]) => leftOutNotice(sweep(category, leftOut), limits).join());
  assert.deepEqual(told, ["", "", skew, "", window, "", skew]);
});
