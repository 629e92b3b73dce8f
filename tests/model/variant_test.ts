import assert from "node:assert/strict";
import { resolveDtype, simulatorReaches, variantName, variantNotices } from "../../src/model/variant.ts";
import type { ModelConfig } from "../../src/model/model.ts";
import vectors from "../data/variant-names.json" with { type: "json" };

Deno.test("variantName gives the reference's names, but never auto or default", () => {
  let derived = 0;
  for (const { config, dtype, kv_cache_dtype, variant, profiler_folder } of vectors.rows) {
    const name = variantName({ config, dtype, kvCacheDtype: kv_cache_dtype, variant });
    if (/^(auto|default|$)/.test(profiler_folder)) {
      const weights = variantName({
        config,
        dtype: resolveDtype(config, dtype),
        kvCacheDtype: null,
        variant: null,
      });
      assert.equal(name, profiler_folder.replace(/^(auto|default|)/, weights));
      derived++;
    } else {
      assert.equal(name, profiler_folder, JSON.stringify(config));
    }
  }
  assert.ok(derived > 0 && derived < vectors.rows.length);
});

Deno.test("resolveDtype takes what was asked for, then the config's, then bfloat16", () => {
  const cases: readonly [ModelConfig, string | null, string][] = [
    [{ torch_dtype: "float16" }, null, "float16"],
    [{ torch_dtype: "float16" }, "auto", "float16"],
    [{ torch_dtype: "float16" }, "bf16", "bfloat16"],
    [{ torch_dtype: "float16" }, "half", "float16"],
    [{ torch_dtype: "float16" }, "fp8", "fp8"],
    [{ dtype: "float16" }, null, "float16"],
    [{ dtype: "float32", torch_dtype: "float16" }, null, "float16"],
    [{ torch_dtype: "auto", dtype: "float16" }, null, "float16"],
    [{ text_config: { dtype: "float16" } }, null, "float16"],
    [{ torch_dtype: "float16", text_config: {} }, null, "float16"],
    [{ torch_dtype: "float32", text_config: { torch_dtype: "float16" } }, null, "float16"],
    [{ torch_dtype: null }, null, "bfloat16"],
    [{}, null, "bfloat16"],
  ];
  for (const [config, dtype, expected] of cases) {
    assert.equal(resolveDtype(config, dtype), expected, JSON.stringify([config, dtype]));
  }
});

Deno.test("variantName keeps the name that was asked for", () => {
  assert.equal(variantName({ config: {}, dtype: "fp8", kvCacheDtype: "fp8", variant: "mine" }), "mine");
});

Deno.test("simulatorReaches every folder that the simulator's options name, and no other", () => {
  for (const { folder } of vectors.simulator_command_line) {
    if (folder !== undefined) assert.equal(simulatorReaches(folder), true, folder);
  }
  for (const variant of ["int4", "bf16-kvbf16", "fp8e5m2", "bf16-kvint8", "auto", "default", "mine"]) {
    assert.equal(simulatorReaches(variant), false, variant);
  }
});

Deno.test("variantNotices tell what is assumed and what the simulator will not find", () => {
  const unreachable = (variant: string): string =>
    `The simulator has no options that lead to the variant '${variant}': ` +
    "it knows weights of float16, bfloat16, float32, fp8, int8 and a KV cache of auto or fp8";
  const cases: readonly [ModelConfig, string | null, string | null, string[]][] = [
    [{ torch_dtype: "bfloat16" }, null, null, []],
    [{ torch_dtype: "float16" }, null, "fp8", []],
    [{}, null, null, ["The model's config has neither torch_dtype nor dtype: bfloat16 is assumed"]],
    [{}, "bfloat16", null, []],
    [{ dtype: "float16" }, null, null, [
      "The simulator takes this model for bfloat16 by its config: tell it float16 for the variant 'fp16'",
    ]],
    [{ torch_dtype: "float16" }, "fp8", "fp8", [
      "The simulator takes this model for float16 by its config: tell it fp8 for the variant 'fp8-kvfp8'",
    ]],
    [{ torch_dtype: "bfloat16" }, "int4", null, [unreachable("int4")]],
    [{ torch_dtype: "bfloat16" }, null, "int8", [unreachable("bf16-kvint8")]],
  ];
  for (const [config, dtype, kvCacheDtype, notices] of cases) {
    assert.deepEqual(variantNotices({ config, dtype, kvCacheDtype, variant: null }), notices);
  }
});
