/**
 * Several lanes that work off one queue, such as one worker per GPU; to its user a pool is a lane.
 *
 * @module
 */
import { HarnessError, UsageError } from "../errors.ts";
import type {
  Booted,
  BootRequest,
  CallOptions,
  Harness,
  HarnessInfo,
  ShotOutcome,
} from "../harness/harness.ts";
import type { Quantity } from "../quantity.ts";
import type { Shot } from "../shots/shot.ts";
import { median } from "../stats.ts";
import { commonBooted, joinedInfo, kindDifferences, type NamedBooted } from "./alike.ts";
import { CHUNK, type Lane, type LaneFire, type LaneStep, openLane } from "./lane.ts";
import { merge } from "./merge.ts";
import { commonShots, slowLanes } from "./pace.ts";

/** Where one lane of a pool gets its harnesses from. */
export interface PoolMember {
  /** What messages call it, such as `device 0`. */
  readonly name: string;
  /** Opens a harness; called again when one breaks. */
  readonly open: () => Promise<Harness>;
}

/** Options of {@linkcode openPool}. */
export interface PoolOptions {
  /** Lets lanes work together that differ in engine, engine version, device, driver or processor. @default {false} */
  readonly allowMixed?: boolean;
  /** Pause after a replacement that could not be opened, in milliseconds; each next one is twice as long. */
  readonly pauseMs?: number;
}

/**
 * Opens a pool: every shot is fired by the next lane that is free, and has one outcome. Outcomes come in the order
 * in which they are known. A lane that breaks too often is left out, its shots go to the others. Of a large sweep,
 * a few shots are fired by all lanes, and a lane that needs more time for them than the fastest is named.
 *
 * @param members The lanes, one or more.
 * @param options Whether they may differ.
 * @returns The pool, whose engine allows what each lane's allows.
 * @throws {UsageError} when lanes differ that may not.
 * @throws {HarnessError} when a harness cannot be opened; those that were are closed.
 *
 * @example
 * ```ts
 * import { openHarness } from "shotlab";
 * import { openPool } from "shotlab/run";
 * import assert from "node:assert/strict";
 * const open = () => openHarness("roofline:H100");
 * await using pool = await openPool([{ name: "device 0", open }, { name: "device 1", open }]);
 * assert.equal(pool.info.engine, "roofline");
 * ```
 */
export async function openPool(
  members: readonly [PoolMember, ...PoolMember[]],
  { allowMixed = false, pauseMs }: PoolOptions = {},
): Promise<Lane> {
  const opened = await Promise.allSettled(members.map(async ({ name, open }): Promise<Member> => {
    const lane = await openLane({ open, ...pauseMs !== undefined && { pauseMs } });
    return { name, lane, out: false, slow: false };
  }));
  const lanes = opened.flatMap((result) => result.status === "fulfilled" ? [result.value] : []);
  const differences = kindDifferences(lanes.map(({ name, lane }) => ({ name, info: lane.info })));
  const closed = opened.find((result) => result.status === "rejected");
  if (closed !== undefined || (differences.length > 0 && !allowMixed)) {
    await close(lanes);
    throw closed?.reason ?? mixed(differences);
  }
  const notices = differences.map((difference) => `The lanes differ: ${difference}`);

  async function boot(request: BootRequest, call: CallOptions = {}): Promise<Booted> {
    const results = await Promise.allSettled(lanes.map(({ lane }) => lane.boot(request, call)));
    call.signal?.throwIfAborted();
    const engines: NamedBooted[] = [];
    for (const [index, result] of results.entries()) {
      const member = lanes[index]!;
      member.out = result.status === "rejected";
      if (result.status === "fulfilled") engines.push({ name: member.name, booted: result.value });
      else if (!(result.reason instanceof HarnessError)) throw result.reason;
      else notices.push(leftOut(member, result.reason));
    }
    const [first, ...others] = engines;
    if (first === undefined) throw (results[0] as PromiseRejectedResult).reason;
    return commonBooted([first, ...others]);
  }

  return {
    get info(): HarnessInfo {
      const [first, ...others] = lanes.map(({ lane }) => lane.info);
      return joinedInfo([first!, ...others]);
    },
    boot,
    async *fire(shots, how): AsyncGenerator<LaneStep> {
      for (const message of notices.splice(0)) yield { type: "broken", message };
      yield* firePool(lanes, shots, how);
    },
    async *sustain(request, options = {}): AsyncGenerator<LaneStep> {
      const first = lanes.find(({ out }) => !out);
      if (first !== undefined) yield* first.lane.sustain(request, options);
    },
    async release(name): Promise<void> {
      const at = lanes.findIndex((member) => member.name === name);
      if (at >= 0 && lanes.length > 1) await close(lanes.splice(at, 1));
    },
    [Symbol.asyncDispose]: () => close(lanes),
  };
}

/** Ends the lanes side by side: an engine may need seconds. */
async function close(lanes: readonly Member[]): Promise<void> {
  await Promise.all(lanes.map(({ lane }) => lane[Symbol.asyncDispose]()));
}

