import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { skewAxes, type SkewGrid, skewProfileSpec } from "../../src/shots/skew_axes.ts";
import vectors from "../data/axis-specs.json" with { type: "json" };

const GRID: SkewGrid = {
  maxNumBatchedTokens: 2048,
  maxNumSeqs: 256,
  attentionMaxKv: 16_384,
  skewNFactor: 2,
  skewPcFactor: 2,
  skewKpFactor: 2,
  skewKvsFactor: 2,
};

Deno.test("skewProfileSpec gives the reference's block, keys in order", () => {
  for (const vector of vectors.skew_profile) {
    const [skewNFactor, skewPcFactor, skewKpFactor, skewKvsFactor] = vector.factors as [
      number,
      number,
      number,
      number,
    ];
    const spec = skewProfileSpec({
      maxNumBatchedTokens: vector.max_num_batched_tokens,
      maxNumSeqs: vector.max_num_seqs,
      attentionMaxKv: vector.attention_max_kv,
      skewNFactor,
      skewPcFactor,
      skewKpFactor,
      skewKvsFactor,
    });
    assert.equal(JSON.stringify(spec), JSON.stringify(vector.skew_profile));
  }
});

Deno.test("skewAxes lets the histories reach 512 tokens, however short the longest one asked for is", () => {
  const { kp, kvs } = skewAxes({ ...GRID, attentionMaxKv: 100 });
  assert.deepEqual({ kp, kvs }, { kp: [0, 512], kvs: [128, 256, 512] });
});

Deno.test("skewAxes refuses a factor of 1 on each axis", () => {
  for (const factor of ["skewNFactor", "skewPcFactor", "skewKpFactor", "skewKvsFactor"]) {
    assert.throws(
      () => skewAxes({ ...GRID, [factor]: 1 }),
      new UsageError("Cannot make a geometric axis: the factor must be above 1, got 1"),
    );
  }
});

Deno.test("skewAxes: the prefill's history reaches half of the longest, rounded down, and 512 at least", () => {
  const reach = (attentionMaxKv: number): [kp: number, kvs: number] => {
    const { kp, kvs } = skewAxes({ ...GRID, attentionMaxKv });
    return [kp.at(-1)!, kvs.at(-1)!];
  };
  assert.deepEqual([reach(4097), reach(4096), reach(100)], [[2048, 4097], [2048, 4096], [512, 512]]);
});
