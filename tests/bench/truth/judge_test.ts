import assert from "node:assert/strict";
import type { Row } from "../../../src/bundle/tables.ts";
import type { Model } from "../../../src/model/model.ts";
import { predictor } from "../../../src/predict/predictor.ts";
import { difference, differencesIf, judge, layerShares, uncovered } from "./judge.ts";
import { parseTruth } from "./truth_file.ts";

const ENTRY = { vllm: [] };
const model: Model = {
  id: "made/up",
  config: { num_hidden_layers: 32 },
  architecture: {
    modelType: "up",
    sequence: { prologue: ["embedding"], pre_attn: ["attention"], mlp_dense: ["mlp"], head: ["sampler"] },
    catalog: {
      dense: { embedding: ENTRY, mlp: ENTRY },
      per_sequence: { sampler: ENTRY },
      attention: { attention: ENTRY },
      moe: {},
    },
    sha256: "",
  },
};

const TABLES: Readonly<Record<string, readonly Row[]>> = {
  dense: [{ layer: "embedding", key: [2], timeUs: 5 }, { layer: "mlp", key: [2], timeUs: 30 }],
  per_sequence: [{ layer: "sampler", key: [2], timeUs: 8 }],
  attention: [{ layer: null, key: [0, 0, 2, 64], timeUs: 10 }],
};

const source = predictor({
  tps: [1],
  meta: {},
  table: (_, category) => TABLES[category] ?? [],
  skewFit: () => [],
});

function forward(layers: number, order: string, more: object = {}): object {
  const layers_us = {
    embedding: [5, 5, 6],
    attention: [12, 12, 11].map((us) => us * layers),
    mlp: [30, 31, 30].map((us) => us * layers),
    sampler: [9, 9, 9],
    elsewhere: [2, 2, 2].map((us) => us * layers + 100),
  };
  const kernels = { elsewhere: { copy: 3, add: layers }, mlp: { gemm: layers } };
  return {
    type: "times",
    batch: 0,
    layers,
    order,
    layers_us,
    event_us: [50 * layers],
    kernels,
    ...more,
  };
}

const HEADER = {
  type: "truth",
  model: "made/up",
  device: "GPU",
  driver: "1",
  engine: "vllm 0.26.0",
  quantity: "kernel",
  seed: 0,
  layers: [2, 4],
};
const BATCH = {
  type: "batch",
  batch: 0,
  kind: "even",
  activated_experts: null,
  requests: [[1, 64], [1, 64]],
};
const text = (...lines: object[]): string => lines.map((line) => JSON.stringify(line) + "\n").join("");
const FILE = text(HEADER, BATCH, forward(4, "prefills_first"), forward(2, "prefills_first"));

Deno.test("a forward's layers are put beside what the bundle says of them", () => {
  const [batch] = parseTruth(FILE, "truth.jsonl").batches;
  const judged = judge(source, model, batch!);
  assert.deepEqual(judged.perLayer, { predicted: 40, measured: 44 });
  assert.equal(difference(judged.perLayer), 40 / 44 - 1);
  assert.deepEqual(judged.whole, { predicted: 5 + 4 * 40 + 8, measured: 5 + 4 * 42 + 9 + 108 });
  assert.equal(judged.perLayerEventUs, 50);
  assert.deepEqual(Object.fromEntries(judged.layers), {
    embedding: { predicted: 0, measured: 0 },
    attention: { predicted: 10, measured: 12 },
    mlp: { predicted: 30, measured: 30 },
    sampler: { predicted: 0, measured: 0 },
    elsewhere: { predicted: 0, measured: 2 },
  });
});

Deno.test("the difference is put down to the layers, and to kernels that no layer holds", () => {
  const judged = parseTruth(FILE, "truth.jsonl").batches.map((batch) => judge(source, model, batch));
  assert.deepEqual(layerShares(judged), [
    { layer: "mlp", share: 30 / 44, adds: 0, differences: [0] },
    { layer: "attention", share: 12 / 44, adds: -2 / 44, differences: [10 / 12 - 1] },
    { layer: "elsewhere", share: 2 / 44, adds: -2 / 44, differences: [] },
  ]);
  assert.deepEqual(differencesIf(judged, (layer) => layer === "attention"), [42 / 44 - 1]);
  assert.deepEqual(uncovered(judged), ["add"]);
});

Deno.test("a batch counts when both forwards are there, in each order by itself", () => {
  const { batches, failed } = parseTruth(
    text(
      HEADER,
      { ...BATCH, requests: [[2, 0], [1, 64]] },
      forward(4, "prefills_first"),
      forward(4, "decodes_first"),
      { type: "failed", batch: 0, layers: 2, order: "prefills_first", message: "out of memory" },
      forward(2, "decodes_first", { event_us: null }),
    ) + '{"type":"times","cut',
    "truth.jsonl",
  );
  assert.deepEqual(batches.map(({ order, few }) => [order, few.eventUs]), [["decodes_first", null]]);
  assert.deepEqual(failed, ["out of memory"]);
});
