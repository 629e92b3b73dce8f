/**
 * What a step costs beside its layers, learned from steps of a served engine.
 *
 * @module
 */
import { mean, median, quantile } from "../stats.ts";
import type { ServedSettings, ServedStep, StepGroup } from "./served.ts";
import type { StepRows } from "./step_rows.ts";
import type { ClockTerm } from "./timeline.ts";
import { clockTerm } from "./clock_term.ts";
import { paceOf, probesOf } from "./host_pace.ts";

/**
 * How a step is launched: as one `graph`, in `pieces` with attention between graphs, or kernel by kernel (`kernels`).
 */
export type LaunchKind = "graph" | "pieces" | "kernels";

/** The terms, in microseconds. */
export interface StepTerms {
  /** Device time of a step that is no layer's: gaps between graphs, copies, bookkeeping. */
  readonly gapUs: number;
  /** What the host is busy for in a step, by how it is launched; 0 where no such step was seen. */
  readonly hostUs: Readonly<Record<LaunchKind, number>>;
  /** What of a graph's time is the same however slow the host is; the rest of all times grows with its pace. */
  readonly steadyUs: number;
  /** What the host is busy for beside that for each request of the step. */
  readonly requestUs: number;
  /** What the host is busy for beside that in a step of one graph that {@linkcode follows} another batch. */
  readonly changeUs: number;
  /** What the host takes to fetch tokens that are there already. */
  readonly fetchUs: number;
  /** What the host takes to add a request that has arrived, between two steps. */
  readonly arrivalUs: number;
  /** What the host took to record an event when these were its times, null where nobody knows. */
  readonly probeUs: number | null;
  /** How the clock falls at the power limit, null when that was not seen. */
  readonly clock: ClockTerm | null;
}

/** No term: a step is the sum of its layers. */
export const NO_TERMS: StepTerms = {
  gapUs: 0,
  hostUs: { graph: 0, pieces: 0, kernels: 0 },
  steadyUs: 0,
  requestUs: 0,
  changeUs: 0,
  fetchUs: 0,
  arrivalUs: 0,
  probeUs: null,
  clock: null,
};

/** Below this many steps a median is not taken. */
const FEW = 8;
/** A period this much longer than what the host needs is the device's own. */
const DEVICE_BOUND = 1.15;

/**
 * How an engine launches a step.
 *
 * @param settings The engine's settings.
 * @param tokens New tokens of the step.
 * @param prefill Whether a request has several new tokens.
 * @returns The kind.
 *
 * @example
 * ```ts
 * import { launchKind } from "./step_terms.ts";
 * import assert from "node:assert/strict";
 * const settings = { graphs: "full_and_piecewise", captured_sizes: [1, 2, 4, 8, 512] };
 * assert.equal(launchKind(settings, 7, false), "graph");
 * assert.equal(launchKind(settings, 300, true), "pieces");
 * assert.equal(launchKind(settings, 513, true), "kernels");
 * ```
 */
export function launchKind(
  { graphs, captured_sizes: captured }: Pick<ServedSettings, "graphs" | "captured_sizes">,
  tokens: number,
  prefill: boolean,
): LaunchKind {
  const largest = captured.at(-1) ?? 0;
  if (tokens > largest || graphs === "none") return "kernels";
  if (graphs === "piecewise") return "pieces";
  if (!prefill || graphs === "full") return "graph";
  return graphs === "full_decode_only" ? "kernels" : "pieces";
}

/**
 * Tokens that an engine's layers run for: a graph those that it was captured for, of which the last ones are nobody's.
 *
 * @param settings The engine's settings.
 * @param tokens New tokens of the step.
 * @param kind How it is launched.
 * @returns The smallest captured size that holds them, or as many as they are.
 *
 * @example
 * ```ts
 * import { paddedTokens } from "./step_terms.ts";
 * import assert from "node:assert/strict";
 * const settings = { captured_sizes: [1, 2, 4, 8, 512] };
 * assert.deepEqual([paddedTokens(settings, 5, "graph"), paddedTokens(settings, 513, "kernels")], [8, 513]);
 * ```
 */
export function paddedTokens(
  { captured_sizes: captured }: Pick<ServedSettings, "captured_sizes">,
  tokens: number,
  kind: LaunchKind,
): number {
  return kind === "kernels" ? tokens : captured.find((size) => size >= tokens) ?? tokens;
}

