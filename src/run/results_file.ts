/**
 * A results file that shots are recorded in, for a plan that is fired away from its bundle.
 *
 * @module
 */
import type { Quantity } from "../quantity.ts";
import { UsageError } from "../errors.ts";
import { writeAtomic } from "../files/write.ts";
import type { Booted, FireFact, HarnessInfo } from "../harness/harness.ts";
import { PROTOCOL_VERSION } from "../harness/protocol.ts";
import type { PlanHeader } from "../shots/plan_file.ts";
import type { Shot } from "../shots/shot.ts";
import { newDoubts } from "../journal/suspects.ts";
import type { FailedShot } from "../events.ts";
import { openJournal, readLines } from "../journal/file.ts";
import { median } from "../stats.ts";
import { readIfThere } from "../files/read_if_there.ts";
import type { Recorder } from "../store/sink.ts";
import {
  outcomeLine,
  parseResultsHeader,
  parseResultsLine,
  RESULTS_VERSION,
  type ResultsHeader,
} from "./results_line.ts";
import { sentinelJudge, sentinelTimeUs } from "../workers/sentinel.ts";
import { idOf, shotText } from "../shots/shot_id.ts";
import { timedLayers } from "../store/timed_layers.ts";

/** Options of {@linkcode openResults}. */
export interface ResultsOptions {
  /** The header of the plan that is fired. */
  readonly plan: PlanHeader;
  /** What is timed. */
  readonly quantity: Quantity;
  /** Share by which the sentinels of earlier runs may have moved. */
  readonly driftShare: number;
}

/** A results file that is open for writing; disposing closes it. */
export interface Results extends Recorder, AsyncDisposable {
  /** What was found on opening that a user should know, in sentences. */
  readonly notices: readonly string[];
  /** Shots that failed and were not measured since. */
  readonly failed: readonly FailedShot[];
  /** Says who writes from here on. */
  hello(info: HarnessInfo): void;
  /** Says which engine the shots from here on are fired on. */
  booted(tp: number, booted: Booted): void;
}

/**
 * Opens a results file, made with its header when it is not there.
 *
 * @param path The file.
 * @param options What is fired.
 * @returns The file; what it has counts as done.
 * @throws {UsageError} when it is of another plan or quantity, or the disk refuses.
 */
export async function openResults(path: string, options: ResultsOptions): Promise<Results> {
  const { plan, quantity } = options;
  const { architecture } = plan;
  const state = await readResults(path, options);
  if (state.bytes === 0) {
    await refuseForeign(path);
    const header: ResultsHeader = {
      type: "results",
      version: RESULTS_VERSION,
      started: new Date().toISOString(),
      quantity,
      plan,
    };
    const text = JSON.stringify(header) + "\n";
    await writeAtomic(path, text);
    state.bytes = new TextEncoder().encode(text).length;
  }
  const journal = openJournal<Record<string, unknown>>(path, state.bytes);
  const { doubts, done, failed } = state;
  const textOf = (shot: Shot): string => shotText(idOf(shot));
  const timed = (shot: Shot): string[] =>
    shot.category === "skew"
      ? [...shot.parts]
      : timedLayers(architecture, shot.category, shot.tp).map(({ name }) => name);
  return {
    notices: state.notices,
    get failed(): readonly FailedShot[] {
      return [...failed.values()];
    },
    hello(info): void {
      journal.append({ type: "hello", protocol: PROTOCOL_VERSION, ...info, at_s: Date.now() / 1000 });
      doubts.begin();
    },
    booted: (tp, booted) => journal.append({ type: "booted", tp, ...booted }),
    skewMode: null,
    skewProblem: () => null,
    timed,
    missing: (shot) => done.has(textOf(shot)) ? [] : timed(shot),
    count: (tp, category) => [...done].filter((text) => text.startsWith(`${category} tp${tp} `)).length,
    hasFailed: (shot) => failed.has(textOf(shot)),
    inDoubt: (shot) => doubts.isDue(textOf(shot)),
    measured(shot, samples, more = {}): Record<string, number> {
      const { lane, ...told } = more;
      journal.append(outcomeLine(shot, { status: "measured", index: 0, samples, ...told }));
      done.add(textOf(shot));
      failed.delete(textOf(shot));
      doubts.measured(textOf(shot), samples, lane);
      return Object.fromEntries(Object.entries(samples).map(([layer, values]) => [layer, median(values)]));
    },
    sentinel(shot, { samples, moved, lane }): void {
      journal.append(outcomeLine(shot, { status: "measured", index: 0, samples }, true));
      doubts.sentinel(moved, lane);
    },
    fail(shot, kind, message): FailedShot {
      journal.append(outcomeLine(shot, { status: "failed", index: 0, kind, message }));
      const failure = { ...idOf(shot), kind, message };
      failed.set(textOf(shot), failure);
      return failure;
    },
    note: (fact) => journal.append(factLine(fact)),
    spend: () => {},
    saveIfDue: () => Promise.resolve(),
    save: () => journal.sync(),
    [Symbol.asyncDispose]: () => journal[Symbol.asyncDispose](),
  };
}

