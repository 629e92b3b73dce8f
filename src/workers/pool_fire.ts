/**
 * Firing shots on several lanes from one queue.
 *
 * @module
 */
import type { Quantity } from "../quantity.ts";
import { HarnessError } from "../errors.ts";
import type { ShotOutcome } from "../harness/harness.ts";
import type { Shot } from "../shots/shot.ts";
import { CHUNK, type Lane, type LaneFire, type LaneStep } from "./lane.ts";
import { median } from "../stats.ts";
import { merge } from "./merge.ts";
import { commonShots, slowLanes } from "./pace.ts";

/** A lane of a pool. */
export interface Member {
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
interface Work {
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
export async function* firePool(
  members: readonly Member[],
  shots: readonly Shot[],
  how: LaneFire,
): AsyncGenerator<LaneStep> {
  const stop = new AbortController();
  const signal = how.signal === undefined ? stop.signal : AbortSignal.any([how.signal, stop.signal]);
  const common = commonShots(shots);
  const work: Work = {
    queue: shots.filter((shot) => !common.includes(shot)),
    common,
    answered: new Set(),
    times: new Map(members.map((member) => [member, new Map()])),
    failure: undefined,
  };
  const chunk = (): number => {
    const share = Math.ceil(work.queue.length / (2 * members.length));
    return Math.min(how.chunk ?? CHUNK, share);
  };
  do {
    const able = members.filter(({ out }) => !out);
    if (able.length === 0) throw work.failure;
    const rested = able.filter(({ name }) => !how.resting?.includes(name));
    const working = rested.length > 0 ? rested : able;
    const streams = working.map((member) => toil(member, work, chunk, { ...how, signal }));
    yield* merge(streams, () => stop.abort());
  } while (work.queue.length > 0);
  yield* slowness(members, work, how.quantity);
}

async function* toil(
  member: Member,
  work: Work,
  size: () => number,
  how: LaneFire,
): AsyncGenerator<LaneStep> {
  const { queue, common, answered, times } = work;
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
      work.failure = error;
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
export function leftOut({ name }: Pick<Member, "name">, { message }: Error): string {
  return `${name} is left out, the other lanes go on: ${message}`;
}

/** NaN when the shot failed. */
function timeOf(outcome: ShotOutcome): number {
  if (outcome.status === "failed") return NaN;
  return Object.values(outcome.samples).reduce((sum, samples) => sum + median(samples), 0);
}

function* slowness(
  members: readonly Member[],
  { common, times }: Work,
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
