/**
 * The time of a server's step: what the rows of a bundle say, and terms that were measured.
 *
 * @module
 */
import { plural } from "../count_text.ts";
import { UsageError } from "../errors.ts";
import type { Model } from "../model/model.ts";
import type { Batch } from "../predict/batch.ts";
import { type Communication, sentCollectives, sentUs } from "../predict/communication.ts";
import { predictor, type PredictorSource } from "../predict/predictor.ts";
import { type JudgedSteps, judgeSteps } from "./judge_steps.ts";
import type { Served, ServedHead, ServedSettings, ServedStep } from "./served.ts";
import { type StepRows, stepRows } from "./step_rows.ts";
import { follows, launchKind, learnTerms, NO_TERMS, paddedTokens, type StepTerms } from "./step_terms.ts";
import type { ClockTerm, StepWork } from "./timeline.ts";

/** What a step model is made of beside the bundle. */
export interface StepModelOptions {
  /** The model. */
  readonly model: Model;
  /** Tensor-parallel degree. @default {1} */
  readonly tp?: number;
  /** Steps of a served engine; without them a step is the sum of its layers. @default {null} */
  readonly served?: Pick<Served, "head" | "steps"> | null;
  /**
   * Parts of the served steps that the terms are learned from; the other loads judge them.
   *
   * @default {"all; each load is judged by terms of all others"}
   */
  readonly learnFrom?: readonly string[];
  /**
   * How the clock falls under a sustained load: `measured` as the served steps show it, or where they do not as the
   * bundle's sustained rows do; `cool` for a device that keeps its full clock; or a term from elsewhere.
   *
   * @default {"measured"}
   */
  readonly clock?: "measured" | "cool" | ClockTerm;
  /** How slow the host is, as a share of what it took when the terms were learned. @default {1} */
  readonly hostPace?: number;
  /**
   * How long the devices take to exchange what they must, as `communicationAt` has it. The device waits for it within a
   * step; served steps of one rank's share are without it.
   *
   * @default {null: it is left out}
   */
  readonly communication?: Communication | null;
}

/** The time of a server's step. */
export interface StepModel {
  /** `rows` for the plain sum of layers, `rows and served steps` with measured terms. */
  readonly basis: "rows" | "rows and served steps";
  /** The terms. */
  readonly terms: StepTerms;
  /** Where the clock's term comes from. */
  readonly clockFrom: "nothing" | "served steps" | "sustained rows" | "the caller";
  /** Parts that the terms were learned from. */
  readonly learnedFrom: readonly string[];
  /** How far off the model is on parts that no term was learned from. */
  readonly heldOut: readonly JudgedSteps[];
  /** Where the times of communication come from; absent where it is left out, or one device has none. */
  readonly communication?: Communication["source"];
  /** What a user should know, in sentences. */
  readonly notices: readonly string[];
  /** The engine's settings behind the terms, null without served steps. */
  readonly engine: ServedSettings | null;
  /** The model. */
  readonly model: Model;
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** What a step asks of host and device, behind another one, null for the first, where the host takes `pace` as long. */
  work(batch: Batch, before?: Batch | null, pace?: number): StepWork;
  /** The time of a step among others of its kind in microseconds: the device's, or the host's where that is longer. */
  stepUs(batch: Batch): number;
}

/**
 * Makes a step model.
 *
 * @param bundle The bundle.
 * @param options The model, and steps of a served engine.
 * @returns The model of steps.
 * @throws {UsageError} when the steps are of another model or degree, or a part is not among them.
 * @throws {LookupError} when the bundle holds no attention times at this degree.
 *
 * @example
 * ```ts
 * import { loadModel, openBundle, stepModel } from "shotlab";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * const { stepUs } = stepModel(bundle, { model: await loadModel("meta-llama/Llama-3.1-8B") });
 * const at = (count: number): number => stepUs({ prefills: [], decodes: [{ kv: 1024, count }] });
 * assert.ok(at(64) > at(1));
 * ```
 */
