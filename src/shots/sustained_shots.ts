/**
 * Shots that are repeated without a pause, to see what a lasting load makes of a device.
 *
 * @module
 */
import type { Settings } from "../settings.ts";
import type { Sweep } from "./plan_sweeps.ts";
import type { AttentionShot, Shot } from "./shot.ts";

/** Shares of the largest batch at which dense layers and experts are repeated. */
const SHARES = [1, 1 / 2, 1 / 4, 1 / 8, 1 / 32];

/**
 * Chooses shots of a plan: large batches, of which the power limit takes the clock down, and fewer and fewer tokens
 * until it does not; prefills with long KV lengths, decodes, and both.
 *
 * @param sweeps The planned sweeps; of some shots only those of the first degree count, because what the ratios say
 * holds for others.
 * @param which Whether all shots are wanted, for the energy of each. @default {"some"}
 * @returns The shots, none twice.
 *
 * @example
 * ```ts
 * import { sustainedShots } from "./sustained_shots.ts";
 * import assert from "node:assert/strict";
 * const shots = [16, 64, 128, 256, 512].map((tokens) => ({ category: "dense", tp: 1, tokens }) as const);
 * const chosen = sustainedShots([{ category: "dense", tp: 1, shots }]);
 * assert.deepEqual(chosen.map((shot) => shot.category === "dense" && shot.tokens), [512, 256, 128, 64, 16]);
 * ```
 */
export function sustainedShots(
  sweeps: readonly Sweep[],
  which: Settings["sustainShots"] = "some",
): Shot[] {
  const whole = sweeps.filter(({ category, ep }) => category !== "skew" && ep === undefined);
  if (which === "all") return whole.flatMap((sweep): readonly Shot[] => sweep.shots);
  const tp = sweeps[0]?.tp;
  const shots = whole.filter((sweep) => sweep.tp === tp).flatMap((sweep): readonly Shot[] => sweep.shots);
  const dense = shots.filter((shot) => shot.category === "dense");
  const experts = shots.filter((shot) => shot.category === "moe");
  const attention = shots.filter((shot) => shot.category === "attention");
  const most = Math.max(0, ...dense.map(({ tokens }) => tokens));
  const chosen = [
    ...SHARES.map((share) => nearest(dense, ({ tokens }) => distance(tokens, most * share))),
    ...SHARES.map((share) =>
      nearest(
        experts,
        ({ tokens, activated_experts: activated }) =>
          distance(tokens, Math.max(0, ...experts.map((shot) => shot.tokens)) * share) - activated / 1e6,
      )
    ),
    ...attentionCorners(attention),
  ];
  return [...new Set(chosen.filter((shot) => shot !== null))];
}

/** Full prefills with some, and with the longest KV length; short ones with the longest; decodes alone, and beside. */
function attentionCorners(shots: readonly AttentionShot[]): (AttentionShot | null)[] {
  const largest = (name: "prefill_chunk" | "kv_prefill" | "n_decode" | "kv_decode"): number =>
    shots.reduce((most, shot) => Math.max(most, shot[name]), 0);
  const [chunk, history] = [largest("prefill_chunk"), largest("kv_prefill")];
  const [decodes, kv] = [largest("n_decode"), largest("kv_decode")];
  const corners: readonly (readonly [number, number, number, number])[] = [
    [chunk, history / 4, 0, 0],
    [chunk, history, 0, 0],
    [chunk / 8, history, 0, 0],
    [chunk / 2, history / 16, decodes, kv / 16],
    [0, 0, decodes, kv / 4],
    [0, 0, decodes / 4, kv],
  ];
  return corners.map(([prefill, before, n, each]) =>
    nearest(
      shots.filter((shot) =>
        (shot.prefill_chunk === 0) === (prefill === 0) && (shot.n_decode === 0) === (n === 0)
      ),
      (shot) =>
        distance(shot.prefill_chunk, prefill) + distance(shot.kv_prefill, before) +
        distance(shot.n_decode, n) +
        distance(shot.kv_decode, each),
    )
  );
}

function distance(value: number, wanted: number): number {
  return Math.abs(Math.log2((value + 1) / (wanted + 1)));
}

/** The element that is farthest down by a measure; null of none. */
function nearest<T>(elements: readonly T[], measure: (element: T) => number): T | null {
  return elements.reduce<T | null>(
    (best, element) => best === null || measure(element) < measure(best) ? element : best,
    null,
  );
}
