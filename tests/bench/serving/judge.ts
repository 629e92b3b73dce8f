// deno-lint-ignore-file no-console
/**
 * How far the step model and the simulated server are from loads that were served for real.
 *
 * `deno run -A tests/bench/serving/judge.ts BUNDLE FILE... [--learn PART]... [--clock cool|SLOWDOWN,ONSET_MS] [--json OUT]`
 *
 * A file is one of `harness/vllm/served.py` (JSON Lines), or a trace of a script of one's own (see traces.ts; its
 * engine had `--blocks N`, vLLM's default graphs, 2,048 tokens and 256 requests a step). Without `--learn` each load is
 * judged by terms of all other parts. The host's pace is that of the load where its probes tell it; `usual` is without.
 */
import {
  type Bundle,
  iterationError,
  loadModel,
  type Model,
  openBundle,
  predictIteration,
  predictor,
  type Served,
  type ServedStep,
  simulateServer,
  type StepModel,
  stepModel,
} from "../../../mod.ts";
import { readText } from "../../../src/files/read.ts";
import { runScript } from "../../../tasks/script.ts";
import { refuseOther } from "../same_subject.ts";
import { spreadOf } from "../../../src/serving/latencies.ts";
import { parseServed } from "../../../src/serving/served.ts";
import { latenciesOf } from "../../../src/serving/served_files.ts";
import { serverOf } from "../../../src/serving/server.ts";
import { type JudgedSteps, judgeSteps, replaySteps } from "../../../src/serving/judge_steps.ts";
import { hostPaceOf } from "../../../src/serving/host_pace.ts";
import { batchOfGroups } from "../../../src/serving/step_terms.ts";
import { DEFAULT_SIZES, readTrace, requestsOfTrace, stepsOfTrace } from "./traces.ts";

async function read(
  paths: readonly string[],
  { bundle, model, blocks }: { readonly bundle: Bundle; readonly model: Model; readonly blocks: number },
): Promise<Pick<Served, "head" | "steps" | "requests">> {
  if (!paths[0]!.includes(".json") || paths[0]!.endsWith(".jsonl")) {
    return parseServed(await readText(paths[0]!), paths[0]!);
  }
  const head: Served["head"] = {
    format: 1,
    model: model.id,
    hardware: bundle.meta.hardware ?? "",
    variant: "",
    tp: 1,
    engine: "vllm",
    engine_version: bundle.meta.vllm_version ?? "",
    device: bundle.meta.gpu ?? "",
    driver: "",
    runtime: "",
    host: { processor: "unknown", cores: null },
    memory: {},
    settings: {
      max_num_batched_tokens: 2048,
      max_num_seqs: 256,
      max_model_len: 16384,
      block_size: 16,
      num_gpu_blocks: blocks,
      dtype: "bfloat16",
      kv_cache_dtype: "auto",
      enforce_eager: false,
      graphs: "full_and_piecewise",
      captured_sizes: [...DEFAULT_SIZES],
      async_scheduling: true,
      prefix_caching: false,
    },
  };
  const traces = await Promise.all(paths.map(readTrace));
  return {
    head,
    steps: traces.flatMap((trace) => stepsOfTrace(trace, head.settings)),
    requests: traces.flatMap(requestsOfTrace),
  };
}

function clockOf(text: string): { slowdown: number; onsetUs: number } {
  const [slowdown = NaN, onsetMs = NaN] = text.split(",").map(Number);
  return { slowdown, onsetUs: onsetMs * 1000 };
}

/** The errors with the host's time of each step as it was: what is left is the device's, the gaps' and the rule's. */
function ownHost(part: string, of: readonly ServedStep[], steps: StepModel): JudgedSteps {
  const done = of.filter(({ outputS, kernelUs }) => outputS !== null && kernelUs === null).values();
  const work: StepModel["work"] = (batch, before, pace = 1) => {
    const { hostUs = null } = done.next().value ?? {};
    const own = steps.work(batch, before, pace);
    if (hostUs === null) return own;
    const allUs = hostUs + pace * steps.terms.fetchUs;
    return { ...own, hostUs: allUs, prepareUs: Math.min(allUs, own.prepareUs) };
  };
  return judgeSteps(part, of, { work, terms: steps.terms });
}

/** The share of a load's steps that take what the model says, within the error band that the other loads give. */
function shareInBand(part: string, of: readonly ServedStep[], bundle: Bundle, steps: StepModel): number {
  const { model, tp } = steps;
  const heldOut = steps.heldOut.filter((load) => load.part !== part);
  const source = predictor(bundle, { architecture: model.architecture });
  const replayed = replaySteps(of, steps);
  const inside = replayed.filter(({ step, tookUs, predictedUs }) => {
    const query = { model, tp, ...batchOfGroups(step.groups) };
    const { share } = iterationError(bundle, query, predictIteration(source, query), { heldOut });
    return share !== null && Math.abs(predictedUs / tookUs - 1) <= share;
  });
  return inside.length / replayed.length;
}

