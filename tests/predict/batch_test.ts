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
      { prefills: [[512, 0], [256, 1024]], decodes: [] },
      { pc: 768, kp: 1024, prefills: 2, n: 0, kvMean: 0, kvMax: 0, kvMin: 0, skewRate: 0 },
    ],
    [
      "the mean is rounded down",
      { prefills: [], decodes: [[100, 2], [201, 1]] },
      { pc: 0, kp: 0, prefills: 0, n: 3, kvMean: 133, kvMax: 201, kvMin: 100, skewRate: 33 / 101 },
    ],
    [
      "a prefill of one token is a decode",
      { prefills: [[1, 300]], decodes: [[100, 1]] },
      { pc: 0, kp: 0, prefills: 0, n: 2, kvMean: 200, kvMax: 300, kvMin: 100, skewRate: 0.5 },
    ],
    [
      "equal histories have no skew",
      { prefills: [], decodes: [[64, 8]] },
      { pc: 0, kp: 0, prefills: 0, n: 8, kvMean: 64, kvMax: 64, kvMin: 64, skewRate: 0 },
    ],
  ];
  for (const [name, batch, facts] of table) assert.deepEqual(factsOf(batch), facts, name);
});

Deno.test("gatherFacts forgets the batch before", () => {
  const facts = emptyFacts();
  gatherFacts(facts, { prefills: [[512, 64]], decodes: [[9000, 3]] });
  gatherFacts(facts, { prefills: [], decodes: [[16, 1]] });
  assert.deepEqual(facts, factsOf({ prefills: [], decodes: [[16, 1]] }));
});

Deno.test("gatherFacts refuses decodes without a request", () => {
  assert.throws(() => factsOf({ prefills: [], decodes: [[16, 0]] }), {
    name: "RangeError",
    message: "Cannot add decodes: a run has at least 1 request: 0",
  });
});

Deno.test("batchOf sorts requests by their new tokens", () => {
  assert.deepEqual(batchOf([[1, 10], [2, 0], [1, 20], [512, 64]]), {
    prefills: [[2, 0], [512, 64]],
    decodes: [[10, 1], [20, 1]],
  });
});
