import assert from "node:assert/strict";
import { seenBy } from "../../src/adaptive/local_shots.ts";
import type { AttentionShot } from "../../src/shots/shot.ts";

const SHOT: AttentionShot = {
  ...{ category: "attention", tp: 1, prefill_chunk: 64, kv_prefill: 4000, n_decode: 3, kv_decode: 5000 },
};
const SLIDING = { sliding_window: 512 };
const CHUNKED = { attention_chunk_size: 1024 };

/** Kernel, configuration, shot, and what is read of it. */
const CASES: readonly (readonly [what: string, string, object, Partial<AttentionShot>, object])[] = [
  ["a window", "sliding_attention", SLIDING, {}, { kv_prefill: 512, kv_decode: 512 }],
  ["a window, histories within it", "sliding_attention", SLIDING, { kv_prefill: 9, kv_decode: 8 }, {
    kv_prefill: 9,
    kv_decode: 8,
  }],
  ["a window, several prefills", "sliding_attention", SLIDING, { prefills: [[32, 600], [32, 100]] }, {
    kv_prefill: 512,
    kv_decode: 512,
    prefills: [[32, 512], [32, 100]],
  }],
  ["a chunk", "chunked_attention", CHUNKED, {}, { kv_prefill: 928, kv_decode: 904 }],
  ["a chunk that ends within a prefill", "chunked_attention", CHUNKED, { kv_prefill: 1000 }, {
    kv_prefill: 1000,
    kv_decode: 904,
    prefills: [[24, 1000], [40, 0]],
  }],
  ["decodes alone", "sliding_attention", SLIDING, { prefill_chunk: 0, kv_prefill: 0 }, { kv_decode: 512 }],
  ["another kernel", "attention", { ...SLIDING, ...CHUNKED }, {}, {}],
];
for (const [what, layer, config, shot, seen] of CASES) {
  Deno.test(`seenBy: ${what}`, () =>
    assert.deepEqual(seenBy({ ...SHOT, ...shot }, layer, { ...config }), { ...SHOT, ...shot, ...seen }));
}
