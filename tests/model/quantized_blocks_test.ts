import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { loadConfig } from "../../src/model/load_model.ts";
import type { ModelConfig } from "../../src/model/model.ts";
import { brokenBlock } from "../../src/model/quantized_blocks.ts";
import { hfOverrides } from "../../src/model/shard.ts";

const SIZES = { intermediate_size: 14336, num_attention_heads: 32, num_key_value_heads: 8, head_dim: 128 };
const BLOCK = { quant_method: "fp8", weight_block_size: [128, 128] };
const GROUP = { quant_method: "awq", bits: 4, group_size: 128 };

Deno.test("a rank has whole blocks of quantized weights", () => {
  const cases: readonly [scheme: ModelConfig | null, shares: Record<string, unknown>, rule: string | null][] =
    [
      [null, { intermediate_size: 3 }, null],
      [{ quant_method: "fp8", activation_scheme: "dynamic" }, { intermediate_size: 3 }, null],
      [BLOCK, SIZES, null],
      [
        BLOCK,
        { intermediate_size: 960 },
        "intermediate_size of a rank must consist of whole blocks of 128 (weight_block_size), got 960",
      ],
      [
        BLOCK,
        { ...SIZES, num_attention_heads: 1, head_dim: 64 },
        "num_attention_heads × head_dim of a rank must consist of whole blocks of 128 (weight_block_size), got 64",
      ],
      [
        BLOCK,
        { ...SIZES, num_attention_heads: 8, head_dim: 64, num_key_value_heads: 1 },
        "num_key_value_heads × head_dim of a rank must consist of whole blocks of 128 (weight_block_size), got 64",
      ],
      [GROUP, { ...SIZES, num_key_value_heads: 1, head_dim: 64, num_attention_heads: 2 }, null],
      [
        GROUP,
        { intermediate_size: 1376 },
        "intermediate_size of a rank must consist of whole blocks of 128 (group_size), got 1376",
      ],
      [
        { quant_method: "modelopt_fp4" },
        { intermediate_size: 40 },
        "intermediate_size of a rank must consist of whole blocks of 16 (modelopt_fp4), got 40",
      ],
      [
        { quant_method: "modelopt_mxfp8" },
        { intermediate_size: 48 },
        "intermediate_size of a rank must consist of whole blocks of 32 (modelopt_mxfp8), got 48",
      ],
      [{ quant_method: "mxfp4" }, { intermediate_size: 720 }, null],
      [
        {
          quant_method: "compressed-tensors",
          config_groups: { a: { weights: { strategy: "group", group_size: 64 } } },
        },
        { intermediate_size: 96 },
        "intermediate_size of a rank must consist of whole blocks of 64 (group_size), got 96",
      ],
      [
        {
          quant_method: "compressed-tensors",
          config_groups: { a: { weights: { strategy: "tensor_group", group_size: 16 } } },
        },
        { intermediate_size: 40 },
        "intermediate_size of a rank must consist of whole blocks of 16 (group_size), got 40",
      ],
      [
        { quant_method: "modelopt", quantization: { quant_algo: "NVFP4", group_size: 16 } },
        { intermediate_size: 40 },
        "intermediate_size of a rank must consist of whole blocks of 16 (group_size), got 40",
      ],
      [
        {
          quant_method: "modelopt",
          quant_algo: "NVFP4",
          config_groups: { a: { weights: { group_size: 16 } } },
        },
        { intermediate_size: 40 },
        "intermediate_size of a rank must consist of whole blocks of 16 (nvfp4), got 40",
      ],
      [
        { quant_method: "compressed-tensors", config_groups: { a: { weights: { strategy: "channel" } } } },
        { intermediate_size: 96 },
        null,
      ],
      [{ quant_method: "gptq", group_size: -1 }, { intermediate_size: 96 }, null],
    ];
  for (const [scheme, shares, rule] of cases) {
    assert.equal(brokenBlock(scheme === null ? {} : { quantization_config: scheme }, shares), rule);
  }
});

Deno.test("a degree that divides blocks is refused before anything is booted", async () => {
  const config = { ...SIZES, num_hidden_layers: 2, quantization_config: BLOCK, intermediate_size: 1536 };
  assert.equal(hfOverrides(config, 4)["intermediate_size"], 384);
  assert.throws(
    () => hfOverrides(config, 8),
    new UsageError(
      "Cannot shard the model to tp 8: intermediate_size of a rank must consist of whole blocks of 128 " +
        "(weight_block_size), got 192; leave this degree out",
    ),
  );
  const deepseek = await loadConfig("deepseek-ai/DeepSeek-V3");
  assert.equal(hfOverrides(deepseek.config, 8)["intermediate_size"], 2304);
});

