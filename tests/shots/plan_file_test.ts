import { sustainedShots } from "../../src/shots/sustained_shots.ts";
import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { resolveSettings } from "../../src/settings.ts";
import { formatPlan, parsePlan, planHeader } from "../../src/shots/plan_file.ts";
import { planSweeps, type Sweep } from "../../src/shots/plan_sweeps.ts";
import { sentinelShot } from "../../src/shots/sentinel_shot.ts";

const model = await loadModel("mistralai/Mixtral-8x7B-v0.1");
const settings = resolveSettings({
  model: model.id,
  hardware: "H100",
  tpDegrees: [1, 2],
  maxNumBatchedTokens: 32,
  maxNumSeqs: 3,
  attentionMaxKv: 512,
  attentionKvFactor: 8,
  kvCacheDtype: "fp8",
});
const sweeps: Sweep[] = settings.tpDegrees.flatMap((tp) =>
  planSweeps({
    ...settings,
    architecture: model.architecture,
    limits: {
      max_num_batched_tokens: 32,
      max_num_seqs: 3,
      num_cache_tokens: 4096,
      max_model_len: 1024,
      num_experts: 8,
      top_k: 2,
      block_size: 16,
    },
    tp,
  })
);
const header = planHeader(settings, model, sweeps);

Deno.test("planHeader says what was asked for and how the model is sharded", () => {
  const { settings, configs, overrides, sentinels, sustained, ...rest } = header;
  assert.deepEqual(Object.keys(sentinels!), ["1", "2"]);
  for (const [tp, sentinel] of Object.entries(sentinels!)) {
    assert.deepEqual(sentinel, sentinelShot(sweeps.filter((sweep) => sweep.tp === Number(tp))));
  }
  assert.deepEqual(sustained, sustainedShots(sweeps));
  assert.deepEqual(rest, { format: "shotlab-plan", version: 1, architecture: model.architecture });
  assert.deepEqual(settings, {
    model: "mistralai/Mixtral-8x7B-v0.1",
    hardware: "H100",
    variant: "bf16-kvfp8",
    dtype: "bfloat16",
    kv_cache_dtype: "fp8",
    tp_degrees: [1, 2],
    max_num_batched_tokens: 32,
    max_num_seqs: 3,
    attention_max_kv: 512,
    attention_chunk_factor: 2,
    attention_kv_factor: 8,
    skew_n_factor: 2,
    skew_pc_factor: 2,
    skew_kp_factor: 2,
    skew_kvs_factor: 2,
    skew_mode: "interpolated",
    measurement_iterations: 3,
    precision: null,
    seed: 0,
    clock: null,
    quantity: null,
    parity: false,
  });
  assert.equal(configs[2]!.num_attention_heads, 16);
  assert.equal(configs[2]!.head_dim, 128);
  assert.deepEqual(overrides[2], {
    num_hidden_layers: 1,
    intermediate_size: 7168,
    num_attention_heads: 16,
    num_key_value_heads: 4,
    vocab_size: 16_000,
    head_dim: 128,
  });
});

Deno.test("planHeader says the revision that the model's config was downloaded of, which a plan keeps", () => {
  const header = planHeader(settings, { ...model, revision: "0123abc" }, sweeps);
  assert.equal(header.settings.model_revision, "0123abc");
  assert.deepEqual(parsePlan(formatPlan(header, sweeps)).header, header);
});

Deno.test("a plan names the step of dense where it is not 16, and is read with it", () => {
  const finer = { ...header, settings: { ...header.settings, dense_step: 4 as const } };
  assert.deepEqual(planHeader({ ...settings, denseStep: 4 }, model, sweeps), finer);
  assert.deepEqual(parsePlan(formatPlan(finer, sweeps)).header, finer);
  assert.throws(
    () => parsePlan([JSON.stringify({ ...header, settings: { ...header.settings, dense_step: 3 } })]),
    /settings\.dense_step must be 1, 2, 4, 8 or 16, got 3/,
  );
});

