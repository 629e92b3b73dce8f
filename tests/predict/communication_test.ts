import assert from "node:assert/strict";
import type { CollectiveSample } from "../../src/bundle/collectives_file.ts";
import { loadModel } from "../../src/model/load_model.ts";
import type { Model } from "../../src/model/model.ts";
import {
  communicationAt,
  measuredCommunication,
  sentCollectives,
  sentUs,
  sheetCommunication,
  sheetLink,
} from "../../src/predict/communication.ts";
import { predictIteration } from "../../src/predict/iteration.ts";
import { predictor } from "../../src/predict/predictor.ts";
import { openBundle } from "../../src/bundle/open.ts";

const MODEL = await loadModel("meta-llama/Llama-3.1-8B");

function sample(bytes: number, us: number, more: Partial<CollectiveSample> = {}): CollectiveSample {
  return {
    ...{ ranks: 2, way: "nccl", collective: "all_reduce", bytes, us, minUs: us, maxUs: us, trials: 5 },
    ...more,
  };
}

function withConfig(config: Record<string, unknown>): Model {
  return { ...MODEL, config: { ...MODEL.config, ...config } };
}

Deno.test("an iteration sends what vLLM's ranks send: an all-reduce behind the embedding, each mixer and each MLP, and logits", () => {
  const table: [what: string, model: Model, tp: number, times: number, bytes: number, logits: number][] = [
    ["32 layers", MODEL, 2, 65, 3 * 4096 * 2, 5 * 64128 * 2],
    ["a quarter of the words", MODEL, 4, 65, 3 * 4096 * 2, 5 * 32064 * 2],
    ["32-bit numbers", withConfig({ torch_dtype: "float32" }), 2, 65, 3 * 4096 * 4, 5 * 64128 * 4],
    ["words that no degree divides", withConfig({ vocab_size: 64 }), 5, 65, 3 * 4096 * 2, 5 * 13 * 2],
    ["a width and words that nobody names", withConfig({ hidden_size: "x", vocab_size: "y" }), 2, 65, 0, 0],
    ["words padded to 64", withConfig({ vocab_size: 1000 }), 2, 65, 3 * 4096 * 2, 5 * 512 * 2],
    ["a mixer beside attention", withConfig({ model_type: "falcon_h1" }), 2, 97, 3 * 4096 * 2, 5 * 64128 * 2],
    [
      "layers of a mixer or an MLP each",
      withConfig({ hybrid_override_pattern: "M-*-".repeat(8) }),
      2,
      33,
      3 * 4096 * 2,
      5 * 64128 * 2,
    ],
  ];
  for (const [what, model, tp, times, bytes, logits] of table) {
    assert.deepEqual(sentCollectives(model, tp)({ tokens: 3, sequences: 5 }), [
      { collective: "all_reduce", times, bytes },
      { collective: "all_gather", times: 1, bytes: logits },
    ], what);
  }
  assert.deepEqual(sentCollectives(MODEL, 1)({ tokens: 3, sequences: 5 }), []);
});

Deno.test("measured communication lies on the line between two sizes, and never below the smallest or largest one", () => {
  const { us, source } = measuredCommunication({
    samples: [sample(8192, 12), sample(4096, 10), sample(16384, 20)],
  });
  assert.equal(source, "measured");
  const table: [bytes: number, us: number | null][] = [
    [1, 10],
    [4096, 10],
    [6144, 11],
    [16384, 20],
    [24576, 28],
  ];
  for (const [bytes, expected] of table) {
    assert.equal(us({ collective: "all_reduce", ranks: 2, bytes }), expected, String(bytes));
  }
  assert.equal(us({ collective: "all_reduce", ranks: 4, bytes: 4096 }), null);
  assert.equal(us({ collective: "all_gather", ranks: 2, bytes: 4096 }), null);
  const single = measuredCommunication({ samples: [sample(4096, 10)] });
  for (const bytes of [1, 4096, 8192]) {
    assert.equal(single.us({ collective: "all_reduce", ranks: 2, bytes }), 10, String(bytes));
  }
  const falling = measuredCommunication({ samples: [sample(4096, 10), sample(8192, 9)] });
  assert.equal(falling.us({ collective: "all_reduce", ranks: 2, bytes: 1e9 }), 9);
});

