import assert from "node:assert/strict";
import type { SkewFit } from "../../src/bundle/meta_blocks.ts";
import type { SkewFitRow } from "../../src/bundle/skew_fit.ts";
import { predictor } from "../../src/predict/predictor.ts";

/** Chunks 0 and 16, decodes 0, 2 and 4; the slices (0, 0) and (16, 4) were not measured. */
const ROWS = [
  [0, 0, 2, 100, 10],
  [0, 0, 2, 200, 20],
  [0, 0, 4, 100, 14],
  [0, 0, 4, 200, 34],
  [16, 0, 0, 0, 8],
  [16, 64, 0, 0, 9],
  [16, 0, 2, 100, 18],
].map(([chunk, kvPrefill, n, kv, timeUs]) => ({
  layer: null,
  key: [chunk!, kvPrefill!, n!, kv!],
  timeUs: timeUs!,
}));

const BUCKET: SkewFitRow = {
  pc: 0,
  n_label: "n<=4",
  skew_rate_label: "sr<=40%",
  kv_big_label: "kvB<=1k",
  kp_label: "kp=0",
  alpha: 0.5,
  n_samples: 3,
};

function made(skew_fit?: SkewFit): ReturnType<typeof predictor> {
  return predictor({
    tps: [1],
    meta: { ...(skew_fit && { skew_fit }) },
    table: (_, category) => category === "attention" ? ROWS : [],
    skewFit: () => [BUCKET],
  });
}

Deno.test("explainAttention of a measured shot reads one slice", () => {
  const trace = made().explainAttention(1, { chunk: 0, kvPrefill: 0, nDecode: 2, kvDecode: 100 });
  assert.equal(trace.ns, 10_000);
  assert.deepEqual(trace.corners.map(({ corner, slice, weight, ns }) => ({ corner, slice, weight, ns })), [
    { corner: { chunk: 0, nDecode: 2 }, slice: { chunk: 0, nDecode: 2 }, weight: 1, ns: 10_000 },
  ]);
  assert.deepEqual(trace.corners[0]?.kvDecode, [
    { query: 100, lower: 100, upper: null, fraction: 0, place: "exact" },
  ]);
});

Deno.test("explainAttention names corners, replaced slices and shares", () => {
  const trace = made().explainAttention(1, { chunk: 4, kvPrefill: 32, nDecode: 3, kvDecode: 150 });
  assert.deepEqual(trace.chunk, { query: 4, lower: 0, upper: 16, fraction: 0.25, place: "between" });
  assert.deepEqual(
    trace.corners.map((
      { corner, slice, replaced, weight },
    ) => [corner.chunk, corner.nDecode, slice.chunk, slice.nDecode, replaced, weight]),
    [
      [0, 2, 0, 2, false, 0.375],
      [0, 4, 0, 4, false, 0.375],
      [16, 2, 16, 2, false, 0.125],
      [16, 4, 16, 2, true, 0.125],
    ],
  );
  const blend = trace.corners.reduce((sum, { weight, ns }) => sum + weight * ns, 0);
  assert.equal(trace.ns, Math.trunc(blend));
});

Deno.test("explainAttention tells what was clamped and what extrapolated", () => {
  const [corner] = made().explainAttention(1, { chunk: 16, kvPrefill: 128, nDecode: 0, kvDecode: 0 }).corners;
  assert.deepEqual(corner?.kvPrefill, {
    query: 128,
    lower: 0,
    upper: 64,
    fraction: 2,
    place: "extrapolated",
  });
  const { nDecode, corners } = made().explainAttention(1, {
    chunk: 0,
    kvPrefill: 0,
    nDecode: 8,
    kvDecode: 50,
  });
  assert.deepEqual(nDecode, { query: 8, lower: 2, upper: 4, fraction: 3, place: "extrapolated" });
  assert.deepEqual(corners[0]?.kvDecode, [
    { query: 50, lower: 100, upper: null, fraction: 0, place: "clamped" },
  ]);
});