/** What of a batch tells whether it is another one than the step before had. */
export interface BatchSize {
  /** Requests. */
  readonly requests: number;
  /** Whether one has several new tokens. */
  readonly prefill: boolean;
}

/**
 * Whether a step follows one of other requests, so that the host has to arrange its inputs anew: behind a prompt, or
 * where a request has come or gone.
 *
 * @param before The step before.
 * @param step The step.
 * @returns Whether it does.
 *
 * @example
 * ```ts
 * import { follows } from "./step_terms.ts";
 * import assert from "node:assert/strict";
 * const decodes = (requests: number) => ({ requests, prefill: false });
 * assert.deepEqual([follows(decodes(4), decodes(4)), follows(decodes(5), decodes(4))], [false, true]);
 * ```
 */
export function follows(before: BatchSize, step: BatchSize): boolean {
  return before.prefill || before.requests !== step.requests;
}

/** A step as the terms are learned from it. */
interface Seen {
  readonly kind: LaunchKind;
  /** How slow the host is at it, 1 being usual. */
  readonly pace: number;
  readonly rowsUs: number;
  readonly computeBound: boolean;
  readonly requests: number;
  /** What the host was busy for, at its usual speed. */
  readonly hostUs: number | null;
  /** What it was busy for. */
  readonly hostTookUs: number | null;
  /** Time from the tokens of the step before to its own, null when the server rested in between. */
  readonly periodUs: number | null;
  /** The device's own time of the step, null when it waited for the host. */
  readonly deviceUs: number | null;
  /** From its launch until the tokens of the step before had come; null when nobody knows. */
  readonly waitedUs: number | null;
  /** Whether it is a graph that follows another batch. */
  readonly changed: boolean;
  /** Time from the tokens two steps before, which came last, until it was scheduled; null after a rest. */
  readonly betweenUs: number | null;
  /** Requests that are in a step for the first time. */
  readonly arrivals: number;
}

/**
 * Learns the terms. The host's times are medians of what was measured, and what it takes to fetch tokens that are there:
 * the least that it waits for them; the gap is what steps of one graph take longer than their layers where the device is
 * the slower; adding a request is what the host takes longer between the tokens
 * of a step and the scheduling of one with a new request; the clock's fall is what prompts in a queue show.
 *
 * @param steps The steps of one or more parts.
 * @param rows What the rows say of them.
 * @param settings The engine's settings.
 * @returns The terms.
 */