Deno.test("measured communication is vLLM's own where it was measured, else NCCL's, never a mixture", () => {
  const { us } = measuredCommunication({
    samples: [sample(4096, 10), sample(8192, 12), sample(8192, 6, { way: "vllm" })],
  });
  assert.equal(us({ collective: "all_reduce", ranks: 2, bytes: 4096 }), 6);
});

Deno.test("a degree takes measured communication where both collectives are there, else the data sheet, else none", () => {
  const measured = { samples: [sample(4096, 10), sample(4096, 8, { collective: "all_gather" })] };
  const link = sheetLink({ link_gb_s: 450 });
  assert.equal(communicationAt(2, measured, link)?.source, "measured");
  assert.equal(communicationAt(4, measured, link)?.source, "data sheet");
  assert.equal(communicationAt(4, measured, null), null);
  assert.equal(communicationAt(2, { samples: [sample(4096, 10)] }, null), null);
  assert.equal(sheetLink({}), null);
});

Deno.test("a data sheet's link carries what a ring moves", () => {
  const { us } = sheetCommunication({ bandwidthGbS: 1, latencyUs: 5 });
  assert.equal(us({ collective: "all_reduce", ranks: 4, bytes: 1000 }), 5 + 1.5);
  assert.equal(us({ collective: "all_gather", ranks: 4, bytes: 1000 }), 5 + 3);
  assert.equal(us({ collective: "reduce_scatter", ranks: 4, bytes: 1000 }), 5 + 3);
});

Deno.test("predictIteration adds communication where the query says how long it takes, and says what is left out", async () => {
  const source = predictor(await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16"));
  const query = { model: MODEL, tp: 2, prefills: [], decodes: [{ kv: 1024, count: 16 }] };
  const plain = predictIteration(source, query);
  assert.deepEqual(plain.excludes, ["communication", "scheduling"]);
  assert.equal(plain.communication, undefined);
  const communication = { source: "measured", us: () => 10 } as const;
  const whole = predictIteration(source, { ...query, communication });
  assert.deepEqual(whole.excludes, ["scheduling"]);
  assert.equal(whole.communication, "measured");
  assert.equal(whole.totalNs, plain.totalNs + 66 * 10_000);
  assert.deepEqual(whole.contributions.slice(-2), [
    { stage: "communication", layer: "all_reduce", times: 65, ns: 10_000, totalNs: 650_000 },
    { stage: "communication", layer: "all_gather", times: 1, ns: 10_000, totalNs: 10_000 },
  ]);
  const unknown = predictIteration(source, {
    ...query,
    communication: { source: "measured", us: () => null },
  });
  assert.deepEqual([unknown.totalNs, unknown.excludes], [plain.totalNs, ["communication", "scheduling"]]);
  assert.deepEqual(unknown.notes, ["Nobody measured communication between 2 devices: it is left out"]);
  const one = predictIteration(source, { ...query, tp: 1, communication });
  assert.deepEqual([one.excludes, one.communication], [["scheduling"], undefined]);
});

Deno.test("all that an iteration sends takes each collective's time as often as it is sent, or nobody knows", () => {
  const samples = [sample(4096, 10), sample(4096, 3, { collective: "all_gather" })];
  const sent = [
    { collective: "all_reduce", times: 5, bytes: 100 },
    { collective: "all_gather", times: 2, bytes: 100 },
  ] as const;
  const measured = measuredCommunication({ samples });
  assert.deepEqual([sentUs(sent, 2, measured), sentUs([], 2, measured), sentUs(sent, 4, measured)], [
    56,
    0,
    null,
  ]);
});

Deno.test("both collectives must be measured at the degree itself", () => {
  const both = [sample(4096, 10), sample(4096, 3, { collective: "all_gather" })];
  const sources = [both, both.slice(0, 1), both.slice(1), []].map((samples) =>
    communicationAt(2, { samples }, { bandwidthGbS: 450, latencyUs: 5.7 })?.source
  );
  assert.deepEqual(sources, ["measured", "data sheet", "data sheet", "data sheet"]);
});
