/**
 * Several lanes that work off one queue, such as one worker per GPU; to its user a pool is a lane.
 *
 * @module
 */
import { HarnessError, UsageError } from "../errors.ts";
import type { Booted, BootRequest, CallOptions, Harness, HarnessInfo } from "../harness/harness.ts";
import { commonBooted, type NamedBooted } from "./common_booted.ts";
import { type Lane, type LaneStep, openLane } from "./lane.ts";
import { firePool, leftOut, type Member } from "./pool_fire.ts";
import { joinedInfo, kindDifferences } from "./same_kind.ts";

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
