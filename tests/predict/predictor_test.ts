import assert from "node:assert/strict";
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
