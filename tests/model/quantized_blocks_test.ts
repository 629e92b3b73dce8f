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
