/**
 * The sentinel: one shot that is repeated to see whether the device still is what it was.
 *
 * @module
 */
import type { Quantity } from "../quantity.ts";
import type { AttentionShot, Shot } from "../shots/shot.ts";
import { shotKey } from "../shots/shot.ts";
import { median } from "../stats.ts";

/** Largest share by which the clock of the multiprocessors may move. */
const CLOCK_SHARE = 0.1;
/** Share by which the sentinel of device times may move: below the steps of 4.4% of a GPU that changes its clocks. */
const DEVICE_SHARE = 0.03;
/**
 * Share by which the sentinel of wall times may move. They hold whatever else the host does, other processes and its
 * scheduler among it, which comes and goes by a tenth; only a state that lasts and costs much is worth the time to
 * measure again. The same share tells a slow lane of a pool from its fellows.
 */
const WALL_SHARE = 0.25;

/**
 * The share by which a sentinel may move unless the settings say otherwise.
 *
 * @param quantity What is timed.
 * @returns The share.
 */
export function usualDriftShare(quantity: Quantity): number {
  return quantity === "wall" ? WALL_SHARE : DEVICE_SHARE;
}

/**
 * Chooses the sentinel of an engine: of its attention shots, the one in the middle by the tokens that are attended to.
 *
 * @param sweeps What is planned for the engine.
 * @returns The shot; null when no attention is planned.
 */
export function sentinelShot(sweeps: readonly { readonly shots: readonly Shot[] }[]): AttentionShot | null {
  const shots = sweeps.flatMap((sweep) => sweep.shots).filter((shot) => shot.category === "attention");
  const order = shots.map((shot) => ({ shot, work: attended(shot), key: shotKey(shot) }))
    .sort((a, b) => a.work - b.work || compareKeys(a.key, b.key));
  return order[order.length >> 1]?.shot ?? null;
}

/** Pairs of a new token and one that it attends to. */
function attended({ prefill_chunk, kv_prefill, n_decode, kv_decode }: AttentionShot): number {
  return prefill_chunk * (kv_prefill + prefill_chunk / 2) + n_decode * kv_decode;
}

function compareKeys(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}

/** The time of a sentinel: the sum over its layers of the medians of their samples, in microseconds. */
export function sentinelTimeUs(samples: Readonly<Record<string, readonly number[]>>): number {
  return Object.values(samples).reduce((sum, values) => sum + median(values), 0);
}

/** What a sentinel says. */
export interface Verdict {
  /** By which share its time differs from the reference's, negative when it was faster. */
  readonly drift: number;
  /** Whether time or clock have moved too far. */
  readonly moved: boolean;
}

/** A sentinel that was fired. */
interface Sentinel {
  readonly timeUs: number;
  readonly clockMhz: number | null;
}

function driftFrom(reference: Sentinel | undefined, { timeUs }: Sentinel): number {
  return reference === undefined ? 0 : timeUs / reference.timeUs - 1;
}

/** Judges the sentinels of one writer in their order. */
export type SentinelJudge = (shot: string, timeUs: number, clockMhz: number | null) => Verdict;

/**
 * Judges sentinels against the first of the same shot, or against one that was faster by more than the share, once the
 * next is as fast: then the device was not at its best before. A single fast one is an outlier, which a kernel of two
 * speeds has every now and then.
 *
 * @param share By which share their time may move.
 * @returns The judge. Its clock is that of the multiprocessors in MHz, the one farthest from usual since the sentinel
 * before; null when the device does not tell.
 *
 * @example
 * ```ts
 * import { sentinelJudge } from "./sentinel.ts";
 * import assert from "node:assert/strict";
 * const judge = sentinelJudge(0.03);
 * assert.deepEqual(judge("attention tp1 16,0,2,128", 100, 1980), { drift: 0, moved: false });
 * assert.equal(judge("attention tp1 16,0,2,128", 104.4, 1980).moved, true);
 * assert.equal(judge("attention tp1 16,0,2,128", 101, 1410).moved, true);
 * assert.equal(judge("attention tp1 16,0,2,128", 90, 1980).moved, true);
 * assert.equal(judge("attention tp1 16,0,2,128", 90, 1980).moved, false);
 * assert.equal(judge("attention tp1 16,0,2,128", 100, 1980).moved, true);
 * ```
 */
export function sentinelJudge(share: number): SentinelJudge {
  const references = new Map<string, Sentinel>();
  const faster = new Map<string, Sentinel>();
  return (shot, timeUs, clockMhz) => {
    const sentinel = { timeUs, clockMhz };
    const isFast = driftFrom(references.get(shot), sentinel) < -share;
    const before = faster.get(shot);
    faster.delete(shot);
    if (!references.has(shot)) references.set(shot, sentinel);
    else if (isFast && before !== undefined && Math.abs(driftFrom(before, sentinel)) <= share) {
      references.set(shot, before);
    } else if (isFast) faster.set(shot, sentinel);
    const reference = references.get(shot)!;
    const drift = driftFrom(reference, sentinel);
    const moved = Math.abs(drift) > share || clockMoved(reference.clockMhz, clockMhz);
    return { drift, moved };
  };
}

/**
 * Whether a clock has moved too far.
 *
 * @param first What it was, in MHz; null when unknown.
 * @param now What it is, in MHz; null when unknown.
 * @returns Whether it has moved by more than a tenth.
 */
export function clockMoved(first: number | null, now: number | null): boolean {
  return first !== null && now !== null && Math.abs(now / first - 1) > CLOCK_SHARE;
}
