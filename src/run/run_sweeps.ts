/**
 * Firing sweeps: each outcome is recorded and told; what a sentinel puts in doubt is measured again.
 *
 * @module
 */
import { plural } from "../count_text.ts";
import type { Sweep } from "../shots/plan_sweeps.ts";
import type { Shot, SweepCategory } from "../shots/shot.ts";
import type { NoticeEvent, RunEvent, SentinelEvent } from "../events.ts";
import type { ExecuteOptions } from "./execute.ts";
import type { LaneStep } from "../workers/lane.ts";
import type { Recorder } from "../store/recorder.ts";
import { recordOutcome } from "../store/store_result.ts";
import type { Verdict } from "../journal/judge.ts";
import { percent } from "../stats.ts";
import { idOf, shotText } from "../shots/shot_id.ts";
import type { Extent, Step, SweepTask } from "./sweep_task.ts";

/** Rounds in which what is in doubt is measured again. */
const ROUNDS_AGAIN = 2;
/** When so many shots are in doubt again, and more than this share of a round's, they make the device drift themselves. */
const MANY = 64;
const MOST = 0.5;
/** NVML's reason of a clock that the power limit lowers. */
const POWER_LIMIT = "sw_power_cap";

/** A sweep that is being fired. */
interface Firing {
  readonly task: SweepTask;
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
  readonly device: DeviceSeen;
}

/** What was seen of the device while an engine's shots were fired. */
export interface DeviceSeen {
  /** Whether a sentinel's time has moved, not the clock alone. */
  timeMoved: boolean;
  /** Whether the device has said that its power limit lowers its clock. */
  atPowerLimit: boolean;
  /** Whether many shots were measured again, and most of them stayed in doubt. */
  againInVain: boolean;
}

/** Whether it is the shots themselves that lower the clock: whenever they are fired they do. */
const isOwnDoing = ({ timeMoved, atPowerLimit, againInVain }: DeviceSeen): boolean =>
  atPowerLimit && (!timeMoved || againInVain);

const newTally = (device: DeviceSeen): Tally => ({ measured: 0, failed: 0, deviceBusyS: null, device });

/**
 * How large a sweep is and how much of it needs no firing.
 *
 * @param task The sweep.
 * @param before Sweeps that are fired before it, and have not been yet.
 * @returns Its category and the counts.
 */
export function extent(task: SweepTask, before: readonly Sweep[] = []): Extent & { category: SweepCategory } {
  return { category: task.sweep.category, ...task.extent(before) };
}

/**
 * Fires sweeps side by side: the next round is one of the sweep whose error falls fastest.
 *
 * @param tasks The sweeps, one or more.
 * @param options On what, and where it is recorded.
 * @param device What was seen of the device, and what this sees.
 * @returns Events, each told after it is recorded.
 */
export async function* runSweeps(
  tasks: readonly SweepTask[],
  options: ExecuteOptions,
  device: DeviceSeen,
): AsyncGenerator<RunEvent> {
  let open = tasks.map((task): Firing => ({
    task,
    seconds: 0,
    tally: newTally(device),
  }));
  while (open.length > 0) {
    const next = open.reduce((best, other) => other.task.gain > best.task.gain ? other : best);
    if (yield* advance(next, options)) open = open.filter((firing) => firing !== next);
  }
}

/** Goes on with a sweep until it pauses or is over; returns whether it is. */
async function* advance(
  firing: Firing,
  options: ExecuteOptions,
): AsyncGenerator<RunEvent, boolean> {
  const { session } = options;
  const { task, tally } = firing;
  const { category, tp } = task.sweep;
  if (firing.steps === undefined) {
    const problem = task.problem();
    if (problem !== null) {
      yield { type: "notice", message: `The skew sweep at tp ${tp} is left out: ${problem}` };
      return true;
    }
    yield { type: "sweep-started", tp, ...extent(task) };
    firing.steps = task.steps();
  }
  const begun = performance.now();
  try {
    for (let step = firing.steps.next(); !step.done; step = firing.steps.next()) {
      if (step.value.type === "pause") return false;
      if (step.value.type === "fired") await options.onFired?.();
      else if (step.value.type === "fire") yield* fireRound(step.value.shots, firing, options);
      else yield step.value;
    }
  } finally {
    firing.seconds += (performance.now() - begun) / 1000;
  }
  await session.save();
  const { measured, failed, deviceBusyS } = tally;
  yield { type: "sweep-finished", category, tp, measured, failed, seconds: firing.seconds, deviceBusyS };
  return true;
}

