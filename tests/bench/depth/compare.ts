// deno-lint-ignore-file no-console
/**
 * How far predictions from a bundle are from models of full depth, as `depth.py` measured them.
 *
 *     deno run -A tests/bench/depth/compare.ts depth.jsonl perf/H200/meta-llama/Llama-3.1-8B/bf16-cold [--json out.json]
 *
 * Prints, and writes: whole forwards by kind of batch (error of all kernels of the layers, and which layers make it),
 * and queues of steps in both states of the device.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { openBundle } from "../../../src/bundle/open.ts";
import { loadModel } from "../../../src/model/load_model.ts";
import { type IterationQuery, predictIteration } from "../../../src/predict/iteration.ts";
import { predictor } from "../../../src/predict/predictor.ts";
import { median, quantile } from "../../../src/stats.ts";

/** A request of a batch: new tokens and history, and how many there are. */
type Request = readonly [tokens: number, history: number, count?: number];

interface DepthLine {
  readonly type: string;
  readonly model?: string;
  readonly tp?: number;
  readonly device?: string;
  readonly layers?: number;
  readonly step?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly requests?: readonly Request[];
  readonly batches?: readonly (readonly Request[])[];
  readonly activated_experts?: number | null;
  readonly layers_us?: Readonly<Record<string, readonly number[]>>;
  readonly kernel_us?: readonly number[];
}

/** Steps of a queue that the device has to settle in, as a share. */
const SETTLING = 1 / 3;

const { values, positionals: [path = "", dir = ""] } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "string" } },
});
const lines = (await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line) as DepthLine);
const { model: id = "", tp = 1, device = "" } = lines[0]!;
const bundle = await openBundle(dir);
const model = await loadModel(id, { download: false });
const cool = predictor(bundle, { architecture: model.architecture });

function queryOf(requests: readonly Request[], experts?: number | null): IterationQuery {
  const prefills = requests.filter(([tokens]) => tokens > 1);
  const decodes = requests.filter(([tokens]) => tokens === 1);
  return {
    ...{ model, tp },
    prefills: prefills.flatMap(([chunk, history, count = 1]) =>
      Array.from({ length: count }, () => ({ chunk, history }))
    ),
    decodes: decodes.map(([, kv, count = 1]) => ({ kv, count })),
    ...typeof experts === "number" && { activatedExperts: experts },
  };
}

const forwards = lines.filter(({ type, step, layers_us }) =>
  type === "forward" && step === "forward" && layers_us !== undefined
).map(({ kind = "", requests = [], activated_experts, layers_us = {} }) => {
  const { elsewhere = 0, ...real } = Object.fromEntries(
    Object.entries(layers_us).map(([layer, times]) => [layer, median(times)]),
  );
  const { totalNs, contributions } = predictIteration(cool, queryOf(requests, activated_experts));
  const predicted: Record<string, number> = {};
  for (const { layer, totalNs } of contributions) predicted[layer] = (predicted[layer] ?? 0) + totalNs / 1000;
  return { kind, requests, real, predicted, predictedUs: totalNs / 1000, elsewhereUs: elsewhere };
});

const total = (times: Readonly<Record<string, number>>): number =>
  Object.values(times).reduce((a, b) => a + b, 0);
const percent = (share: number): number => Math.round(share * 1e4) / 100;

function spread(errors: readonly number[]): { count: number; signed_p50: number; p50: number; p90: number } {
  const sizes = Float64Array.from(errors, Math.abs).sort();
  return {
    count: errors.length,
    signed_p50: percent(median(errors)),
    p50: percent(quantile(sizes, 0.5)),
    p90: percent(quantile(sizes, 0.9)),
  };
}

const byKind = Object.fromEntries(
  [...Map.groupBy(forwards, ({ kind }) => kind)].map(([kind, own]) => [
    kind,
    {
      ...spread(own.map(({ real, predictedUs }) => predictedUs / total(real) - 1)),
      elsewhere: percent(
        median(own.map(({ real, elsewhereUs }) => elsewhereUs / (total(real) + elsewhereUs))),
      ),
    },
  ]),
);
const layers = [...new Set(forwards.flatMap(({ real }) => Object.keys(real)))];
const byLayer = Object.fromEntries(layers.map((layer) => [
  layer,
  {
    ...spread(
      forwards.flatMap(({ real, predicted }) =>
        real[layer] !== undefined && predicted[layer] !== undefined
          ? [predicted[layer] / real[layer] - 1]
          : []
      ),
    ),
    share: percent(median(forwards.map(({ real }) => (real[layer] ?? 0) / total(real)))),
  },
]));

const states = bundle.meta.sustained === undefined ? ["cool"] as const : ["cool", "sustained"] as const;
const queues = lines.filter(({ type, kernel_us }) => type === "queue" && kernel_us !== undefined).map(
  ({ name = "", batches = [], kernel_us = [] }) => {
    const settled = kernel_us.slice(Math.ceil(kernel_us.length * SETTLING / batches.length) * batches.length);
    const realUs = total(Object.fromEntries(settled.entries())) / settled.length;
    const errors = states.map((state) => {
      const source = predictor(bundle, { architecture: model.architecture, state });
      const steps = batches.map((requests) =>
        predictIteration(source, queryOf(requests)).contributions
          .filter(({ stage, layer }) => stage !== "head" || layer === "final_layernorm")
          .reduce((sum, { totalNs }) => sum + totalNs / 1000, 0)
      );
      return [state, percent(total(Object.fromEntries(steps.entries())) / steps.length / realUs - 1)];
    });
    return { name, kernel_us: Math.round(realUs), ...Object.fromEntries(errors) };
  },
);

const summary = { kind: "depth", model: id, tp, device, forwards: byKind, layers: byLayer, queues };
console.log(`${id}, tp ${tp}, on ${device}: error of all kernels of the layers, percent`);
console.table(byKind);
console.table(byLayer);
console.table(queues);
if (values.json !== undefined) await Deno.writeTextFile(values.json, JSON.stringify(summary) + "\n");
