/**
 * How many devices a load needs, of which kind and at which degree: what each candidate serves within targets, and at
 * what price.
 *
 * @module
 */
import { plural } from "../count_text.ts";
import { UsageError } from "../errors.ts";
import type { Model } from "../model/model.ts";
import type { HardwareSheet } from "../roofline/hardware.ts";
import { type CapacityOptions, fits } from "./capacity.ts";
import { type Communication, type Link, sheetCommunication } from "../predict/communication.ts";
import { LookupError } from "../predict/lookup_error.ts";
import { heldOutError } from "./judge_steps.ts";
import { type LatencySummary, summarize } from "./latencies.ts";
import { atRate, lasting, type Load } from "./load.ts";
import { serverOf, type ServerSettings } from "./server.ts";
import { simulateServer, type Simulation } from "./simulate_server.ts";
import { type StepModel, stepModel, type StepModelOptions } from "./step_model.ts";
import type { PredictorSource } from "../predict/predictor.ts";

/** A bundle to choose from. */
export interface CandidateBundle {
  /** What it is called, such as `H100`. */
  readonly name: string;
  /** The bundle. */
  readonly bundle: PredictorSource;
  /** Whether its rows are an estimate, or some are predicted. */
  readonly estimated?: boolean;
  /** Degrees to choose from. @default {"those of the bundle"} */
  readonly tps?: readonly number[];
  /** Served steps of a degree. @default {"none: steps are sums of layers"} */
  readonly served?: (tp: number) => StepModelOptions["served"];
  /** The device's data sheet, for what fits; without it served steps say it, or memory has no limit, and that is told. */
  readonly hardware: Pick<HardwareSheet, "memory_gib"> | null;
  /** The link between devices by its data sheet, for degrees without measured communication. @default {null} */
  readonly link?: Link | null;
  /** Measured communication of a degree; without it and a link communication is left out. @default {"none"} */
  readonly communication?: (tp: number) => Communication | null;
  /** Price of a device an hour. @default {null} */
  readonly pricePerHour?: number | null;
}

/** What a request may take: a share of all requests keeps both. */
export interface LatencyTargets {
  /** Time to the first token in milliseconds. */
  readonly ttftMs: number;
  /** Mean time of a token after the first in milliseconds. */
  readonly tpotMs: number;
  /** Percentile that keeps them: `p50`, `p90` or `p99`. @default {"p99"} */
  readonly percentile?: "p50" | "p90" | "p99";
}

/** What is planned. */
export interface PlanDeploymentInput {
  /** The model. */
  readonly model: Model;
  /** The bundles. */
  readonly candidates: readonly CandidateBundle[];
  /** The requests: their lengths and the shape of their arrivals, at any rate. */
  readonly load: Load;
  /** What they may take. */
  readonly targets: LatencyTargets;
  /** Requests a second that must be served; null asks for the largest rate alone. @default {null} */
  readonly ratePerS?: number | null;
  /** How engines are set up. @default {"2,048 tokens and 256 requests a step, the load's longest request"} */
  readonly engine?: Omit<CapacityOptions, "tp">;
}

/** What a candidate does at one rate. */
export interface DeploymentPoint {
  /** Requests a second. */
  readonly ratePerS: number;
  /** Latencies of them. */
  readonly latencies: LatencySummary;
  /** Tokens of answers a second and device. */
  readonly tokensPerSPerGpu: number;
  /** Tokens of an answer that a user sees a second: one over the mean TPOT. */
  readonly tokensPerSPerUser: number;
}

/** A candidate: a device and a degree. */
export interface Deployment {
  /** Its name, such as `H100, tp 2`. */
  readonly name: string;
  /** Devices of one server. */
  readonly gpus: number;
  /**
   * Why it is none: the model does not fit, the bundle lacks rows, or no rate keeps the targets; null for one that
   * serves.
   */
  readonly problem: string | null;
  /** What of it is an estimate, in words; empty when all is measured. */
  readonly estimates: readonly string[];
  /** Held-out error of its steps, as {@linkcode heldOutError} says; null where no steps were served. */
  readonly stepError: number | null;
  /** The largest rate that keeps the targets, in requests a second and server; 0 where none does. */
  readonly maxRatePerS: number;
  /** What it does at rising rates, the largest last. */
  readonly points: readonly DeploymentPoint[];
  /** Devices that serve the asked rate, null where no rate was asked or none serves. */
  readonly gpusNeeded: number | null;
  /** Price of a million tokens of answers at the largest rate, null without a price. */
  readonly pricePerMillionTokens: number | null;
  /** Price an hour of the devices that serve the asked rate. */
  readonly pricePerHour: number | null;
  /** Whether no other candidate gives a user more tokens a second at more tokens a second and device. */
  readonly onFront: boolean;
}

