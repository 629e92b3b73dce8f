import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { loadModel } from "../../src/model/load_model.ts";
import type { ModelConfig } from "../../src/model/model.ts";
import { hfOverrides, shardConfig } from "../../src/model/shard.ts";
import vectors from "../data/tp-overrides.json" with { type: "json" };

interface Vector {
  config: string;
  tp: number;
  model_config?: ModelConfig;
  hf_overrides?: Record<string, unknown>;
  error?: string;
  text?: string;
}

/** Where ours differs on purpose, and why. */
const DIFFERENT: Readonly<Record<string, string>> = {
  "crafted: float field": "JSON does not tell 100.0 from 100",
  "crafted: null field": "null and absent mean the same",
  "crafted: true field": "true is no integer",
};

for (const { config, tp, model_config, ...expected } of vectors.overrides as Vector[]) {
  if (config in DIFFERENT) continue;
  Deno.test(`hfOverrides is the reference's: ${config}, tp ${tp}`, async () => {
    const given = model_config ?? (await loadModel(config)).config;
    if (expected.error === undefined) {
      const { head_dim: pinned, ...overrides } = hfOverrides(given, tp, { parity: true });
      assert.equal(JSON.stringify(overrides), JSON.stringify(expected.hf_overrides));
      assert.equal(pinned !== undefined, given.head_dim === undefined && given.hidden_size !== undefined);
    } else {
      const [, field] = /field '(\w+)'/.exec(expected.text!)!;
      assert.throws(
        () => hfOverrides(given, tp, { parity: true }),
        (error: Error) => error.message.includes(`to tp ${tp}: ${field} must be `),
      );
    }
  });
}

Deno.test("hfOverrides differs from the reference where its rule is about Python's types", () => {
  const cases: readonly [ModelConfig, number, Record<string, unknown>][] = [
    [{ intermediate_size: 100.0 }, 2, { num_hidden_layers: 1, intermediate_size: 50 }],
    [{ num_key_value_heads: null, vocab_size: 64 }, 2, { num_hidden_layers: 1, vocab_size: 32 }],
  ];
  for (const [config, tp, overrides] of cases) assert.deepEqual(hfOverrides(config, tp), overrides);
});

Deno.test("hfOverrides names the first bad field, its value and the degree", () => {
  const cases: readonly [ModelConfig, number, string][] = [
    [
      { num_key_value_heads: 3 },
      8,
      "num_key_value_heads must be divisible by it, got 3; leave this degree out",
    ],
    [{ vocab_size: 49155 }, 2, "vocab_size must be divisible by it, got 49155; leave this degree out"],
    [
      { num_attention_heads: 9, vocab_size: 7 },
      2,
      "num_attention_heads must be divisible by it, got 9; leave this degree out",
    ],
    [{ intermediate_size: "100" }, 1, 'intermediate_size must be an integer, got "100"'],
    [{ vocab_size: 0.5 }, 1, "vocab_size must be an integer, got 0.5"],
    [{ num_key_value_heads: true }, 1, "num_key_value_heads must be an integer, got true"],
    [
      { text_config: { num_attention_heads: 8, vocab_size: 49155 } },
      2,
      "vocab_size must be divisible by it, got 49155; leave this degree out",
    ],
    [
      { vocab_size: 64, text_config: { vocab_size: 64 } },
      2,
      "num_attention_heads must be in its text_config, got none",
    ],
  ];
  for (const [config, tp, rule] of cases) {
    const error = new UsageError(`Cannot shard the model to tp ${tp}: ${rule}`);
    assert.throws(() => hfOverrides(config, tp), error);
    assert.throws(() => shardConfig(config, tp), error);
  }
});

Deno.test("shardConfig keeps head_dim when heads are divided", () => {
  const heads = { hidden_size: 4096, num_attention_heads: 32 };
  const headDim = (config: ModelConfig, tp: number): unknown => shardConfig(config, tp).head_dim;
  assert.equal(headDim(heads, 1), 128);
  assert.equal(headDim(heads, 4), 128);
  assert.equal(headDim({ ...heads, head_dim: null }, 4), 128);
  assert.equal(headDim({ ...heads, head_dim: 64 }, 4), 64);
  assert.equal(headDim({ num_attention_heads: 32 }, 4), undefined);
  assert.equal(headDim({ ...heads, head_dim: 0 }, 4), 128);
  assert.equal(headDim({ ...heads, head_dim: 1 }, 4), 1);
  assert.equal(headDim({ hidden_size: 4097, num_attention_heads: 32 }, 1), 128);
});