export function stepModel(bundle: PredictorSource, options: StepModelOptions): StepModel {
  const { model, tp = 1, served = null, clock = "measured", communication = null, hostPace = 1 } = options;
  const rows = stepRows(predictor(bundle, { architecture: model.architecture }), model, tp);
  const notices = rows.skipped.length === 0
    ? []
    : [`The bundle holds no times of ${rows.skipped.join(", ")}: a step has them for nothing`];
  if (served === null) {
    notices.push(
      "Without served steps a step is the sum of its layers: gaps between kernels and the host are left out",
    );
  } else {
    check(served.head, model, tp);
  }
  const learnedFrom = served === null ? [] : partsToLearn(served, options.learnFrom);
  const exchange = exchangeOf(model, tp, communication);
  const together = tp > 1 && served?.head.devices === tp;
  const learn = (parts: readonly string[]): StepTerms =>
    served === null ? NO_TERMS : learnTerms(
      served.steps.filter(({ part }) => parts.includes(part)),
      together ? withExchange(rows, exchange) : rows,
      served.head.settings,
    );
  const learned = learn(learnedFrom);
  if (tp > 1 && exchange === null) {
    notices.push(
      `Communication between ${
        plural(tp, "device")
      } is left out: nobody measured it, and no data sheet is given`,
    );
  } else if (tp > 1 && communication!.source === "data sheet") {
    notices.push("Communication is an estimate by the link's data sheet, which real links do not reach");
  }
  const { term, from } = clockOf(clock, learned, () => sustainedClock(bundle, model, tp, rows));
  const terms = { ...learned, clock: term };
  const clocked = (of: StepTerms): StepTerms =>
    from === "served steps" && of.clock !== null ? of : { ...of, clock: term };
  const settings = served?.head.settings ?? null;

  /** A step, with what the devices exchange or without. */
  function workOf(
    terms: StepTerms,
    exchanged: Exchange | null,
    batch: Batch,
    before: Batch | null,
    pace: number,
  ): StepWork {
    const size = sizeOf(batch);
    const { tokens, requests, prefill } = size;
    const kind = settings === null ? "kernels" : launchKind(settings, tokens, prefill);
    const padded = settings === null ? tokens : paddedTokens(settings, tokens, kind);
    const changed = before !== null && kind === "graph" && follows(sizeOf(before), size);
    const requestsUs = terms.requestUs * requests;
    const steadyUs = kind === "graph" ? terms.steadyUs : 0;
    const hostUs = steadyUs +
      pace * (terms.hostUs[kind] - steadyUs + requestsUs + terms.fetchUs + (changed ? terms.changeUs : 0));
    return {
      rowsUs: rows.ns(batch, padded) / 1000,
      gapUs: terms.gapUs + (exchanged === null ? 0 : exchanged(padded, requests)),
      hostUs,
      prepareUs: Math.min(hostUs, terms.steadyUs + pace * (terms.hostUs.graph - terms.steadyUs + requestsUs)),
      computeBound: terms.clock !== null && rows.computeBound(tokens),
    };
  }

  const work: StepModel["work"] = (batch, before = null, pace = hostPace) =>
    workOf(terms, exchange, batch, before, pace);
  const judged = (part: string, steps: readonly ServedStep[]): JudgedSteps => {
    const others = learnedFrom.filter((other) => other !== part);
    const of = others.length === learnedFrom.length ? terms : clocked(learn(others));
    const servedWork: StepModel["work"] = (batch, before = null, pace = 1) =>
      workOf(of, together ? exchange : null, batch, before, pace);
    return judgeSteps(part, steps, { work: servedWork, terms: of });
  };
  let heldOut: readonly JudgedSteps[] | null = null;
  return {
    basis: served === null ? "rows" : "rows and served steps",
    terms,
    clockFrom: from,
    learnedFrom,
    get heldOut() {
      return heldOut ??= loadsToJudge(served, options.learnFrom).map(([part, steps]) => judged(part, steps));
    },
    ...exchange !== null && { communication: communication!.source },
    notices,
    engine: settings,
    model,
    tp,
    work,
    stepUs: (batch) => {
      const { rowsUs, gapUs, hostUs } = work(batch);
      return Math.max(rowsUs + gapUs, hostUs);
    },
  };
}

