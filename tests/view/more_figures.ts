/** Figures that are saved beside those of made_figures.ts: other branches of what is drawn, of small made-up data. */
import { coverage } from "../../src/check/coverage.ts";
import { ownNeed } from "../../src/check/coverage_need.ts";
import { diffBundles } from "../../src/check/diff.ts";
import type { IterationEstimate } from "../../src/predict/iteration.ts";
import type { IterationError } from "../../src/serving/iteration_error.ts";
import type { Deployment } from "../../src/serving/plan_deployment.ts";
import type { Figure } from "../../src/view/figure.ts";
import { figureMenu } from "../../src/view/figure_menu.ts";
import { attentionMap, prefillMap } from "../../src/view/figures/attention_map.ts";
import { attentionSlices } from "../../src/view/figures/attention_slices.ts";
import { coverageMap } from "../../src/view/figures/coverage_map.ts";
import { deploymentFigure } from "../../src/view/figures/deployment.ts";
import { diffMap, diffSummary } from "../../src/view/figures/diff_map.ts";
import { errorOverShots } from "../../src/view/figures/error_over_shots.ts";
import { iterationTimeline, iterationTimes } from "../../src/view/figures/iteration.ts";
import { latencyOverRate } from "../../src/view/figures/latency_over_rate.ts";
import { layerTimes } from "../../src/view/figures/layer_times.ts";
import { moeMap } from "../../src/view/figures/moe_map.ts";
import { noise } from "../../src/view/figures/noise.ts";
import { skewAlpha } from "../../src/view/figures/skew_alpha.ts";
import { predictedOverMeasured, residuals } from "../../src/view/figures/skew_predicted.ts";
import { tpScaling } from "../../src/view/figures/tp_scaling.ts";
import { themed } from "../../src/view/theme.ts";
import type { LayerSamples } from "../../src/view/timeline.ts";
import { FIGURES } from "./made_figures.ts";
import { CASE, SMALL, SUBJECT as subject } from "./small_bundle.ts";

const rows = SMALL.table(1, "attention");
const dense = SMALL.table(1, "dense");
const sample = (order: number, more: Partial<LayerSamples>): LayerSamples => ({
  ...{ order, category: "dense", tp: 1, key: [16], layer: "o_proj", samplesUs: [9, 11], medianUs: 10 },
  spread: 0.1,
  ...more,
});
const samples = [
  sample(0, {}),
  sample(1, { key: [64], spread: 0.0004 }),
  sample(2, { category: "attention", layer: "attention", key: [0, 0, 4, 64], spread: 0.2 }),
  sample(3, { category: "per_sequence", layer: "sampler", key: [4], spread: null }),
];
const estimated = [{ key: [0, 0, 4, 64], expectedError: 0.05 }];
const wide = {
  ...SMALL,
  meta: { ...SMALL.meta, hardware: "H200" },
  table: ((tp, category) =>
    SMALL.table(tp, category).map((row, at) => ({
      ...row,
      timeUs: row.timeUs * [0.5, 1.01, 3, 0.9][at % 4]!,
    }))) as typeof SMALL.table,
};
const H200 = { ...subject, hardware: "H200" };
const ESTIMATE = { ...H200, quantity: "estimate" };

const part = (layer: string, ns: number, times: number, stage = "pre_attn") =>
  ({ stage, layer, times, ns, totalNs: ns * times }) as IterationEstimate["contributions"][number];
const estimate = (scale: number, more: Partial<IterationEstimate> = {}): IterationEstimate => {
  const contributions = [
    part("attention", 40_000 * scale, 28),
    part("qkv_proj", 15_000, 28),
    part("o_proj", 9_000 * scale, 28),
    part("layernorm", 300, 56),
    part("lm_head", 90_000, 1, "head"),
    part("sampler", 4_000, 1, "head"),
    part("all_reduce", 100 * scale, 56, "communication"),
  ];
  return {
    ...{ tokens: 4, sequences: 4, places: {}, skipped: [], notes: [], excludes: ["scheduling"] },
    totalNs: contributions.reduce((sum, { totalNs }) => sum + totalNs, 0),
    contributions,
    ...more,
  } as IterationEstimate;
};
const error: IterationError = { share: 0.05, rows: 0.03, interpolation: 0.04, skew: 0.01, steps: 0.02 };
const unknown: IterationError = { ...error, share: null, interpolation: null };

