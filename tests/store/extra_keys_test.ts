/** Keys that a table has beside the plan: which ones, what is foreign about them, and the sentence that says so. */
import assert from "node:assert/strict";
import type { Shot } from "../../src/shots/shot.ts";
import { extraKeysNotice, findExtraKeys } from "../../src/store/extra_keys.ts";

type Key = readonly number[];
const shotOf = ([prefill_chunk, kv_prefill, n_decode, kv_decode, decode_q_len]: Key): Shot => ({
  ...{ category: "attention", tp: 2, prefill_chunk: prefill_chunk!, kv_prefill: kv_prefill! },
  ...{ n_decode: n_decode!, kv_decode: kv_decode! },
  ...decode_q_len !== undefined && { decode_q_len },
});
const ONE: Key = [0, 0, 1, 16];
const DRAFTS: Key = [0, 0, 1, 16, 4];

const cases: [what: string, planned: Key[], there: Key[], foreign: Record<string, number[]> | null][] = [
  ["nothing is there", [ONE], [], null],
  ["all is planned", [ONE, DRAFTS], [DRAFTS, ONE, ONE], null],
  ["more requests", [ONE], [ONE, [0, 0, 10, 16], [0, 0, 9, 16]], { n_decode: [9, 10] }],
  ["a mixture of planned values", [ONE, [0, 0, 2, 32]], [[0, 0, 1, 32]], {}],
  ["drafts beside none", [ONE], [DRAFTS], { decode_q_len: [4] }],
  ["no drafts beside some", [DRAFTS], [ONE, [0, 0, 1, 16, 8]], { decode_q_len: [1, 8] }],
  ["drafts of another number, and requests of one token", [ONE, DRAFTS], [[0, 0, 2, 16], [0, 0, 1, 16, 8]], {
    n_decode: [2],
    decode_q_len: [8],
  }],
];
for (const [what, planned, there, foreign] of cases) {
  Deno.test(`keys beside the plan, ${what}: ${JSON.stringify(foreign)}`, () => {
    const found = findExtraKeys(2, "attention", planned.map(shotOf), there);
    if (foreign === null) return assert.equal(found, null);
    const texts = new Set(planned.map((key) => key.join()));
    const keys = there.filter((key) => !texts.has(key.join()));
    assert.deepEqual(found, { category: "attention", tp: 2, keys, foreign });
  });
}

const sentences: [foreign: Record<string, number[]>, said: string][] = [
  [{}, "2 keys are kept that this plan leaves out"],
  [
    { n_decode: [3, 4] },
    "2 keys of another grid are kept, as further points of this one (n_decode 3, 4)",
  ],
  [
    { n_decode: [1, 2, 3, 4, 5, 6] },
    "2 keys of another grid are kept, as further points of this one (n_decode 1, 2, 3, 4, 5, 6)",
  ],
  [
    { n_decode: [3, 4, 5, 6, 7, 8, 9], decode_q_len: [4] },
    "2 keys of another grid are kept, as further points of this one (n_decode 3, 4, 5, 6, 7, 8, and 1 more; decode_q_len 4)",
  ],
  [
    { n_decode: [3], kv_decode: [48] },
    "2 keys of another grid are kept (n_decode 3; kv_decode 48), so that slices differ in their histories and " +
    "simulators interpolate unevenly; pass exactGrid (--exact-grid) to move them into an archive, or force (--force) " +
    "to measure all anew",
  ],
];
for (const [foreign, said] of sentences) {
  Deno.test(`what is said of kept keys that have ${JSON.stringify(foreign)}`, () => {
    const found = { category: "attention", tp: 2, keys: [ONE, DRAFTS], foreign } as const;
    assert.equal(extraKeysNotice("perf", found), `perf/tp2/attention.csv: ${said}`);
  });
}
