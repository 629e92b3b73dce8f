import assert from "node:assert/strict";
import type { Row } from "../../src/bundle/tables.ts";
import { placed } from "../../src/predict/interpolate.ts";
import { LookupError } from "../../src/predict/lookup_error.ts";
import { predictor, type PredictorSource } from "../../src/predict/predictor.ts";
import { compareLookups } from "./compare_lookups.ts";
import { type LookupFile, readVectors, sourceOf } from "./vectors.ts";

const STABLE = { vllm: ["RMSNorm"], tp_stable: true };
const ARCHITECTURE = {
  catalog: {
    dense: { layernorm: STABLE, qk_norm: STABLE, final_layernorm: STABLE },
    per_sequence: { sampler: { vllm: ["Sampler"], tp_stable: true } },
    attention: {},
    moe: {},
  },
};

const { bundles, cases } = readVectors<LookupFile>("lookup-synthetic.json.gz");
for (const { bundle, tp, ...vectors } of cases) {
  Deno.test(`predictor answers as the simulator does on bundle ${bundle} at tp ${tp}`, () => {
    const made = predictor(sourceOf(bundles[bundle]!), { architecture: ARCHITECTURE });
    const differences = [...compareLookups(made, tp, vectors).values()].flatMap((kind) => kind.differences);
    assert.deepEqual(differences, []);
  });
}

const SOURCE: PredictorSource = {
  tps: [1, 2],
  meta: { hardware: "H100" },
  skewFit: () => [],
  table: (tp, category) => {
    switch (category) {
      case "dense":
        return [{ layer: "layernorm", key: [1], timeUs: tp }, {
          layer: "qkv_proj",
          key: [1],
          timeUs: 10 * tp,
        }];
      case "per_sequence":
        return [{ layer: "lm_head", key: [8], timeUs: 3 }];
      case "attention":
        return tp === 1 ? [{ layer: null, key: [0, 0, 1, 16], timeUs: 5 }] : [];
      case "linear_attention":
      case "moe":
        return [];
    }
  },
};

Deno.test("predictor reads tp_stable layers from tp1 when it knows the architecture", () => {
  assert.equal(predictor(SOURCE, { architecture: ARCHITECTURE }).dense(2, "layernorm", 1), 1_000);
  assert.equal(predictor(SOURCE, { architecture: ARCHITECTURE }).dense(2, "qkv_proj", 1), 20_000);
  assert.equal(predictor(SOURCE).dense(2, "layernorm", 1), 2_000);
});

Deno.test("predictor takes a size below 1 for 1", () => {
  assert.equal(predictor(SOURCE).dense(1, "qkv_proj", 0), 10_000);
});

Deno.test("predictor tells what a bundle does not hold", () => {
  const { dense, perSequence, moe, attention, batch } = predictor(SOURCE);
  const asks: [ask: () => number, message: string, details: unknown][] = [
    [
      () => dense(4, "qkv_proj", 1),
      "Cannot look up dense at tp 4: the bundle holds tp 1, 2",
      { tp: 4, category: "dense" },
    ],
    [
      () => dense(1, "o_proj", 1),
      "Cannot look up o_proj at tp 1: tp1/dense.csv has no such layer",
      { tp: 1, category: "dense", layer: "o_proj" },
    ],
    [
      () => perSequence(2, "sampler", 1),
      "Cannot look up sampler at tp 2: tp2/per_sequence.csv has no such layer",
      { tp: 2, category: "per_sequence", layer: "sampler" },
    ],
    [
      () => moe({ tokens: 1, activatedExperts: 8 }),
      "Cannot look up moe at tp 1: tp1/moe.csv has no rows",
      { tp: 1, category: "moe" },
    ],
    [
      () => attention(2, { chunk: 0, kvPrefill: 0, nDecode: 1, kvDecode: 16 }),
      "Cannot look up attention at tp 2: tp2/attention.csv has no rows",
      { tp: 2, category: "attention" },
    ],
    [
      () => batch(2, { prefills: [], decodes: [{ kv: 16, count: 1 }] }),
      "Cannot look up attention at tp 2: tp2/attention.csv has no rows",
      { tp: 2, category: "attention" },
    ],
  ];
  for (const [ask, message, details] of asks) {
    assert.throws(ask, (error) => {
      assert.ok(error instanceof LookupError);
      assert.equal(error.message, message);
      assert.deepEqual(error.details, details);
      return true;
    });
  }
});