const spread = (ms: number) => ({ mean: ms, p50: ms, p90: 1.5 * ms, p99: 3 * ms });
const latencies = (ms: number) => ({ ttftMs: spread(10 * ms), tpotMs: spread(ms), e2eMs: spread(100 * ms) });
const point = (ratePerS: number) => ({
  ...{ ratePerS, latencies: latencies(10 + ratePerS), tokensPerSPerGpu: 90 * ratePerS },
  tokensPerSPerUser: 100 / (1 + ratePerS),
});
const deployment = (name: string, more: Partial<Deployment> = {}): Deployment => ({
  ...{
    name,
    gpus: 1,
    problem: null,
    estimates: [],
    stepError: 0.07,
    maxRatePerS: 4,
    points: [1, 2, 4].map(point),
  },
  ...{ gpusNeeded: 3, pricePerMillionTokens: 1.5, pricePerHour: 7.5, onFront: true },
  ...more,
});
const heldOut = {
  ...{ part: "load: busy", steps: 100, busyS: 1, busyError: 0.01, windowP50: 0.02, windowP90: 0.07 },
  ...{ decodesP90: 0.1, promptsP90: 0.3 },
};
const cases = [0.2, -0.5, 1.4, 0.6].map((alpha, at) => ({
  ...CASE,
  alpha,
  regime: ["mixed", "pure"][at % 2]! as typeof CASE.regime,
  kvs: 16 + 4 * at,
}));
const predictions = Array.from({ length: 12 }, (_, at) => ({
  group: ["pure", "mixed"][at % 2]!,
  measuredUs: 10 * 2 ** at,
  predictedUs: 10 * 2 ** at * (1 + 0.02 * (at - 5)),
}));
const need = { ...ownNeed(SMALL), maxNumBatchedTokens: 64, maxNumSeqs: 8, maxKv: 128 };

/** Parts of just 10, 7 and 2 percent. */
const edge: IterationEstimate = {
  ...estimate(1),
  totalNs: 1_000_000,
  contributions: [
    part("attention", 810_000, 1),
    part("o_proj", 100_000, 1),
    part("qkv_proj", 70_000, 1),
    part("layernorm", 20_000, 1),
  ],
};
const sizes = Array.from({ length: 40 }, (_, at) => 1 + at * (1 + at % 3));
const row = (layer: string | null, key: readonly number[], timeUs: number) => ({ layer, key, timeUs });

