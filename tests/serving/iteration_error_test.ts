import assert from "node:assert/strict";
import type { Model } from "../../src/model/model.ts";
import { type IterationQuery, predictIteration } from "../../src/predict/iteration.ts";
import { predictor, type PredictorSource } from "../../src/predict/predictor.ts";
import { iterationError } from "../../src/serving/iteration_error.ts";

const MODEL: Model = {
  id: "org/one",
  config: { num_hidden_layers: 1 },
  architecture: {
    modelType: "made_up",
    sequence: {
      prologue: [],
      pre_attn: ["qkv_proj", "attention"],
      post_attn: [],
      mlp_dense: [],
      mlp_moe: [],
      head: [],
    },
    catalog: {
      dense: { qkv_proj: { vllm: [] } },
      per_sequence: {},
      attention: { attention: { vllm: [] } },
      moe: {},
    },
    sha256: "",
  },
};

/** A dense layer that grows with the square of the tokens; attention that takes a tenth of it at 4 tokens. */
const BUNDLE = {
  tps: [1],
  meta: {
    noise: { spread_p50: 0.01 },
    skew_fit: { per_tp: { 1: { rel_err_p50: 0.05 } } },
  },
  skewFit: () => [],
  table: (_: number, category: string) =>
    category === "dense"
      ? [1, 2, 4, 8, 16].map((tokens) => ({ layer: "qkv_proj", key: [tokens], timeUs: 10 * tokens ** 2 }))
      : category === "attention"
      ? [1, 2, 4, 8, 16].flatMap((n) =>
        [16, 32].map((kv) => ({ layer: null, key: [0, 0, n, kv], timeUs: 4 * n }))
      )
      : [],
};
const SOURCE = BUNDLE as unknown as PredictorSource & Parameters<typeof iterationError>[0];

function band(decodes: IterationQuery["decodes"], heldOut?: number[]): ReturnType<typeof iterationError> {
  const query = { model: MODEL, tp: 1, prefills: [], decodes };
  const steps = heldOut &&
    { heldOut: heldOut.map((windowP90) => ({ windowP50: 0.001, windowP90 }) as never) };
  return iterationError(SOURCE, query, predictIteration(predictor(SOURCE), query), steps);
}

Deno.test("iterationError is the rows' spread at measured sizes", () => {
  assert.deepEqual(band([{ kv: 16, count: 4 }]), {
    share: 0.01,
    rows: 0.01,
    interpolation: 0,
    skew: 0,
    steps: 0,
  });
});

Deno.test("iterationError between sizes is a quarter of what neighbours miss, by the layer's share", () => {
  const { interpolation, share } = band([{ kv: 16, count: 6 }]);
  // Of 4 its neighbours 2 and 8 say 40 + (640 - 40) / 3 = 240 for 160, of 8 those 4 and 16 say 960 for 640: half each.
  const dense = (160 + 640) / 2;
  assert.ok(Math.abs(interpolation! - 0.5 / 4 * dense / (dense + 24)) < 1e-9);
  assert.ok(Math.abs(share! - Math.hypot(0.01, interpolation!)) < 1e-12);
});

Deno.test("iterationError adds the alphas' error by attention's part, and that of steps", () => {
  const { skew } = band([{ kv: 16, count: 3 }, { kv: 32, count: 1 }]);
  assert.ok(Math.abs(skew! - 0.05 * 16 / 176) < 1e-9);
  const { steps, share } = band([{ kv: 16, count: 4 }], [0.01, 0.03]);
  assert.equal(steps, 0.03);
  assert.ok(Math.abs(share! - Math.hypot(0.01, 0.03)) < 1e-12);
  assert.equal(band([{ kv: 16, count: 4 }], []).steps, null);
});

Deno.test("iterationError gives no band beyond what was measured", () => {
  for (const decodes of [[{ kv: 16, count: 17 }], [{ kv: 64, count: 4 }]]) {
    const { share, interpolation } = band(decodes);
    assert.deepEqual([share, interpolation], [null, null]);
  }
});