/** What rests on an estimate where no steps were served. */
export const UNSERVED = "steps without host and gaps";
/** What rests on no memory that anybody knows. */
const UNLIMITED = "memory without a limit";
/** A device whose memory nobody knows. */
const ANY_MEMORY = { memory_gib: 2 ** 20 };
/** The search for a rate ends here: thirty seconds of a server that is faster are more requests than tell more. */
const MOST_PER_S = 1000;
/** What rests on the end of that search. */
const AT_LEAST = `no rate above ${MOST_PER_S}/s tried`;
/** How long requests arrive, in seconds: a burst that ends says nothing of a rate. */
const LASTS_S = 30;
/** How near the largest rate is found. */
const PRECISION = 0.02;
/** Shares of the largest rate that points are at. */
const SHARES = [0.1, 0.25, 0.5, 0.75, 1];

/**
 * Plans a deployment: simulates one server of each candidate at rising rates, and finds the largest that keeps the
 * targets. Servers are independent: many of them serve many times the rate, behind a balancer that shares it evenly.
 *
 * @param input What is planned.
 * @returns The candidates, the cheapest first, then by tokens a second and device; those that do not serve last.
 * @throws {UsageError} when a target is not above 0, or the load waits for its answers in place of the clock.
 *
 * @example
 * ```ts
 * import { generateLoad, loadModel, openBundle, planDeployment } from "shotlab";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * const [best] = planDeployment({
 *   model: await loadModel("meta-llama/Llama-3.1-8B"),
 *   candidates: [{ name: "H100", bundle, hardware: { memory_gib: 80 } }],
 *   load: generateLoad({ requests: 100, ratePerS: 1, seed: 2 }),
 *   targets: { ttftMs: 500, tpotMs: 25 },
 *   ratePerS: 100,
 * });
 * assert.ok(best !== undefined && (best.gpusNeeded ?? 0) > 1);
 * ```
 */
export function planDeployment(input: PlanDeploymentInput): Deployment[] {
  const { candidates, load, targets, ratePerS = null } = input;
  for (const [name, value] of [["ttftMs", targets.ttftMs], ["tpotMs", targets.tpotMs]] as const) {
    if (!(value > 0)) throw new UsageError(`Cannot plan: the target ${name} must be above 0, got ${value}`);
  }
  if (load.concurrency !== null) {
    throw new UsageError("Cannot plan: the load must arrive by the clock, got one of constant concurrency");
  }
  const own = ownRate(load);
  const found = candidates.flatMap((candidate) =>
    (candidate.tps ?? candidate.bundle.tps).map((tp) => deploymentOf(input, candidate, tp, own))
  );
  const points = found.flatMap((one) => one.points.map((point) => ({ one, point })));
  const beaten = ({ tokensPerSPerGpu: gpu, tokensPerSPerUser: user }: DeploymentPoint): boolean =>
    points.some(({ point }) =>
      point.tokensPerSPerGpu >= gpu && point.tokensPerSPerUser >= user &&
      (point.tokensPerSPerGpu > gpu || point.tokensPerSPerUser > user)
    );
  return found
    .map((one) => ({ ...one, onFront: one.points.some((point) => !beaten(point)) }))
    .sort((a, b) => rank(a, ratePerS) - rank(b, ratePerS));
}

/** The cheapest first; without prices, or a rate, the most tokens a device. */
function rank(
  { problem, pricePerHour, pricePerMillionTokens, gpusNeeded, points }: Deployment,
  rate: number | null,
): number {
  if (problem !== null) return Infinity;
  if (pricePerHour !== null) return pricePerHour;
  if (pricePerMillionTokens !== null) return pricePerMillionTokens;
  return rate !== null && gpusNeeded !== null ? gpusNeeded : 1 / points.at(-1)!.tokensPerSPerGpu;
}

/** What a candidate serves; one that cannot be asked is listed with the reason. */
function deploymentOf(
  input: PlanDeploymentInput,
  candidate: CandidateBundle,
  tp: number,
  ownRate: number,
): Deployment {
  const none: Deployment = {
    name: `${candidate.name}, tp ${tp}`,
    gpus: tp,
    problem: null,
    estimates: candidate.estimated === true ? ["rows"] : [],
    stepError: null,
    maxRatePerS: 0,
    points: [],
    gpusNeeded: null,
    pricePerMillionTokens: null,
    pricePerHour: null,
    onFront: false,
  };
  try {
    return { ...none, ...servedBy(input, candidate, tp, ownRate) };
  } catch (error) {
    if (error instanceof UsageError || error instanceof LookupError) {
      return { ...none, problem: error.message };
    }
    throw error;
  }
}

