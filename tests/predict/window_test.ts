/** What a sliding kernel reads, and where prefills lie in the eyes of v1.2. */
import assert from "node:assert/strict";
import { prefillKey } from "../../src/predict/prefill_key.ts";
import { readBy } from "../../src/predict/window.ts";

const BATCH = {
  prefills: [{ chunk: 16, history: 500 }, { chunk: 8, history: 20 }],
  decodes: [{ kv: 101, count: 2 }, {
    kv: 99,
    count: 1,
  }],
};

Deno.test("a sliding kernel reads no more of a history than its window; others read all of it", () => {
  assert.deepEqual(readBy(BATCH, "sliding_attention", { sliding_window: 100 }), {
    prefills: [{ chunk: 16, history: 100 }, { chunk: 8, history: 20 }],
    decodes: [{ kv: 100, count: 2 }, { kv: 99, count: 1 }],
  });
  assert.equal(readBy(BATCH, "attention", { sliding_window: 100 }), BATCH);
  assert.equal(readBy(BATCH, "sliding_attention", { sliding_window: null }), BATCH);
});

const keys: [prefills: [chunk: number, history: number][], bound: number | null, key: number][] = [
  [[], null, 0],
  [[[16, 0]], null, 8],
  [[[16, 100]], null, 108],
  [[[16, 100], [48, 0]], null, (16 * 108 + 48 * 24) / 64],
  [[[1, 999], [16, 100]], null, 108], // one new token is a decode
  [[[16, 100], [1, 999], [48, 0]], null, (16 * 108 + 48 * 24) / 64],
  [[[1, 999]], null, 0],
  [[[16, 100]], 108, 108],
  [[[16, 100], [48, 0]], 50, (16 * 50 + 48 * 24) / 64],
];
for (const [pairs, bound, key] of keys) {
  Deno.test(`prefills of ${JSON.stringify(pairs)} lie at ${key}${bound === null ? "" : `, bounded by ${bound}`}`, () => {
    assert.equal(prefillKey(pairs.map(([chunk, history]) => ({ chunk, history })), bound), key);
  });
}
