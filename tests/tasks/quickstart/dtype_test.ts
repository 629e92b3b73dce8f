import assert from "node:assert/strict";
import { chooseDtype } from "../../../tasks/quickstart/dtype.ts";

const BF16 = { torch_dtype: "bfloat16" };
const HALF = { torch_dtype: "float16" };
const CASES: Record<
  string,
  [config: Record<string, unknown>, sets: readonly string[], dtype: string | undefined]
> = {
  "Zen 3": [BF16, ["avx2"], "float32"],
  "Cascade Lake, AVX-512 without BF16": [BF16, ["avx2", "avx512f", "avx512_vnni"], "float32"],
  "Zen 4": [BF16, ["avx2", "avx512f", "avx512_vnni", "avx512_bf16"], "bfloat16"],
  "AMX without AVX512_BF16": [BF16, ["avx2", "avx512f", "amx_bf16"], "bfloat16"],
  "Neoverse N1": [BF16, ["asimd", "asimdhp", "asimddp"], "float32"],
  "Neoverse V1": [BF16, ["asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve"], "bfloat16"],
  "a float16 model on Zen 4": [HALF, ["avx2", "avx512f", "avx512_bf16"], "float32"],
  "a float16 model on Sapphire Rapids": [HALF, ["avx2", "avx512_bf16", "avx512_fp16", "amx_bf16"], "float16"],
  "a float16 model on Neoverse N1": [HALF, ["asimd", "asimdhp"], "float16"],
  "a float32 model on Zen 3": [{ torch_dtype: "float32" }, ["avx2"], "float32"],
  "a quantized model": [{ ...BF16, quantization_config: { quant_method: "fp8" } }, ["avx2"], undefined],
  "a processor of which nobody knows": [BF16, [], undefined],
};
for (const [what, [config, instruction_sets, dtype]] of Object.entries(CASES)) {
  Deno.test(`chooseDtype: ${what} takes ${dtype ?? "what is asked for"}`, () => {
    assert.equal(chooseDtype(config, { name: "CPU", cores: 2, instruction_sets })?.dtype, dtype);
  });
}

Deno.test("chooseDtype chooses nothing where the engine computes on another device", () => {
  assert.equal(chooseDtype(BF16, undefined), null);
});

Deno.test("chooseDtype says in a line what it has chosen and why", () => {
  const processor = { name: "AMD EPYC 7R13", cores: 2, instruction_sets: ["avx2"] };
  assert.equal(
    chooseDtype(BF16, processor)?.reason,
    "Measuring in float32: AMD EPYC 7R13 (2 cores; avx2) would emulate the model's bfloat16 " +
      "(--dtype bfloat16 measures that)",
  );
  assert.equal(
    chooseDtype(BF16, { ...processor, instruction_sets: ["avx2", "avx512_bf16"] })?.reason,
    "Measuring in bfloat16: AMD EPYC 7R13 (2 cores; avx2 avx512_bf16) computes with it as it is",
  );
});