Deno.test("parsePlan gives back what formatPlan wrote", () => {
  assert.deepEqual(parsePlan(formatPlan(header, sweeps)), { header, sweeps });
});

Deno.test("formatPlan writes the shots in firing order, named as in the CSV files", () => {
  const lines = [...formatPlan(header, sweeps)];
  assert.equal(lines.length, 1 + sweeps.reduce((sum, sweep) => sum + sweep.shots.length, 0));
  const first = (category: string): string | undefined =>
    lines.slice(1).find((line) => line.includes(`"${category}","tp"`));
  assert.equal(lines[1], '{"category":"dense","tp":1,"tokens":1}');
  assert.equal(first("per_sequence"), '{"category":"per_sequence","tp":1,"sequences":1}');
  assert.equal(
    first("attention"),
    '{"category":"attention","tp":1,"prefill_chunk":0,"kv_prefill":0,"n_decode":1,"kv_decode":16}',
  );
  assert.equal(first("moe"), '{"category":"moe","tp":1,"tokens":1,"activated_experts":2}');
  assert.equal(
    first("skew"),
    '{"category":"skew","tp":1,"n":2,"nb":1,"skew":4,"ratio":0.5,"pc":0,"kp":0,"kvs":128,"kv_big":512,' +
      '"kv_mean":320,"regime":"pure","tier":1,"parts":["t_skew"]}',
  );
  assert.ok(lines.at(-1)!.startsWith('{"category":"skew","tp":2,'));
});

Deno.test("parsePlan names the line, the field and the value", () => {
  const head = JSON.stringify(header);
  const skewLine = [...formatPlan(header, sweeps)].at(-1)!;
  const changed = (change: Record<string, unknown>): string => JSON.stringify({ ...header, ...change });
  const cases: readonly [lines: string[], message: string][] = [
    [[], ": it must begin with a header, got no lines"],
    [["", "{"], ", line 2: it must be JSON, got {"],
    [["[]"], ", line 1: it must be of type object, got []"],
    [[changed({ version: 2 })], ", line 1: version must be 1, got 2"],
    [[changed({ limits: {} })], ", line 1: limits is no known field"],
    [
      [changed({ settings: { ...header.settings, hardware: undefined } })],
      ", line 1: settings.hardware must be a text, got nothing",
    ],
    [
      [head, '{"category":"skewed","tp":1}'],
      ', line 2: category must be dense, per_sequence, attention, linear_attention, moe or skew, got "skewed"',
    ],
    [
      [head, skewLine.replace('["t_skew"]', "[]")],
      ", line 2: parts must name a part, got []",
    ],
    [
      [head, skewLine.replace('"t_skew"', '"t_min"')],
      ', line 2: parts.0 must be t_mean, t_max or t_skew, got "t_min"',
    ],
    [[head, '{"category":"dense","tp":1}'], ", line 2: tokens must be a whole number above 0, got nothing"],
    [
      [head, '{"category":"dense","tp":1,"tokens":1.5}'],
      ", line 2: tokens must be a whole number above 0, got 1.5",
    ],
    [[head, '{"category":"dense","tp":1,"tokens":1,"n":1}'], ", line 2: n is no known field"],
    [
      [head, '{"category":"attention","tp":1,"prefill_chunk":-1,"kv_prefill":0,"n_decode":1,"kv_decode":16}'],
      ", line 2: prefill_chunk must be a whole number of at least 0, got -1",
    ],
    [
      [head, '{"category":"dense","tp":4,"tokens":1}'],
      ", line 2: tp must be one that the header has a config for (1,2), got 4",
    ],
  ];
  for (const [lines, message] of cases) {
    assert.throws(() => parsePlan(lines, "plan.jsonl"), new UsageError(`Cannot read plan.jsonl${message}`));
  }
});
