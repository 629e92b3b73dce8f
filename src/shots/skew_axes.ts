/**
 * The axes of the skew sweep.
 *
 * @module
 */
import { type AxisSpec, axisSpec } from "./axis_spec.ts";
import { geometricAxis } from "./axes.ts";

/** How far the skew sweep reaches and how coarse it is; a setting has the same name. */
export interface SkewGrid {
  /** Largest prefill chunk, in tokens. */
  readonly maxNumBatchedTokens: number;
  /** Most decoding requests. */
  readonly maxNumSeqs: number;
  /** Longest KV length, in tokens. */
  readonly attentionMaxKv: number;
  /** Ratio of neighbouring numbers of decodes. */
  readonly skewNFactor: number;
  /** Ratio of neighbouring prefill chunks. */
  readonly skewPcFactor: number;
  /** Ratio of neighbouring KV lengths of the prefill. */
  readonly skewKpFactor: number;
  /** Ratio of neighbouring short KV lengths. */
  readonly skewKvsFactor: number;
}

/** The axes of a skew grid. */
export interface SkewAxes {
  /** Decoding requests. */
  readonly n: readonly number[];
  /** Prefill chunks in tokens, 0 first. */
  readonly pc: readonly number[];
  /** Histories of the prefill in tokens, 0 first. */
  readonly kp: readonly number[];
  /** Short histories of the decodes, in tokens. */
  readonly kvs: readonly number[];
}

/** Shares of the decodes that have the long history. */
export const SKEW_RATIOS: readonly number[] = [0.0625, 0.125, 0.25, 0.5, 0.75, 0.9];

/** How many times longer the long history is, away from the pivots. */
export const SKEW_REPRESENTATIVE = 4;

/** What the axes of the histories reach at least, in tokens. */
const LEAST_KV = 512;

/** The skew sweep, as meta.yaml records it. */
export interface SkewProfileSpec {
  /** That it was run. */
  readonly enabled: true;
  /** Ratios of neighbours on its axes. */
  readonly factors: Readonly<Record<keyof SkewAxes, number>>;
  /** Its axes, the shares of long KV lengths, and how many times longer these are. */
  readonly grid: Readonly<Record<keyof SkewAxes | "ratio", AxisSpec> & { skew_rep: number }>;
}

/**
 * The axes of a skew grid.
 *
 * @param grid Its extent and factors.
 * @returns The axes.
 * @throws {UsageError} when a factor is not above 1.
 *
 * @example
 * ```ts
 * import { skewAxes } from "./skew_axes.ts";
 * import assert from "node:assert/strict";
 * const axes = skewAxes({
 *   maxNumBatchedTokens: 64,
 *   maxNumSeqs: 8,
 *   attentionMaxKv: 2048,
 *   skewNFactor: 2,
 *   skewPcFactor: 2,
 *   skewKpFactor: 2,
 *   skewKvsFactor: 4,
 * });
 * assert.deepEqual(axes, { n: [2, 4, 8], pc: [0, 16, 32, 64], kp: [0, 512, 1024], kvs: [128, 512, 2048] });
 * ```
 */
export function skewAxes(grid: SkewGrid): SkewAxes {
  const { maxNumBatchedTokens, maxNumSeqs, attentionMaxKv } = grid;
  const longestPrefill = Math.max(LEAST_KV, Math.floor(attentionMaxKv / 2));
  const longest = Math.max(LEAST_KV, attentionMaxKv);
  return {
    n: geometricAxis(maxNumSeqs, { start: 2, factor: grid.skewNFactor }),
    pc: [0, ...geometricAxis(maxNumBatchedTokens, { start: 16, factor: grid.skewPcFactor })],
    kp: [0, ...geometricAxis(longestPrefill, { start: 512, factor: grid.skewKpFactor })],
    kvs: geometricAxis(longest, { start: 128, factor: grid.skewKvsFactor }),
  };
}

/**
 * Describes a skew grid for meta.yaml.
 *
 * @param grid Its extent and factors.
 * @returns The block `skew_profile`, keys in order; its factors are floats there (`2.0`).
 * @throws {UsageError} when a factor is not above 1.
 */
export function skewProfileSpec(grid: SkewGrid): SkewProfileSpec {
  const { n, pc, kp, kvs } = skewAxes(grid);
  return {
    enabled: true,
    factors: { n: grid.skewNFactor, pc: grid.skewPcFactor, kp: grid.skewKpFactor, kvs: grid.skewKvsFactor },
    grid: {
      n: axisSpec(n),
      ratio: SKEW_RATIOS,
      pc: axisSpec(pc),
      kp: axisSpec(kp),
      kvs: axisSpec(kvs),
      skew_rep: SKEW_REPRESENTATIVE,
    },
  };
}