Deno.test("shardConfig gives each rank a KV head when there are fewer, but not under parity", () => {
  const config = { num_attention_heads: 32, num_key_value_heads: 4, hidden_size: 4096 };
  const kvHeads = (tp: number): unknown => shardConfig(config, tp).num_key_value_heads;
  assert.deepEqual([1, 2, 4, 8, 16].map(kvHeads), [4, 2, 1, 1, 1]);
  assert.equal(shardConfig({ ...config, num_key_value_heads: 1 }, 2).num_key_value_heads, 1);
  assert.throws(
    () => shardConfig(config, 8, { parity: true }),
    new UsageError(
      "Cannot shard the model to tp 8: num_key_value_heads must be divisible by it, got 4; leave this degree out",
    ),
  );
  assert.throws(() => shardConfig(config, 64), /num_attention_heads must be divisible by it, got 32/);
});

Deno.test("a nested configuration needs its heads where they are divided, and not for one rank", () => {
  const config = { text_config: { hidden_size: 64, num_hidden_layers: 3 } };
  assert.deepEqual(hfOverrides(config, 1), { num_hidden_layers: 1 });
  assert.throws(
    () => hfOverrides(config, 2),
    new UsageError(
      "Cannot shard the model to tp 2: num_attention_heads must be in its text_config, got none",
    ),
  );
});

Deno.test("shardConfig derives no head_dim where latent attention has sizes of its own", () => {
  const config = { hidden_size: 7168, num_attention_heads: 128, qk_rope_head_dim: 64, kv_lora_rank: 512 };
  assert.equal(shardConfig(config, 2).head_dim, undefined);
});

Deno.test("shardConfig keeps positions as they are scaled, by whatever name", () => {
  const scalings = [
    { rope_scaling: { rope_type: "llama3", factor: 8, original_max_position_embeddings: 8192 } },
    { rope_scaling: { type: "yarn", factor: 4 } },
    { rope_scaling: { type: "linear", factor: 2 } },
    { rope_scaling: { rope_type: "dynamic", factor: 2 } },
    { rope_scaling: { rope_type: "longrope", short_factor: [1, 1], long_factor: [2, 2] } },
    { rope_scaling: null, rope_theta: 10_000 },
    { rope_parameters: { rope_type: "default", rope_theta: 1_000_000 } },
  ];
  for (const scaling of scalings) {
    const config = { num_attention_heads: 8, num_hidden_layers: 2, head_dim: 8, ...scaling };
    assert.deepEqual(shardConfig(config, 2), { ...config, num_attention_heads: 4, num_hidden_layers: 1 });
  }
});

Deno.test("shardConfig leaves experts and everything else as they are", () => {
  const config = {
    num_experts: 7,
    moe_intermediate_size: 65,
    hidden_size: 64,
    intermediate_size: 64,
    head_dim: 8,
  };
  assert.deepEqual(shardConfig(config, 2), { ...config, num_hidden_layers: 1, intermediate_size: 32 });
});

Deno.test("shardConfig shards a nested text_config where its fields are", () => {
  const text = { hidden_size: 64, num_attention_heads: 8, num_hidden_layers: 4, vocab_size: 32 };
  assert.deepEqual(shardConfig({ model_type: "outer", vocab_size: 5, text_config: text }, 2), {
    model_type: "outer",
    vocab_size: 5,
    text_config: {
      hidden_size: 64,
      num_attention_heads: 4,
      num_hidden_layers: 1,
      vocab_size: 16,
      head_dim: 8,
    },
  });
});

Deno.test("a rank has its groups of a Mamba mixer, one group whole, and its share of a mixer's width", () => {
  const cases: readonly [ModelConfig, number, ModelConfig][] = [
    [{ mamba_num_heads: 128, n_groups: 8 }, 4, { mamba_num_heads: 32, n_groups: 2 }],
    [{ mamba_n_heads: 128, mamba_n_groups: 1 }, 4, { mamba_n_heads: 32, mamba_n_groups: 1 }],
    [{ mamba_n_heads: 128, mamba_expand: 2 }, 2, { mamba_n_heads: 64, mamba_expand: 1 }],
    [{ mamba_n_heads: 64, mamba_d_ssm: 4096, mamba_expand: 2 }, 2, {
      mamba_n_heads: 32,
      mamba_d_ssm: 2048,
      mamba_expand: 2,
    }],
    [{ mamba_n_heads: 64 }, 2, { mamba_n_heads: 32, mamba_expand: undefined }],
    // Groups of a router are no mixer's.
    [{ n_groups: 8 }, 4, { n_groups: 8 }],
  ];
  for (const [fields, tp, own] of cases) {
    const sharded = shardConfig({ num_hidden_layers: 1, ...fields }, tp);
    assert.deepEqual(Object.fromEntries(Object.keys(own).map((name) => [name, sharded[name]])), own);
  }
  assert.throws(
    () => shardConfig({ num_hidden_layers: 1, mamba_num_heads: 128, n_groups: 8 }, 16),
    new UsageError(
      "Cannot shard the model to tp 16: n_groups must be divisible by it, got 8; leave this degree out",
    ),
  );
});
