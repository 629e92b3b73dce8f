/** How v1.2 answers, rule by rule, on tables small enough to count by hand. */
import assert from "node:assert/strict";
import { cellOf, makeCalibration, nearestAnchor } from "../../src/predict/calibration.ts";
import { placed } from "../../src/predict/interpolate.ts";
import { type Predictor, predictor } from "../../src/predict/predictor.ts";
import { type Files, newerSource } from "./v1_2_vectors.ts";

const ATTENTION = "layer,prefill_chunk,prefill_key,n_decode,kv_decode,decode_q_len,time_us\n";
const META = { "meta.yaml": "hardware: X\n" };

function made(files: Files, fit?: object, told: string[] = []): Predictor {
  return predictor(newerSource({ ...META, ...files }, fit as never), {
    simulator: "v1.2",
    notice: (sentence) => told.push(sentence),
  });
}

const CELLS = "layer,decode_q_len,pc_label,lev_label,n_anchor,alpha,direct_rows,pooled_rows\n";
const AXES = {
  pc_bins: [-1, 1, 1e9],
  pc_labels: ["pc0", "pc1"],
  lev_bins: [0, 0.5, 1e9],
  lev_labels: ["lev0", "lev1"],
};
const FIT = {
  schema: "runtime-skew-calibration-v1",
  axes: AXES,
  alpha_default_by_kernel: { "attention|q=1": 0.5 },
  n_range_by_kernel: { "attention|q=1": [2, 8] },
};
const CALIBRATED = { enabled: true, per_tp: { 1: FIT } };
/** 100 µs at a history of 100 and 200 at one of 300, for any number of decodes. */
const RISING = ATTENTION +
  [2, 4, 8].flatMap((n) => [`attention,0,0.0,${n},100,1,100`, `attention,0,0.0,${n},300,1,200`]).join("\n") +
  "\n";
const halves = (n: number): { prefills: []; decodes: { kv: number; count: number }[] } => ({
  prefills: [],
  decodes: [{ kv: 100, count: n / 2 }, { kv: 300, count: n / 2 }],
});

Deno.test("a batch is between its mean and its longest by the alpha of its cell, at the nearest anchor", () => {
  // Mean 200: 150 µs; longest 300: 200 µs; lev 1/3, of cell pc0|lev0.
  const cells = CELLS + "attention,1,pc0,lev0,8,0.8,1,1\nattention,1,pc0,lev0,4,0.4,1,1\n" +
    "sparse,1,pc0,lev0,4,0.1,1,1\nattention,2,pc0,lev0,4,0.2,1,1\nattention,1,pc1,lev0,4,0.3,1,1\n" +
    "attention,1,pc0,lev1,4,0.6,1,1\n";
  const { batch, explainBatch } = made(
    { "tp1/attention.csv": RISING, "tp1/skew_fit.csv": cells },
    CALIBRATED,
  );
  const traces = ([[2, "n=4", 0.4], [4, "n=4", 0.4], [6, "n=8", 0.8], [8, "n=8", 0.8]] as const).map((
    [n, anchor, alpha],
  ) => [explainBatch(1, halves(n)), batch(1, halves(n)), anchor, alpha] as const);
  for (const [trace, ns, anchor, alpha] of traces) {
    assert.equal(ns, 150_000 + alpha * 50_000);
    const { rule, bucket, alphaSource, lev } = trace;
    assert.deepEqual([trace.ns, rule, bucket, alphaSource, trace.alpha], [
      ns,
      "blend",
      `pc0|lev0|${anchor}`,
      "bucket",
      alpha,
    ]);
    assert.equal(lev, 1 / 3);
  }
});

const places: [string, number, string, [string, string]][] = [
  ["fewer decodes than were measured", 2, "attention|q=1: [4, 8]", ["pc0|lev0", "tp_default"]],
  ["the fewest", 4, "attention|q=1: [4, 8]", ["pc0|lev0|n=4", "bucket"]],
  ["the most", 8, "attention|q=1: [4, 8]", ["pc0|lev0|n=4", "bucket"]],
  ["more than were measured", 8, "attention|q=1: [4, 6]", ["pc0|lev0", "tp_default"]],
];
for (const [what, n, range, [bucket, source]] of places) {
  Deno.test(`the alpha of ${what} is ${source === "bucket" ? "its cell's" : "the kernel's own"}`, () => {
    const [least, most] = range.match(/\d+/g)!.slice(1).map(Number);
    const fit = {
      enabled: true,
      per_tp: { 1: { ...FIT, n_range_by_kernel: { "attention|q=1": [least, most] } } },
    };
    const cells = CELLS + "attention,1,pc0,lev0,4,0.4,1,1\n";
    const trace = made({ "tp1/attention.csv": RISING, "tp1/skew_fit.csv": cells }, fit)
      .explainBatch(1, halves(n));
    assert.deepEqual([trace.bucket, trace.alphaSource, trace.alpha], [
      bucket,
      source,
      source === "bucket" ? 0.4 : 0.5,
    ]);
  });
}

