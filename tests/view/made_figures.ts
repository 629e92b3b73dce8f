/** One figure of each kind, of a bundle in memory: with its title, its axes, and whether these are logarithmic. */
import { coverage } from "../../src/check/coverage.ts";
import { ownNeed } from "../../src/check/coverage_need.ts";
import { diffBundles } from "../../src/check/diff.ts";
import type { Figure } from "../../src/view/figure.ts";
import { attentionMap, prefillMap } from "../../src/view/figures/attention_map.ts";
import { attentionSlices } from "../../src/view/figures/attention_slices.ts";
import { coverageMap } from "../../src/view/figures/coverage_map.ts";
import { diffMap, diffSummary } from "../../src/view/figures/diff_map.ts";
import { iterationTimeline, iterationTimes } from "../../src/view/figures/iteration.ts";
import { layerTimes } from "../../src/view/figures/layer_times.ts";
import { linearAttentionMap } from "../../src/view/figures/linear_attention_map.ts";
import { moeMap } from "../../src/view/figures/moe_map.ts";
import { noise } from "../../src/view/figures/noise.ts";
import { rooflinePlot } from "../../src/view/figures/roofline_plot.ts";
import { skewAlpha } from "../../src/view/figures/skew_alpha.ts";
import { predictedOverMeasured, residuals } from "../../src/view/figures/skew_predicted.ts";
import { errorOverShots } from "../../src/view/figures/error_over_shots.ts";
import { tpScaling } from "../../src/view/figures/tp_scaling.ts";
import { SMALL, SUBJECT } from "./small_bundle.ts";

const rows = SMALL.table(1, "attention");
const subject = SUBJECT;
const H200 = { ...SUBJECT, hardware: "H200" };
const need = { ...ownNeed({ meta: {} }), maxNumBatchedTokens: 32, maxNumSeqs: 4, maxKv: 64 };
const predictions = [
  { group: "pure", measuredUs: 10, predictedUs: 11 },
  { group: "mixed", measuredUs: 100, predictedUs: 300 },
];
/** A shot with its samples. */
export const shot = {
  category: "dense",
  tp: 1,
  key: [16],
  layer: "o_proj",
  samplesUs: [5, 6],
  medianUs: 5.5,
} as const;
const estimate = {
  totalNs: 8000,
  tokens: 1,
  sequences: 1,
  skipped: [],
  places: {},
  notes: [],
  excludes: ["communication", "scheduling"] as const,
  contributions: [
    { stage: "pre_attn", layer: "attention", times: 2, ns: 3000, totalNs: 6000 },
    { stage: "post_attn", layer: "o_proj", times: 2, ns: 900, totalNs: 1800 },
    { stage: "head", layer: "sampler", times: 1, ns: 200, totalNs: 200 },
  ],
};

