import assert from "node:assert/strict";
import type { ModelConfig } from "../../src/model/model.ts";
import { quantizedKvType, quantizedType, quantizesWeightsAlone } from "../../src/model/quantization.ts";
import {
  newerVariant,
  resolveDtype,
  resolveKvDtype,
  variantName,
  variantNotices,
} from "../../src/model/variant.ts";

const group = (type: string, bits: number): unknown => ({ weights: { type, num_bits: bits } });
const compressed = (groups: Record<string, unknown>, more: object = {}): object => ({
  quant_method: "compressed-tensors",
  config_groups: groups,
  ...more,
});

const SCHEMES: readonly [scheme: unknown, type: string | null][] = [
  [{ quant_method: "fp8", activation_scheme: "dynamic", weight_block_size: [128, 128] }, "fp8"],
  [{ quant_method: "FP8" }, "fp8"],
  [{ quant_method: "fbgemm_fp8" }, "fp8"],
  [{ quant_method: "awq", bits: 4, group_size: 128 }, "int4"],
  [{ quant_method: "awq", w_bit: 4 }, "int4"],
  [{ quant_method: "gptq", bits: 8 }, "int8"],
  [{ quant_method: "mxfp4" }, "mxfp4"],
  [{ quant_method: "bitsandbytes", load_in_8bit: true, load_in_4bit: false }, "int8"],
  [{ quant_method: "bitsandbytes", load_in_4bit: true, bnb_4bit_quant_type: "nf4" }, "nf4"],
  [{ quant_method: "modelopt", quant_algo: "FP8" }, "fp8"],
  [{ producer: { name: "modelopt" }, quantization: { quant_algo: "NVFP4" } }, "nvfp4"],
  [{ quant_method: "modelopt", quant_algo: "NVFP4", config_groups: { a: group("float", 4) } }, "nvfp4"],
  [{ quant_method: "modelopt", quant_algo: "W4A16_NVFP4" }, "nvfp4"],
  [compressed({ group_0: group("float", 8) }), "fp8"],
  [compressed({ group_0: group("int", 8), group_1: group("int", 8) }), "int8"],
  [compressed({ group_0: group("int", 4) }), "int4"],
  [compressed({ group_0: group("float", 4) }, { format: "nvfp4-pack-quantized" }), "nvfp4"],
  [compressed({ group_0: group("int", 4), group_1: group("int", 8) }), "compressed_tensors"],
  [{ quant_method: "quark" }, "quark"],
  [{ quant_method: "../x" }, "_x"],
  [{ bits: "?" }, "quantized"],
  [{}, null],
  [null, null],
];

Deno.test("quantizedType is that of the weights, or the method", () => {
  for (const [scheme, type] of SCHEMES) {
    assert.equal(quantizedType({ quantization_config: scheme }), type, JSON.stringify(scheme));
    assert.equal(quantizedType({ text_config: { quantization_config: scheme } }), type);
    assert.equal(quantizedType({ compression_config: scheme, text_config: {} }), type);
  }
});

Deno.test("a quantized checkpoint never lands in the folder of the type that it computes with", () => {
  for (const [scheme, type] of SCHEMES) {
    const config = { torch_dtype: "bfloat16", quantization_config: scheme };
    for (const dtype of [null, "auto", "bfloat16", type]) {
      const name = variantName({ config, dtype, kvCacheDtype: "auto", variant: null });
      assert.equal(name, type ?? "bf16", JSON.stringify([scheme, dtype]));
      assert.equal(resolveDtype(config, dtype), "bfloat16");
    }
  }
  const config = { torch_dtype: "bfloat16", quantization_config: { quant_method: "fp8" } };
  assert.equal(variantName({ config, dtype: null, kvCacheDtype: "auto", variant: "mine" }), "mine");
  assert.deepEqual(variantNotices({ config, dtype: null, kvCacheDtype: "auto", variant: null }), [
    "The simulator takes this model for bfloat16 by its config: tell it fp8 for the variant 'fp8'",
  ]);
});

Deno.test("the KV cache has the type that a checkpoint wants, unless another is asked for", () => {
  const fp8 = { num_bits: 8, type: "float", dynamic: false };
  const cases: readonly [ModelConfig, string | null][] = [
    [{ quantization_config: compressed({}, { kv_cache_scheme: fp8 }) }, "fp8"],
    [{ quantization_config: compressed({}, { kv_cache_scheme: null }) }, null],
    [{ quantization_config: { quant_method: "modelopt", kv_cache_quant_algo: "FP8" } }, "fp8"],
    [
      { quantization_config: { quantization: { quant_algo: "NVFP4", kv_cache_quant_algo: "NVFP4" } } },
      "nvfp4",
    ],
    [{ quantization_config: { quant_method: "modelopt", kv_cache_quant_algo: null } }, null],
    [{}, null],
  ];
  for (const [config, type] of cases) {
    assert.equal(quantizedKvType(config), type);
    assert.equal(resolveKvDtype(config, "auto"), type ?? "auto");
    assert.equal(resolveKvDtype(config, "bfloat16"), "bfloat16");
  }
  const config = { quantization_config: compressed({ a: group("float", 8) }, { kv_cache_scheme: fp8 }) };
  assert.equal(variantName({ config, dtype: null, kvCacheDtype: "auto", variant: null }), "fp8-kvfp8");
});