if (import.meta.main) {
  const usage =
    "judge.ts BUNDLE FILE... [--learn PART]... [--clock cool|SLOWDOWN,ONSET_MS] [--blocks N] [--json OUT]";
  const options = {
    learn: { type: "string", multiple: true },
    clock: { type: "string" },
    blocks: { type: "string", default: "55917" },
    json: { type: "string" },
  } as const;
  await runScript(
    { usage, options, words: [2, Infinity] },
    async ({ learn, clock: told, blocks, json }, dir, ...files) => {
      const bundle = await openBundle(dir);
      const model = await loadModel(bundle.meta.model ?? "");
      const served = await read(files, { bundle, model, blocks: Number(blocks) });
      const clock = told === undefined || told === "cool" ? told : clockOf(told);
      refuseOther(bundle, files[0]!, served.head);
      const modelOf = (learnFrom: readonly string[] | undefined, hostPace = 1): StepModel =>
        stepModel(bundle, {
          model,
          tp: served.head.tp,
          served,
          hostPace,
          ...learnFrom && { learnFrom },
          ...clock !== undefined && { clock },
        });
      const all = modelOf(learn);
      const plain = stepModel(bundle, { model, tp: served.head.tp });
      console.log(`${model.id} on ${served.head.device}, learned from ${all.learnedFrom.join("; ")}`);
      console.log(JSON.stringify(all.terms));

      const error = (ours: number, real: number): number => Number((100 * (ours / real - 1)).toFixed(2));
      const parts = [...new Set(served.requests.map(({ part }) => part))];
      const rows = parts.map((part) => {
        const of = served.steps.filter((step) => step.part === part);
        const from = learn ?? all.learnedFrom.filter((other) => other !== part);
        const steps = modelOf(from);
        const judged = judgeSteps(part, of, steps);
        const usual = judgeSteps(part, of, { ...steps, terms: { ...steps.terms, probeUs: null } });
        const pace = hostPaceOf(of, steps.terms);
        const own = ownHost(part, of, steps);
        const rowsAlone = judgeSteps(part, of, { work: plain.work, terms: plain.terms });
        const requests = served.requests.filter((one) => one.part === part);
        const load = {
          name: part,
          concurrency: null,
          requests: requests.map(({ arrivalS, inputTokens, outputTokens }) => ({
            arrivalS,
            inputTokens,
            outputTokens,
          })),
        };
        const real = requests.map(latenciesOf);
        const ours = simulateServer(load, modelOf(from, pace), serverOf(served.head.settings));
        const atUsual = simulateServer(load, steps, serverOf(served.head.settings));
        const percent = (value: number): number => Number((100 * value).toFixed(2));
        const spread = (key: "ttftMs" | "tpotMs" | "e2eMs"): Record<string, number> => {
          const truth = spreadOf(
            real.filter(({ outputTokens }) => key !== "tpotMs" || outputTokens > 1).map((one) => one[key]),
          );
          const name = key.replace("Ms", "");
          return Object.fromEntries(
            (["mean", "p50", "p99"] as const).map((
              of,
            ) => [`${name} ${of}`, error(ours.latencies[key][of], truth[of])]),
          );
        };
        return {
          part: part.replace("load: ", ""),
          learned: from.includes(part),
          steps: judged.steps,
          "busy s": Number(judged.busyS.toFixed(2)),
          "rows busy": percent(rowsAlone.busyError),
          "rows p50": percent(rowsAlone.windowP50),
          "rows p90": percent(rowsAlone.windowP90),
          busy: percent(judged.busyError),
          p50: percent(judged.windowP50),
          p90: percent(judged.windowP90),
          pace: Number(pace.toFixed(3)),
          "usual busy": percent(usual.busyError),
          "usual p50": percent(usual.windowP50),
          "usual p90": percent(usual.windowP90),
          "own host p50": percent(own.windowP50),
          "own host p90": percent(own.windowP90),
          ...from.includes(part)
            ? {}
            : { "in band": percent(shareInBand(part, of, bundle, { ...steps, heldOut: all.heldOut })) },
          ...spread("ttftMs"),
          ...spread("tpotMs"),
          ...spread("e2eMs"),
          "usual ttft mean": error(
            atUsual.latencies.ttftMs.mean,
            spreadOf(real.map(({ ttftMs }) => ttftMs)).mean,
          ),
          "usual tpot mean": error(
            atUsual.latencies.tpotMs.mean,
            spreadOf(real.filter(({ outputTokens }) => outputTokens > 1).map(({ tpotMs }) => tpotMs)).mean,
          ),
        };
      });
      console.log("Errors in percent; in band: steps, in percent:");
      for (const row of rows) {
        console.log(Object.entries(row).map(([name, value]) => `${name} ${value}`).join(", "));
      }
      if (json !== undefined) {
        const { head } = served;
        const text = JSON.stringify(
          { head, learnedFrom: all.learnedFrom, terms: all.terms, rows },
          null,
          2,
        );
        await Deno.writeTextFile(json, `${text}\n`);
      }
    },
  );
}
