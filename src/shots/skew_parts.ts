/**
 * The three batches of a skew case, and which of them are to be fired: equal batches are one shot.
 *
 * @module
 */
import { fitsPool, type Limits } from "./limits.ts";
import type { SkewCase } from "./skew_cases.ts";

/** The batches of a case: every history at the mean, every history the longest, and the skewed one. */
export const SKEW_PARTS = ["t_mean", "t_max", "t_skew"] as const;

/** One of the batches of a case, named as the column of its time. */
export type SkewPart = typeof SKEW_PARTS[number];

/** The batches whose decodes are all alike. */
export type UniformPart = Exclude<SkewPart, "t_skew">;

/**
 * Where the times of the uniform batches come from: `exact` ones are measured, in the attention sweep or for the
 * case; `interpolated` ones are looked up in attention.csv, as a simulator does it.
 */
export type SkewMode = "interpolated" | "exact";

/** A batch of decodes that are all alike: the key of an attention shot. */
export type UniformBatch = readonly [
  prefillChunk: number,
  kvPrefill: number,
  nDecode: number,
  kvDecode: number,
];

/** What the batches of a case depend on. */
export type SkewBatches = Pick<SkewCase, "n" | "nb" | "pc" | "kp" | "kvs" | "kv_big" | "kv_mean">;

/**
 * A uniform batch of a case.
 *
 * @param skewCase The case.
 * @param part Which one.
 * @returns The key of the attention shot that fires the same batch.
 *
 * @example
 * ```ts
 * import { uniformBatch } from "./skew_parts.ts";
 * import assert from "node:assert/strict";
 * const skewCase = { n: 4, nb: 1, pc: 16, kp: 0, kvs: 128, kv_big: 512, kv_mean: 224 };
 * assert.deepEqual(uniformBatch(skewCase, "t_max"), [16, 0, 4, 512]);
 * ```
 */
export function uniformBatch({ n, pc, kp, kv_big, kv_mean }: SkewBatches, part: UniformPart): UniformBatch {
  return [pc, kp, n, part === "t_mean" ? kv_mean : kv_big];
}

/**
 * The decodes of a part.
 *
 * @param skewCase The case.
 * @param part Which of its batches.
 * @returns Runs of equal decodes: tokens of their history, and how many; the long ones first.
 */
export function partDecodes(skewCase: SkewBatches, part: SkewPart): (readonly [kv: number, count: number])[] {
  const { n, nb, kvs, kv_big } = skewCase;
  return part === "t_skew" ? [[kv_big, nb], [kvs, n - nb]] : [[uniformBatch(skewCase, part)[3], n]];
}

/** Hands out the parts of cases, each batch once. */
export interface PartSharing {
  /** The parts of a case that nobody gives yet. */
  open(skewCase: SkewBatches): SkewPart[];
  /** Takes parts of a case as given from here on. */
  give(skewCase: SkewBatches, parts: readonly SkewPart[]): void;
}

/**
 * Shares uniform batches among cases.
 *
 * @param mode Where their times come from.
 * @param isGiven Whether a uniform batch has a time already, or is certain to get one.
 * @returns The sharing.
 */
export function sharing(mode: SkewMode, isGiven: (batch: UniformBatch) => boolean): PartSharing {
  const given = new Set<string>();
  const isOpen = (skewCase: SkewBatches, part: UniformPart): boolean => {
    const batch = uniformBatch(skewCase, part);
    return !given.has(batch.join()) && !isGiven(batch);
  };
  return {
    open: (skewCase) =>
      SKEW_PARTS.filter((part) => part === "t_skew" || (mode === "exact" && isOpen(skewCase, part))),
    give(skewCase, parts): void {
      for (const part of parts) if (part !== "t_skew") given.add(uniformBatch(skewCase, part).join());
    },
  };
}

/**
 * Whether an engine can fire a part of a case.
 *
 * @param skewCase The case.
 * @param part The part.
 * @param limits What the engine allows; each request needs room for its new token.
 * @returns Whether it fits.
 */
export function fitsEngine(skewCase: SkewBatches, part: SkewPart, limits: Limits): boolean {
  const { pc, kp } = skewCase;
  const requests = partDecodes(skewCase, part).map(([kv, count]) => [kv + 1, count, kv] as const);
  const longest = Math.max(pc + kp, ...requests.map(([tokens]) => tokens));
  return longest < limits.max_model_len && fitsPool([[pc > 0 ? pc + kp : 0, 1, kp], ...requests], limits);
}