const DRAWN: Readonly<Record<string, Figure>> = {
  "layers with samples beside an estimate": layerTimes({
    ...{ subject, size: "tokens", rows: dense, estimate: dense.slice(0, 4), samples },
  }),
  "sequences with samples": layerTimes({
    ...{ subject, size: "sequences", rows: SMALL.table(1, "per_sequence"), samples },
  }),
  "decodes, some predicted": attentionMap({ subject, rows, estimated, samples, chunk: 0 }),
  "decodes with a prefill": attentionMap({ subject, rows, chunk: 16 }),
  "prefills of a kernel": prefillMap({
    subject,
    rows: [[16, 0], [16, 64], [128, 0]].map(([chunk, kv], at) => ({
      layer: "sliding_attention",
      key: [chunk!, kv!, 0, 0],
      timeUs: 10 ** at,
    })),
  }),
  "slices with samples, some predicted": attentionSlices({ subject, rows, estimated, samples, chunk: 0 }),
  "slices with a prefill": attentionSlices({ subject, rows, chunk: 16 }),
  "errors with bounds": errorOverShots({
    subject,
    curves: [
      {
        name: "adaptive",
        points: [{ shots: 0.05, error: 0.2, bound: 0.3 }, { shots: 0.1, error: 0.03, bound: Infinity }],
      },
      { name: "random", points: [{ shots: 0.1, error: 0.4 }] },
    ],
  }),
  "iterations over batches": iterationTimes({
    subject,
    batch: "every request decodes",
    points: [[1, estimate(1), error], [8, estimate(2), unknown], [64, estimate(9)]],
  }),
  "iterations of several ranks": iterationTimes({
    subject: { ...subject, tp: 2 },
    batch: "every request decodes",
    points: [[16, estimate(1, { communication: "measured", excludes: [], experts: "whole" }), error]],
  }),
  "a timeline with errors": iterationTimeline({
    batch: "8 decodes",
    iterations: [
      { name: "H100", estimate: estimate(1, { communication: "data sheet" }), error },
      { name: "H200", estimate: estimate(3), error: unknown },
      {
        name: "H300",
        estimate: estimate(2, { communication: "measured" }),
        error: { ...error, skew: 0, steps: 0 },
      },
    ],
  }),
  "one iteration": iterationTimeline({
    batch: "1 decode",
    iterations: [{ name: "H100", estimate: estimate(1) }],
  }),
  "latencies over rates": latencyOverRate({
    ...{ server: "H100, tp 1", basis: "served steps", points: [1, 2, 4].map(point), heldOut: [heldOut] },
  }),
  "latencies without served steps": latencyOverRate({
    server: "H100, tp 1",
    basis: "rows",
    points: [point(1)],
  }),
  "candidates": deploymentFigure({
    ...{ model: "a/b", targets: "TTFT 500 ms" },
    deployments: [
      deployment("H200, tp 1"),
      deployment("H100, tp 2", {
        gpus: 2,
        estimates: ["rows"],
        stepError: null,
        onFront: false,
        maxRatePerS: 2,
      }),
      deployment("A100, tp 1", { problem: "does not fit", points: [], gpusNeeded: null }),
    ],
  }),
  "candidates by price": deploymentFigure({
    ...{ model: "a/b", targets: "TTFT 500 ms" },
    deployments: [deployment("H100, tp 1", { gpusNeeded: null, pricePerHour: null })],
  }),
  "noise of two devices": noise({
    subject,
    samples: [...samples, sample(4, { key: [1], tp: 2, spread: 0.00001 })],
    clocks: [["device 0", 1980], ["device 1", 1755], ["device 0", 1410]].map(([lane, mhz], order) => ({
      ...{ order, lane: lane as string, mhz: mhz as number },
    })),
    drifts: [{ order: 0, drift: 0.06 }, { order: 3, drift: -0.01 }],
  }),
  "noise alone": noise({ subject, samples: samples.slice(0, 2) }),
  "noise beside a clock": noise({
    subject,
    samples,
    clocks: [{ order: 0, mhz: 1000 }, { order: 2, mhz: 2000 }],
  }),
  "a difference with a prefill": diffMap({
    ...{ a: subject, b: ESTIMATE, rowsA: rows, rowsB: wide.table(1, "attention"), chunk: 16 },
  }),
  "a difference of two degrees": diffMap({
    ...{ a: { ...ESTIMATE, hardware: "H100" }, b: { ...ESTIMATE, hardware: "H100", tp: 2 } },
    ...{ rowsA: rows, rowsB: wide.table(1, "attention").slice(2), chunk: 0 },
  }),
  "ratios of two models": diffSummary({
    ...{ a: subject, b: { ...subject, model: "o/Other" } },
    tables: diffBundles(SMALL, wide).tables.filter(({ tp }) => tp === 1),
  }),
  "ratios far apart": diffSummary({
    ...{ a: subject, b: subject },
    tables: [{
      ...{ tp: 1, table: "moe", layer: null, common: 1234, onlyA: 0, onlyB: 0 },
      ratio: { min: 0.05, p10: 0.1, p50: 1.3, p90: 9, max: 10 },
    }],
  }),
  "alphas of cases": skewAlpha({ subject, rows: cases }),
  "many predictions": predictedOverMeasured({ subject, by: "a fit", predictions }),
  "errors of many predictions": residuals({ subject, by: "a fit", predictions }),
  "coverage beyond the grid": coverageMap({ subject, need, attention: coverage(SMALL, need).attention[0]! }),
  "experts of two ranks": moeMap({
    subject,
    rows: [[1, 8], [64, 8], [64, 64], [1024, 64]].map((key, at) => ({
      layer: null,
      key,
      timeUs: 20 + 70 * at,
    })),
  }),
  "scaling of what grows slower": tpScaling({
    ...{ subject: { ...subject, tp: 4 }, base: dense },
    rows: dense.map((row, at) => ({ ...row, timeUs: row.timeUs / (1 + at) })),
  }),
  "scaling of many sizes": tpScaling({
    subject: { ...subject, tp: 2 },
    base: sizes.flatMap((tokens) =>
      ["o_proj", "layernorm"].map((layer) => row(layer, [tokens], 10 + tokens))
    ),
    rows: sizes.flatMap((tokens, at) => [
      row("o_proj", [tokens], (10 + tokens) / (1 + at / 40)),
      row("layernorm", [tokens], 10 + tokens),
      row("unknown", [tokens], 1),
    ]),
  }),
  "scaling of nothing": tpScaling({ subject: { ...subject, tp: 2 }, base: dense, rows: dense }),
  "alphas at the edges": skewAlpha({
    subject,
    rows: [
      { ...CASE, alpha: -0.1, kv_mean: 16 },
      { ...CASE, alpha: 1.1, kv_mean: 64 },
      { ...CASE, alpha: -3, kv_mean: 40 },
      { ...CASE, alpha: 1.2, kvs: 64, kv_mean: 64 },
      { ...CASE, alpha: 0.5, regime: "pure", kv_mean: 63 },
    ],
  }),
  "predictions of an estimate": predictedOverMeasured({
    ...{ subject: ESTIMATE, by: "a fit", predictions: predictions.slice(0, 1) },
  }),
  "short predictions, some far off": residuals({
    subject: ESTIMATE,
    by: "a fit",
    predictions: [0.4, 0.5, 0.9, 0.97, 1].map((factor) => ({
      ...{ group: "pure", measuredUs: 100, predictedUs: 100 * factor },
    })),
  }),
  "unbiased predictions": residuals({
    subject,
    by: "a fit",
    predictions: [0.8, 1, 1.2].map((factor) => ({
      group: "odd",
      measuredUs: 100,
      predictedUs: 100 * factor,
    })),
  }),
  "long times": attentionMap({
    subject,
    rows: [9994, 9995, 16_384, 2_000_000].map((timeUs, at) => row(null, [0, 0, 1, 2 ** at], timeUs)),
    chunk: 0,
  }),
  "no slices": attentionSlices({ subject, rows: [], chunk: 0 }),
  "parts at the edge of a label": iterationTimes({
    ...{ subject, batch: "every request decodes" },
    points: [[1, edge], [2, { ...edge, totalNs: 999_999 }]],
  }),
  "times at the edge of a label": iterationTimeline({
    ...{ batch: "1 decode", iterations: [{ name: "H100", estimate: edge }] },
  }),
  "no layers": layerTimes({ subject, size: "tokens", rows: [] }),
  "a long grid": attentionMap({
    subject,
    rows: sizes.flatMap((kv) => [1, 8].map((n) => row(null, [0, 0, n, kv], kv * n / 3))),
    chunk: 0,
  }),
  "slices of a long grid": attentionSlices({
    subject,
    rows: sizes.flatMap((n) => [64, 4096].map((kv) => row(null, [0, 0, n, kv], 3 + kv * n / 100))),
    chunk: 0,
  }),
};
const lines = FIGURES["layers over tokens"]![0];

/** All of them by name. */
export const MORE: Readonly<Record<string, Figure>> = {
  ...DRAWN,
  "a menu": figureMenu(
    [0, 16].map((chunk) => ({ name: `chunk ${chunk}`, figure: attentionMap({ subject, rows, chunk }) })),
  ),
  "lines on a dark page": themed(lines, "dark"),
  "a timeline on a dark page": themed(DRAWN["a timeline with errors"]!, "dark"),
};
