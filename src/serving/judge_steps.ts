/**
 * How far a model of steps is from steps that a server has made.
 *
 * @module
 */
import type { Batch } from "../predict/batch.ts";
import { quantile } from "../stats.ts";
import type { ServedStep } from "./served.ts";
import { paceOf, probesOf } from "./host_pace.ts";
import { arrivalsIn, batchOfGroups, REST_S, type StepTerms } from "./step_terms.ts";
import { restedDevice, runStep, type StepWork } from "./timeline.ts";

/** What a step asks of host and device, behind another one, null for the first, at a pace of the host. */
type Work = (batch: Batch, before?: Batch | null, pace?: number) => StepWork;

/** Steps of a window. */
const WINDOW = 25;

/** How far off a model of steps is. */
export interface JudgedSteps {
  /** The part that was judged. */
  readonly part: string;
  /** Steps that were judged. */
  readonly steps: number;
  /** How long the server was busy, in seconds. */
  readonly busyS: number;
  /** Relative error of the time that the server was busy. */
  readonly busyError: number;
  /** Median of the relative errors of windows of 25 steps, without sign. */
  readonly windowP50: number;
  /** Their 90th percentile. */
  readonly windowP90: number;
  /** The 90th percentile of the errors of single steps of decodes, without sign. */
  readonly decodesP90: number;
  /** The same of steps with a prompt. */
  readonly promptsP90: number;
}

/** What a step has taken, and what the model says, in microseconds. */
export interface ReplayedStep {
  /** The step. */
  readonly step: ServedStep;
  /** From the tokens before it, or from when it was scheduled after a rest, until its own had come. */
  readonly tookUs: number;
  /** The same on the model's timeline. */
  readonly predictedUs: number;
}

/**
 * Replays the steps that a server has made on the model's timeline: its batches, one after the other, begun by the
 * clock only after a rest.
 *
 * @param part What the steps are of.
 * @param steps The steps, in their order.
 * @param model What a step asks of host and device, and the terms.
 * @returns The errors.
 */
export function judgeSteps(
  part: string,
  steps: readonly ServedStep[],
  model: { readonly work: Work; readonly terms: StepTerms },
): JudgedSteps {
  const replayed = replaySteps(steps, model);
  const real = replayed.map(({ tookUs }) => tookUs);
  const ours = replayed.map(({ predictedUs }) => predictedUs);
  const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
  const windows: number[] = [];
  for (let from = 0; from + WINDOW <= real.length; from += WINDOW) {
    const of = total(real.slice(from, from + WINDOW));
    windows.push(Math.abs(total(ours.slice(from, from + WINDOW)) / of - 1));
  }
  const single = (prompts: boolean): number[] =>
    replayed.filter(({ step }) => step.groups.some(({ tokens }) => tokens > 1) === prompts)
      .map(({ tookUs, predictedUs }) => Math.abs(predictedUs / tookUs - 1));
  return {
    part,
    steps: replayed.length,
    busyS: total(real) / 1e6,
    busyError: total(ours) / total(real) - 1,
    windowP50: quantileOf(windows, 0.5),
    windowP90: quantileOf(windows, 0.9),
    decodesP90: quantileOf(single(false), 0.9),
    promptsP90: quantileOf(single(true), 0.9),
  };
}

/**
 * Replays steps as {@linkcode judgeSteps} does, and gives each with what it has taken.
 *
 * @param steps The steps, in their order.
 * @param model What a step asks of host and device, asked once for each step in their order; and the terms.
 * @returns The steps whose tokens have come; those that a profiler recorded are left out.
 */
export function replaySteps(
  steps: readonly ServedStep[],
  { work, terms }: { readonly work: Work; readonly terms: StepTerms },
): ReplayedStep[] {
  const done = steps.filter(({ outputS, kernelUs }) => outputS !== null && kernelUs === null);
  const scheduled = done.map(({ scheduledS }) => scheduledS * 1e6);
  const outputs = done.map(({ outputS }) => outputS! * 1e6);
  const rested = done.map((_, at) => at === 0 || scheduled[at]! > outputs[at - 1]! + REST_S * 1e6);
  const predicted = replay(done, scheduled, rested, work, terms);
  const durations = (times: readonly number[]): number[] =>
    times.map((time, at) => {
      const before = times[at - 1] ?? -Infinity;
      return time - (rested[at] ? Math.max(scheduled[at]!, before) : before);
    });
  const ours = durations(predicted);
  return durations(outputs).map((tookUs, at) => ({ step: done[at]!, tookUs, predictedUs: ours[at]! }));
}

