/**
 * Which shot of a plan is the sentinel: the one that is repeated to see whether the device still is what it was.
 *
 * @module
 */
import { compareKeys } from "../compare.ts";
import type { Sweep } from "./plan_sweeps.ts";
import { type AttentionShot, type Shot, shotKey } from "./shot.ts";

/**
 * Chooses the sentinel of an engine: of its attention shots, the one in the middle by the tokens that are attended to.
 *
 * @param sweeps What is planned for the engine.
 * @returns The shot; null when no attention is planned.
 *
 * @example
 * ```ts
 * import { sentinelShot } from "shotlab/run";
 * import assert from "node:assert/strict";
 * const shots = [16, 64, 256].map((kv_decode) => (
 *   { category: "attention", tp: 1, prefill_chunk: 0, kv_prefill: 0, n_decode: 8, kv_decode } as const
 * ));
 * assert.equal(sentinelShot([{ shots }])?.kv_decode, 64);
 * ```
 */
export function sentinelShot(sweeps: readonly { readonly shots: readonly Shot[] }[]): AttentionShot | null {
  const shots = sweeps.flatMap((sweep) => sweep.shots).filter((shot) => shot.category === "attention")
    .filter(({ prefills = [] }) => prefills.length <= 1);
  const order = shots.map((shot) => ({ shot, work: attended(shot), key: shotKey(shot) }))
    .sort((a, b) => a.work - b.work || compareKeys(a.key, b.key));
  return order[order.length >> 1]?.shot ?? null;
}

/** Pairs of a new token and one that it attends to. */
function attended({ prefill_chunk, kv_prefill, n_decode, kv_decode }: AttentionShot): number {
  return prefill_chunk * (kv_prefill + prefill_chunk / 2) + n_decode * kv_decode;
}

/**
 * The sentinels of a plan.
 *
 * @param sweeps What is planned.
 * @returns The sentinel of each tensor-parallel degree that has attention shots.
 */
export function sentinelsOf(sweeps: readonly Sweep[]): Record<string, AttentionShot> {
  const degrees = [...new Set(sweeps.map(({ tp }) => tp))];
  return Object.fromEntries(degrees.flatMap((tp) => {
    const shot = sentinelShot(sweeps.filter((sweep) => sweep.tp === tp));
    return shot === null ? [] : [[tp, shot] as const];
  }));
}
