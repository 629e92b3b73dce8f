/** Figures draw how far their values may be off, and say what that is made of. */
import assert from "node:assert/strict";
import type { IterationEstimate } from "../../src/predict/iteration.ts";
import type { IterationError } from "../../src/serving/iteration_error.ts";
import type { Deployment } from "../../src/serving/plan_deployment.ts";
import type { Figure, Trace } from "../../src/view/figure.ts";
import { figureCsv } from "../../src/view/figure_csv.ts";
import { attentionMap } from "../../src/view/figures/attention_map.ts";
import { attentionSlices } from "../../src/view/figures/attention_slices.ts";
import { errorOverShots } from "../../src/view/figures/error_over_shots.ts";
import { deploymentFigure } from "../../src/view/figures/deployment.ts";
import { iterationTimeline, iterationTimes } from "../../src/view/figures/iteration.ts";
import { latencyOverRate } from "../../src/view/figures/latency_over_rate.ts";
import { layerTimes } from "../../src/view/figures/layer_times.ts";
import { noise } from "../../src/view/figures/noise.ts";
import type { LayerSamples } from "../../src/view/timeline.ts";
import { SUBJECT as subject } from "./small_bundle.ts";

const rows = [1, 2, 4].map((tokens) => ({ layer: "o_proj", key: [tokens], timeUs: 10 * tokens }));
const decodes = [16, 64].map((kv) => ({ layer: null, key: [0, 0, 2, kv], timeUs: kv }));

/** Samples of a row; of several of one row the last counts. */
function sample(fields: Partial<LayerSamples>): LayerSamples {
  return {
    ...{ order: 0, category: "dense", tp: 1, key: [1], layer: "o_proj", samplesUs: [9, 11], medianUs: 10 },
    spread: 0.1,
    ...fields,
  };
}

const estimate: IterationEstimate = {
  ...{ totalNs: 8e6, tokens: 4, sequences: 4, places: {}, skipped: [], notes: [] },
  excludes: ["communication", "scheduling"],
  contributions: [{ stage: "pre_attn", layer: "attention", times: 2, ns: 4e6, totalNs: 8e6 }],
};
const error: IterationError = { share: 0.05, rows: 0.03, interpolation: 0.04, skew: 0, steps: 0 };
const unknown: IterationError = { ...error, share: null, interpolation: null };

function subtitleOf({ layout }: Figure): string {
  return (layout["meta"] as { subtitle: string }).subtitle;
}

function bandsOf({ data }: Figure): Trace[] {
  return data.filter(({ fill }) => fill === "toself");
}