export function learnTerms(
  steps: readonly ServedStep[],
  rows: StepRows,
  settings: ServedSettings,
): StepTerms {
  const parts = Map.groupBy(steps.filter(({ kernelUs }) => kernelUs === null), ({ part }) => part);
  const timed = [...parts.values()];
  const probes = timed.map(probesOf);
  const known = probes.flat().filter((us) => us !== null);
  const probeUs = known.length < FEW ? null : median(known);
  const paced = timed.flatMap((part, of) =>
    part.flatMap(({ groups, hostUs }, at) => {
      const { requests, prefill } = sizeOfGroups(groups);
      const kind = launchKind(settings, tokensOf(groups), prefill);
      const pace = paceOf(probes[of]![at]!, probeUs);
      return hostUs === null || kind !== "graph" ? [] : [{ requests, pace, hostUs }];
    })
  );
  const steadyUs = steadyPart(paced);
  const usual = (us: number, kind: LaunchKind, pace: number): number =>
    kind === "graph" ? steadyUs + (us - steadyUs) / pace : us / pace;
  const seen = timed.map((part, of) =>
    part.map((step, at) => see(part[at - 1], part[at - 2], step, paceOf(probes[of]![at]!, probeUs)))
  );

  function see(
    before: ServedStep | undefined,
    second: ServedStep | undefined,
    step: ServedStep,
    pace: number,
  ): Seen {
    const { groups, outputS, scheduledS } = step;
    const tokens = tokensOf(groups);
    const beganS = before?.outputS ?? null;
    const rested = beganS === null || outputS === null || scheduledS > beganS + REST_S;
    const kind = launchKind(settings, tokens, groups.some((group) => group.tokens > 1));
    return {
      kind,
      pace,
      rowsUs: rows.ns(batchOfGroups(groups), paddedTokens(settings, tokens, kind)) / 1000,
      computeBound: rows.computeBound(tokens),
      requests: groups.reduce((sum, { count }) => sum + count, 0),
      hostUs: step.hostUs === null ? null : usual(step.hostUs, kind, pace),
      hostTookUs: step.hostUs,
      periodUs: rested ? null : (outputS - beganS) * 1e6,
      deviceUs: rested || before === undefined ? null : deviceTime(before, step),
      waitedUs: beganS === null || step.launchUs === null
        ? null
        : (beganS - scheduledS) * 1e6 - step.launchUs,
      changed: before !== undefined && kind === "graph" &&
        follows(sizeOfGroups(before.groups), sizeOfGroups(groups)),
      betweenUs: between(settings.async_scheduling ? second : before, scheduledS),
      arrivals: arrivalsIn(groups),
    };
  }

  const all = seen.flat();
  const requestUs = hostPerRequest(all);
  const changeUs = Math.max(0, middle(seen.flatMap(changes), (us) => us) ?? 0);
  const host = (kind: LaunchKind): number =>
    usualMean(
      all,
      (one) =>
        one.kind === kind && one.hostUs !== null
          ? one.hostUs - requestUs * one.requests - (one.changed ? changeUs : 0)
          : null,
    ) ?? 0;
  const hostUs = { graph: host("graph"), pieces: host("pieces"), kernels: host("kernels") };
  const fetchUs = leastWait(all);
  const settled = seen.flatMap((part) =>
    part.filter((one, at) => {
      const [before, after] = [part[at - 1], part[at + 1]];
      return [before, one, after].every((step) => step === undefined || step.kind === "graph") &&
        before !== undefined && one.periodUs !== null &&
        (one.waitedUs === null
          ? one.periodUs > DEVICE_BOUND * (one.hostTookUs ?? hostUs.graph + requestUs * one.requests)
          : Math.min(one.waitedUs, after?.waitedUs ?? Infinity) >
            fetchUs + (DEVICE_BOUND - 1) * (one.hostTookUs ?? Infinity));
    })
  );
  const gapUs = Math.max(0, middle(settled, ({ periodUs, rowsUs }) => periodUs! - rowsUs) ?? 0);
  const usualUs = middle(
    all,
    ({ kind, arrivals, betweenUs }) => kind === "graph" && arrivals === 0 ? betweenUs : null,
  );
  const addedUs = middle(all, ({ arrivals, betweenUs }) => arrivals === 1 ? betweenUs : null);
  const arrivalUs = usualUs === null || addedUs === null ? 0 : Math.max(0, addedUs - usualUs);
  return {
    gapUs,
    hostUs,
    steadyUs,
    requestUs,
    changeUs,
    fetchUs,
    arrivalUs,
    probeUs,
    clock: clockTerm(seen, hostUs.kernels),
  };
}

/** Paces this much apart tell what does not change with them. */
const PACES_APART = 1.15;

/**
 * What of the host's time of a graph does not grow with its pace: for each number of requests a line through the
 * quarters of its steps with the least and the largest pace, of which the median is taken.
 */
function steadyPart(
  steps: readonly { readonly requests: number; readonly pace: number; readonly hostUs: number }[],
): number {
  const parts = [...Map.groupBy(steps, ({ requests }) => requests).values()].flatMap((group) => {
    const quarter = group.length >> 2;
    if (quarter < FEW) return [];
    const sorted = group.toSorted((a, b) => a.pace - b.pace);
    const middleOf = (some: typeof sorted) => ({
      pace: median(some.map(({ pace }) => pace)),
      us: median(some.map(({ hostUs }) => hostUs)),
    });
    const [fast, slow] = [middleOf(sorted.slice(0, quarter)), middleOf(sorted.slice(-quarter))];
    if (slow.pace < PACES_APART * fast.pace) return [];
    return [fast.us - fast.pace * (slow.us - fast.us) / (slow.pace - fast.pace)];
  });
  return parts.length === 0 ? 0 : Math.max(0, median(parts));
}

/** The span of a step that was launched while the one before ran; without spans the time between their tokens. */
function deviceTime(
  before: ServedStep,
  { spanUs, scheduledS, outputS, launchUs }: ServedStep,
): number | null {
  if (spanUs === null || launchUs === null) return (outputS! - before.outputS!) * 1e6;
  return before.outputS! > scheduledS + launchUs / 1e6 ? spanUs : null;
}