Deno.test("explainBatch names the rule, the bucket and where alpha comes from", () => {
  const skewed = { prefills: [], decodes: [{ kv: 100, count: 3 }, { kv: 200, count: 1 }] } as const;
  const key = "pc=0|n<=4|sr<=40%|kvB<=1k|kp=0";
  const entry = { bucket_table: "tp1/skew_fit.csv", alpha_default: 0.25 };
  const table: [name: string, fit: SkewFit | undefined, expected: unknown[]][] = [
    ["no fit", undefined, ["alpha==0", key, 0, "none", 19_000]],
    ["not enabled", { enabled: false, per_tp: { 1: entry } }, ["alpha==0", key, 0, "none", 19_000]],
    ["bucket", { enabled: true, per_tp: { 1: entry } }, ["blend", key, 0.5, "bucket", 26_500]],
    ["no table", { enabled: true, per_tp: { 1: { alpha_default: 0.25 } } }, [
      "blend",
      key,
      0.25,
      "tp_default",
      22_750,
    ]],
    ["no entry", { enabled: true, alpha_default: 1, per_tp: { 2: entry } }, [
      "blend",
      key,
      1,
      "block_default",
      34_000,
    ]],
    ["no entry, no default", { enabled: true }, ["alpha==0", key, 0, "none", 19_000]],
    ["buckets in the block", { enabled: true, per_tp: { 1: { alpha_by_bucket: { [key]: 2 } } } }, [
      "blend",
      key,
      2,
      "bucket",
      49_000,
    ]],
  ];
  for (const [name, fit, expected] of table) {
    const { rule, bucket, alpha, alphaSource, ns } = made(fit).explainBatch(1, skewed);
    assert.deepEqual([rule, bucket, alpha, alphaSource, ns], expected, name);
    assert.equal(made(fit).batch(1, skewed), ns, name);
  }
});

Deno.test("explainBatch asks for no bucket where histories cannot differ", () => {
  for (const decodes of [[], [{ kv: 100, count: 1 }], [{ kv: 100, count: 4 }]]) {
    const { rule, bucket, alpha, max } = made({ enabled: true }).explainBatch(1, {
      prefills: [{ chunk: 16, history: 0 }],
      decodes,
    });
    assert.deepEqual([bucket, alpha, max], [null, null, null]);
    assert.equal(rule, decodes[0]?.count === 4 ? "max==mean" : "n<=1");
  }
});

Deno.test("one history that is no whole number is not skewed", () => {
  const trace = made({ enabled: true, alpha_default: 1 }).explainBatch(1, {
    prefills: [],
    decodes: [{ kv: 100.5, count: 1 }],
  });
  assert.equal(trace.rule, "n<=1");
});

Deno.test("a corner is replaced where its slice is of another chunk or of other decodes", () => {
  const rows = [[0, 0, 2, 100], [16, 0, 4, 100], [32, 0, 2, 100]].map((key) => ({
    layer: null,
    key,
    timeUs: key[0]! + 1,
  }));
  const { explainAttention } = predictor({
    tps: [1],
    meta: {},
    table: (_, category) => category === "attention" ? rows : [],
    skewFit: () => [],
  });
  const at = (chunk: number, nDecode: number): unknown => {
    const [corner] = explainAttention(1, { chunk, kvPrefill: 0, nDecode, kvDecode: 100 }).corners;
    return [corner?.slice, corner?.replaced];
  };
  assert.deepEqual([at(0, 2), at(16, 2), at(16, 4)], [
    [{ chunk: 0, nDecode: 2 }, false],
    [{ chunk: 16, nDecode: 4 }, true],
    [{ chunk: 16, nDecode: 4 }, false],
  ]);
  assert.deepEqual(at(32, 4), [{ chunk: 32, nDecode: 2 }, true]);
});