/** Each figure, its title, its axes, and whether these are logarithmic. */
export const FIGURES: Record<string, [Figure, title: string, x: string, y: string]> = {
  "layers over tokens": [
    layerTimes({ subject, size: "tokens", rows: SMALL.table(1, "dense") }),
    "qkv_proj is the slowest layer at 64 tokens: 14.4 µs",
    "new tokens in the batch, log",
    "time of one layer (µs), log",
  ],
  "layers over sequences": [
    layerTimes({ subject, size: "sequences", rows: SMALL.table(1, "per_sequence") }),
    "sampler is the slowest layer at 4 requests: 7 µs",
    "requests in the batch, log",
    "time of one layer (µs), log",
  ],
  "attention of decodes": [
    attentionMap({ subject, rows, chunk: 0 }),
    "Attention takes up to 13 µs: 4 decodes at KV length 64",
    "KV length of each decode (tokens)",
    "decoding requests",
  ],
  "attention of a prefill": [
    prefillMap({ subject, rows }),
    "Prefill attention takes up to 7 µs: 16 new tokens after 0",
    "KV length before the prefill (tokens)",
    "new tokens of the prefill",
  ],
  "slices of attention": [
    attentionSlices({ subject, rows, chunk: 0 }),
    "4 decodes: 4x longer KV costs 1.86x",
    "KV length of each decode (tokens), log",
    "time of attention (µs), log",
  ],
  "errors over shots": [
    errorOverShots({
      subject,
      curves: [
        { name: "adaptive", points: [{ shots: 0.1, error: 0.05 }, { shots: 0.2, error: 0.03 }] },
        { name: "random", points: [{ shots: 0.1, error: 0.2 }, { shots: 0.25, error: 0.1 }] },
      ],
    }),
    "adaptive: 90% of the rows within 3% from 20% of the shots; random: 10% from 25%",
    "measured shots (%), log",
    "error that 90% of the rows stay within (%), log",
  ],
  "experts": [
    moeMap({ subject, rows: SMALL.table(1, "moe") }),
    "At 64 tokens, 64 experts take 3x as long as 8",
    "new tokens in the batch",
    "experts that get tokens",
  ],
  "recurrent layers": [
    linearAttentionMap({
      subject,
      rows: [[0, 1, 8], [64, 0, 80], [64, 1, 90]].map(([tokens, decodes, timeUs]) => ({
        layer: "gdn",
        key: [tokens!, decodes!],
        timeUs: timeUs!,
      })),
    }),
    "gdn takes up to 90 µs: 64 prefill tokens, 1 decode",
    "new tokens of the prefill",
    "decoding requests",
  ],
  "scaling": [
    tpScaling({
      subject: { ...subject, tp: 2 },
      base: SMALL.table(1, "dense"),
      rows: SMALL.table(2, "dense"),
    }),
    "TP2 speed-up at 64 tokens: 1.67x (qkv_proj) to 1.67x (o_proj)",
    "new tokens in the batch, log",
    "speed-up over tp 1",
  ],
  "an iteration": [
    iterationTimes({ subject, batch: "every request decodes", points: [[1, estimate]] }),
    "attention takes 75% of an iteration with 1 request",
    "requests in the batch",
    "share of the iteration's time (%)",
  ],
  "iterations in milliseconds": [
    iterationTimeline({
      batch: "1 decode at KV length 64",
      iterations: [{ name: "H100", estimate }, { name: "H200", estimate: { ...estimate, totalNs: 4000 } }],
    }),
    "H200 is fastest with 4 µs; H100 takes 2.00x",
    "time of the iteration (ms)",
    "",
  ],
  "rows on a roofline": [
    rooflinePlot({
      subject,
      achieved: {
        sheet: {
          device: "x",
          memory_gib: 80,
          bandwidth_gb_s: 1000,
          multiprocessors: 1,
          l2_mib: 1,
          launch_us: 1,
          peak_tflops: {},
        },
        peakTflops: 100,
        rows: [
          { layer: "o_proj", key: [64], timeUs: 10, tflops: 20, tbPerS: 0.5, flopsPerByte: 40 },
          { layer: "lm_head", key: [64], timeUs: 10, tflops: 90, tbPerS: 0.2, flopsPerByte: 450 },
        ],
      },
    }),
    "lm_head comes closest to its limit: 90% of 100 TFLOP/s",
    "operations per byte, log",
    "achieved (TFLOP/s), log",
  ],
  "coverage": [
    coverageMap({ subject, need, attention: coverage(SMALL, need).attention[0]! }),
    "23% of this run's attention lookups are guessed: from a neighbour, or beyond the grid",
    "new tokens of the prefill",
    "decoding requests",
  ],
  "a difference": [
    diffMap({ a: subject, b: H200, rowsA: rows, rowsB: SMALL.table(2, "attention"), chunk: 0 }),
    "H200 is faster than H100 in 4, slower in 0 and within noise in 0 of 4 batches",
    "KV length of each decode (tokens)",
    "decoding requests",
  ],
  "a summary of differences": [
    diffSummary({
      a: subject,
      b: H200,
      tables: diffBundles(SMALL, SMALL).tables.filter(({ tp }) => tp === 1),
    }),
    "H200 is faster than H100 in 0, slower in 0 and within noise in 6 of 6 tables, by the median",
    "time on H200 / time on H100, log",
    "",
  ],
  "alpha": [
    skewAlpha({ subject, rows: SMALL.skew(1) }),
    "Alpha is below −0.1 or above 1.1 in 0% of 1 skewed batch",
    "skew rate: (mean - shortest) / (longest - shortest KV length)",
    "alpha: (t_skew - t_mean) / (t_max - t_mean)",
  ],
  "predictions": [
    predictedOverMeasured({ subject, by: "a fit", predictions }),
    "Half of the skewed batches are predicted within 105%, 90% within 181%",
    "measured (µs), log",
    "predicted (µs), log",
  ],
  "residuals": [
    residuals({ subject, by: "a fit", predictions }),
    "Predictions are too long by 105% on average; one in a hundred is off by more than 198%",
    "measured (µs), log",
    "error of the prediction (%)",
  ],
  "noise": [
    noise({
      subject,
      samples: [{ ...shot, order: 0, spread: 0.02 }],
      clocks: [{ order: 0, mhz: 1980 }],
      drifts: [{ order: 0, drift: -0.04 }],
    }),
    "Samples of a shot differ by 2% at the median; 0% by more than 10%; sentinels drift by 4% at most",
    "shots fired before",
    "CV of the samples (%), log",
  ],
};
