import assert from "node:assert/strict";
import { infeasible } from "../../src/harness/estimate/infeasible.ts";
import type { ModelConfig } from "../../src/model/model.ts";
import { linearPrefillAxis, linearShots, recurrentChunk } from "../../src/shots/linear_shots.ts";
import type { Limits } from "../../src/shots/limits.ts";
import { shotKey } from "../../src/shots/shot.ts";
import vector from "../data/linear-shots-v1.2.json" with { type: "json" };

const keys = (chunk: number, limits: Limits): string[] =>
  linearShots(1, chunk, limits).map((shot) => shotKey(shot).join());

Deno.test("the shots of recurrent layers are the simulator's, line by line", () => {
  const { limits, chunk, axes, shots } = vector;
  assert.deepEqual(linearPrefillAxis(limits.max_num_batched_tokens, chunk), axes.prefill_tokens);
  assert.deepEqual(keys(chunk, limits), shots);
});

Deno.test("no shot of recurrent layers breaks a limit, and one that fits is not left out", () => {
  const roomy = vector.limits;
  const cases: readonly [
    name: string,
    limits: Partial<Limits>,
    holds: (prefill: number, n: number) => boolean,
  ][] = [
    ["requests", { max_num_seqs: 7 }, (prefill, n) => n + Math.sign(prefill) <= 7],
    ["longest request", { max_model_len: 130 }, (prefill, n) => prefill < 130 && n === 0],
    ["history of the decodes", { max_model_len: 258 }, (prefill) => prefill < 258],
    ["pool", { num_cache_tokens: 3 * 784 }, (prefill, n) => Math.ceil(prefill / 784) + n <= 3],
  ];
  for (const [name, changed, holds] of cases) {
    const limits = { ...roomy, ...changed };
    const own = linearShots(2, 64, limits);
    assert.deepEqual(own.filter((shot) => shot.tp !== 2 || infeasible(shot, limits) !== undefined), [], name);
    assert.ok(own.every(({ prefill_tokens, n_decode }) => holds(prefill_tokens, n_decode)), name);
    const all = linearShots(2, 64, { ...roomy, max_num_seqs: limits.max_num_seqs });
    const fitting = all.filter(({ prefill_tokens, n_decode }) => holds(prefill_tokens, n_decode));
    assert.equal(own.length, fitting.length, name);
  }
});

Deno.test("the chunk of recurrent kernels is the configuration's", () => {
  const cases: readonly [ModelConfig, number][] = [
    [{}, 64],
    [{ chunk_size: 128 }, 128],
    [{ mamba_chunk_size: 256 }, 256],
    [{ chunk_size: 100, mamba_chunk_size: 256 }, 100],
    [{ text_config: { mamba_chunk_size: 32 } }, 32],
    [{ chunk_size: 0.5 }, 64],
  ];
  for (const [config, chunk] of cases) assert.equal(recurrentChunk(config), chunk, JSON.stringify(config));
  assert.deepEqual(linearPrefillAxis(300, 100), [0, 16, 32, 64, 100, 101, 200, 201, 300]);
  assert.deepEqual(linearPrefillAxis(10, 64), [0, 10]);
});