function servedBy(
  { model, load, targets, ratePerS = null, engine = {} }: PlanDeploymentInput,
  candidate: CandidateBundle,
  tp: number,
  ownRate: number,
): Partial<Deployment> {
  const longest = load.requests.reduce(
    (most, { inputTokens, outputTokens }) => Math.max(most, inputTokens + outputTokens),
    1,
  );
  const capacity = fits(model, candidate.hardware ?? ANY_MEMORY, { maxModelLen: longest, ...engine, tp });
  if (!capacity.fits) {
    const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
    const { weights, usable } = capacity.bytes;
    return {
      problem: `does not fit: ${gib(weights)} GiB of weights, ${gib(usable)} usable, requests of ${
        plural(longest, "token")
      }`,
    };
  }
  const served = candidate.served?.(tp) ?? null;
  const communication = candidate.communication?.(tp) ??
    (candidate.link ? sheetCommunication(candidate.link) : null);
  const steps = stepModel(candidate.bundle, { model, tp, served, communication });
  const settings = served === null ? null : serverOf(served.head.settings);
  const server: ServerSettings = {
    maxNumBatchedTokens: engine.maxNumBatchedTokens ?? settings?.maxNumBatchedTokens ?? 2048,
    maxNumSeqs: engine.maxNumSeqs ?? settings?.maxNumSeqs ?? 256,
    ...candidate.hardware === null && settings !== null ? poolOf(settings) : {
      blockSize: capacity.blockSize,
      numBlocks: capacity.blocks,
      ...capacity.groups.length > 1 && { groups: capacity.groups },
    },
    asyncScheduling: settings?.asyncScheduling ?? true,
  };
  const at = (rate: number): Simulation =>
    simulateServer(lasting(atRate(load, rate / ownRate), LASTS_S), steps, server);
  const maxRatePerS = largestRate(at, targets);
  const estimates = [
    ...estimatesOf(candidate, steps),
    ...candidate.hardware === null && settings === null ? [UNLIMITED] : [],
    ...maxRatePerS === MOST_PER_S ? [AT_LEAST] : [],
  ];
  if (maxRatePerS === 0) return { estimates, problem: "keeps the targets at no rate" };
  const points = SHARES.map((share) => pointOf(at(share * maxRatePerS), share * maxRatePerS, tp));
  const gpusNeeded = ratePerS === null ? null : tp * Math.ceil(ratePerS / maxRatePerS);
  const price = candidate.pricePerHour ?? null;
  return {
    estimates,
    stepError: heldOutError(steps.heldOut),
    maxRatePerS,
    points,
    gpusNeeded,
    pricePerMillionTokens: price === null ? null : price / 3600 / points.at(-1)!.tokensPerSPerGpu * 1e6,
    pricePerHour: price === null || gpusNeeded === null ? null : price * gpusNeeded,
  };
}

function poolOf({ blockSize, numBlocks }: ServerSettings): Pick<ServerSettings, "blockSize" | "numBlocks"> {
  return { blockSize, numBlocks };
}

function estimatesOf({ estimated }: CandidateBundle, { tp, basis, communication }: StepModel): string[] {
  return [
    ...estimated === true ? ["rows"] : [],
    ...basis === "rows" ? [UNSERVED] : [],
    ...tp === 1 || communication === "measured"
      ? []
      : [communication === undefined ? "no communication" : "communication by a data sheet"],
  ];
}

/** Requests a second of a load as it is. */
function ownRate({ name, requests }: Load): number {
  const last = requests.findLast(({ after }) => after === undefined)?.arrivalS ?? 0;
  if (last > 0) return requests.length / last;
  throw new UsageError(
    `Cannot plan: the requests of the load ${name} must arrive over a time, got all at once`,
  );
}

/** Doubled until a target breaks, then halved in between. */
function largestRate(at: (rate: number) => Simulation, targets: LatencyTargets): number {
  const keeps = (rate: number): boolean => keepsTargets(at(rate), targets);
  let [low, high] = [0, 1];
  for (; low < MOST_PER_S && keeps(high); high = Math.min(2 * high, MOST_PER_S)) low = high;
  if (low === MOST_PER_S) return low;
  if (low === 0) {
    for (low = 0.5; low > 1e-3 && !keeps(low); low /= 2) high = low;
    if (low <= 1e-3) return 0;
  }
  while (high / low > 1 + PRECISION) {
    const middle = Math.sqrt(low * high);
    if (keeps(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function keepsTargets(
  { requests, refused }: Simulation,
  { ttftMs, tpotMs, percentile = "p99" }: LatencyTargets,
): boolean {
  if (refused.length > 0) return false;
  // A server that falls behind shows it in the later half first.
  return [requests, requests.slice(requests.length >> 1)].map(summarize).every((latencies) =>
    latencies.ttftMs[percentile] <= ttftMs && !(latencies.tpotMs[percentile] > tpotMs)
  );
}

function pointOf({ latencies, throughput }: Simulation, ratePerS: number, gpus: number): DeploymentPoint {
  return {
    ratePerS,
    latencies,
    tokensPerSPerGpu: throughput.outputTokensPerS / gpus,
    tokensPerSPerUser: 1000 / latencies.tpotMs.mean,
  };
}