function factLine(fact: FireFact): Record<string, unknown> {
  if (fact.type !== "cost") return fact.type === "state" ? { ...fact, at_s: Date.now() / 1000 } : fact;
  const { wall_us, device_busy_us } = fact;
  return { type: "done", ...device_busy_us !== null && { device_busy_us }, wall_us };
}

/** What a results file has. */
async function readResults(path: string, { plan, quantity, driftShare }: ResultsOptions): Promise<{
  bytes: number;
  readonly notices: readonly string[];
  readonly done: Set<string>;
  readonly failed: Map<string, FailedShot>;
  readonly doubts: ReturnType<typeof newDoubts>;
}> {
  const done = new Set<string>();
  const failed = new Map<string, FailedShot>();
  const doubts = newDoubts();
  let judge = sentinelJudge(driftShare);
  let isFirst = true;
  const parse = (text: string): ReturnType<typeof parseResultsLine> | ResultsHeader => {
    if (!isFirst) return parseResultsLine(text);
    isFirst = false;
    return parseResultsHeader(text, (rule) => new UsageError(`Cannot read ${path}, line 1: ${rule}`));
  };
  const reading = await readLines(path, "results", parse, (line) => {
    if (line.type === "results") return refuseOther(path, line, plan, quantity);
    if (line.type === "hello") {
      judge = sentinelJudge(driftShare);
      doubts.begin();
    }
    if (line.type !== "outcome") return;
    const { shot, outcome, sentinel } = line;
    const text = shotText(idOf(shot));
    if (outcome.status === "failed") {
      const { kind, message } = outcome;
      if (!sentinel) failed.set(text, { ...idOf(shot), kind, message });
    } else if (sentinel) doubts.sentinel(judge(text, sentinelTimeUs(outcome.samples), null).moved);
    else {
      done.add(text);
      failed.delete(text);
      doubts.measured(text, outcome.samples);
    }
  });
  return { ...reading, done, failed, doubts };
}

/** A file without a whole line is begun anew only when it is empty or the rest of a header that was cut. */
async function refuseForeign(path: string): Promise<void> {
  const text = new TextDecoder().decode(await readIfThere(path) ?? new Uint8Array());
  if (text === "" || text.startsWith('{"type":"results"')) return;
  throw new UsageError(
    `Cannot write results to ${path}: it is another file; choose another name or remove it`,
  );
}

function refuseOther(path: string, header: ResultsHeader, plan: PlanHeader, quantity: Quantity): void {
  if (header.quantity !== quantity) {
    throw new UsageError(
      `Cannot go on in ${path}: it holds times of quantity ${header.quantity}, asked for ${quantity}; ` +
        `choose another file`,
    );
  }
  if (JSON.stringify(header.plan) !== JSON.stringify(plan)) {
    throw new UsageError(`Cannot go on in ${path}: it holds results of another plan; choose another file`);
  }
}
