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
    { heldOut: heldOut.map((decodesP90) => ({ windowP90: 0.001, decodesP90, promptsP90: 0.9 }) as never) };
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

/** Attention with the square of a history's length, one of the grid's other axes beside; dense rows as they come. */
const GRID = {
  ...BUNDLE,
  meta: {},
  table: (_: number, category: string) =>
    category === "dense"
      ? [8, 2, 4].map((tokens) => ({ layer: "qkv_proj", key: [tokens], timeUs: 10 * tokens ** 2 }))
      : category === "attention"
      ? [0, 16].flatMap((chunk) =>
        [2, 4, 8].flatMap((n) =>
          [16, 32, 64, 128].map((kv) => ({
            ...{ layer: null, key: [chunk, 0, n, kv] },
            timeUs: (chunk === 0 && n === 4 ? 1 : 1000) * kv ** 2,
          }))
        )
      )
      : [],
};

function miss(
  decodes: IterationQuery["decodes"],
  shares: Readonly<Record<string, number>>,
  tokens: number,
): number | null {
  const source = GRID as unknown as typeof SOURCE;
  const contributions = Object.entries(shares).map(([layer, totalNs]) => ({ layer, totalNs }) as never);
  const totalNs = Object.values(shares).reduce((sum, ns) => sum + ns, 0);
  return iterationError(source, { model: MODEL, tp: 1, prefills: [], decodes }, {
    contributions,
    totalNs,
    tokens,
  })
    .interpolation;
}

Deno.test("attention's error is that along each axis, on the line through the nearest shot", () => {
  const of = (kv: number, count = 4): number | null => miss([{ kv, count }], { attention: 1 }, count);
  assert.equal(of(32), 0);
  // Between 32 and 64: of 32 its neighbours 16 and 64 say 1,536 for 1,024, of 64 those 32 and 128 say 6,144 for 4,096.
  assert.equal(of(48), 0.5 / 4);
  // Between 16 and 32 only the larger one has neighbours, between 64 and 128 only the smaller one.
  assert.deepEqual([of(20), of(100)], [0.5 / 4, 0.5 / 4]);
  assert.deepEqual([of(15), of(129), of(16), of(128)], [null, null, 0, 0]);
  // Of three requests the line at 64 goes through 1000, 1 and 1000 times the square: the middle one is missed 999-fold.
  assert.ok(
    Math.abs(of(64, 3)! - 999 / 4) < 1e-9 && Math.abs(of(48, 3)! - Math.hypot(999 / 4, 0.5 / 4)) < 1e-9,
  );
});

Deno.test("a layer's error counts by its share, on a line whose points come in any order", () => {
  const shares = { qkv_proj: 3, attention: 1, other: 4 };
  // Between 4 and 8 only 4 has neighbours: 40 + (640 - 40) / 3 = 240 for 160.
  assert.equal(miss([{ kv: 32, count: 4 }], shares, 6), 3 / 8 * 0.5 / 4);
  assert.equal(miss([{ kv: 32, count: 4 }], shares, 8), 0);
  assert.deepEqual([miss([{ kv: 32, count: 4 }], shares, 1), miss([{ kv: 32, count: 4 }], shares, 9)], [
    null,
    null,
  ]);
});

Deno.test("one size alone says nothing of others; a bundle that does not say has no part of the band", () => {
  const single = {
    ...GRID,
    table: (tp: number, category: string) =>
      GRID.table(tp, category).filter(({ key }) => key.length > 1 || key[0] === 4),
  } as unknown as typeof SOURCE;
  const query = { model: MODEL, tp: 1, prefills: [], decodes: [{ kv: 16, count: 3 }, { kv: 32, count: 1 }] };
  const estimate = { contributions: [{ layer: "qkv_proj", totalNs: 1 } as never], totalNs: 1, tokens: 100 };
  assert.deepEqual(iterationError(single, query, estimate, { heldOut: [] }), {
    share: 0,
    rows: null,
    interpolation: 0,
    skew: null,
    steps: null,
  });
});
