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
import { z } from "zod";
import { type Bundle, openBundle } from "../../../src/bundle/open.ts";
import { UsageError } from "../../../src/errors.ts";
import { readText } from "../../../src/files/read.ts";
import { loadModel } from "../../../src/model/load_model.ts";
import { type IterationQuery, predictIteration } from "../../../src/predict/iteration.ts";
import { predictor } from "../../../src/predict/predictor.ts";
import { median, quantile } from "../../../src/stats.ts";
import { readJsonLines, runScript } from "../../../tasks/script.ts";
import { refuseOther } from "../same_subject.ts";

/** A request of a batch: new tokens and history, and how many there are. */
const request = z.tuple([z.int(), z.int()]).or(z.tuple([z.int(), z.int(), z.int()]));
const times = z.array(z.number());
const depthLine = z.looseObject({
  type: z.string(),
  kind: z.string().optional(),
  name: z.string().optional(),
  step: z.string().optional(),
  model: z.string().optional(),
  device: z.string().optional(),
  tp: z.int().optional(),
  requests: z.array(request).optional(),
  batches: z.array(z.array(request)).optional(),
  activated_experts: z.int().nullable().optional(),
  layers_us: z.record(z.string(), times).optional(),
  kernel_us: times.optional(),
});

type Request = z.infer<typeof request>;
type DepthLine = z.infer<typeof depthLine>;

/** Steps of a queue that the device has to settle in, as a share. */
const SETTLING = 1 / 3;

function queryOf(
  { model, tp }: Pick<IterationQuery, "model" | "tp">,
  requests: readonly Request[],
  experts?: number | null,
): IterationQuery {
  const prefills = requests.filter(([tokens]) => tokens > 1);
  const decodes = requests.filter(([tokens]) => tokens === 1);
  return {
    model,
    tp,
    prefills: prefills.flatMap(([chunk, history, count = 1]) =>
      Array.from({ length: count }, () => ({ chunk, history }))
    ),
    decodes: decodes.map(([, kv, count = 1]) => ({ kv, count })),
    ...typeof experts === "number" && { activatedExperts: experts },
  };
}

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

/** Forwards by kind of batch and by layer, and queues of steps: errors in percent. */
function compare(
  bundle: Bundle,
  of: Pick<IterationQuery, "model" | "tp">,
  lines: readonly DepthLine[],
): Record<"forwards" | "layers" | "queues", object> {
  const { architecture } = of.model;
  const cool = predictor(bundle, { architecture });
  const forwards = lines.filter(({ type, step, layers_us }) =>
    type === "forward" && step === "forward" && layers_us !== undefined
  ).map(({ kind = "", requests = [], activated_experts, layers_us = {} }) => {
    const { elsewhere = 0, ...real } = Object.fromEntries(
      Object.entries(layers_us).map(([layer, times]) => [layer, median(times)]),
    );
    const { totalNs, contributions } = predictIteration(cool, queryOf(of, requests, activated_experts));
    const predicted: Record<string, number> = {};
    for (const { layer, totalNs } of contributions) {
      predicted[layer] = (predicted[layer] ?? 0) + totalNs / 1000;
    }
    return { kind, requests, real, predicted, predictedUs: totalNs / 1000, elsewhereUs: elsewhere };
  });

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
      const settled = kernel_us.slice(
        Math.ceil(kernel_us.length * SETTLING / batches.length) * batches.length,
      );
      const realUs = total(Object.fromEntries(settled.entries())) / settled.length;
      const errors = states.map((state) => {
        const source = predictor(bundle, { architecture, state });
        const steps = batches.map((requests) =>
          predictIteration(source, queryOf(of, requests)).contributions
            .filter(({ stage, layer }) => stage !== "head" || layer === "final_layernorm")
            .reduce((sum, { totalNs }) => sum + totalNs / 1000, 0)
        );
        return [state, percent(total(Object.fromEntries(steps.entries())) / steps.length / realUs - 1)];
      });
      return { name, kernel_us: Math.round(realUs), ...Object.fromEntries(errors) };
    },
  );
  return { forwards: byKind, layers: byLayer, queues };
}

if (import.meta.main) {
  const options = { json: { type: "string" } } as const;
  await runScript(
    { usage: "compare.ts FILE BUNDLE [--json FILE]", options, words: [2, 2] },
    async ({ json }, path, dir) => {
      const lines = readJsonLines(await readText(path), path, depthLine);
      const { kind, model: id = "", tp = 1, device = "" } = lines[0];
      if (kind !== "depth") {
        throw new UsageError(`Cannot read ${path}, line 1: it must be a header of depth.py`);
      }
      const bundle = await openBundle(dir);
      refuseOther(bundle, path, { model: id, device });
      const found = compare(bundle, { model: await loadModel(id, { download: false }), tp }, lines);
      console.log(`${id}, tp ${tp}, on ${device}: error of all kernels of the layers, percent`);
      for (const table of Object.values(found)) console.table(table);
      const summary = { kind: "depth", model: id, tp, device, ...found };
      if (json !== undefined) await Deno.writeTextFile(json, JSON.stringify(summary) + "\n");
    },
  );
}