Deno.test("a cell without an anchor has the kernel's own alpha, and cells are named by prefill and lev", () => {
  const files = {
    "tp1/attention.csv": ATTENTION +
      [[0, 0], [64, 32]].flatMap((
        [chunk, key],
      ) => [`attention,${chunk},${key}.0,2,100,1,100`, `attention,${chunk},${key}.0,2,300,1,400`])
        .join("\n") +
      "\n",
    "tp1/skew_fit.csv": CELLS + "attention,1,pc0,lev0,2,0.1,1,1\n",
  };
  const { explainBatch } = made(files, CALIBRATED);
  // Mean 200: 250 µs; longest 300: 400 µs; lev 0.6.
  const trace = explainBatch(1, halves(2));
  assert.deepEqual([trace.bucket, trace.alphaSource, trace.alpha, trace.ns], [
    "pc0|lev1",
    "tp_default",
    0.5,
    325_000,
  ]);
  const mixed = explainBatch(1, { ...halves(2), prefills: [{ chunk: 64, history: 0 }] });
  assert.deepEqual([mixed.bucket, mixed.prefillKey], ["pc1|lev1", 32]);
});

const rules: [string, string, { kv: number; count: number }[], string, number][] = [
  ["no decode", "", [], "n<=1", 50_000],
  // One history that is no whole number: its mean is rounded down, it is not skewed.
  ["one decode", "", [{ kv: 150.5, count: 1 }], "n<=1", 125_000],
  ["decodes of one length", "", [{ kv: 200, count: 2 }], "max==mean", 150_000],
  ["decodes of two lengths", "", [{ kv: 100, count: 1 }, { kv: 300, count: 1 }], "blend", 175_000],
];
for (const [what, , decodes, rule, ns] of rules) {
  Deno.test(`a batch of ${what} is told by the rule ${rule}`, () => {
    const table = ATTENTION + "attention,0,0.0,0,0,1,50\n" +
      [1, 2].flatMap((n) => [`attention,0,0.0,${n},100,1,100`, `attention,0,0.0,${n},300,1,200`]).join("\n") +
      "\n";
    const fit = { enabled: true, per_tp: { 1: { ...FIT, n_range_by_kernel: { "attention|q=1": [1, 8] } } } };
    const { batch, explainBatch } = made({ "tp1/attention.csv": table }, fit);
    const trace = explainBatch(1, { prefills: [], decodes });
    assert.deepEqual([trace.rule, trace.ns], [rule, ns]);
    assert.equal(batch(1, { prefills: [], decodes }), ns);
  });
}

Deno.test("ends of one time, no alphas and alphas far below 0: t_max<=t_mean, none and never below 1 ns", () => {
  const flat = ATTENTION + "attention,0,0.0,2,100,1,7\nattention,0,0.0,2,300,1,7\n";
  const level = made({ "tp1/attention.csv": flat }, CALIBRATED).explainBatch(1, halves(2));
  assert.deepEqual([level.rule, level.ns, level.lev], ["t_max<=t_mean", 7000, 0]);
  const plain = made({ "tp1/attention.csv": RISING }, { enabled: false }).explainBatch(1, halves(2));
  assert.deepEqual([plain.rule, plain.alpha, plain.bucket, plain.alphaSource], ["alpha==0", 0, null, "none"]);
  const fit = { ...FIT, alpha_default_by_kernel: { "attention|q=1": -100 } };
  const low = made({ "tp1/attention.csv": RISING }, { enabled: true, per_tp: { 1: fit } });
  assert.deepEqual([low.batch(1, halves(2)), low.explainBatch(1, halves(2)).ns], [1, 1]);
});

