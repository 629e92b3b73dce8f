/**
 * Firing sweeps: each outcome is recorded and told; what a sentinel puts in doubt is measured again.
 *
 * @module
 */
import type { Sweep } from "../shots/plan_sweeps.ts";
import type { Shot, SweepCategory } from "../shots/shot.ts";
import type { NoticeEvent, RunEvent, SentinelEvent } from "../events.ts";
import type { ExecuteOptions } from "./execute.ts";
import type { LaneStep } from "../workers/lane.ts";
import { recordOutcome } from "../store/store_result.ts";
import { type SentinelJudge, sentinelTimeUs } from "../workers/sentinel.ts";
import type { SentinelOptions } from "../workers/sentinel_watch.ts";
import { idOf, shotText } from "../shots/shot_id.ts";
import type { Extent, Step, Work } from "./sweep_task.ts";

/** Rounds in which what is in doubt is measured again. */
const ROUNDS_AGAIN = 2;

/** The sentinel of an engine and what it said; shared by its sweeps. */
export interface Watch {
  /** What is repeated; undefined when nothing is. */
  readonly sentinel: SentinelOptions | undefined;
  /** Judges it. */
  readonly judge: SentinelJudge;
}

/** A sweep that is being fired. */
interface Firing {
  readonly work: Work;
  /** Its steps; undefined before the first. */
  steps?: Iterator<Step>;
  seconds: number;
  readonly tally: Tally;
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
 * @param before Sweeps that are fired before it, and have not been yet.
 * @returns Its category and the counts.
 */
export function extent(work: Work, before: readonly Sweep[] = []): Extent & { category: SweepCategory } {
  return { category: work.sweep.category, ...work.extent(before) };
}

/**
 * Fires sweeps side by side: the next round is one of the sweep whose error falls fastest.
 *
 * @param works The sweeps, one or more.
 * @param options On what, and where it is recorded.
 * @param watch The engine's sentinel.
 * @returns Events, each told after it is recorded.
 */
export async function* fireWorks(
  works: readonly Work[],
  options: ExecuteOptions,
  watch: Watch,
): AsyncGenerator<RunEvent> {
  let open = works.map((work): Firing => ({
    work,
    seconds: 0,
    tally: { measured: 0, failed: 0, deviceBusyS: null, moved: false },
  }));
  while (open.length > 0) {
    const next = open.reduce((best, other) => other.work.gain > best.work.gain ? other : best);
    if (yield* isOver(next, options, watch)) open = open.filter((firing) => firing !== next);
  }
}

/** Goes on with a sweep until it pauses or is over. */
async function* isOver(
  firing: Firing,
  options: ExecuteOptions,
  watch: Watch,
): AsyncGenerator<RunEvent, boolean> {
  const { session } = options;
  const { work, tally } = firing;
  const { category, tp } = work.sweep;
  if (firing.steps === undefined) {
    const problem = work.problem();
    if (problem !== null) {
      yield { type: "notice", message: `The skew sweep at tp ${tp} is left out: ${problem}` };
      return true;
    }
    yield { type: "sweep-started", tp, ...extent(work) };
    firing.steps = work.steps();
  }
  const begun = performance.now();
  const { deviceBusyS: busyBefore } = tally;
  try {
    for (let step = firing.steps.next(); !step.done; step = firing.steps.next()) {
      if (step.value.type === "pause") return false;
      if (step.value.type === "fire") yield* fireRound(step.value.shots, firing, options, watch);
      else yield step.value;
    }
  } finally {
    const seconds = (performance.now() - begun) / 1000;
    firing.seconds += seconds;
    const busyS = tally.deviceBusyS === null ? null : tally.deviceBusyS - (busyBefore ?? 0);
    session.spend(tp, category, seconds, busyS);
  }
  await session.save();
  const { measured, failed, deviceBusyS } = tally;
  yield { type: "sweep-finished", category, tp, measured, failed, seconds: firing.seconds, deviceBusyS };
  return true;
}

/** Fires shots, and those again that are in doubt then. */
async function* fireRound(
  shots: readonly Shot[],
  { work: { sweep }, tally }: Firing,
  options: ExecuteOptions,
  watch: Watch,
): AsyncGenerator<RunEvent> {
  const { session, adaptive } = options;
  const { category, tp } = sweep;
  const begun = performance.now();
  yield* fireShots(shots, options, watch, tally);
  const shotS = (performance.now() - begun) / 1000 / shots.length;
  for (let round = 0; round < ROUNDS_AGAIN; round++) {
    const doubtful = shots.filter((shot) => session.inDoubt(shot));
    if (doubtful.length === 0) break;
    if (tally.moved) yield* check(options, watch, tally);
    if (tally.moved) {
      yield inDoubt(doubtful.length, sweep, "has moved since the first sentinel and has not come back");
      break;
    }
    if (doubtful.length * shotS > (adaptive?.budget?.leftS() ?? Infinity)) {
      yield inDoubt(doubtful.length, sweep, "had moved, and the budget is not enough to measure them again");
      break;
    }
    yield { type: "measuring-again", category, tp, shots: doubtful.length };
    yield* fireShots(doubtful, options, watch, tally);
  }
}

/** Measuring again is of no use before the device is back, and not done when a budget has no time for it. */
function inDoubt(shots: number, { category, tp }: Sweep, why: string): NoticeEvent {
  return {
    type: "notice",
    message:
      `${shots} shots of ${category} at tp ${tp} are in doubt: the device ${why}; their times stand, and ` +
      `the same run measures them again`,
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
