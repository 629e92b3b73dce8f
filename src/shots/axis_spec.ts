/**
 * Axes as meta.yaml describes them.
 *
 * @module
 */
import { roundDecimals } from "../number_format.ts";
import { attentionAxes, type AttentionGrid } from "./attention_shots.ts";
import { chunkOf, type Limits, windowOf } from "./limits.ts";
import { newerAxes } from "./newer_shots.ts";

/** An axis: a text such as `0, 16-2048 x2`, or its values. */
export type AxisSpec = string | readonly number[];

/** The grid of the attention sweep, as meta.yaml records it. */
export interface AttentionGridSpec {
  /** Longest KV length asked for, in tokens. */
  readonly max_kv: number;
  /** Ratio of neighbours on the chunk axis. */
  readonly chunk_factor: number;
  /** Ratio of neighbours on the KV axes. */
  readonly kv_factor: number;
  /** Chunk axis in tokens. */
  readonly chunks: AxisSpec;
  /** Axis of decoding requests. */
  readonly n_decode: AxisSpec;
  /** Axis of histories in tokens. */
  readonly kv: AxisSpec;
  /** Tokens of the window where all attention slides: of longer histories the grid has the first and the last. */
  readonly window?: number;
  /** Ratio of neighbours on the axis of decoding requests; of v1.2's grid, as what follows. */
  readonly n_factor?: number;
  /** The axes by name. */
  readonly axes?: string;
  /** Axis of the prefills' mean place in tokens. */
  readonly prefill_key?: AxisSpec;
  /** New tokens of a decode. */
  readonly decode_q_lens?: readonly number[];
  /** Whether August's grid is measured beside it. */
  readonly union?: boolean;
}

/** By how much a step may differ from the first one, as a share of it. */
const TOLERANCE = 0.02;

/**
 * Describes an axis in short.
 *
 * It is geometric when all steps have the ratio of the first one within 2%; the last step may fall short. A 0 in front
 * stands apart.
 *
 * @param values The axis.
 * @returns First value, last value and ratio to two decimals, or the values when it is not geometric.
 *
 * @example
 * ```ts
 * import { axisSpec } from "./axis_spec.ts";
 * import assert from "node:assert/strict";
 * assert.equal(axisSpec([0, 16, 32, 64, 100]), "0, 16-100 x2");
 * assert.deepEqual(axisSpec([1, 2, 4, 9]), [1, 2, 4, 9]);
 * ```
 */
export function axisSpec(values: readonly number[]): AxisSpec {
  const steps = values[0] === 0 ? values.slice(1) : values;
  const [first, second] = steps;
  const last = steps.at(-1);
  if (first === undefined || second === undefined || !(first > 0)) return values;
  const ratio = second / first;
  if (!(ratio > 1) || !isGeometric(steps, ratio)) return values;
  const text = `${first}-${last} x${roundDecimals(ratio, 2)}`;
  return steps === values ? text : `0, ${text}`;
}

function isGeometric(steps: readonly number[], ratio: number): boolean {
  return steps.every((value, i) => {
    if (i === 0) return true;
    const off = value / steps[i - 1]! / ratio - 1;
    return off <= TOLERANCE && (off >= -TOLERANCE || (i === steps.length - 1 && value > steps[i - 1]!));
  });
}

/**
 * Describes an attention grid for meta.yaml.
 *
 * @param grid Its extent and factors.
 * @param limits What the engine allows, which v1.2's grid keeps to.
 * @returns The block `attention_grid`, keys in order; its factors are floats there (`2.0`).
 * @throws {UsageError} when a factor is not above 1.
 */
export function attentionGridSpec(grid: AttentionGrid, limits?: Limits): AttentionGridSpec {
  const windowTokens = limits === undefined ? null : windowOf(limits);
  const window = windowTokens === null ? {} : { window: windowTokens };
  if ((grid.grid ?? "august") !== "august" && limits !== undefined) {
    const { chunks, keys, decodes, kv } = newerAxes(grid, limits);
    return {
      max_kv: kv.at(-1)!,
      chunk_factor: grid.attentionChunkFactor,
      kv_factor: grid.attentionKvFactor,
      n_factor: grid.attentionNFactor ?? 2,
      axes: "prefill_tokens,prefill_key,n_decode,kv_decode",
      chunks: axisSpec(chunks),
      n_decode: axisSpec(decodes),
      kv: axisSpec(kv),
      prefill_key: axisSpec(keys),
      decode_q_lens: grid.decodeQLens ?? [1],
      ...window,
      ...grid.grid === "both" && { union: true },
    };
  }
  const axes = attentionAxes({
    ...grid,
    windowTokens,
    localChunk: limits === undefined ? null : chunkOf(limits),
  });
  return {
    max_kv: grid.attentionMaxKv,
    chunk_factor: grid.attentionChunkFactor,
    kv_factor: grid.attentionKvFactor,
    chunks: axisSpec(axes.chunks),
    n_decode: axisSpec(axes.decodes),
    kv: axisSpec(axes.kv),
    ...window,
  };
}