/**
 * The held-out error of steps in one number: what 90% of the windows of 25 steps stay within, of the load that is
 * predicted worst.
 *
 * @param judged The loads, of which no term was learned.
 * @returns The error as a share; null without loads that have a window.
 *
 * @example
 * ```ts
 * import { heldOutError } from "./judge_steps.ts";
 * import assert from "node:assert/strict";
 * const load = {
 *   ...{ part: "load: busy", steps: 500, busyS: 4, busyError: 0.01, windowP50: 0.02, windowP90: 0.07 },
 *   ...{ decodesP90: 0.03, promptsP90: 0.2 },
 * };
 * assert.deepEqual([heldOutError([load, { ...load, windowP90: 0.03 }]), heldOutError([])], [0.07, null]);
 * ```
 */
export function heldOutError(judged: readonly JudgedSteps[]): number | null {
  const errors = judged.map(({ windowP90 }) => windowP90).filter(Number.isFinite);
  return errors.length === 0 ? null : Math.max(...errors);
}

/**
 * What 90% of the single steps of a kind stay within, of the load that is predicted worst.
 *
 * @param judged The loads, of which no term was learned.
 * @param prompts Whether steps with a prompt are meant, or those of decodes alone.
 * @returns The error as a share; null without such steps.
 *
 * @example
 * ```ts
 * import { heldOutStepError } from "./judge_steps.ts";
 * import assert from "node:assert/strict";
 * const load = { part: "load: busy", steps: 500, busyS: 4, busyError: 0.01, windowP50: 0.02, windowP90: 0.07 };
 * const judged = [{ ...load, decodesP90: 0.03, promptsP90: 0.2 }, { ...load, decodesP90: 0.05, promptsP90: NaN }];
 * assert.deepEqual([heldOutStepError(judged, true), heldOutStepError(judged, false)], [0.2, 0.05]);
 * ```
 */
export function heldOutStepError(judged: readonly JudgedSteps[], prompts: boolean): number | null {
  const errors = judged.map(({ decodesP90, promptsP90 }) => prompts ? promptsP90 : decodesP90)
    .filter(Number.isFinite);
  return errors.length === 0 ? null : Math.max(...errors);
}

function quantileOf(values: readonly number[], q: number): number {
  return values.length === 0 ? NaN : quantile(Float64Array.from(values).sort(), q);
}

/** When the tokens of each step have come, in microseconds; step i+1 is scheduled when step i has been launched. */
function replay(
  steps: readonly ServedStep[],
  scheduled: readonly number[],
  rested: readonly boolean[],
  work: Work,
  { clock, arrivalUs, probeUs }: StepTerms,
): number[] {
  const device = restedDevice();
  const times: number[] = [];
  let hostUs = 0;
  let pendingUs: number | null = null;
  let before: Batch | null = null;
  const probes = probesOf(steps);
  for (const [at, { groups }] of steps.entries()) {
    if (rested[at] && pendingUs !== null) {
      times.push(hostUs = Math.max(pendingUs, hostUs));
      pendingUs = null;
    }
    if (rested[at]) hostUs = Math.max(hostUs, scheduled[at]!);
    else hostUs += arrivalUs * arrivalsIn(groups);
    const batch = batchOfGroups(groups);
    const { hostFreeUs, endUs } = runStep(
      device,
      work(batch, before, paceOf(probes[at]!, probeUs)),
      hostUs,
      clock,
    );
    before = batch;
    hostUs = hostFreeUs;
    if (pendingUs !== null) times.push(hostUs = Math.max(pendingUs, hostUs));
    pendingUs = endUs;
  }
  if (pendingUs !== null) times.push(Math.max(pendingUs, hostUs));
  return times;
}
