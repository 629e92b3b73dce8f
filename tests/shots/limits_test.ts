import assert from "node:assert/strict";
import { attentionAxes } from "../../src/shots/attention_shots.ts";
import {
  type CacheGroup,
  chunkOf,
  fitsPool,
  type Limits,
  windowOf,
  withinChunk,
  withinWindow,
} from "../../src/shots/limits.ts";
import { newerAxes } from "../../src/shots/newer_shots.ts";
import { leftOutNotice, planSweeps } from "../../src/shots/plan_sweeps.ts";
import { loadArchitecture } from "../../src/model/architecture.ts";
import { shotKey } from "../../src/shots/shot.ts";

const group = (kind: CacheGroup["kind"], span: number | null = null, block_size = 16): CacheGroup => ({
  kind,
  block_size,
  span,
});

Deno.test("a request takes the blocks that each group keeps of it, as the worker counts them", () => {
  const cases: readonly [
    kind: CacheGroup["kind"],
    span: number | null,
    new_: number,
    history: number,
    kept: number,
  ][] = [
    ["full", null, 1, 100, 7],
    ["sliding", 64, 1, 63, 4],
    ["sliding", 64, 1, 100, 5],
    ["sliding", 64, 50, 0, 4],
    ["chunked", 64, 1, 63, 4],
    ["chunked", 64, 1, 64, 1],
    ["chunked", 64, 1, 130, 1],
    ["state", null, 1, 100_000, 1],
  ];
  for (const [kind, span, new_, history, kept] of cases) {
    const fits = (blocks: number): boolean =>
      fitsPool([[new_ + history, 1, history], [0, 1]], {
        block_size: 16,
        num_cache_tokens: 0,
        pool: { blocks, groups: [group(kind, span)] },
      });
    assert.deepEqual([fits(kept), fits(kept + 1)], [false, true], `${kind} ${new_} after ${history}`);
  }
});

Deno.test("a pool holds the blocks of all groups but the one for what is gone", () => {
  const groups = [group("full"), group("sliding", 64), group("state", null, 2048)];
  const fits = (blocks: number): boolean =>
    fitsPool([[101, 1, 100], [16, 1]], { block_size: 16, num_cache_tokens: 0, pool: { blocks, groups } });
  assert.deepEqual([fits(16), fits(17)], [false, true]);
});

const SLIDING: Limits = {
  max_num_batched_tokens: 64,
  max_num_seqs: 4,
  num_cache_tokens: 32_000,
  max_model_len: 4096,
  num_experts: null,
  top_k: null,
  block_size: 16,
  pool: { blocks: 2000, groups: [group("sliding", 300), group("state")] },
};

Deno.test("only an engine all of whose attention slides has a window", () => {
  const cases: readonly [CacheGroup[], number | null][] = [
    [[group("sliding", 64), group("state")], 64],
    [[group("sliding", 64), group("sliding", 128)], 128],
    [[group("sliding", 64), group("full")], null],
    [[group("sliding", 64), group("chunked", 64)], null],
    [[group("state")], null],
  ];
  for (const [groups, window] of cases) assert.equal(windowOf({ pool: { blocks: 9, groups } }), window);
  assert.equal(windowOf({}), null);
});

Deno.test("an engine with local attention has the chunk of its widest layers", () => {
  const cases: readonly [CacheGroup[], ReturnType<typeof chunkOf>][] = [
    [[group("chunked", 64), group("full")], { spanTokens: 64, isAll: false }],
    [[group("chunked", 64), group("chunked", 128), group("state")], { spanTokens: 128, isAll: true }],
    [[group("chunked", 64), group("sliding", 32)], { spanTokens: 64, isAll: true }],
    [[group("sliding", 64)], null],
  ];
  for (const [groups, chunk] of cases) assert.deepEqual(chunkOf({ pool: { blocks: 9, groups } }), chunk);
  assert.equal(chunkOf({}), null);
});

Deno.test("histories up to the end of a chunk are planned, in either grid; beyond it those of other layers alone", () => {
  const grid = { attentionMaxKv: 2048, attentionChunkFactor: 2, attentionKvFactor: 2 };
  const asked = { ...grid, maxNumBatchedTokens: 64, maxNumSeqs: 4 };
  const axisOf = (spanTokens: number, isAll: boolean): readonly number[] =>
    attentionAxes({ ...asked, localChunk: { spanTokens, isAll } }).kv;
  assert.deepEqual(axisOf(512, false), [0, 16, 32, 64, 128, 256, 448, 512, 1024, 2048]);
  assert.deepEqual(axisOf(512, true), [0, 16, 32, 64, 128, 256, 448]);
  for (const spanTokens of [64, 80, 320, 4096]) {
    const axis = axisOf(spanTokens, false);
    assert.deepEqual(axis, attentionAxes(asked).kv, "the end is on the axis, below it or beyond it");
  }
  const limits = { ...SLIDING, pool: { blocks: 2000, groups: [group("chunked", 512), group("full")] } };
  assert.deepEqual(newerAxes(grid, limits).kv, axisOf(512, false));
  assert.deepEqual(newerAxes(grid, limits).keys, [0, 16, 32, 64, 128, 256, 480, 512, 1024, 2048, 2080]);
});