/** Fires shots, and those again that are in doubt then; that is the time which counts as the sweep's. */
async function* fireRound(
  shots: readonly Shot[],
  { task: { sweep }, tally }: Firing,
  options: ExecuteOptions,
): AsyncGenerator<RunEvent> {
  const begun = performance.now();
  const seconds = (): number => (performance.now() - begun) / 1000;
  const { deviceBusyS: busyBefore } = tally;
  try {
    yield* fireShots(shots, options, tally);
    yield* settleDoubts(sweep, shots, options, tally, seconds() / shots.length);
  } finally {
    const deviceBusyS = tally.deviceBusyS === null ? null : tally.deviceBusyS - (busyBefore ?? 0);
    options.session.spend(sweep.tp, sweep.category, { seconds: seconds(), deviceBusyS });
  }
}

/** Measures again what is in doubt, on the lanes whose device has not moved. */
async function* settleDoubts(
  sweep: Sweep,
  shots: readonly Shot[],
  options: ExecuteOptions,
  tally: Tally,
  shotS = 0,
): AsyncGenerator<RunEvent> {
  const { category, tp } = sweep;
  const { session, adaptive } = options;
  const { judge } = session;
  let measured = Infinity;
  for (let round = 0; round < ROUNDS_AGAIN; round++) {
    const doubtful = shots.filter((shot) => session.inDoubt(shot));
    if (doubtful.length === 0) return;
    if (doubtful.length >= MANY && isOwnDoing(tally.device)) {
      const known = tally.device.timeMoved
        ? "most of the shots measured again at this degree stayed in doubt"
        : "the sentinel's time stands";
      const why = `lowers its clock with these shots, at its power limit, and ${known}`;
      yield leftInDoubt(doubtful.length, sweep, why);
      return;
    }
    if (doubtful.length >= MANY && doubtful.length > MOST * measured) {
      tally.device.againInVain = true;
      const settled = `measured again, ${measured - doubtful.length} of ${measured} were settled`;
      yield leftInDoubt(doubtful.length, sweep, `drifts with these shots (${settled})`);
      return;
    }
    if (judge.movedLanes.length > 0) yield* fireSentinelNow(options, tally);
    const left = doubtful.filter((shot) => session.inDoubt(shot));
    if (left.length === 0) return;
    if (judge.allMoved) {
      yield leftInDoubt(left.length, sweep, "has drifted from its baseline and has not come back");
      return;
    }
    if (left.length * shotS > (adaptive?.budget?.leftS() ?? Infinity)) {
      yield leftInDoubt(left.length, sweep, "had drifted, and the budget is too small to measure them again");
      return;
    }
    measured = left.length;
    yield { type: "measuring-again", category, tp, shots: measured };
    yield* fireShots(left, { ...options, resting: judge.movedLanes }, tally);
  }
}

/** Measuring again is of no use before the device is back, and not done when a budget has no time for it. */
function leftInDoubt(shots: number, { category, tp }: Sweep, why: string): NoticeEvent {
  const [are, rest] = shots === 1
    ? ["is", "its time stands, and the same run measures it again"]
    : ["are", "their times stand, and the same run measures them again"];
  return {
    type: "notice",
    message: `${
      plural(shots, "shot")
    } of ${category} at tp ${tp} ${are} in doubt: the device ${why}; ${rest}`,
  };
}

/**
 * Measures again what sweeps that are over have in doubt, because a later sentinel says so.
 *
 * @param sweeps The sweeps of an engine.
 * @param options On what, and where it is recorded.
 * @param device What was seen of the device, and what this sees.
 * @returns Events, each told after it is recorded.
 */
export async function* fireDoubtful(
  sweeps: readonly Sweep[],
  options: ExecuteOptions,
  device: DeviceSeen,
): AsyncGenerator<RunEvent> {
  const { session } = options;
  if (session.judge.allMoved || isOwnDoing(device)) return;
  for (const sweep of sweeps) {
    const begun = performance.now();
    const tally = newTally(device);
    yield* settleDoubts(sweep, sweep.shots, options, tally);
    if (tally.measured === 0) continue;
    session.spend(sweep.tp, sweep.category, {
      seconds: (performance.now() - begun) / 1000,
      deviceBusyS: tally.deviceBusyS,
    });
  }
}

/**
 * Fires the sentinel before anything else when an earlier run has left shots in doubt: it says whether they stand, and
 * whether it is of use to measure them again.
 *
 * @param sweeps The sweeps of an engine.
 * @param options On what, and where it is recorded.
 * @param device What was seen of the device, and what this sees.
 * @returns Events, each told after it is recorded.
 */
export async function* checkDoubts(
  sweeps: readonly Sweep[],
  options: ExecuteOptions,
  device: DeviceSeen,
): AsyncGenerator<RunEvent> {
  const { session } = options;
  if (!sweeps.some(({ shots }) => shots.some((shot) => session.inDoubt(shot)))) return;
  yield* fireSentinelNow(options, newTally(device));
}

