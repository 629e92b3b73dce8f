import assert from "node:assert/strict";
import { attentionGridSpec, axisSpec } from "../../src/shots/axis_spec.ts";
import { geometricAxis } from "../../src/shots/axes.ts";
import vectors from "../data/axis-specs.json" with { type: "json" };

Deno.test("axisSpec describes lists as the reference does", () => {
  for (const { axis, spec } of vectors.spec_of_a_list) {
    assert.deepEqual(axisSpec(axis), spec, JSON.stringify(axis));
  }
});

Deno.test("axisSpec rounds a ratio that is a tie to the even digit", () => {
  assert.equal(axisSpec([16, 34, 72]), "16-72 x2.12");
});

Deno.test("axisSpec writes the ratio of a steep axis without an exponent", () => {
  assert.equal(axisSpec([1, 1e6]), "1-1000000 x1000000");
});

Deno.test("attentionGridSpec gives the reference's block, keys in order", () => {
  for (const vector of vectors.attention_grid) {
    const spec = attentionGridSpec({
      maxNumBatchedTokens: vector.max_num_batched_tokens,
      maxNumSeqs: vector.max_num_seqs,
      attentionMaxKv: vector.attention_max_kv,
      attentionChunkFactor: vector.chunk_factor,
      attentionKvFactor: vector.kv_factor,
    });
    assert.equal(JSON.stringify(spec), JSON.stringify(vector.attention_grid));
  }
});

Deno.test("axes and axisSpec give the reference's skew grid too", () => {
  for (const vector of vectors.skew_profile) {
    const { max_num_batched_tokens: tokens, max_num_seqs: seqs, attention_max_kv: kv, skew_profile } = vector;
    const { factors: { n, pc, kp, kvs }, grid } = skew_profile;
    const upTo = (max: number): number => Math.max(512, max);
    assert.deepEqual({
      n: axisSpec(geometricAxis(seqs, { start: 2, factor: n })),
      pc: axisSpec([0, ...geometricAxis(tokens, { start: 16, factor: pc })]),
      kp: axisSpec([0, ...geometricAxis(upTo(Math.floor(kv / 2)), { start: 512, factor: kp })]),
      kvs: axisSpec(geometricAxis(upTo(kv), { start: 128, factor: kvs })),
    }, { n: grid.n, pc: grid.pc, kp: grid.kp, kvs: grid.kvs });
  }
});
