// deno-lint-ignore-file no-console
/**
 * How far predictions from a bundle are from models of full depth, as `depth.py` measured them.
 *
 *     deno run -A tests/bench/depth/compare.ts depth.jsonl perf/H200/meta-llama/Llama-3.1-8B/bf16-cold [--json out.json]
 *
 * Prints, and writes: whole forwards by kind of batch (error of all kernels of the layers, also without a grid where the
 * file has the layers of each batch by themselves, and which layers make it), the attention of prefills under both
 * simulators' keys, and queues of steps in both states of the device.
 *
 * @module
 */
import { z } from "zod";
import { type Bundle, openBundle } from "../../../src/bundle/open.ts";
import { UsageError } from "../../../src/errors.ts";
import { readText } from "../../../src/files/read.ts";
import { loadModel } from "../../../src/model/load_model.ts";
import { afterRestNs } from "../../../src/predict/after_rest.ts";
import { type IterationQuery, predictIteration } from "../../../src/predict/iteration.ts";
import { rowEnergies } from "../../../src/predict/energy.ts";
import { type Predictor, predictor, type PredictorSource } from "../../../src/predict/predictor.ts";
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
  batch: z.int().optional(),
  us: z.record(z.string(), z.unknown()).or(z.number()).optional(),
  wall_us: z.number().optional(),
  readings: z.array(
    z.looseObject({ s: z.number(), mhz: z.number().nullable(), j: z.number().nullable().optional() }),
  ).optional(),
});

type Request = z.infer<typeof request>;
type DepthLine = z.infer<typeof depthLine>;

/** Steps of a queue that the device has to settle in, as a share. */
const SETTLING = 1 / 3;

/** Steps that take so many times what their kernels take are said to have a rest behind them. */
const RESTS = 1.8;

/** Share of its time for which a device is at work, above which what it takes is that of the kernels. */
const BUSY = 0.95;

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

/** What is left of the errors where each batch's own layers are added up; nothing where they were not measured. */
function withoutGrid(errors: readonly number[]): object {
  if (errors.some(Number.isNaN)) return {};
  const { p50, p90 } = spread(errors);
  return { grid_off: `${p50} / ${p90}` };
}

/** Prefills of fewer tokens lie between none and the grid's first chunk. */
const FIRST_CHUNK = 16;

/** What a batch's attention is looked up by. */
function prefillClass(requests: readonly Request[]): string {
  const prefills = requests.filter(([tokens]) => tokens > 1);
  const [first] = prefills;
  if (first === undefined) return "decodes alone";
  if (prefills.length > 1) return "several";
  const beside = requests.length > 1 ? ", with decodes" : "";
  if (first[0] < FIRST_CHUNK) return "of 2 to 15 tokens, alone or with decodes";
  return `${first[1] === 0 ? "one fresh" : "one with cached tokens"}${beside}`;
}