Deno.test("a predictor refuses sizes that are negative or no number, in every question and by either simulator", () => {
  const query = { chunk: 1, kvPrefill: 0, nDecode: 1, kvDecode: 16 };
  const batch = { prefills: [{ chunk: 1, history: 0 }], decodes: [{ kv: 16, count: 1 }] };
  for (const simulator of ["august", "v1.2"] as const) {
    const made = predictor(SOURCE, { simulator });
    for (const bad of [NaN, -1, Infinity]) {
      const asks: Record<string, (() => unknown)[]> = {
        tokens: [
          () => made.dense(1, "qkv_proj", bad),
          () => made.mtp(1, "qkv_proj", bad),
          () => made.moe({ tokens: bad, activatedExperts: 1 }),
        ],
        sequences: [() => made.perSequence(1, "lm_head", bad)],
        activatedExperts: [() => made.moe({ tokens: 1, activatedExperts: bad })],
        ep: [() => made.moe({ tokens: 1, activatedExperts: 1, ep: bad })],
        prefillTokens: [() => made.linearAttention(1, "gdn", { prefillTokens: bad, nDecode: 1 })],
        chunk: [
          () => made.attention(1, { ...query, chunk: bad }),
          () => made.kernelAttention(1, { ...query, prefillKey: 0, chunk: bad }),
          () => made.batch(1, { ...batch, prefills: [{ chunk: bad, history: 0 }] }),
        ],
        kvPrefill: [
          () => made.attention(1, { ...query, kvPrefill: bad }),
          () => made.explainAttention(1, { ...query, kvPrefill: bad }),
        ],
        prefillKey: [() => made.kernelAttention(1, { ...query, prefillKey: bad })],
        nDecode: [
          () => made.attention(1, { ...query, nDecode: bad }),
          () => made.linearAttention(1, "gdn", { prefillTokens: 1, nDecode: bad }),
        ],
        kvDecode: [() => made.attention(1, { ...query, kvDecode: bad })],
        history: [() => made.explainBatch(1, { ...batch, prefills: [{ chunk: 1, history: bad }] })],
        kv: [() => made.batch(1, { ...batch, decodes: [{ kv: bad, count: 1 }] })],
        count: [() => made.batch(1, { ...batch, decodes: [{ kv: 16, count: bad }] })],
      };
      for (const [name, ways] of Object.entries(asks)) {
        for (const ask of ways) {
          assert.throws(
            ask,
            new RangeError(`Cannot look up a time: ${name} must be a number from 0, got ${bad}`),
          );
        }
      }
    }
  }
});

Deno.test("a lookup says its place: the least good on any axis that it read, a slice that was never measured among them", () => {
  const rows = [[0, 0, 1, 16], [0, 0, 1, 32], [0, 0, 2, 16], [64, 0, 0, 0]].map((key) => ({
    layer: null,
    key,
    timeUs: 5,
  }));
  const { attention } = predictor({ ...SOURCE, table: () => rows });
  const at = (chunk: number, nDecode: number, kvDecode: number): string =>
    placed(() => attention(1, { chunk, kvPrefill: 0, nDecode, kvDecode })).place;
  assert.deepEqual(
    [at(0, 1, 16), at(0, 1, 24), at(0, 1, 8), at(0, 1, 64), at(0, 2, 32), at(64, 1, 0), at(128, 0, 0)],
    ["exact", "between", "clamped", "extrapolated", "clamped", "clamped", "extrapolated"],
  );
});

Deno.test("August reads experts at the first degree, whatever the order of their rows", () => {
  const rows = (tp: number): Row[] =>
    [[16, 8, 8], [1, 2, 1], [1, 8, 4], [16, 2, 2], [4, 8, 5]].map(([tokens, experts, us]) => ({
      layer: null,
      key: [tokens!, experts!],
      timeUs: tp * us!,
    }));
  const { moe } = predictor({
    ...SOURCE,
    tps: [2, 4],
    table: (tp, category) => category === "moe" ? rows(tp) : [],
  });
  const asked = [[1, 2], [16, 2], [1, 8], [4, 8], [16, 8], [2, 8], [1, 5]].map(([tokens, activatedExperts]) =>
    moe({ tokens: tokens!, activatedExperts: activatedExperts! })
  );
  assert.deepEqual(asked, [2_000, 4_000, 8_000, 10_000, 16_000, 8_666, 5_000]);
});
