/**
 * Skew cases: decodes of two lengths in one batch, to be compared with decodes of their mean and of their longest.
 *
 * @module
 */
import { roundDecimals } from "../number_format.ts";
import { refuseHuge } from "./axes.ts";
import { fitsPool, type Limits } from "./limits.ts";
import { SKEW_RATIOS, SKEW_REPRESENTATIVE, type SkewAxes, skewAxes, type SkewGrid } from "./skew_axes.ts";

/** A skew case; the fields are named as the columns of skew.csv. */
export interface SkewCase {
  /** Decoding requests. */
  readonly n: number;
  /** Those of them with the long history. */
  readonly nb: number;
  /** How many times longer the long history is. */
  readonly skew: number;
  /** `nb / n`, to 4 decimals. */
  readonly ratio: number;
  /** New tokens of the prefill, 0 for none. */
  readonly pc: number;
  /** History of the prefill in tokens. */
  readonly kp: number;
  /** Short history in tokens. */
  readonly kvs: number;
  /** Long history in tokens. */
  readonly kv_big: number;
  /** Mean KV length in tokens, rounded down. */
  readonly kv_mean: number;
  /** `pure` decodes, or `mixed` with a prefill. */
  readonly regime: "pure" | "mixed";
  /** 1 in the full product, 2 at a pivot where the skew varies. */
  readonly tier: 1 | 2;
}

/**
 * The case that a key stands for.
 *
 * @param key The values of `SKEW_KEY`: n, nb, pc, kp, kvs, kv_big; requests and tokens.
 * @returns The case; its tier is the grid's to know.
 *
 * @example
 * ```ts
 * import { skewCaseOf } from "./skew_cases.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(skewCaseOf([2, 1, 0, 0, 128, 512]), {
 *   n: 2, nb: 1, skew: 4, ratio: 0.5, pc: 0, kp: 0, kvs: 128, kv_big: 512, kv_mean: 320, regime: "pure",
 * });
 * ```
 */
export function skewCaseOf(key: readonly number[]): Omit<SkewCase, "tier"> {
  const [n, nb, pc, kp, kvs, kv_big] = key as [number, number, number, number, number, number];
  const ratio = roundDecimals(nb / n, 4);
  return { n, nb, skew: kv_big / kvs, ratio, pc, kp, kvs, ...derived(n, nb, pc, kvs, kv_big) };
}

function derived(
  n: number,
  nb: number,
  pc: number,
  kvs: number,
  kv_big: number,
): Pick<SkewCase, "kv_big" | "kv_mean" | "regime"> {
  const kv_mean = Math.floor((nb * kv_big + (n - nb) * kvs) / n);
  return { kv_big, kv_mean, regime: pc > 0 ? "mixed" : "pure" };
}

/** A case before it is worked out. */
type Point = Omit<SkewCase, "kv_big" | "kv_mean" | "regime">;

/**
 * The cases of a grid, as the reference profiler lists them: those whose skewed batch an engine's limits allow.
 *
 * @param grid Extent and factors.
 * @param limits What the engine allows. The reference counts a history's tokens alone against the pool, not the new
 * one, so that a listed batch may not fit after all.
 * @returns The cases, each once, in firing order: the full product, then the pivots.
 * @throws {UsageError} when a factor is not above 1, or the axes span more than 5 million cases.
 *
 * @example
 * ```ts
 * import { skewCases } from "./skew_cases.ts";
 * import assert from "node:assert/strict";
 * const factors = { skewNFactor: 2, skewPcFactor: 2, skewKpFactor: 2, skewKvsFactor: 2 };
 * const grid = { maxNumBatchedTokens: 2048, maxNumSeqs: 256, attentionMaxKv: 16_384, ...factors };
 * const cases = skewCases(grid, {
 *   max_num_batched_tokens: 2048,
 *   max_num_seqs: 256,
 *   num_cache_tokens: 4_400_000,
 *   max_model_len: 131_072,
 *   num_experts: null,
 *   top_k: null,
 *   block_size: 16,
 * });
 * assert.equal(cases.length, 13_009);
 * assert.deepEqual(cases[0], {
 *   n: 2, nb: 1, skew: 4, ratio: 0.5, pc: 0, kp: 0, kvs: 128, kv_big: 512, kv_mean: 320, regime: "pure", tier: 1,
 * });
 * ```
 */
