/** The work of attention by hand: 8 query heads, 2 KV heads of 16 numbers of 2 bytes, tiles of 64 by 64. */
import assert from "node:assert/strict";
import { type AttentionBatch, attentionWork, type Device } from "../../src/roofline/attention_work.ts";
import { layerWork } from "../../src/roofline/layer_work.ts";
import { type Sizes, sizesOf } from "../../src/roofline/sizes.ts";

const CONFIG = {
  hidden_size: 64,
  num_attention_heads: 8,
  num_key_value_heads: 2,
  head_dim: 16,
  vocab_size: 1000,
};
const SIZES = sizesOf(CONFIG, 1, 2);
const FEW: Device = { multiprocessors: 4, cacheBytes: 0 };
const MANY: Device = { multiprocessors: 132, cacheBytes: 0 };
const TILE_FLOPS = 4 * 64 * 64 * 16;
/** Keys and values of a token. */
const TOKEN = 2 * 2 * 16 * 2;
/** A query and an output of a token, in bfloat16. */
const ROW = 2 * 8 * 16 * 2;

/** Batch, device, tiles that are computed (two more than a walk's own), tokens read, rows. */
const cases: [
  string,
  AttentionBatch,
  Device,
  { readonly tiles: number; readonly tokens: number; readonly rows: number },
][] = [
  [
    "decodes share the tiles of their KV head",
    { chunk: 0, history: 0, decodes: [[63, 3]] },
    FEW,
    { tiles: 3 * (1 + 2) * 2, tokens: 3 * 64, rows: 3 },
  ],
  [
    "one token more opens a tile",
    { chunk: 0, history: 0, decodes: [[64, 3]] },
    FEW,
    { tiles: 3 * (2 + 2) * 2, tokens: 3 * 65, rows: 3 },
  ],
  [
    "runs of decodes add up",
    { chunk: 0, history: 0, decodes: [[63, 3], [255, 2]] },
    FEW,
    { tiles: (3 * 3 + 2 * 6) * 2, tokens: 3 * 64 + 2 * 256, rows: 5 },
  ],
  [
    "the longest walk of decodes alone is split",
    { chunk: 0, history: 0, decodes: [[6399, 1]] },
    MANY,
    { tiles: 102 * 2, tokens: 6400, rows: 1 },
  ],
  [
    "each query head of a prefill walks by itself",
    { chunk: 64, history: 0, decodes: [] },
    FEW,
    { tiles: 3 * 8, tokens: 64, rows: 64 },
  ],
  [
    "a prefill sees its history, block by block",
    { chunk: 100, history: 30, decodes: [] },
    FEW,
    { tiles: (4 + 5) * 8, tokens: 130, rows: 100 },
  ],
  [
    "the longest block decides on a wide device",
    { chunk: 100, history: 30, decodes: [] },
    MANY,
    { tiles: 5 * 132, tokens: 130, rows: 100 },
  ],
  [
    "a decode with a prefill walks as a whole",
    { chunk: 1, history: 0, decodes: [[6399, 1]] },
    MANY,
    { tiles: 102 * 132, tokens: 1 + 6400, rows: 2 },
  ],
  [
    "a run of no decodes is not walked",
    { chunk: 1, history: 0, decodes: [[6399, 0]] },
    MANY,
    { tiles: 3 * 132, tokens: 1, rows: 1 },
  ],
  [
    "a window ends what a decode sees",
    { chunk: 0, history: 0, decodes: [[1000, 2]], span: 128 },
    FEW,
    { tiles: 2 * (2 + 2) * 2, tokens: 2 * 128, rows: 2 },
  ],
  [
    "a window and a tile end what a prefill sees",
    { chunk: 64, history: 1000, decodes: [], span: 128 },
    FEW,
    { tiles: (3 + 2) * 8, tokens: 64 + 128, rows: 64 },
  ],
];
for (const [what, batch, device, { tiles, tokens, rows }] of cases) {
  Deno.test(`attention by hand: ${what}`, () => {
    assert.deepEqual(attentionWork(batch, SIZES, device), {
      kernels: 4,
      flops: TILE_FLOPS * tiles,
      memoryBytes: TOKEN * tokens,
      activationBytes: ROW * rows,
      attention: true,
    });
  });
}

/** With a prefill of 64: decodes, multiprocessors, bytes of the cache, how often their tokens are read. */
const reads: [decodes: number, multiprocessors: number, cacheBytes: number, times: number][] = [
  [8, 4, 0, 1], // 64 walks are 8 rounds of 8: side by side still
  [9, 4, 0, 4],
  [10, 5, 0, 1],
  [11, 5, 0, 4],
  [9, 4, 128 * TOKEN, 1], // one request is walked through at a time, and fits
  [9, 4, 128 * TOKEN - 1, 4],
  [11, 5, 2 * 128 * TOKEN, 1], // 10 slots hold the heads of two
  [11, 5, 2 * 128 * TOKEN - 1, 4],
];
for (const [decodes, multiprocessors, cacheBytes, times] of reads) {
  Deno.test(`${decodes} decodes, ${multiprocessors} multiprocessors, a cache of ${cacheBytes}: read ${times} times`, () => {
    const batch = { chunk: 64, history: 0, decodes: [[127, decodes]] as const };
    const { memoryBytes } = attentionWork(batch, SIZES, { multiprocessors, cacheBytes });
    assert.equal(memoryBytes, TOKEN * (64 + times * 128 * decodes));
    const alone = attentionWork({ ...batch, chunk: 0 }, SIZES, { multiprocessors, cacheBytes });
    assert.equal(alone.memoryBytes, TOKEN * 128 * decodes);
  });
}

const shot = {
  category: "attention",
  tp: 1,
  prefill_chunk: 16,
  kv_prefill: 500,
  n_decode: 2,
  kv_decode: 300,
} as const;
const batch = { chunk: 16, history: 500, decodes: [[300, 2]] as const };
const layers: [layer: string, sizes: Sizes, span: number | undefined][] = [
  ["attention", SIZES, undefined],
  ["attention", sizesOf({ ...CONFIG, sliding_window: 128 }, 1, 2), undefined],
  ["sliding_attention", SIZES, undefined],
  ["sliding_attention", sizesOf({ ...CONFIG, sliding_window: 128 }, 1, 2), 128],
  ["chunked_attention", sizesOf({ ...CONFIG, attention_chunk_size: 256 }, 1, 2), 256],
  ["chunked_attention", sizesOf({ ...CONFIG, sliding_window: 128, attention_chunk_size: 256 }, 1, 2), 128],
];
for (const [layer, sizes, span] of layers) {
  Deno.test(`the layer ${layer} of a model with a span of ${sizes.span} looks back at ${span ?? "all"}`, () => {
    const isLocal = layer === "chunked_attention" && span !== undefined;
    const read = isLocal ? { ...batch, history: 500 % span, decodes: [[300 % span, 2]] as const } : batch;
    assert.deepEqual(
      layerWork(layer, shot, sizes, FEW),
      attentionWork({ ...read, ...span !== undefined && { span } }, SIZES, FEW),
    );
  });
}

Deno.test("a batch of several prefills counts as one without a history", () => {
  assert.deepEqual(
    layerWork("attention", { ...shot, kv_prefill: -2 }, SIZES, FEW),
    attentionWork({ ...batch, history: 0 }, SIZES, FEW),
  );
});
