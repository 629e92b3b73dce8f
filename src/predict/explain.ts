/**
 * How a lookup came to its answer: what was read, replaced, clamped or extrapolated.
 *
 * @module
 */
import { type AlphaSource, type AlphaTable, bucketAlpha, bucketKey } from "./alpha.ts";
import { attentionNs, type AttentionTable, sliceNs } from "./attention.ts";
import { type Batch, type BatchFacts, batchNs, emptyFacts, gatherFacts } from "./batch.ts";
import { fractionAbove, lowerNeighbour, type Place } from "./interpolate.ts";

/** Where a query lies on an axis. */
export interface AxisTrace {
  /** The query. */
  readonly query: number;
  /** The axis value that was read, or the lower one of two. */
  readonly lower: number;
  /** The upper one, null when one was enough. */
  readonly upper: number | null;
  /** Share of the upper one; above 1 when extrapolated. */
  readonly fraction: number;
  /** Which kind of place that is. */
  readonly place: Place;
}

/** What the lines of a slice have in common. */
export interface SliceKey {
  /** New tokens of the prefill. */
  readonly chunk: number;
  /** Decoding requests. */
  readonly nDecode: number;
}

/** One of the up to four slices around a query. */
export interface CornerTrace {
  /** prefill_chunk and n_decode of the grid's corner. */
  readonly corner: SliceKey;
  /** Those of the slice that was read: another one where the corner was never measured. */
  readonly slice: SliceKey;
  /** Whether the slice stands in for a missing one. */
  readonly replaced: boolean;
  /** Its share in the answer; the shares sum to 1. */
  readonly weight: number;
  /** Time within the slice, in nanoseconds, not cut to whole ones. */
  readonly ns: number;
  /** Place on the slice's kv_prefill axis, in tokens; for v1.2 on that of prefill_key. */
  readonly kvPrefill: AxisTrace;
  /** Place on the kv_decode axis of each line that was read, in tokens. */
  readonly kvDecode: readonly AxisTrace[];
}

/** How an attention lookup came to its answer. */
export interface AttentionTrace {
  /** The answer in nanoseconds. */
  readonly ns: number;
  /** Place on the prefill_chunk axis, in tokens. */
  readonly chunk: AxisTrace;
  /** Place on the n_decode axis, in requests. */
  readonly nDecode: AxisTrace;
  /** The slices that were read. */
  readonly corners: readonly CornerTrace[];
}

/** Which rule gave a batch's answer. */
export type BatchRule = "n<=1" | "max==mean" | "alpha==0" | "t_max<=t_mean" | "blend";

/** How a batch came to its answer. */
export interface BatchTrace {
  /** The answer in nanoseconds. */
  readonly ns: number;
  /** What the batch was reduced to. */
  readonly facts: Readonly<BatchFacts>;
  /** Where its prefills lie, in tokens; v1.2 alone looks there. */
  readonly prefillKey?: number;
  /** (t_max - t_mean) / t_mean where v1.2 asks for an alpha, null where it does not. */
  readonly lev?: number | null;
  /** The rule. */
  readonly rule: BatchRule;
  /** Lookup at the mean KV length. */
  readonly mean: AttentionTrace;
  /** Lookup at the longest KV length, null where the rule needs none. */
  readonly max: AttentionTrace | null;
  /** The bucket's key, or the cell of v1.2 and its anchor; null where the rule needs none. */
  readonly bucket: string | null;
  /** The alpha, null where the rule needs none. */
  readonly alpha: number | null;
  /** Where the alpha comes from, null where the rule needs none. */
  readonly alphaSource: AlphaSource | null;
}

/**
 * Traces an attention lookup.
 *
 * @param table The table.
 * @param chunk New tokens of the prefill.
 * @param kvPrefill History of the prefill in tokens.
 * @param nDecode Decoding requests.
 * @param kvDecode History of each of them in tokens.
 * @returns The trace.
 */