Deno.test("a kernel that reads so many tokens at most has its prefill placed within them, others where it is", () => {
  const rows = [16, 1016, 2016].map((key) => `attention,32,${key}.0,0,0,1,${key}`);
  const { batch, explainBatch } = made({ "tp1/attention.csv": ATTENTION + rows.join("\n") + "\n" });
  const prefilled = { prefills: [{ chunk: 32, history: 2000 }], decodes: [] };
  const asked = [
    undefined,
    { saturates: false, boundTokens: 516 },
    { saturates: true, boundTokens: 516 },
    { saturates: true, boundTokens: 5000 },
  ].map((kernel) => [batch(1, prefilled, kernel), explainBatch(1, prefilled, kernel).prefillKey]);
  assert.deepEqual(asked, [[2_016_000, 2016], [2_016_000, 2016], [516_000, 516], [2_016_000, 2016]]);
});

Deno.test("attention is that of one new token a decode unless it is asked otherwise; a decode has no place of a prefill", () => {
  const told: string[] = [];
  const rows = [[3, 30], [1, 10]].flatMap(([q, us]) => [
    `attention,0,0.0,4,64,${q},${us}`,
    `attention,16,8.0,4,64,${q},${us! + 1}`,
    `attention,16,40.0,4,64,${q},${us! + 2}`,
  ]);
  const { attention, explainAttention, kernelAttention } = made(
    { "tp1/attention.csv": ATTENTION + rows.join("\n") + "\n" },
    undefined,
    told,
  );
  const decode = { nDecode: 4, kvDecode: 64 };
  const cases: [chunk: number, kvPrefill: number, ns: number][] = [[0, 0, 10_000], [0, 99, 10_000], [
    16,
    0,
    11_000,
  ], [
    16,
    32,
    12_000,
  ], [16, 16, 11_500]];
  for (const [chunk, kvPrefill, ns] of cases) {
    assert.equal(attention(1, { chunk, kvPrefill, ...decode }), ns);
    assert.equal(explainAttention(1, { chunk, kvPrefill, ...decode }).ns, ns);
  }
  const plain = { chunk: 0, prefillKey: 0, ...decode };
  assert.equal(kernelAttention(1, plain), 10_000);
  assert.deepEqual(told, []);
  assert.equal(kernelAttention(1, { ...plain, decodeQLen: 2 }), 10_000, "the smaller of two equally near");
  assert.equal(kernelAttention(1, { ...plain, decodeQLen: 9 }), 30_000);
  const placeOf = (decodeQLen: number): string =>
    placed(() => kernelAttention(1, { ...plain, decodeQLen })).place;
  assert.deepEqual([placeOf(1), placeOf(2)], ["exact", "clamped"]);
  assert.deepEqual(told, [
    "No rows for attention at decode_q_len 2: those for 1 answer",
    "No rows for attention at decode_q_len 9: those for 3 answer",
  ]);
});

const MOE = "layer,tokens,activated_experts,ep,time_us\n";
Deno.test("experts are read at tp 1 where it was measured, else at the first degree, of one device unless asked otherwise", () => {
  const moe = (us: number): string => MOE + `moe,16,8,1,${us}\nmoe,16,8,2,${us + 1}\n`;
  const asked = { tokens: 16, activatedExperts: 8 };
  const dense = "layer,tokens,time_us\na,16,1\n";
  const both = {
    "tp1/moe.csv": moe(10),
    "tp2/moe.csv": moe(20),
    "tp1/dense.csv": dense,
    "tp2/dense.csv": dense,
  };
  assert.deepEqual([made(both).moe(asked), made(both).moe({ ...asked, ep: 2 })], [10_000, 11_000]);
  const later = { "tp4/moe.csv": moe(40), "tp2/moe.csv": moe(20), "tp2/dense.csv": dense };
  assert.equal(made(later).moe(asked), 20_000);
  assert.throws(() => made({ "tp2/dense.csv": dense }).moe(asked), {
    name: "LookupError",
    message: "Cannot look up moe at tp 2: tp2/moe.csv has no rows",
  });
});

Deno.test("recurrent layers answer from prefills, decodes or both, as the batch has them", () => {
  const { linearAttention } = made({
    "tp1/linear_attention.csv":
      "layer,prefill_tokens,n_decode,time_us\ng,1,0,10\ng,0,1,20\ng,1,1,30\nh,4,0,5\n",
  });
  const asked = [[1, 0], [0, 1], [1, 1]].map(([prefillTokens, nDecode]) =>
    linearAttention(1, "g", { prefillTokens: prefillTokens!, nDecode: nDecode! })
  );
  assert.deepEqual(asked, [10_000, 20_000, 30_000]);
  assert.equal(linearAttention(1, "h", { prefillTokens: 0, nDecode: 1 }), null);
});