/** Forwards by kind of batch and by layer, and queues of steps: errors in percent. */
function compare(
  bundle: Bundle,
  of: Pick<IterationQuery, "model" | "tp">,
  lines: readonly DepthLine[],
  asked: string,
): Record<"forwards" | "layers" | "prefills" | "queues", object> {
  const { architecture } = of.model;
  const cool = predictor(bundle, { architecture });
  const newer = predictor(bundle, { architecture, simulator: "v1.2" });
  const alone = Map.groupBy(lines.filter(({ type, us }) => type === "alone" && us), ({ batch }) => batch);
  const forwards = lines.filter(({ type, step, layers_us }) =>
    type === "forward" && step === asked && layers_us !== undefined
  ).map(({ kind = "", requests = [], activated_experts, layers_us = {} }, index) => {
    const { elsewhere = 0, ...real } = Object.fromEntries(
      Object.entries(layers_us).map(([layer, times]) => [layer, median(times)]),
    );
    const query = queryOf(of, requests, activated_experts);
    const { totalNs, contributions } = predictIteration(cool, query);
    const own = Object.assign({}, ...(alone.get(index) ?? []).map(({ us }) => us)) as Record<string, number>;
    const predicted: Record<string, number> = {};
    let aloneUs = 0;
    for (const { layer, times, totalNs } of contributions) {
      predicted[layer] = (predicted[layer] ?? 0) + totalNs / 1000;
      aloneUs += times * (own[layer] ?? Number.NaN);
    }
    const newerUs = predictIteration(newer, query).contributions
      .reduce((sum, { layer, totalNs }) => sum + (layer === "attention" ? totalNs / 1000 : 0), 0);
    const predictedUs = totalNs / 1000;
    return { kind, requests, real, predicted, predictedUs, aloneUs, newerUs, elsewhereUs: elsewhere };
  });

  const byKind = Object.fromEntries(
    [...Map.groupBy(forwards, ({ kind }) => kind)].map(([kind, own]) => [
      kind,
      {
        ...spread(own.map(({ real, predictedUs }) => predictedUs / total(real) - 1)),
        ...withoutGrid(own.map(({ real, aloneUs }) => aloneUs / total(real) - 1)),
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

  const prefills = Object.fromEntries(
    [...Map.groupBy(forwards, ({ requests }) => prefillClass(requests))].map(([name, own]) => {
      const off = (us: (forward: typeof own[number]) => number): string => {
        const { p50, p90, signed_p50 } = spread(own.map((each) => us(each) / each.real["attention"]! - 1));
        return `${p50} / ${p90} (${signed_p50})`;
      };
      const columns = {
        august: off(({ predicted }) => predicted["attention"]!),
        v1_2: off((each) => each.newerUs),
      };
      return [name, { number: own.length, ...columns }];
    }),
  );

  /** Millijoules in the place of microseconds, so that they are looked up and added as times are. */
  const energies: PredictorSource = {
    ...{ tps: bundle.tps, meta: {}, skewFit: () => [] },
    table: (tp, category) =>
      rowEnergies(bundle, tp).filter((row) => row.category === category)
        .map(({ layer, key, energyMj }) => ({ layer, key, timeUs: energyMj ?? 0 })),
  };
  const states = bundle.meta.sustained === undefined ? ["cool"] as const : ["cool", "sustained"] as const;
  const queues = lines.filter(({ type, kernel_us }) => type === "queue" && kernel_us !== undefined).map(
    (line) => {
      const { name = "", batches = [], kernel_us = [], wall_us = 0, readings = [] } = line;
      const settled = kernel_us.slice(
        Math.ceil(kernel_us.length * SETTLING / batches.length) * batches.length,
      );
      const realUs = total(Object.fromEntries(settled.entries())) / settled.length;
      const times = states.map((state) => stepUs(predictor(bundle, { architecture, state }), of, batches));
      const errors = times.map((us, index) => [states[index], percent(us / realUs - 1)]);
      const [coolUs, sustainedUs] = times;
      const rests = sustainedUs !== undefined && wall_us > RESTS * kernel_us.length * realUs;
      const clocks = readings.slice(Math.ceil(readings.length * SETTLING)).flatMap(({ mhz }) => mhz ?? []);
      const joules = joulesOf(line);
      const busy = total(Object.fromEntries(kernel_us.entries())) / wall_us;
      const told = joules !== null && busy > BUSY && bundle.meta.sustained !== undefined
        ? { energy: percent(stepUs(predictor(energies, { architecture }), of, batches) / 1000 / joules - 1) }
        : {};
      return {
        ...{ name, kernel_us: Math.round(realUs), ...Object.fromEntries(errors), busy: percent(busy) },
        ...rests && {
          after_rest: percent(
            afterRestNs({ coolNs: coolUs! * 1e3, sustainedNs: sustainedUs * 1e3 }) / 1e3 / realUs - 1,
          ),
        },
        ...clocks.length > 0 && { clock_mhz: median(clocks) },
        ...joules !== null && { joules: Math.round(joules * 100) / 100 },
        ...told,
      };
    },
  );
  return { forwards: byKind, layers: byLayer, prefills, queues };
}

/** What a step takes without its logits, the mean of batches in turn. */
function stepUs(
  source: Predictor,
  of: Pick<IterationQuery, "model" | "tp">,
  batches: readonly (readonly Request[])[],
): number {
  const steps = batches.map((requests) =>
    predictIteration(source, queryOf(of, requests)).contributions
      .filter(({ stage, layer }) => stage !== "head" || layer === "final_layernorm")
      .reduce((sum, { totalNs }) => sum + totalNs / 1000, 0)
  );
  return total(Object.fromEntries(steps.entries())) / steps.length;
}

/** Joules of a step by the energy counter, once the device has settled; null where it has none. */
function joulesOf({ readings = [], wall_us = 0, kernel_us = [] }: DepthLine): number | null {
  const told = readings.slice(Math.ceil(readings.length * SETTLING))
    .flatMap(({ s, j }) => typeof j === "number" ? [{ s, j }] : []);
  const counts = told.filter(({ j }, index) => index > 0 && j !== told[index - 1]!.j);
  const [first, last] = [counts[0], counts.at(-1)];
  if (first === undefined || last === undefined || first === last) return null;
  return (last.j - first.j) / (last.s - first.s) * wall_us / 1e6 / kernel_us.length;
}

if (import.meta.main) {
  const options = { json: { type: "string" }, step: { type: "string", default: "forward" } } as const;
  await runScript(
    { usage: "compare.ts FILE BUNDLE [--step forward|rested] [--json FILE]", options, words: [2, 2] },
    async ({ json, step }, path, dir) => {
      const lines = readJsonLines(await readText(path), path, depthLine);
      const { kind, model: id = "", tp = 1, device = "" } = lines[0];
      if (kind !== "depth") {
        throw new UsageError(`Cannot read ${path}, line 1: it must be a header of depth.py`);
      }
      const bundle = await openBundle(dir);
      refuseOther(bundle, path, { model: id, device });
      const found = compare(bundle, { model: await loadModel(id, { download: false }), tp }, lines, step);
      console.log(`${id}, tp ${tp}, on ${device}: error of all kernels of the layers, percent`);
      for (const table of Object.values(found)) console.table(table);
      const summary = { kind: "depth", model: id, tp, device, ...found };
      if (json !== undefined) await Deno.writeTextFile(json, JSON.stringify(summary) + "\n");
    },
  );
}