export function traceAttention(
  table: AttentionTable,
  chunk: number,
  kvPrefill: number,
  nDecode: number,
  kvDecode: number,
): AttentionTrace {
  const chunkTrace = traceAxis(table.chunks, 0, table.chunks.length, chunk);
  const decodeTrace = traceAxis(table.decodes, 0, table.decodes.length, nDecode);
  const corners = sides(chunkTrace).flatMap(([cornerChunk, chunkWeight]) =>
    sides(decodeTrace).map(([cornerDecodes, decodeWeight]) =>
      traceCorner(table, cornerChunk, cornerDecodes, chunkWeight * decodeWeight, kvPrefill, kvDecode)
    )
  );
  return {
    ns: attentionNs(table, chunk, kvPrefill, nDecode, kvDecode),
    chunk: chunkTrace,
    nDecode: decodeTrace,
    corners,
  };
}

/**
 * Traces a batch.
 *
 * @param attention The attention table.
 * @param alphas The alphas.
 * @param batch The batch.
 * @returns The trace.
 */
export function traceBatch(attention: AttentionTable, alphas: AlphaTable, batch: Batch): BatchTrace {
  const facts = emptyFacts();
  gatherFacts(facts, batch);
  const { pc, kp, n, kvMean, kvMax, skewRate } = facts;
  const mean = traceAttention(attention, pc, kp, n, kvMean);
  const answer = { ns: batchNs(attention, alphas, facts), facts, mean };
  if (n <= 1 || kvMax === kvMean) {
    const rule = n <= 1 ? "n<=1" : "max==mean";
    return { ...answer, rule, max: null, bucket: null, alpha: null, alphaSource: null };
  }
  const bucket = bucketKey(alphas.numbering, pc, n, skewRate, kvMax, kp);
  const own = bucketAlpha(alphas, pc, n, skewRate, kvMax, kp);
  const alpha = own ?? alphas.fallback;
  const alphaSource = own === undefined ? alphas.fallbackSource : "bucket";
  if (alpha === 0) return { ...answer, rule: "alpha==0", max: null, bucket, alpha, alphaSource };
  const max = traceAttention(attention, pc, kp, n, kvMax);
  return { ...answer, rule: max.ns <= mean.ns ? "t_max<=t_mean" : "blend", max, bucket, alpha, alphaSource };
}

function traceAxis(axis: Float64Array, start: number, end: number, query: number): AxisTrace {
  const at = lowerNeighbour(axis, start, end, query);
  const fraction = fractionAbove(axis, at, end, query);
  const lower = axis[at]!;
  if (fraction === 0) {
    return { query, lower, upper: null, fraction, place: query === lower ? "exact" : "clamped" };
  }
  return { query, lower, upper: axis[at + 1]!, fraction, place: fraction > 1 ? "extrapolated" : "between" };
}

/**
 * The values that an axis is interpolated between.
 *
 * @param axis Where the query lies on it.
 * @returns One or two values, each with its weight.
 */
export function sides({ lower, upper, fraction }: AxisTrace): [value: number, weight: number][] {
  return upper === null ? [[lower, 1]] : [[lower, 1 - fraction], [upper, fraction]];
}

function traceCorner(
  table: AttentionTable,
  chunk: number,
  nDecode: number,
  weight: number,
  kvPrefill: number,
  kvDecode: number,
): CornerTrace {
  const { chunks, decodes, sliceStart, lineStart, lineKvPrefill } = table;
  const slice = table.sliceAt[chunks.indexOf(chunk) * decodes.length + decodes.indexOf(nDecode)]!;
  const read = { chunk: table.sliceChunk[slice]!, nDecode: table.sliceDecodes[slice]! };
  const start = sliceStart[slice]!;
  const end = sliceStart[slice + 1]!;
  const kvPrefillTrace = traceAxis(lineKvPrefill, start, end, kvPrefill);
  const line = lineKvPrefill.indexOf(kvPrefillTrace.lower, start);
  const lines = kvPrefillTrace.upper === null ? [line] : [line, line + 1];
  return {
    corner: { chunk, nDecode },
    slice: read,
    replaced: read.chunk !== chunk || read.nDecode !== nDecode,
    weight,
    ns: sliceNs(table, slice, kvPrefill, kvDecode),
    kvPrefill: kvPrefillTrace,
    kvDecode: lines.map((at) => traceAxis(table.kvDecode, lineStart[at]!, lineStart[at + 1]!, kvDecode)),
  };
}
