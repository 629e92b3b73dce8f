/** What is known of a batch, and which rows an explanation reads. */
import assert from "node:assert/strict";
import { type Batch, type BatchFacts, batchOf, emptyFacts, gatherFacts } from "../../src/predict/batch.ts";
import { traceAttention } from "../../src/predict/explain.ts";
import { makeAttentionTable } from "../../src/predict/attention.ts";

const EMPTY: BatchFacts = { pc: 0, kp: 0, prefills: 0, n: 0, kvMean: 0, kvMax: 0, kvMin: 0, skewRate: 0 };
const prefill = (chunk: number, history: number): Batch["prefills"][number] => ({ chunk, history });
const decodes = (kv: number, count: number): Batch["decodes"][number] => ({ kv, count });
const batches: [string, Batch, Partial<BatchFacts>][] = [
  ["nothing", { prefills: [], decodes: [] }, {}],
  ["prefills", { prefills: [prefill(16, 4), prefill(8, 2)], decodes: [] }, { pc: 24, kp: 6, prefills: 2 }],
  ["a prefill of one token, which is a decode", { prefills: [prefill(1, 40)], decodes: [] }, {
    n: 1,
    kvMean: 40,
    kvMax: 40,
    kvMin: 40,
  }],
  ["equal decodes", { prefills: [], decodes: [decodes(128, 3)] }, {
    n: 3,
    kvMean: 128,
    kvMax: 128,
    kvMin: 128,
  }],
  ["unlike decodes", { prefills: [], decodes: [decodes(100, 3), decodes(500, 1)] }, {
    n: 4,
    kvMean: 200,
    kvMax: 500,
    kvMin: 100,
    skewRate: 0.25,
  }],
  ["a mean that is rounded down", { prefills: [prefill(1, 11)], decodes: [decodes(10, 2)] }, {
    n: 3,
    kvMean: 10,
    kvMax: 11,
    kvMin: 10,
    skewRate: 0,
  }],
  ["both", { prefills: [prefill(16, 4)], decodes: [decodes(7, 1)] }, {
    pc: 16,
    kp: 4,
    prefills: 1,
    n: 1,
    kvMean: 7,
    kvMax: 7,
    kvMin: 7,
  }],
];
for (const [what, batch, expected] of batches) {
  Deno.test(`the facts of a batch with ${what}`, () => {
    assert.deepEqual(emptyFacts(), EMPTY);
    const facts = emptyFacts();
    gatherFacts(facts, { prefills: [prefill(9, 9)], decodes: [decodes(9, 9), decodes(99, 1)] });
    gatherFacts(facts, batch);
    assert.deepEqual(facts, { ...EMPTY, ...expected }, "nothing is left of the batch before");
  });
}

const refused: [Batch, string][] = [
  [{ prefills: [prefill(0, 4)], decodes: [] }, "Cannot add a prefill: it has at least 1 new token: 0"],
  [{ prefills: [prefill(NaN, 4)], decodes: [] }, "Cannot add a prefill: it has at least 1 new token: NaN"],
  [{ prefills: [], decodes: [decodes(4, 0)] }, "Cannot add decodes: a run has at least 1 request: 0"],
];
for (const [batch, message] of refused) {
  Deno.test(`a batch is refused: ${message}`, () => {
    assert.throws(() => gatherFacts(emptyFacts(), batch), { name: "RangeError", message });
  });
}

Deno.test("requests of one new token are decodes, in their order", () => {
  const requests = [{ tokens: 1, history: 5 }, { tokens: 2, history: 0 }, { tokens: 1, history: 7 }];
  assert.deepEqual(batchOf(requests), {
    prefills: [prefill(2, 0)],
    decodes: [decodes(5, 1), decodes(7, 1)],
  });
});

Deno.test("an explanation names the lines and rows between which a time lies", () => {
  const rows = [0, 100, 200].flatMap((before) =>
    [16, 32, 64].map((kv) => ({ layer: null, key: [16, before, 4, kv + before], timeUs: 1 + before + kv }))
  );
  const { corners } = traceAttention(makeAttentionTable(rows)!, 16, 150, 4, 140);
  const [{ kvPrefill, kvDecode, slice, replaced, weight }] = corners as [typeof corners[number]];
  assert.deepEqual([slice, replaced, weight], [{ chunk: 16, nDecode: 4 }, false, 1]);
  assert.deepEqual([kvPrefill.lower, kvPrefill.upper], [100, 200]);
  assert.deepEqual(kvDecode.map(({ lower, upper }) => [lower, upper]), [[132, 164], [216, null]]);
});