/**
 * The slope of the host's time over requests: the median of the slopes between any two numbers of requests, each with
 * the median of its steps of one graph, so that a host that is slow for a while moves it little.
 */
function hostPerRequest(steps: readonly Seen[]): number {
  const graphs = steps.filter(({ kind, hostUs }) => kind === "graph" && hostUs !== null);
  const points = [...Map.groupBy(graphs, ({ requests }) => requests)]
    .filter(([, group]) => group.length >= FEW)
    .map(([requests, group]) => ({ requests, us: median(group.map(({ hostUs }) => hostUs!)) }));
  const slopes = points.flatMap((one, at) =>
    points.slice(at + 1).map((other) => (other.us - one.us) / (other.requests - one.requests))
  );
  return slopes.length === 0 ? 0 : Math.max(0, median(slopes));
}

/** What the host takes longer for steps that follow another batch than for the next one of the same requests. */
function changes(part: readonly Seen[]): number[] {
  return part.flatMap(({ changed, hostUs, requests }, at) => {
    const next = part.slice(at + 1).find((one) => one.kind === "graph" && !one.changed);
    const same = changed && hostUs !== null && next?.requests === requests && next.hostUs !== null;
    return same ? [hostUs - next.hostUs!] : [];
  });
}

/** How long the host waits for tokens that are there already: what one in twenty steps stays below. */
function leastWait(steps: readonly Seen[]): number {
  const waits = steps.map(({ waitedUs }) => waitedUs).filter((us) => us !== null);
  return waits.length < FEW ? 0 : Math.max(0, quantile(Float64Array.from(waits).sort(), 0.05));
}

/** Microseconds from the tokens that came last until a step was scheduled; null when the server rested. */
function between(last: ServedStep | undefined, scheduledS: number): number | null {
  const gapS = last?.outputS === null || last === undefined ? NaN : scheduledS - last.outputS;
  return gapS >= 0 && gapS < 4 * REST_S ? gapS * 1e6 : null;
}

/** A step that is scheduled so long after the tokens of the one before, in seconds, was waited for. */
export const REST_S = 0.001;

/**
 * New tokens of a step.
 *
 * @param groups Its requests.
 * @returns Their sum.
 */
export function tokensOf(groups: readonly StepGroup[]): number {
  return groups.reduce((sum, { tokens, count }) => sum + tokens * count, 0);
}

function sizeOfGroups(groups: readonly StepGroup[]): BatchSize {
  return {
    requests: groups.reduce((sum, { count }) => sum + count, 0),
    prefill: groups.some(({ tokens }) => tokens > 1),
  };
}

/**
 * Requests that are in a step for the first time.
 *
 * @param groups The step's requests.
 * @returns How many have no history.
 */
export function arrivalsIn(groups: readonly StepGroup[]): number {
  return groups.reduce((sum, { history, count }) => history === 0 ? sum + count : sum, 0);
}

/**
 * The batch of a step.
 *
 * @param groups Its requests.
 * @returns Prefills one by one and decodes in runs.
 */
export function batchOfGroups(groups: readonly StepGroup[]): {
  prefills: { chunk: number; history: number }[];
  decodes: { kv: number; count: number }[];
} {
  return {
    prefills: groups.flatMap(({ tokens, history, count }) =>
      tokens > 1 ? Array.from({ length: count }, () => ({ chunk: tokens, history })) : []
    ),
    decodes: groups.flatMap(({ tokens, history, count }) => tokens === 1 ? [{ kv: history, count }] : []),
  };
}

/** A value so many times the median is of something else, such as kernels that are compiled. */
const ODD = 2;

/** The mean without odd values: what many steps take together. */
function usualMean<T>(all: readonly T[], of: (one: T) => number | null): number | null {
  const middleOf = middle(all, of);
  if (middleOf === null) return null;
  const values = all.map(of).filter((value) => value !== null && value <= ODD * middleOf) as number[];
  return mean(values);
}

function middle<T>(all: readonly T[], of: (one: T) => number | null): number | null {
  const values = all.map(of).filter((value) => value !== null);
  return values.length < FEW ? null : median(values);
}
