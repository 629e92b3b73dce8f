import assert from "node:assert/strict";
import { type Batch, type BatchFacts, batchOf, emptyFacts, gatherFacts } from "../../src/predict/batch.ts";

function factsOf(batch: Batch): BatchFacts {
  const facts = emptyFacts();
  gatherFacts(facts, batch);
  return facts;
}

Deno.test("gatherFacts reduces a batch to what its time depends on", () => {
  const table: [name: string, batch: Batch, facts: BatchFacts][] = [
    [
      "nothing",
      { prefills: [], decodes: [] },
      { pc: 0, kp: 0, prefills: 0, n: 0, kvMean: 0, kvMax: 0, kvMin: 0, skewRate: 0 },
    ],
    [
      "prefills are summed",
      { prefills: [{ chunk: 512, history: 0 }, { chunk: 256, history: 1024 }], decodes: [] },
      { pc: 768, kp: 1024, prefills: 2, n: 0, kvMean: 0, kvMax: 0, kvMin: 0, skewRate: 0 },
    ],
    [
      "the mean is rounded down",
      { prefills: [], decodes: [{ kv: 100, count: 2 }, { kv: 201, count: 1 }] },
      { pc: 0, kp: 0, prefills: 0, n: 3, kvMean: 133, kvMax: 201, kvMin: 100, skewRate: 33 / 101 },
    ],
    [
      "a prefill of one token is a decode",
      { prefills: [{ chunk: 1, history: 300 }], decodes: [{ kv: 100, count: 1 }] },
      { pc: 0, kp: 0, prefills: 0, n: 2, kvMean: 200, kvMax: 300, kvMin: 100, skewRate: 0.5 },
    ],
    [
      "equal histories have no skew",
      { prefills: [], decodes: [{ kv: 64, count: 8 }] },
      { pc: 0, kp: 0, prefills: 0, n: 8, kvMean: 64, kvMax: 64, kvMin: 64, skewRate: 0 },
    ],
  ];
  for (const [name, batch, facts] of table) assert.deepEqual(factsOf(batch), facts, name);
});

Deno.test("gatherFacts forgets the batch before", () => {
  const facts = emptyFacts();
  gatherFacts(facts, { prefills: [{ chunk: 512, history: 64 }], decodes: [{ kv: 9000, count: 3 }] });
  gatherFacts(facts, { prefills: [], decodes: [{ kv: 16, count: 1 }] });
  assert.deepEqual(facts, factsOf({ prefills: [], decodes: [{ kv: 16, count: 1 }] }));
});

Deno.test("gatherFacts refuses decodes without a request", () => {
  assert.throws(() => factsOf({ prefills: [], decodes: [{ kv: 16, count: 0 }] }), {
    name: "RangeError",
    message: "Cannot add decodes: a run has at least 1 request: 0",
  });
});

Deno.test("gatherFacts refuses a prefill without a new token, such as one in another form", () => {
  assert.throws(() => factsOf({ prefills: [{ chunk: 0, history: 16 }], decodes: [] }), {
    name: "RangeError",
    message: "Cannot add a prefill: it has at least 1 new token: 0",
  });
  assert.throws(() => factsOf({ prefills: [[512, 0] as never], decodes: [] }), {
    name: "RangeError",
    message: "Cannot add a prefill: it has at least 1 new token: undefined",
  });
});

Deno.test("batchOf sorts requests by their new tokens", () => {
  assert.deepEqual(
    batchOf([
      { tokens: 1, history: 10 },
      { tokens: 2, history: 0 },
      { tokens: 1, history: 20 },
      { tokens: 512, history: 64 },
    ]),
    {
      prefills: [{ chunk: 2, history: 0 }, { chunk: 512, history: 64 }],
      decodes: [{ kv: 10, count: 1 }, { kv: 20, count: 1 }],
    },
  );
});