/** New tokens and requests of a batch, and whether one has several new tokens. */
function sizeOf({ prefills, decodes }: Batch): { tokens: number; requests: number; prefill: boolean } {
  let tokens = 0;
  let requests = prefills.length;
  for (const { chunk } of prefills) tokens += chunk;
  for (const { count } of decodes) requests += count;
  return { tokens: tokens + requests - prefills.length, requests, prefill: tokens > prefills.length };
}

/** What devices exchange in a step, in microseconds. */
type Exchange = (tokens: number, requests: number) => number;

/** Steps of devices that served together, in whose rows the exchange is missing. */
function withExchange(rows: StepRows, exchange: Exchange | null): StepRows {
  if (exchange === null) return rows;
  return {
    ...rows,
    ns: (batch, paddedTokens = 0) => {
      const { tokens, requests } = sizeOf(batch);
      return rows.ns(batch, paddedTokens) + 1000 * exchange(Math.max(tokens, paddedTokens), requests);
    },
  };
}

/** What devices exchange, null where there is one, or nothing is known of so many. */
function exchangeOf(
  model: Model,
  tp: number,
  communication: Communication | null,
): Exchange | null {
  if (tp === 1 || communication === null) return null;
  const sent = sentCollectives(model, tp);
  if (sentUs(sent({ tokens: 1, sequences: 1 }), tp, communication) === null) return null;
  return (tokens, requests) => sentUs(sent({ tokens, sequences: requests }), tp, communication)!;
}

/** How long prompts run at the full clock before it falls, in microseconds: 59 ms on an H200 (docs/serving.md). */
const ONSET_US = 59_000;
/** A full batch of a server, in tokens. */
const FULL_BATCH = 2048;

function clockOf(
  asked: "measured" | "cool" | ClockTerm,
  { clock: learned }: StepTerms,
  sustained: () => ClockTerm | null,
): { term: ClockTerm | null; from: StepModel["clockFrom"] } {
  if (asked === "cool") return { term: null, from: "nothing" };
  if (asked !== "measured") return { term: asked, from: "the caller" };
  if (learned !== null) return { term: learned, from: "served steps" };
  const term = sustained();
  return { term, from: term === null ? "nothing" : "sustained rows" };
}

/** What a full prompt takes longer by the rows of a lasting load, null for a bundle without. */
function sustainedClock(bundle: PredictorSource, model: Model, tp: number, cool: StepRows): ClockTerm | null {
  if ((bundle.meta.sustained ?? []).length === 0) return null;
  const { architecture } = model;
  const rows = stepRows(predictor(bundle, { architecture, state: "sustained" }), model, tp);
  const batch = { prefills: [{ chunk: FULL_BATCH, history: 0 }], decodes: [] };
  const slowdown = rows.ns(batch) / cool.ns(batch) - 1;
  return slowdown > 0 ? { slowdown, onsetUs: ONSET_US } : null;
}

function check(head: ServedHead, model: Model, tp: number): void {
  for (const [what, of, asked] of [["model", head.model, model.id], ["tp", head.tp, tp]] as const) {
    if (of === asked) continue;
    throw new UsageError(
      `Cannot use the served steps: they are of ${what} ${of}, asked was ${asked}; measure steps of that`,
    );
  }
}

function partsToLearn(
  { steps }: Pick<Served, "steps">,
  asked: readonly string[] | undefined,
): readonly string[] {
  const parts = [...new Set(steps.map(({ part }) => part))];
  const unknown = asked?.find((part) => !parts.includes(part));
  if (unknown !== undefined) {
    throw new UsageError(`Cannot learn from ${unknown}: the served steps have ${parts.join(", ") || "none"}`);
  }
  return asked ?? parts.filter((part) => !part.startsWith("recorded: "));
}

/** Loads that terms can be judged by: those that none was learned from, or each by the terms of all other parts. */
function loadsToJudge(
  served: Pick<Served, "steps"> | null,
  asked: readonly string[] | undefined,
): [part: string, steps: ServedStep[]][] {
  const parts = [...Map.groupBy(served?.steps ?? [], ({ part }) => part)];
  const others = parts.filter(([part]) => !part.startsWith("recorded: ")).length;
  return parts.filter(([part]) =>
    part.startsWith("load: ") && (asked === undefined ? others > 1 : !asked.includes(part))
  );
}
