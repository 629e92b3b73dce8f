import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { pythonFloat } from "../../src/number_format.ts";
import { WHOLE_CONTEXT } from "../../src/settings/whole_context.ts";
import { attentionAxes, attentionShots } from "../../src/shots/attention_shots.ts";
import type { AttentionShot } from "../../src/shots/shot.ts";
import { unionAttentionShots } from "../../src/shots/union_shots.ts";
import { newerAttentionShots, newerAxes, newerMoeShots } from "../../src/shots/newer_shots.ts";
import vectors from "../data/shots-v1.2.json" with { type: "json" };

const sha256 = (lines: readonly string[]): string =>
  createHash("sha256").update(lines.join("\n")).digest("hex");

for (const { name, grid, limits, axes, attention, moe } of vectors) {
  Deno.test(`the grid of v1.2 has the simulator's axes and shots, in its order: ${name}`, () => {
    const own = newerAxes({ ...grid, attentionMaxKv: grid.attentionMaxKv ?? WHOLE_CONTEXT }, limits);
    assert.deepEqual(own, axes);
    const lines = newerAttentionShots(1, own, limits).map((
      { prefills = [], n_decode, kv_decode, decode_q_len: q = 1, prefill_key = 0 },
    ) =>
      `${prefills.map(([c, h]) => `${c}:${h}`).join()}|${n_decode}|${kv_decode}|${q}|${
        pythonFloat(prefill_key)
      }`
    );
    assert.deepEqual(lines.slice(0, attention.first.length), attention.first);
    assert.deepEqual([lines.length, sha256(lines)], [attention.count, attention.sha256]);
    for (const [ep, { count, sha256: expected }] of Object.entries(moe ?? {})) {
      const experts = newerMoeShots(limits, Number(ep)).map(({ ep = 1, tokens, activated_experts }) =>
        `${ep},${tokens},${activated_experts}`
      );
      assert.deepEqual([experts.length, sha256(experts)], [count, expected], `ep ${ep}`);
    }
  });
}

const UNION: readonly (readonly [factor: number, reach: number])[] = [[Math.SQRT2, 256], [2, 1024], [3, 256]];
for (const [factor, reach] of UNION) {
  Deno.test(`the union of both grids has each shot once, for whichever reads it: steps of ${factor} to ${reach}`, () => {
    const limits = {
      ...{ max_num_batched_tokens: 64, max_num_seqs: 8, num_cache_tokens: 20_000, max_model_len: 2048 },
      ...{ block_size: 16, num_experts: null, top_k: null },
    };
    const grid = {
      ...{ maxNumBatchedTokens: 64, maxNumSeqs: 8, attentionMaxKv: reach },
      ...{ attentionChunkFactor: factor, attentionKvFactor: factor, attentionNFactor: factor },
    };
    const shots = unionAttentionShots(1, grid, limits);
    const newer = newerAttentionShots(1, newerAxes(grid, limits), limits);
    assert.deepEqual(shots.slice(0, newer.length), newer);
    const seen = (shot: AttentionShot): string =>
      [shot.prefill_chunk, Math.floor(shot.kv_prefill), shot.n_decode, shot.kv_decode].join();
    const places = new Set(shots.map(seen));
    assert.equal(places.size, shots.length);
    const steps = Math.max(2, factor);
    const axes = attentionAxes({ ...grid, attentionChunkFactor: steps, attentionKvFactor: steps });
    for (const shot of attentionShots(1, axes, limits, 9)) assert.ok(places.has(seen(shot)), seen(shot));
    const slices = Map.groupBy(
      shots.filter((shot) => shot.prefill_chunk > 0),
      (shot) => `${shot.prefill_chunk} ${shot.n_decode}`,
    );
    for (const [slice, own] of slices) {
      assert.ok(own.some(({ kv_prefill }) => Math.floor(kv_prefill) === 0), slice);
    }
  });
}

Deno.test("the grid of v1.2 has the same shots in whichever order its axes are", () => {
  const limits = {
    ...{ max_num_batched_tokens: 64, max_num_seqs: 8, num_cache_tokens: 2000, max_model_len: 300 },
    ...{ block_size: 16, num_experts: null, top_k: null },
  };
  const axes = {
    ...{ chunks: [0, 16, 64], keys: [0, 8, 32, 400], decodes: [0, 2, 7, 8], kv: [0, 16, 200, 280, 299] },
    decodeQLens: [1, 4, 16],
  };
  const shotsOf = (of: typeof axes): string[] =>
    newerAttentionShots(1, of, limits).map(({ prefills = [], n_decode, kv_decode, decode_q_len: q = 1 }) =>
      `${prefills.map(([chunk, history]) => `${chunk}:${history}`).join()} ${n_decode} ${kv_decode} ${q}`
    );
  const falling = Object.fromEntries(Object.entries(axes).map(([name, axis]) => [name, axis.toReversed()]));
  const [shots, others] = [shotsOf(axes), shotsOf(falling as typeof axes)];
  assert.equal(new Set(shots).size, shots.length);
  assert.deepEqual(others.sort(), shots.sort());
  // Of 300 tokens a request has 280, 16 new ones and the next; 299 leave no room for it.
  assert.ok(shots.includes(" 2 280 16") && !shots.includes(" 2 299 1"));
});
