/**
 * One server, simulated: requests through a scheduler as vLLM's, steps on the timeline of a step model.
 *
 * @module
 */
import { formatCount, plural } from "../count_text.ts";
import type { Batch } from "../predict/batch.ts";
import { requestBlocks } from "../predict/batch_blocks.ts";
import { arrivalsOf } from "./arrivals.ts";
import { intervals, type LatencySummary, type Spread, summarize } from "./latencies.ts";
import type { Load } from "./load.ts";
import { type RunningRequest, type ScheduledStep, scheduler } from "./scheduler.ts";
import { checkServer, type ServerSettings } from "./server.ts";
import type { StepModel } from "./step_model.ts";
import { restedDevice, runStep } from "./timeline.ts";

/** What became of a request; times in milliseconds. */
export interface SimulatedRequest {
  /** When it arrived, in seconds from the load's start. */
  readonly arrivalS: number;
  /** Tokens of its prompt. */
  readonly inputTokens: number;
  /** Tokens of its answer. */
  readonly outputTokens: number;
  /** Time to its first token. */
  readonly ttftMs: number;
  /** Mean time of a token after the first, 0 of an answer of one token. */
  readonly tpotMs: number;
  /** Time to its last token. */
  readonly e2eMs: number;
  /** How often it was preempted. */
  readonly preemptions: number;
}

/** What a server has done with a load. */
export interface Simulation {
  /** The load's name. */
  readonly load: string;
  /** What became of the requests that were served, in the order of the load. */
  readonly requests: readonly SimulatedRequest[];
  /** Places in the load of requests that are longer than the server allows, and why. */
  readonly refused: readonly { readonly place: number; readonly reason: string }[];
  /** Latencies of the requests. */
  readonly latencies: LatencySummary;
  /** Times between the tokens of a request, in milliseconds, to 0.5%. */
  readonly itlMs: Spread;
  /** From the first arrival to the last token, in seconds. */
  readonly durationS: number;
  /** Requests, and tokens of prompts and answers, a second. */
  readonly throughput: {
    readonly requestsPerS: number;
    readonly inputTokensPerS: number;
    readonly outputTokensPerS: number;
  };
  /** Share of the time that the device had a step to run. */
  readonly busyShare: number;
  /** Means over the device's time at work: requests of a step, and the share of KV blocks that are held; its peak. */
  readonly occupancy: {
    readonly requests: number;
    readonly kvShare: number;
    readonly kvSharePeak: number;
  };
  /** Steps. */
  readonly steps: number;
  /** Preemptions. */
  readonly preemptions: number;
  /** `rows` when the steps are sums of layers, `rows and served steps` when terms were measured. */
  readonly basis: StepModel["basis"];
}

/**
 * Simulates one server. It is pure: the same load, model and settings give the same result. It knows no cluster, no
 * network and no tokenizer; what it cannot know of a server it was not told is the host.
 *
 * @param load The requests.
 * @param model Times of steps.
 * @param server The server's limits.
 * @returns Latencies, throughput, occupancy and preemptions.
 * @throws {UsageError} when a limit is out of its range.
 * @throws {LookupError} when the bundle lacks a table.
 *
 * @example
 * ```ts
 * import { generateLoad, loadModel, openBundle, simulateServer, stepModel } from "shotlab";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * const steps = stepModel(bundle, { model: await loadModel("meta-llama/Llama-3.1-8B") });
 * const load = generateLoad({ requests: 20, ratePerS: 5, seed: 1 });
 * const server = { maxNumBatchedTokens: 2048, maxNumSeqs: 256, blockSize: 16, numBlocks: 20_000 };
 * assert.equal(simulateServer(load, steps, server).requests.length, 20);
 * ```
 */
