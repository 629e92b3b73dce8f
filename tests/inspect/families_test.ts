import assert from "node:assert/strict";
import type { TinyOutcome } from "../bench/families/tiny.ts";
import quantized from "../../perf/evidence/architectures/quantized.json" with { type: "json" };
import recorded from "../../perf/evidence/architectures/tiny.json" with { type: "json" };
import versions from "../../perf/evidence/architectures/versions.json" with { type: "json" };
import { FAMILY_NAMES } from "./tiny_models.ts";

const outcomes = recorded as unknown as Record<string, TinyOutcome>;

/** Families that vLLM's CPU build does not run, and why it says so. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  deepseek_v32: /Sparse Attention is not supported on CPU/,
  minimax_m2: /cpu_router\.py, line \d+: assert self\.scoring_func == "softmax"/,
};

Deno.test("what became of a tiny model of every family on a CPU is recorded", () => {
  assert.deepEqual(Object.keys(outcomes), FAMILY_NAMES);
});

for (const [family, { draft, file, measured, predicted }] of Object.entries(outcomes)) {
  const refusal = REFUSED[family];
  if (refusal !== undefined) {
    Deno.test(`${family} is refused with the engine's reason`, () => {
      for (const outcome of [draft, file, ...Object.values(measured)]) {
        assert.ok("refused" in outcome);
        assert.match(outcome.refused, refusal);
      }
    });
    continue;
  }
  Deno.test(`${family} was drafted, held against its file, measured at two degrees and predicted`, () => {
    assert.ok(
      !("refused" in draft) && !("refused" in file) && !("refused" in predicted),
      JSON.stringify({
        draft,
        file,
        predicted,
      }),
    );
    assert.ok(draft.uncovered <= 0.01 && file.uncovered <= 0.01);
    assert.deepEqual(predicted.skipped, []);
    assert.ok(predicted.layers > 5);
    assert.deepEqual(Object.keys(measured), ["1", "2"]);
    for (const [tp, outcome] of Object.entries(measured)) {
      assert.ok(!("refused" in outcome), `tp ${tp}: ${JSON.stringify(outcome)}`);
      assert.ok(outcome.rows > 20 && outcome.failed === 0);
    }
  });
}

/** Checkpoints that vLLM's CPU build does not run, and why it says so. */
const NO_KERNEL: Readonly<Record<string, RegExp>> = {
  "fp8, per tensor": /static_scaled_fp8_quant/,
  "fp8, blocks of 128": /Failed to find a kernel/,
  "mxfp4 experts": /No MXFP4 MoE backend/,
  "NVFP4, groups of 16": /Failed to find a kernel that can implement the NVFP4 linear layer/,
};

for (const [name, outcome] of Object.entries(quantized as Readonly<Record<string, object>>)) {
  Deno.test(`a checkpoint was measured at two degrees, or refused with the engine's reason: ${name}`, () => {
    const { rows = {}, refused, methods } = outcome as {
      rows?: Record<string, number>;
      refused?: string;
      methods?: Record<string, string>;
    };
    const reason = NO_KERNEL[name];
    if (reason !== undefined) return assert.match(refused ?? "", reason);
    assert.deepEqual(Object.keys(rows), ["1", "2"]);
    assert.ok(Object.values(rows).every((count) => count > 100));
    assert.ok(name.startsWith("KV cache") || methods?.["o_proj"] !== undefined);
  });
}

for (const [engine, cases] of Object.entries(versions)) {
  Deno.test(`${engine} fired every category and forward of the models that were tried`, () => {
    for (const [name, { forwards, faults }] of Object.entries(cases)) {
      assert.deepEqual([name, forwards, faults], [name, 6, []]);
    }
  });
}