const whole: readonly [scheme: ModelConfig, shares: Record<string, unknown>, block: string | null][] = [
  [
    { quant_method: "fp8", weight_block_size: [64, 128] },
    { intermediate_size: 192 },
    "128 (weight_block_size)",
  ],
  [
    { quant_method: "fp8", weight_block_size: [128, 64] },
    { intermediate_size: 192 },
    "128 (weight_block_size)",
  ],
  [{ quant_method: "fp8", weight_block_size: [128] }, { intermediate_size: 192 }, null],
  [{ quant_method: "fp8", weight_block_size: [128, 64] }, {
    ...{ num_attention_heads: 2, num_key_value_heads: 1, head_dim: 64 },
  }, "128 (weight_block_size)"],
  [{ quant_method: "fp8", weight_block_size: [64, 128] }, {
    ...{ num_attention_heads: 2, num_key_value_heads: 1, head_dim: 64 },
  }, null],
  [{ quant_method: "awq", q_group_size: 64 }, { intermediate_size: 96 }, "64 (group_size)"],
  [{ quantization: { group_size: 64 } }, { intermediate_size: 96 }, "64 (group_size)"],
  [{ quant_method: "awq", group_size: 1 }, { intermediate_size: 97 }, null],
  [{ quant_method: "gptq", group_size: -1 }, { intermediate_size: 97 }, null],
  [{ quant_method: "gptq", group_size: 0 }, { intermediate_size: 97 }, null],
  [{ quant_method: "MODELOPT_FP4" }, { intermediate_size: 40 }, "16 (modelopt_fp4)"],
  [{ bits: 4 }, { intermediate_size: 97 }, null],
  [{ quant_method: "awq", group_size: 64 }, { intermediate_size: 1 }, "64 (group_size)"],
  [
    {
      config_groups: {
        a: { weights: { strategy: "group", group_size: 32 } },
        b: { weights: { strategy: "tensor_group", group_size: 64 } },
        c: { weights: { strategy: "channel", group_size: 512 } },
      },
    },
    { intermediate_size: 96 },
    "64 (group_size)",
  ],
  [
    { config_groups: { a: { weights: { strategy: "group", group_size: "64" } } } },
    { intermediate_size: 97 },
    null,
  ],
];
for (const [scheme, shares, block] of whole) {
  Deno.test(`${JSON.stringify(scheme)} ${block === null ? "asks nothing" : `asks for blocks of ${block}`} of ${JSON.stringify(shares)}`, () => {
    const broken = brokenBlock({ quantization_config: scheme }, shares);
    assert.equal(broken?.match(/blocks of (.*), got/)?.[1] ?? null, block);
  });
}

Deno.test("sizes that nobody names are no broken blocks; an engine that rounds up asks for the model's own size", () => {
  assert.equal(brokenBlock({ quantization_config: BLOCK }, {}), null);
  assert.equal(brokenBlock({ quantization_config: BLOCK }, { intermediate_size: 0 }), null);
  const mx = { quantization_config: { quant_method: "mxfp4" } };
  const rule = "intermediate_size must consist of whole blocks of 32 (mxfp4), got 33";
  assert.deepEqual(
    [{}, { intermediate_size: 33 }, { intermediate_size: 64 }, { intermediate_size: 0 }].map((sizes) =>
      brokenBlock({ ...mx, ...sizes }, { intermediate_size: 3 })
    ),
    [null, rule, null, null],
  );
});

Deno.test("a head of values of its own size counts in place of a head, and then KV heads do not", () => {
  const sizes = { num_attention_heads: 1, num_key_value_heads: 1, head_dim: 64 };
  const asked = [{ ...sizes, v_head_dim: 128 }, { ...sizes, v_head_dim: 96 }].map((shares) =>
    brokenBlock({ quantization_config: BLOCK }, shares)
  );
  assert.deepEqual(asked, [
    null,
    "num_attention_heads × head_dim of a rank must consist of whole blocks of 128 (weight_block_size), got 96",
  ]);
});

Deno.test("groups lie along the inputs alone, and a block's longer side counts for what is both", () => {
  const of = (
    quantization_config: ModelConfig,
    shares: Record<string, unknown>,
    intermediate_size?: number,
  ) => brokenBlock({ quantization_config, intermediate_size }, shares);
  for (const [quant_method, size] of [["modelopt_mxfp8", 32], ["modelopt_fp4", 16], ["nvfp4", 16]] as const) {
    const shares = {
      intermediate_size: size,
      num_attention_heads: size,
      num_key_value_heads: 3,
      head_dim: 1,
    };
    assert.equal(of({ quant_method }, shares), null);
    assert.match(
      of({ quant_method }, { intermediate_size: size + 1 })!,
      new RegExp(`whole blocks of ${size} `),
    );
  }
  for (const quant_method of ["mxfp4", "gpt_oss_mxfp4"]) {
    assert.equal(of({ quant_method }, { intermediate_size: 16 }, 96), null);
    for (const size of [1, 33, 80]) {
      assert.equal(
        of({ quant_method }, {}, size),
        `intermediate_size must consist of whole blocks of 32 (${quant_method}), got ${size}`,
      );
    }
  }
  for (const weight_block_size of [[64, 128], [128, 64]]) {
    const scheme = { quant_method: "fp8", weight_block_size };
    assert.match(of(scheme, { intermediate_size: 64 })!, /^intermediate_size of a rank .* blocks of 128 /);
    assert.match(
      of(scheme, { num_attention_heads: 1, head_dim: 64 })!,
      /^num_attention_heads × head_dim of a rank .* blocks of 128 /,
    );
  }
  assert.equal(of({ quant_method: "awq", group_size: 0 }, { intermediate_size: 3 }), null);
});

Deno.test("the largest group of weights that are quantized by groups is the one that is asked for", () => {
  const config_groups = {
    none: null,
    text: "x",
    bare: {},
    channels: { weights: { strategy: "channel", group_size: 128 } },
    small: { weights: { strategy: "group", group_size: 32 } },
    large: { weights: { strategy: "tensor_group", group_size: 64 } },
  };
  const config = { quantization_config: { quant_method: "compressed-tensors", config_groups } };
  assert.equal(brokenBlock(config, { intermediate_size: 64 }), null);
  assert.equal(
    brokenBlock(config, { intermediate_size: 32 }),
    "intermediate_size of a rank must consist of whole blocks of 64 (group_size), got 32",
  );
});