export function simulateServer(load: Load, model: StepModel, server: ServerSettings): Simulation {
  checkServer(server);
  const { asyncScheduling = true } = server;
  const batches = scheduler(server);
  const device = restedDevice();
  const ahead = asyncScheduling ? 2 : 1;
  const total = load.requests.length;
  const firstUs = new Float64Array(total).fill(NaN);
  const lastUs = new Float64Array(total).fill(NaN);
  const arrivedUs = new Float64Array(total).fill(NaN);
  const preempted = new Int32Array(total);
  const delivered = new Int32Array(total);
  const refused: { place: number; reason: string }[] = [];
  const itl = intervals();
  const arrivals = arrivalsOf(load);
  const inFlight: { step: ScheduledStep; endUs: number }[] = [];
  let before: Batch | null = null;
  let nowUs = 0;
  let steps = 0;
  let busyUs = 0;
  let [requestUs, kvUs, kvPeak] = [0, 0, 0];

  function arrive(): void {
    for (let place = arrivals.next(nowUs); place !== null; place = arrivals.next(nowUs)) {
      const { inputTokens, outputTokens, prefix } = load.requests[place]!;
      const tokens = inputTokens + outputTokens;
      arrivedUs[place] = arrivals.atUs;
      nowUs += model.terms.arrivalUs;
      const reason = refusal(server, inputTokens, tokens);
      if (reason !== null) {
        refused.push({ place, reason });
        arrivals.ended(place, nowUs);
        continue;
      }
      batches.add({
        place,
        inputTokens,
        outputTokens,
        shares: prefix ?? null,
        computed: 0,
        made: 0,
        goal: inputTokens,
        preemptions: 0,
        blocks: 0,
        prefix: null,
      });
    }
  }

  function launch(step: ScheduledStep): void {
    const freeUs = device.freeUs;
    const work = model.work(step.batch, before);
    before = step.batch;
    const { hostFreeUs, endUs } = runStep(device, work, nowUs, model.terms.clock);
    const tookUs = endUs - Math.max(freeUs, nowUs);
    const kvShare = batches.pool.held / batches.pool.size;
    busyUs += tookUs;
    requestUs += tookUs * step.requests;
    kvUs += tookUs * kvShare;
    kvPeak = Math.max(kvPeak, kvShare);
    steps++;
    inFlight.push({ step, endUs });
    nowUs = hostFreeUs;
  }

  function collect(): void {
    const { step, endUs } = inFlight.shift()!;
    nowUs = Math.max(nowUs, endUs);
    for (const request of step.makers) deliver(request);
  }

  function deliver(request: RunningRequest): void {
    const { place } = request;
    if (Number.isNaN(firstUs[place]!)) firstUs[place] = nowUs;
    else itl.add(nowUs - lastUs[place]!);
    lastUs[place] = nowUs;
    if (++delivered[place]! < request.outputTokens) return;
    preempted[place] = request.preemptions;
    batches.finish(request);
    arrivals.ended(place, nowUs);
  }

  while (true) {
    arrive();
    const step = inFlight.length < ahead ? batches.schedule() : null;
    if (step !== null) {
      launch(step);
      if (inFlight.length < ahead) continue;
    }
    if (inFlight.length > 0) {
      collect();
      continue;
    }
    const nextUs = arrivals.nextUs();
    if (nextUs === null) break;
    nowUs = Math.max(nowUs, nextUs);
  }

  const requests = load.requests.flatMap((one, place): SimulatedRequest[] => {
    if (Number.isNaN(lastUs[place]!)) return [];
    const [arrival, first, last] = [arrivedUs[place]!, firstUs[place]!, lastUs[place]!];
    return [{
      arrivalS: arrival / 1e6,
      inputTokens: one.inputTokens,
      outputTokens: one.outputTokens,
      ttftMs: (first - arrival) / 1e3,
      tpotMs: one.outputTokens > 1 ? (last - first) / (one.outputTokens - 1) / 1e3 : 0,
      e2eMs: (last - arrival) / 1e3,
      preemptions: preempted[place]!,
    }];
  });
  const beganUs = requests.reduce((least, { arrivalS }) => Math.min(least, arrivalS * 1e6), Infinity);
  const durationS = requests.length === 0 ? 0 : (nowUs - beganUs) / 1e6;
  const perS = (of: (one: SimulatedRequest) => number): number =>
    durationS === 0 ? 0 : requests.reduce((sum, one) => sum + of(one), 0) / durationS;
  return {
    load: load.name,
    requests,
    refused,
    latencies: summarize(requests),
    itlMs: itl.spread(),
    durationS,
    throughput: {
      requestsPerS: perS(() => 1),
      inputTokensPerS: perS(({ inputTokens }) => inputTokens),
      outputTokensPerS: perS(({ outputTokens }) => outputTokens),
    },
    busyShare: durationS === 0 ? 0 : busyUs / 1e6 / durationS,
    occupancy: busyUs === 0
      ? { requests: 0, kvShare: 0, kvSharePeak: 0 }
      : { requests: requestUs / busyUs, kvShare: kvUs / busyUs, kvSharePeak: kvPeak },
    steps,
    preemptions: batches.preemptions,
    basis: model.basis,
  };
}

/** Why a server never serves a request, null where it can. */
function refusal(
  server: ServerSettings,
  inputTokens: number,
  tokens: number,
): string | null {
  const { maxModelLen = Infinity, maxNumBatchedTokens, blockSize, numBlocks } = server;
  if (tokens > maxModelLen) {
    return `${plural(tokens, "token exceeds", "tokens exceed")} the maxModelLen ${maxModelLen}`;
  }
  const history = Math.max(0, inputTokens - maxNumBatchedTokens);
  const most = Math.max(
    requestBlocks(server, { tokens: inputTokens, history }),
    requestBlocks(server, { tokens, history: tokens - 1 }),
  );
  if (most < numBlocks) return null;
  return server.groups === undefined
    ? `${plural(tokens, "token exceeds", "tokens exceed")} the ${
      (numBlocks - 1) * blockSize
    } of all KV blocks`
    : `${plural(tokens, "token takes", "tokens take")} ${plural(most, "KV block")}, there are ${
      formatCount(numBlocks - 1)
    }`;
}