/** Fires shots, and the sentinel after the last. */
async function* fireShots(
  shots: readonly Shot[],
  options: FiringOptions,
  tally: Tally,
): AsyncGenerator<RunEvent> {
  if (shots.length === 0) return;
  yield* recordSteps(options.lane.fire(shots, options), options, tally);
  yield* fireSentinelNow(options, tally);
}

/** How shots are fired, and which lanes of a pool are left out. */
type FiringOptions = ExecuteOptions & { readonly resting?: readonly string[] };

/** Fires the sentinel at once, on every lane. */
async function* fireSentinelNow(
  { resting: _, ...options }: FiringOptions,
  tally: Tally,
): AsyncGenerator<RunEvent> {
  const { sentinel } = options;
  if (sentinel === undefined) return;
  const now = { ...options, sentinel: { ...sentinel, everyS: 0 } };
  yield* recordSteps(options.lane.fire([], now), options, tally);
}

async function* recordSteps(
  steps: AsyncIterable<LaneStep>,
  options: ExecuteOptions,
  tally: Tally,
): AsyncGenerator<RunEvent> {
  const { session, again = false } = options;
  for await (const step of steps) {
    switch (step.type) {
      case "engine":
        session.engine({ ...step, asked: options.asked }, step.lane);
        break;
      case "outcome": {
        const event = recordOutcome(session, step.shot, step.outcome, { again, lane: step.lane });
        if (event.type === "shot") tally.measured++;
        else tally.failed++;
        yield event;
        await session.saveIfDue();
        break;
      }
      case "sentinel":
        yield* recordSentinel(step, session);
        tally.device.timeMoved ||=
          Math.abs(session.judge.verdict?.drift ?? 0) > (options.sentinel?.share ?? Infinity);
        break;
      case "fact":
        session.note(step.fact, { lane: step.lane });
        if (step.fact.type === "state") {
          tally.device.atPowerLimit ||= step.fact.throttle.includes(POWER_LIMIT);
        }
        if (step.fact.type === "cost" && step.fact.device_busy_us !== null) {
          tally.deviceBusyS = (tally.deviceBusyS ?? 0) + step.fact.device_busy_us / 1e6;
        }
        break;
      default:
        yield { type: "notice", message: step.message };
    }
  }
}

function* recordSentinel(
  { shot, outcome, clocks, lane }: Extract<LaneStep, { type: "sentinel" }>,
  session: Recorder,
): Generator<SentinelEvent | NoticeEvent> {
  if (outcome.status === "failed") {
    session.fail(shot, outcome.kind, outcome.message, { lane, sentinel: true });
    yield {
      type: "notice",
      message:
        `The sentinel ${shotText(idOf(shot))} failed, the device is not watched at tp ${shot.tp} from ` +
        `here on: ${outcome.message}`,
    };
    return;
  }
  const verdict = session.sentinel(shot, {
    samples: outcome.samples,
    kernels: outcome.kernels,
    shot_clocks_mhz: outcome.shot_clocks_mhz,
    clocks,
    lane,
  });
  const { drift, moved, clockMhz } = verdict;
  yield { type: "sentinel", tp: shot.tp, drift, moved, clockMhz, ...lane !== undefined && { lane } };
  const message = newsOf(verdict, shot.tp, lane);
  if (message !== null) yield { type: "notice", message };
}

/**
 * What a user should know of a sentinel.
 *
 * @param verdict What it says.
 * @param tp Its tensor-parallel degree.
 * @param lane Which lane of a pool fired it.
 * @returns The sentence; null when there is nothing to say.
 */
export function newsOf({ news, drift }: Verdict, tp: number, lane: string | undefined): string | null {
  if (news === undefined) return null;
  const who = lane === undefined ? "The device" : lane;
  const than = `than what was measured before at tp ${tp}`;
  const times = `the sentinel takes ${percent(Math.abs(drift))} ${drift < 0 ? "less" : "more"} time`;
  switch (news) {
    case "accepted":
      return `${who} has another speed ${than}, which is accepted: what was measured before is in doubt`;
    case "unlike":
      return `The sentinel at tp ${tp} is another shot than before: whether the device is as fast as then cannot be said`;
    case "faster":
      return `${who} is faster ${than} (${times}): when the next sentinel says so too, what was measured before is in doubt`;
    case "slower":
      return `${who} is slower ${than} (${times}): what it measures is in doubt until it is back; if this is its ` +
        `speed from now on, acceptSpeed (--accept-speed) measures again what was measured before`;
  }
}