Deno.test("rows with samples have a band of their standard deviation, that of the last time they were measured", () => {
  const samples = [sample({ spread: 0.5 }), sample({ order: 9 }), sample({ key: [2], tp: 2, spread: 0.9 })];
  const figure = layerTimes({ subject, size: "tokens", rows, samples });
  const [band] = bandsOf(figure);
  assert.deepEqual([band!["x"], band!["y"]], [[1, 2, 4, 4, 2, 1], [11, 20, 40, 40, 20, 9]]);
  assert.match(subtitleOf(figure), /band: ± standard deviation of a shot's samples/);
  assert.match(figureCsv(figure), /^o_proj,1,10,0\.1\no_proj,2,20,\n/m);
});

Deno.test("attention has the band too, and its map tells the deviation of a cell", () => {
  const samples = [sample({ category: "attention", layer: "attention", key: [0, 0, 2, 64] })];
  const input = { subject, rows: decodes, samples, chunk: 0 };
  assert.deepEqual(bandsOf(attentionSlices(input))[0]!["y"], [16, 70.4, 57.6, 16]);
  assert.deepEqual(attentionMap(input).data[0]!["customdata"], [[[16, 2, ""], [64, 2, " ±10%"]]]);
});

Deno.test("an estimate has no band, however often it is repeated: that says nothing of its error", () => {
  const estimated = { ...subject, quantity: "estimate" };
  const figure = layerTimes({ subject: estimated, size: "tokens", rows, samples: [sample({ spread: 0 })] });
  assert.deepEqual([bandsOf(figure), /band/.test(subtitleOf(figure))], [[], false]);
});

Deno.test("without samples there is no band, and no word of one", () => {
  const figures = [
    layerTimes({ subject, size: "tokens", rows }),
    attentionSlices({ subject, rows: decodes, chunk: 0 }),
  ];
  for (const figure of figures) {
    assert.deepEqual(bandsOf(figure), []);
    assert.doesNotMatch(subtitleOf(figure), /band/);
  }
});

Deno.test("an iteration's total has the error bar of its estimate; one beyond the grid has none, which is said", () => {
  const shares = (figure: Figure, axis: string): unknown =>
    (figure.data.find(({ name }) => name === "error of the total")![`error_${axis}`] as Trace)["array"];
  const times = iterationTimes({
    subject,
    batch: "x",
    points: [[4, estimate, error], [8, estimate, unknown]],
  });
  assert.deepEqual(shares(times, "y"), [5, 0]);
  assert.match(
    subtitleOf(times),
    /error bars: spread of rows, interpolation; no error bar: beyond what was measured/,
  );
  const one = iterationTimeline({ batch: "x", iterations: [{ name: "a", estimate, error }] });
  assert.deepEqual(shares(one, "x"), [0.4]);
  const plain = iterationTimeline({ batch: "x", iterations: [{ name: "a", estimate }] });
  assert.doesNotMatch(subtitleOf(plain), /error/);
  assert.equal(
    (plain.layout["title"] as { text: string }).text.match(/a: [^<]* an iteration/)?.[0],
    "a: 8 ms an iteration",
  );
});

Deno.test("communication is a part of its own, however small, and its source is named", () => {
  const reduce = { stage: "communication", layer: "all_reduce", times: 2, ns: 5e3, totalNs: 1e4 };
  const contributions = [...estimate.contributions, reduce];
  const cases: readonly (readonly [Partial<IterationEstimate>, RegExp])[] = [
    [{ contributions, communication: "measured" }, /; communication measured; /],
    [
      { contributions, communication: "data sheet" },
      /; communication by a data sheet, an estimate without an error bar; /,
    ],
    [{}, /; without communication and scheduling$/],
    [{ experts: "whole" }, /; each device computes all experts; /],
  ];
  for (const [fields, said] of cases) {
    const figure = iterationTimeline({
      batch: "x",
      iterations: [{ name: "tp 2", estimate: { ...estimate, ...fields } }],
    });
    assert.match(subtitleOf(figure), said);
    assert.equal(figure.data.some(({ name }) => name === "all_reduce"), "contributions" in fields);
  }
});

const spread = { mean: 20, p50: 20, p90: 30, p99: 40 };
const latencies = { ttftMs: spread, tpotMs: spread, e2eMs: spread };

Deno.test("samples that differ by more than themselves keep a band above 0, as the axis is logarithmic", () => {
  const samples = [sample({ spread: 3 })];
  const [band] = bandsOf(layerTimes({ subject, size: "tokens", rows: rows.slice(0, 1), samples }));
  assert.deepEqual(band!["y"], [40, 0.5]);
});

Deno.test("errors of adaptive parts have bars up to the bound that the sweep itself gives", () => {
  const curves = [
    {
      name: "adaptive",
      points: [{ shots: 0.1, error: 0.03, bound: 0.06 }, { shots: 0.2, error: 0.03, bound: Infinity }],
    },
    { name: "random part", points: [{ shots: 0.1, error: 0.2 }] },
  ];
  const figure = errorOverShots({ subject, curves });
  assert.deepEqual(
    figure.data.map(({ error_y: bar }) => (bar as Trace | undefined)?.["array"]),
    [[3, 0], undefined],
  );
  assert.match(subtitleOf(figure), /; bars: up to the sweep's own 95% bound$/);
});

Deno.test("simulated latencies have the band of the steps' held-out error, or say that there is none", () => {
  const judged = {
    ...{ part: "load: busy", steps: 100, busyS: 1, busyError: 0, windowP50: 0.02, windowP90: 0.07 },
    ...{ decodesP90: 0.1, promptsP90: 0.3 },
  };
  const input = { server: "s", basis: "b", points: [{ ratePerS: 1, latencies }] };
  const figure = latencyOverRate({ ...input, heldOut: [{ ...judged, windowP90: 0.03 }, judged] });
  assert.equal(bandsOf(figure).length, 4);
  assert.match(subtitleOf(figure), /; band: ±7%, the steps' held-out error \(90% of windows of 25\)$/);
  assert.match(subtitleOf(latencyOverRate(input)), /; no held-out error: steps were not measured$/);
});

Deno.test("candidates of a deployment have error bars where steps were measured; an estimate is called one", () => {
  const point = { ratePerS: 1, latencies, tokensPerSPerGpu: 100, tokensPerSPerUser: 50 };
  const served: Deployment = {
    ...{ name: "H200, tp 1", gpus: 1, problem: null, estimates: [], stepError: 0.07, maxRatePerS: 1 },
    ...{ points: [point], gpusNeeded: 2, pricePerMillionTokens: null, pricePerHour: null, onFront: true },
  };
  const plain: Deployment = { ...served, name: "H100, tp 1", estimates: ["rows"], stepError: null };
  const figure = deploymentFigure({ model: "a/b", targets: "t", deployments: [plain, served] });
  assert.deepEqual(
    figure.data.map(({ name, error_x: bar }) => [name, (bar as Trace | undefined)?.["value"]]),
    [["H100, tp 1 (estimate)", undefined], ["H200, tp 1", 7.000000000000001]],
  );
  const { title } = figure.layout["meta"] as { title: string };
  assert.match(title, /^H100, tp 1: 1 requests\/s within the targets, 2 GPUs for the load \(estimate\)$/);
  assert.match(subtitleOf(figure), /dashed: rests on estimates; error bars: ±7%/);
});

Deno.test("noise: sentinels keep their sign on an axis of their own, above the clock", () => {
  const figure = noise({
    subject,
    samples: [sample({ spread: 0.00001 })],
    drifts: [{ order: 0, drift: 0 }, { order: 5, drift: -0.04 }],
    clocks: [{ order: 0, mhz: 1980 }],
  });
  const at = (name: string): Trace => figure.data.find((trace) => trace["name"] === name)!;
  assert.deepEqual([at("sentinel")["yaxis"], at("sentinel")["y"]], ["y2", [0, -4]]);
  assert.equal(at("clock")["yaxis"], "y3");
  const domains = ["yaxis", "yaxis2", "yaxis3"].map((name) =>
    (figure.layout[name] as Trace)["domain"] as number[]
  );
  assert.ok(domains[0]![0]! > domains[1]![1]! && domains[1]![0]! > domains[2]![1]!);
  assert.match(subtitleOf(figure), /below 0\.01% at the edge; drift above 0: slower than the baseline/);
});
