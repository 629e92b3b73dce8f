import assert from "node:assert/strict";
import { computesNatively, emulationNotices, type Processor } from "../src/processor.ts";

const ZEN3 = ["avx2"];
const CASCADE_LAKE = ["avx2", "avx512f", "avx512_vnni"];
const ZEN4 = ["avx2", "avx512f", "avx512_vnni", "avx512_bf16"];
const SAPPHIRE_RAPIDS = [...ZEN4, "avx512_fp16", "amx_int8", "amx_bf16"];
const NEOVERSE_N1 = ["asimd", "asimdhp", "asimddp"];
const NEOVERSE_V1 = [...NEOVERSE_N1, "i8mm", "bf16", "sve"];

const processor = (instruction_sets: readonly string[]): Processor => ({
  name: "CPU",
  cores: 2,
  instruction_sets,
});

const CASES: [name: string, sets: readonly string[], native: Record<string, boolean | null>][] = [
  ["Zen 3", ZEN3, { bfloat16: false, float16: false, float32: true }],
  ["Cascade Lake", CASCADE_LAKE, { bfloat16: false, float16: false, float32: true }],
  ["Zen 4", ZEN4, { bfloat16: true, float16: false, float32: true }],
  ["Sapphire Rapids", SAPPHIRE_RAPIDS, { bfloat16: true, float16: true, float32: true }],
  ["Neoverse N1", NEOVERSE_N1, { bfloat16: false, float16: true, float32: true }],
  ["Neoverse V1", NEOVERSE_V1, { bfloat16: true, float16: true, float32: true }],
  ["a processor of which nobody knows", [], { bfloat16: null, float16: null, float32: true }],
  ["a type of which nobody knows", ZEN4, { fp8: null }],
];
for (const [name, sets, natives] of CASES) {
  Deno.test(`computesNatively: ${name}`, () => {
    for (const [dtype, native] of Object.entries(natives)) {
      assert.equal(computesNatively(processor(sets), dtype), native, dtype);
      assert.equal(emulationNotices(processor(sets), dtype).length, native === false ? 1 : 0, dtype);
    }
  });
}

Deno.test("emulationNotices says what is emulated, for lack of what, and what it costs", () => {
  assert.deepEqual(
    emulationNotices({ name: "AMD EPYC 7R13", cores: 2, instruction_sets: ZEN3 }, "bfloat16"),
    [
      "AMD EPYC 7R13 emulates bfloat16 (it has none of avx512_bf16, amx_bf16): products of many tokens take up to 6 " +
      "times as long as in float32 (seen on two AVX2 cores), which --dtype float32 measures",
    ],
  );
  assert.match(
    emulationNotices(processor(NEOVERSE_N1), "bfloat16")[0]!,
    /^CPU emulates bfloat16 \(it has none of bf16\): /,
  );
  assert.deepEqual(emulationNotices(undefined, "bfloat16"), []);
});