export function skewCases(grid: SkewGrid, limits: Limits): SkewCase[] {
  const axes = skewAxes(grid);
  const counts = axes.n.reduce((sum, n) => sum + countsOf(n).size, 0);
  refuseHuge("skew", counts * axes.pc.length * axes.kp.length * axes.kvs.length);
  const cases: SkewCase[] = [];
  for (const point of fullProduct(axes)) {
    const skewCase = workOut(point);
    if (isListed(skewCase, grid, limits)) cases.push(skewCase);
  }
  for (const point of pivots(axes)) {
    const skewCase = workOut(point);
    if (isListed(skewCase, grid, limits) && !cases.some((other) => isSame(other, skewCase))) {
      cases.push(skewCase);
    }
  }
  return cases;
}

function isSame(a: SkewCase, b: SkewCase): boolean {
  return a.n === b.n && a.nb === b.nb && a.pc === b.pc && a.kp === b.kp && a.kvs === b.kvs &&
    a.skew === b.skew;
}

function* fullProduct({ n: ns, pc: pcs, kp: kps, kvs: all }: SkewAxes): Generator<Point> {
  for (const n of ns) {
    for (const nb of countsOf(n)) {
      const ratio = roundDecimals(nb / n, 4);
      for (const pc of pcs) {
        for (const kp of pc > 0 ? kps : [0]) {
          for (const kvs of all) yield { n, nb, skew: SKEW_REPRESENTATIVE, ratio, pc, kp, kvs, tier: 1 };
        }
      }
    }
  }
}

/** How many of n decodes are long: by the shares, and one to four. */
function countsOf(n: number): Set<number> {
  const few = [1, 2, 3, 4].filter((nb) => nb < n).map((nb) => nb / n);
  return new Set([...SKEW_RATIOS, ...few].sort((a, b) => a - b).map((ratio) => shareOf(n, ratio)));
}

function shareOf(n: number, ratio: number): number {
  return Math.max(1, Math.min(roundDecimals(ratio * n, 0), n - 1));
}

function* pivots({ n: [first, second, third], pc: [, chunk], kvs: [kvs] }: SkewAxes): Generator<Point> {
  const n = second ?? first;
  if (n === undefined || chunk === undefined || kvs === undefined) return;
  const at = (n: number, share: number, pc: number, skews: number[]): Point[] => {
    const nb = shareOf(n, share);
    const ratio = roundDecimals(nb / n, 4);
    return skews.map((skew) => ({ n, nb, skew, ratio, pc, kp: 0, kvs, tier: 2 }));
  };
  yield* at(n, 0.125, chunk, [1.5, 2, 4, 8, 16]);
  if (third !== undefined) yield* at(third, 0.125, chunk, [1.5, 2, 4, 8, 16]);
  yield* at(n, 0.5, chunk, [1.5, 2, 4]);
  yield* at(n, 0.125, 0, [2, 4, 8, 16]);
}

function workOut({ tier, ...point }: Point): SkewCase {
  const { n, nb, skew, pc, kvs } = point;
  return { ...point, ...derived(n, nb, pc, kvs, roundDecimals(kvs * skew, 0)), tier };
}

function isListed({ n, nb, pc, kp, kvs, kv_big }: SkewCase, grid: SkewGrid, limits: Limits): boolean {
  const { maxNumBatchedTokens: tokens, attentionMaxKv: longest } = grid;
  const prefills = pc > 0 ? 1 : 0;
  return pc <= tokens + 1 &&
    Math.max(kvs, kv_big, kp) <= longest + 1 &&
    pc + n <= tokens + limits.max_num_seqs &&
    n + prefills <= limits.max_num_seqs &&
    Math.max(kv_big, prefills * (pc + kp)) + 1 <= limits.max_model_len &&
    fitsPool([[kv_big, nb], [kvs, n - nb], [pc + kp, prefills]], limits);
}