const activated = (input_activations: unknown): object => ({ weights: { num_bits: 4 }, input_activations });
const ALONE: readonly [scheme: unknown, alone: boolean][] = [
  [null, false],
  [{ quant_method: "awq" }, true],
  [{ quant_method: "AWQ_Marlin" }, true],
  [{ quant_method: "gptq" }, true],
  [{ quant_method: "bitsandbytes" }, true],
  [{ quant_method: "experts_int8" }, true],
  [{ quant_method: "hqq" }, true],
  [{ quant_method: "fp8" }, false],
  [{ bits: 4 }, false],
  [{ quant_method: "modelopt", quant_algo: "W4A16_AWQ" }, true],
  [{ quantization: { quant_algo: "w8a16" } }, true],
  [{ quant_method: "modelopt", quant_algo: "W4A8" }, false],
  [{ quant_method: "modelopt", quant_algo: "FP8_W4A16" }, false],
  [{ quant_method: "modelopt", quant_algo: null }, false],
  [compressed({}), false],
  [compressed({ a: activated(null) }), true],
  [compressed({ a: activated(undefined), b: activated(null) }), true],
  [compressed({ a: activated(null), b: activated({ num_bits: 8 }) }), false],
  [compressed({ a: activated({ num_bits: 8 }) }), false],
  [compressed({ a: "x" }), false],
];
for (const [scheme, alone] of ALONE) {
  Deno.test(`weights ${alone ? "alone are" : "are not all that is"} quantized by ${JSON.stringify(scheme)}`, () => {
    assert.equal(quantizesWeightsAlone({ quantization_config: scheme }), alone);
  });
}

const odd: readonly [scheme: unknown, type: string | null][] = [
  [{ quant_method: "gptq", bits: 4.5 }, "gptq"],
  [{ quant_method: "gptq", bits: "4" }, "gptq"],
  [compressed({ a: group("float", 4) }), "mxfp4"],
  [compressed({ a: { weights: { type: "int" } } }), "compressed_tensors"],
  [{ quant_method: "bitsandbytes", load_in_4bit: true }, "fp4"],
];
for (const [scheme, type] of odd) {
  Deno.test(`the type of ${JSON.stringify(scheme)} is ${type}`, () => {
    assert.equal(quantizedType({ quantization_config: scheme }), type);
  });
}
const kvTypes: readonly [scheme: unknown, type: string | null][] = [
  [{ quant_method: "fp8" }, null],
  [{ kv_cache_scheme: { num_bits: 8 } }, "fp8"],
  [{ kv_cache_scheme: { num_bits: 4 } }, "nvfp4"],
  [{ kv_cache_quant_algo: "FP8" }, "fp8"],
  [{ quantization: { kv_cache_quant_algo: "NVFP4" } }, "nvfp4"],
  [{ quantization: { quant_algo: "FP8" }, kv_cache_scheme: { num_bits: 8 } }, "fp8"],
  [{ quantization: { kv_cache_scheme: { num_bits: 4 } }, kv_cache_scheme: { num_bits: 8 } }, "nvfp4"],
  [{ kv_cache_quant_algo: "int4" }, null],
];
for (const [scheme, type] of kvTypes) {
  Deno.test(`the type of the KV cache by ${JSON.stringify(scheme)} is ${type}`, () => {
    assert.equal(quantizedKvType({ quantization_config: scheme }), type);
  });
}

const folders: readonly [config: ModelConfig, name: string][] = [
  [{}, "default"],
  [{ torch_dtype: "bfloat16", quantization_config: { kv_cache_scheme: { num_bits: 8 } } }, "bf16-kvfp8"],
  [{ torch_dtype: "bfloat16", quantization_config: { kv_cache_quant_algo: "FP8" } }, "bf16-kvfp8"],
  [{ torch_dtype: "bfloat16", quantization_config: { kv_cache_quant_algo: null } }, "bf16"],
  [{ torch_dtype: "float16", quantization_config: { quant_method: "awq" } }, "awq"],
  [{ text_config: { dtype: "float32" } }, "fp32"],
];
for (const [config, name] of folders) {
  Deno.test(`v1.2 looks for ${JSON.stringify(config)} in the folder ${name}`, () => {
    assert.equal(newerVariant(config), name);
  });
}