function mixed(differences: readonly string[]): UsageError {
  return new UsageError(
    `Cannot measure one bundle on lanes that differ (${differences.join("; ")}); ` +
      `choose devices that are equal, or pass allowMixed (--allow-mixed), which is recorded`,
  );
}

/** A lane of a pool. */
interface Member {
  /** What messages call it. */
  readonly name: string;
  /** The lane. */
  readonly lane: Lane;
  /** Whether it takes no shots until the next boot. */
  out: boolean;
  /** Whether it was said to be slow. */
  slow: boolean;
}

/** What the lanes of a pool share while they fire. */
interface PoolState {
  /** Shots that nobody has taken. */
  readonly queue: Shot[];
  /** Shots that every lane fires first, so that they can be compared. */
  readonly common: readonly Shot[];
  /** Shots that have their outcome. */
  readonly answered: Set<Shot>;
  /** Microseconds of the common shots. */
  readonly times: ReadonlyMap<Member, Map<Shot, number>>;
  /** Why the last lane was left out. */
  failure: HarnessError | undefined;
}

/**
 * Fires shots on the lanes that are not left out; each has one outcome, in the order in which they are known.
 *
 * @param members The lanes; those that break too often are left out on the way.
 * @param shots The shots.
 * @param how How a lane fires them.
 * @returns The steps of all lanes.
 * @throws {HarnessError} when the last lane breaks too often.
 */
async function* firePool(
  members: readonly Member[],
  shots: readonly Shot[],
  how: LaneFire,
): AsyncGenerator<LaneStep> {
  const stop = new AbortController();
  const signal = how.signal === undefined ? stop.signal : AbortSignal.any([how.signal, stop.signal]);
  const common = commonShots(shots);
  const state: PoolState = {
    queue: shots.filter((shot) => !common.includes(shot)),
    common,
    answered: new Set(),
    times: new Map(members.map((member) => [member, new Map()])),
    failure: undefined,
  };
  const chunk = (): number => {
    const share = Math.ceil(state.queue.length / (2 * members.length));
    return Math.min(how.chunk ?? CHUNK, share);
  };
  do {
    const able = members.filter(({ out }) => !out);
    if (able.length === 0) throw state.failure;
    const rested = able.filter(({ name }) => !how.resting?.includes(name));
    const working = rested.length > 0 ? rested : able;
    const streams = working.map((member) => workerLoop(member, state, chunk, { ...how, signal }));
    yield* merge(streams, () => stop.abort());
  } while (state.queue.length > 0);
  yield* slowness(members, state, how.quantity);
}

async function* workerLoop(
  member: Member,
  state: PoolState,
  size: () => number,
  how: LaneFire,
): AsyncGenerator<LaneStep> {
  const { queue, common, answered, times } = state;
  const { name: lane } = member;
  const own = times.get(member)!;
  let taken: readonly Shot[] = common.filter((shot) => !own.has(shot));
  if (taken.length === 0) taken = queue.splice(0, size());
  // Without shots a lane may still have its sentinel to fire.
  do {
    const left = new Set(taken);
    try {
      for await (const step of member.lane.fire(taken, how)) {
        if ("message" in step) {
          yield { ...step, message: `${lane}: ${step.message}` };
          continue;
        }
        if (step.type === "outcome") {
          left.delete(step.shot);
          if (common.includes(step.shot)) own.set(step.shot, timeOf(step.outcome));
          if (answered.has(step.shot)) continue;
          answered.add(step.shot);
        }
        yield { ...step, lane };
      }
    } catch (error) {
      how.signal?.throwIfAborted();
      if (!(error instanceof HarnessError)) throw error;
      state.failure = error;
      member.out = true;
      queue.unshift(...[...left].filter((shot) => !answered.has(shot)));
      yield { type: "broken", message: leftOut(member, error) };
      return;
    }
    taken = queue.splice(0, size());
  } while (taken.length > 0);
}

/**
 * Says that a lane takes no more shots.
 *
 * @param member The lane.
 * @param error Why.
 * @returns The sentence.
 */
function leftOut({ name }: Pick<Member, "name">, { message }: Error): string {
  return `${name} is left out, the other lanes go on: ${message}`;
}

/** NaN when the shot failed. */
function timeOf(outcome: ShotOutcome): number {
  if (outcome.status === "failed") return NaN;
  return Object.values(outcome.samples).reduce((sum, samples) => sum + median(samples), 0);
}

function* slowness(
  members: readonly Member[],
  { common, times }: PoolState,
  quantity: Quantity,
): Generator<LaneStep> {
  const table = members.map((member) => common.map((shot) => times.get(member)!.get(shot) ?? NaN));
  for (const { lane, ratio } of slowLanes(table, quantity)) {
    const member = members[lane]!;
    if (member.slow) continue;
    member.slow = true;
    const percent = Math.round(100 * (ratio - 1));
    yield {
      type: "slow",
      message:
        `${member.name} is slow: it needs ${percent}% more time than the fastest lane for the same shots`,
    };
  }
}