Deno.test("of histories beyond a window the first and the last are planned, in either grid, and the plan says so", async () => {
  const grid = { attentionMaxKv: 2048, attentionChunkFactor: 2, attentionKvFactor: 2 };
  const asked = { ...grid, maxNumBatchedTokens: 64, maxNumSeqs: 4 };
  assert.deepEqual(attentionAxes({ ...asked, windowTokens: 300 }).kv, [0, 16, 32, 64, 128, 256, 512, 2048]);
  assert.deepEqual(attentionAxes({ ...asked, windowTokens: 4000 }).kv, attentionAxes(asked).kv);
  const newer = newerAxes(grid, SLIDING);
  assert.deepEqual(newer.kv, [0, 16, 32, 64, 128, 256, 512, 2048]);
  assert.deepEqual(newer.keys, [0, 16, 32, 64, 128, 256, 512, 2080]);

  const architecture = await loadArchitecture("mistral", "configs");
  const sweeps = planSweeps({
    ...asked,
    architecture,
    limits: SLIDING,
    tp: 1,
    skewNFactor: 2,
    skewPcFactor: 2,
    skewKpFactor: 2,
    skewKvsFactor: 2,
    skewMode: "interpolated",
    skipSkew: false,
    onlySkew: false,
    parity: false,
  });
  const attention = sweeps.find(({ category }) => category === "attention")!;
  const decodes = new Set(attention.shots.map((shot) => shotKey(shot)[3]!));
  assert.deepEqual([...decodes].sort((a, b) => a - b), [0, 16, 32, 64, 128, 256, 512, 2048]);
  const skew = sweeps.find(({ category }) => category === "skew")!;
  assert.ok(skew.shots.length > 0);
  const longest = skew.shots.map((shot) => shot.category === "skew" ? Math.max(shot.kv_big, shot.kp) : 0);
  assert.ok(Math.max(...longest) <= 300 && Math.max(...longest) > 128);
  assert.deepEqual(leftOutNotice(attention, SLIDING), [
    "Attention looks back at 300 tokens at most at tp 1: of longer histories only the first and the last are " +
    "planned, which must take the same time",
  ]);
});

Deno.test("a pool of one table holds whole blocks of each request, as many tokens as it has", () => {
  const limits = { block_size: 16, num_cache_tokens: 64 };
  assert.equal(fitsPool([[17, 2]], limits), true);
  assert.equal(fitsPool([[17, 2], [1, 1]], limits), false);
  assert.equal(fitsPool([[16, 4]], limits), true);
  assert.equal(fitsPool([[0, 9], [64, 1]], limits), true);
});

Deno.test("a request without tokens takes nothing of a pool of groups, and one without a history all of its blocks", () => {
  const group: CacheGroup = { kind: "sliding", block_size: 16, span: 32 };
  const pool = { blocks: 5, groups: [group, { ...group, kind: "state", span: null } as CacheGroup] };
  const limits = { block_size: 16, num_cache_tokens: 0, pool };
  assert.equal(fitsPool([[0, 100]], limits), true);
  assert.equal(fitsPool([[48, 1]], limits), true);
  assert.equal(fitsPool([[49, 1]], limits), false);
  assert.equal(fitsPool([[1, 2]], limits), true);
  assert.equal(fitsPool([[1, 3]], limits), false);
});

const axes: [axis: number[], chunk: ReturnType<typeof chunkOf>, newTokens: number, within: number[]][] = [
  [[0, 16, 64], null, 8, [0, 16, 64]],
  [[0, 16, 64], { spanTokens: 32, isAll: false }, 8, [0, 16, 24, 64]],
  [[0, 16, 64], { spanTokens: 32, isAll: true }, 8, [0, 16, 24]],
  [[0, 16, 32, 64], { spanTokens: 32, isAll: true }, 8, [0, 16, 24]],
  // Not below the first history, nor beyond the last, nor twice.
  [[0, 24, 64], { spanTokens: 32, isAll: false }, 8, [0, 24, 64]],
  [[0, 25, 64], { spanTokens: 32, isAll: false }, 8, [0, 25, 64]],
  [[0, 1, 64], { spanTokens: 32, isAll: false }, 30, [0, 1, 2, 64]],
  [[0, 1, 64], { spanTokens: 32, isAll: false }, 31, [0, 1, 64]],
  [[0, 16, 24], { spanTokens: 32, isAll: false }, 8, [0, 16, 24]],
  [[0, 16, 20], { spanTokens: 32, isAll: false }, 8, [0, 16, 20]],
  [[0], { spanTokens: 32, isAll: false }, 8, [0]],
];
for (const [axis, chunk, newTokens, within] of axes) {
  Deno.test(`histories ${axis} with ${newTokens} new tokens in ${JSON.stringify(chunk)} are ${within}`, () => {
    assert.deepEqual(withinChunk(axis, chunk, newTokens), within);
  });
}

Deno.test("histories of a window end with the first that fills it, and the last", () => {
  const axis = [0, 16, 32, 64, 128];
  assert.deepEqual(withinWindow(axis, null), axis);
  assert.deepEqual(withinWindow(axis, 16), [0, 16, 128]);
  assert.deepEqual(withinWindow(axis, 17), [0, 16, 32, 128]);
  assert.deepEqual(withinWindow(axis, 128), axis);
  assert.deepEqual(withinWindow(axis, 129), axis);
  assert.deepEqual(withinWindow(axis, 0), [0, 128]);
});