Deno.test("a layer that no degree changes is read at tp 1 where that was measured, else at its own degree", () => {
  const architecture = {
    catalog: {
      dense: { a: { vllm: ["A"], tp_stable: true }, b: { vllm: ["B"] } },
      ...{ per_sequence: {}, attention: {}, moe: {} },
    },
  };
  const dense = (us: number): string => `layer,tokens,time_us\na,16,${us}\nb,16,${us + 1}\n`;
  const times = (files: Files): number[] => {
    const own = predictor(newerSource({ ...META, ...files }), { simulator: "v1.2", architecture });
    return ["a", "b"].map((layer) => own.dense(2, layer, 16));
  };
  assert.deepEqual(times({ "tp1/dense.csv": dense(10), "tp2/dense.csv": dense(20) }), [10_000, 21_000]);
  assert.deepEqual(times({ "tp2/dense.csv": dense(20), "tp4/dense.csv": dense(40) }), [20_000, 21_000]);
});

const lacking = ["axes", "alpha_default_by_kernel", "n_range_by_kernel"] as const;
for (const part of lacking) {
  Deno.test(`a fit without ${part} counts as 0, and v1.2 refuses the bundle`, () => {
    const { [part]: _, ...rest } = FIT;
    const told: string[] = [];
    const trace = made({ "tp1/attention.csv": RISING }, { enabled: true, per_tp: { 1: rest } }, told)
      .explainBatch(1, halves(4));
    assert.deepEqual([trace.alpha, trace.rule], [0, "alpha==0"]);
    assert.deepEqual(told, [
      "v1.2 refuses this bundle: its fit lacks axes, defaults or ranges. Alphas count as 0",
    ]);
  });
}

Deno.test("a bundle that names neither hardware nor model has neither", () => {
  const { hardware, model } = made({ "meta.yaml": "{}\n", "tp1/attention.csv": RISING });
  assert.deepEqual([hardware, model], ["", ""]);
});

const anchors: [number, number][] = [[1, 0], [4, 0], [8, 0], [9, 1], [16, 1], [32, 1], [33, 2], [64, 2], [
  999,
  2,
]];
for (const [n, at] of anchors) {
  Deno.test(`of anchors at 4, 16 and 64 the ${at + 1}. is nearest to ${n} decodes`, () => {
    assert.equal(nearestAnchor([4, 16, 64], n), at);
    assert.equal(nearestAnchor([4], n), 0);
  });
}

Deno.test("cells are counted by prefill tokens, then lev; anchors of a cell stand in order, those of other kernels elsewhere", () => {
  const cells = [[0, 0.1], [0, 0.5], [0, 0.6], [1, 0.1], [2, 0.1], [2, 9]] as const;
  assert.deepEqual(cells.map(([pc, lev]) => cellOf(AXES, pc, lev)), [0, 0, 1, 0, 2, 3]);
  const row = {
    layer: "attention",
    decode_q_len: 1,
    pc_label: "pc1",
    lev_label: "lev0",
    direct_rows: 1,
    pooled_rows: 1,
  };
  const rows = [[16, 0.4], [2, 0.1], [8, 0.3]].map(([n_anchor, alpha]) => ({
    ...row,
    n_anchor: n_anchor!,
    alpha: alpha!,
  }));
  const others = [{ ...rows[0]!, layer: "sparse" }, { ...rows[0]!, decode_q_len: 2 }];
  const table = makeCalibration({ ...FIT, n_range_by_kernel: { "attention|q=1": [2, 8], "x|q=1": [1, 1] } }, [
    ...rows,
    ...others,
  ]);
  const { anchors, alphas, fallback, least, most } = table.get("attention|q=1")!;
  assert.deepEqual([anchors, alphas], [[[], [], [2, 8, 16], []], [[], [], [0.1, 0.3, 0.4], []]]);
  assert.deepEqual([fallback, least, most, table.get("x|q=1")!.fallback, table.size], [0.5, 2, 8, 0, 2]);
});

Deno.test("a bundle of which nobody reads cells has its kernels' own alphas", () => {
  const { skewCells: _, ...source } = newerSource(
    { ...META, "tp1/attention.csv": RISING },
    CALIBRATED as never,
  );
  const trace = predictor(source, { simulator: "v1.2" }).explainBatch(1, halves(4));
  assert.deepEqual([trace.alpha, trace.alphaSource], [0.5, "tp_default"]);
});
