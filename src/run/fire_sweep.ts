/**
 * Firing one sweep: each outcome is recorded and told; what a sentinel puts in doubt is measured again.
 *
 * @module
 */
import type { Sweep } from "../sweep/plan_sweeps.ts";
import type { Shot, SweepCategory } from "../sweep/shot.ts";
import type { NoticeEvent, RunEvent, SentinelEvent } from "./events.ts";
import type { ExecuteOptions } from "./execute.ts";
import type { LaneStep } from "./lane.ts";
import { recordOutcome } from "./record_outcome.ts";
import { type SentinelJudge, sentinelTimeUs } from "./sentinel.ts";
import type { SentinelOptions } from "./sentinel_watch.ts";
import { idOf, shotText } from "./shot_id.ts";

/** Rounds in which what is in doubt is measured again. */
const ROUNDS_AGAIN = 2;

/** A sweep, and those of its shots that are to be fired. */
export interface Work {
  /** The sweep. */
  readonly sweep: Sweep;
  /** What is to be fired, in this order. */
  readonly todo: readonly Shot[];
}

/** The sentinel of an engine and what it said; shared by its sweeps. */
export interface Watch {
  /** What is repeated; undefined when nothing is. */
  readonly sentinel: SentinelOptions | undefined;
  /** Judges it. */
  readonly judge: SentinelJudge;
}

/** What a sweep has come to. */
interface Tally {
  measured: number;
  failed: number;
  deviceBusyS: number | null;
  moved: boolean;
}

/**
 * How large a sweep is and how much of it needs no firing.
 *
 * @param work The sweep.
 * @returns Its category and the counts.
 */
export function extent({ sweep, todo }: Work): { category: SweepCategory; planned: number; done: number } {
  const planned = sweep.shots.length;
  return { category: sweep.category, planned, done: planned - todo.length };
}

/**
 * Fires a sweep.
 *
 * @param work What to fire.
 * @param options On what, and where it is recorded.
 * @param watch The engine's sentinel.
 * @returns Events, each told after it is recorded.
 */
export async function* fireSweep(
  work: Work,
  options: ExecuteOptions,
  watch: Watch,
): AsyncGenerator<RunEvent> {
  const { session } = options;
  const { category, tp } = work.sweep;
  yield { type: "sweep-started", tp, ...extent(work) };
  const begun = performance.now();
  const seconds = (): number => (performance.now() - begun) / 1000;
  const tally: Tally = { measured: 0, failed: 0, deviceBusyS: null, moved: false };
  try {
    yield* fireShots(work.todo, options, watch, tally);
    for (let round = 0; round < ROUNDS_AGAIN; round++) {
      const doubtful = work.todo.filter((shot) => session.inDoubt(shot));
      if (doubtful.length === 0) break;
      if (tally.moved) yield* check(options, watch, tally);
      if (tally.moved) {
        yield inDoubt(doubtful.length, work.sweep);
        break;
      }
      yield { type: "measuring-again", category, tp, shots: doubtful.length };
      yield* fireShots(doubtful, options, watch, tally);
    }
  } finally {
    session.spend(tp, category, seconds(), tally.deviceBusyS);
  }
  await session.save();
  const { measured, failed, deviceBusyS } = tally;
  yield { type: "sweep-finished", category, tp, measured, failed, seconds: seconds(), deviceBusyS };
}

/** Measuring again is of no use before the device is back. */
function inDoubt(shots: number, { category, tp }: Sweep): NoticeEvent {
  return {
    type: "notice",
    message:
      `${shots} shots of ${category} at tp ${tp} are in doubt: the device has moved since the first sentinel ` +
      `and has not come back; their times stand, and the same run measures them again`,
  };
}

/** Fires shots, and the sentinel after the last. */
async function* fireShots(
  shots: readonly Shot[],
  options: ExecuteOptions,
  watch: Watch,
  tally: Tally,
): AsyncGenerator<RunEvent> {
  if (shots.length === 0) return;
  yield* take(options.lane.fire(shots, how(options, watch.sentinel)), options, watch, tally);
  yield* check(options, watch, tally);
}

/** Fires the sentinel at once. */
async function* check(options: ExecuteOptions, watch: Watch, tally: Tally): AsyncGenerator<RunEvent> {
  if (watch.sentinel === undefined) return;
  const now = { ...watch.sentinel, everyS: 0 };
  yield* take(options.lane.fire([], how(options, now)), options, watch, tally);
}

function how(options: ExecuteOptions, sentinel: SentinelOptions | undefined): ExecuteOptions {
  const { sentinel: _, ...others } = options;
  return sentinel === undefined ? others : { ...others, sentinel };
}

async function* take(
  steps: AsyncIterable<LaneStep>,
  options: ExecuteOptions,
  watch: Watch,
  tally: Tally,
): AsyncGenerator<RunEvent> {
  const { session, again = false } = options;
  for await (const step of steps) {
    switch (step.type) {
      case "outcome": {
        const event = recordOutcome(session, step.shot, step.outcome, { again, lane: step.lane });
        if (event.type === "shot") tally.measured++;
        else tally.failed++;
        yield event;
        await session.saveIfDue();
        break;
      }
      case "sentinel": {
        const event = recordSentinel(step, options, watch);
        if (event.type === "sentinel") tally.moved = event.moved;
        yield event;
        break;
      }
      case "fact":
        session.note(step.fact, { lane: step.lane });
        if (step.fact.type === "cost" && step.fact.device_busy_us !== null) {
          tally.deviceBusyS = (tally.deviceBusyS ?? 0) + step.fact.device_busy_us / 1e6;
        }
        break;
      default:
        yield { type: "notice", message: step.message };
    }
  }
}

function recordSentinel(
  { shot, outcome, clockMhz, lane }: Extract<LaneStep, { type: "sentinel" }>,
  { session }: ExecuteOptions,
  watch: Watch,
): SentinelEvent | NoticeEvent {
  if (outcome.status === "failed") {
    const message =
      `The sentinel ${shotText(idOf(shot))} failed, the device is not watched at tp ${shot.tp} from here ` +
      `on: ${outcome.message}`;
    return { type: "notice", message };
  }
  const { samples } = outcome;
  const verdict = watch.judge(`${lane ?? ""} ${shotText(idOf(shot))}`, sentinelTimeUs(samples), clockMhz);
  session.sentinel(shot, { samples, clock_mhz: clockMhz, ...verdict, ...lane !== undefined && { lane } });
  return { type: "sentinel", tp: shot.tp, clockMhz, ...verdict };
}
