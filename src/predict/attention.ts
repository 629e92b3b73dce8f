/**
 * Attention times over four axes: prefill_chunk, kv_prefill, n_decode, kv_decode.
 *
 * The rows fall into slices, one for each (prefill_chunk, n_decode) that was measured; a slice holds lines, one
 * for each kv_prefill, of times over kv_decode. A lookup interpolates within the up to four slices around it and
 * blends over n_decode, then over prefill_chunk.
 *
 * @module
 */
import type { Row } from "../bundle/tables.ts";
import { fractionAbove, interpolate, lerp, lowerNeighbour, noteStandIn } from "./interpolate.ts";
import { nanoseconds, wholeNanoseconds } from "./nanoseconds.ts";

/** The rows of attention.csv, arranged for lookups. */
export interface AttentionTable {
  /** Every prefill_chunk of the table, ascending. */
  readonly chunks: Float64Array;
  /** Every n_decode of the table, ascending. */
  readonly decodes: Float64Array;
  /** The slice to read at [chunk index * decodes.length + decode index]: its own, or the nearest that exists. */
  readonly sliceAt: Int32Array;
  /** The prefill_chunk of each slice. */
  readonly sliceChunk: Float64Array;
  /** The n_decode of each slice. */
  readonly sliceDecodes: Float64Array;
  /** Where the lines of each slice begin; one more entry ends the last. */
  readonly sliceStart: Int32Array;
  /** The kv_prefill of each line, ascending within a slice. */
  readonly lineKvPrefill: Float64Array;
  /** Where the points of each line begin; one more entry ends the last. */
  readonly lineStart: Int32Array;
  /** The kv_decode of each point, ascending within a line. */
  readonly kvDecode: Float64Array;
  /** The time of each point in nanoseconds. */
  readonly ns: Float64Array;
}

/**
 * Arranges the rows of attention.csv for lookups.
 *
 * @param rows The rows; the key is prefill_chunk, kv_prefill, n_decode, kv_decode.
 * @returns The table, null without rows.
 */
export function makeAttentionTable(rows: readonly Row[]): AttentionTable | null {
  if (rows.length === 0) return null;
  const sorted = rows.toSorted(bySliceAndLine);
  const key = (i: number, axis: number): number => sorted[i]!.key[axis]!;
  const sliceChunk: number[] = [];
  const sliceDecodes: number[] = [];
  const sliceStart: number[] = [];
  const lineKvPrefill: number[] = [];
  const lineStart: number[] = [];
  for (let i = 0; i < sorted.length; i++) {
    const newSlice = i === 0 || key(i, 0) !== key(i - 1, 0) || key(i, 2) !== key(i - 1, 2);
    if (newSlice) {
      sliceStart.push(lineStart.length);
      sliceChunk.push(key(i, 0));
      sliceDecodes.push(key(i, 2));
    }
    if (newSlice || key(i, 1) !== key(i - 1, 1)) {
      lineStart.push(i);
      lineKvPrefill.push(key(i, 1));
    }
  }
  const chunks = ascending(sliceChunk);
  const decodes = ascending(sliceDecodes);
  return {
    chunks,
    decodes,
    sliceAt: nearestSlices(chunks, decodes, sliceChunk, sliceDecodes),
    sliceChunk: Float64Array.from(sliceChunk),
    sliceDecodes: Float64Array.from(sliceDecodes),
    sliceStart: Int32Array.from([...sliceStart, lineStart.length]),
    lineKvPrefill: Float64Array.from(lineKvPrefill),
    lineStart: Int32Array.from([...lineStart, sorted.length]),
    kvDecode: Float64Array.from(sorted, (row) => row.key[3]!),
    ns: Float64Array.from(sorted, (row) => nanoseconds(row.timeUs)),
  };
}

/**
 * The time of attention over one batch.
 *
 * @param table The table.
 * @param chunk New tokens of the prefill.
 * @param kvPrefill History of the prefill in tokens.
 * @param nDecode Decoding requests.
 * @param kvDecode History of each of them in tokens.
 * @returns Time in nanoseconds.
 */
export function attentionNs(
  table: AttentionTable,
  chunk: number,
  kvPrefill: number,
  nDecode: number,
  kvDecode: number,
): number {
  const { chunks, decodes } = table;
  const i = lowerNeighbour(chunks, 0, chunks.length, chunk);
  const j = lowerNeighbour(decodes, 0, decodes.length, nDecode);
  const t = fractionAbove(chunks, i, chunks.length, chunk);
  const s = fractionAbove(decodes, j, decodes.length, nDecode);
  const lower = blendDecodes(table, i, j, s, kvPrefill, kvDecode);
  return wholeNanoseconds(
    t === 0 ? lower : lerp(lower, blendDecodes(table, i + 1, j, s, kvPrefill, kvDecode), t),
  );
}

/**
 * The time within one slice.
 *
 * @param table The table.
 * @param slice The slice's index.
 * @param kvPrefill History of the prefill in tokens.
 * @param kvDecode History of each decoding request in tokens.
 * @returns Time in nanoseconds, not yet cut to whole ones.
 */
export function sliceNs(table: AttentionTable, slice: number, kvPrefill: number, kvDecode: number): number {
  const { lineKvPrefill, sliceStart } = table;
  const end = sliceStart[slice + 1]!;
  const line = lowerNeighbour(lineKvPrefill, sliceStart[slice]!, end, kvPrefill);
  const t = fractionAbove(lineKvPrefill, line, end, kvPrefill);
  const lower = lineNs(table, line, kvDecode);
  return t === 0 ? lower : lerp(lower, lineNs(table, line + 1, kvDecode), t);
}

function blendDecodes(
  table: AttentionTable,
  i: number,
  j: number,
  s: number,
  kvPrefill: number,
  kvDecode: number,
): number {
  const lower = sliceNs(table, sliceOf(table, i, j), kvPrefill, kvDecode);
  return s === 0 ? lower : lerp(lower, sliceNs(table, sliceOf(table, i, j + 1), kvPrefill, kvDecode), s);
}

function sliceOf(table: AttentionTable, i: number, j: number): number {
  const slice = table.sliceAt[i * table.decodes.length + j]!;
  const own = table.sliceChunk[slice] === table.chunks[i] && table.sliceDecodes[slice] === table.decodes[j];
  if (!own) noteStandIn();
  return slice;
}

function lineNs({ kvDecode, ns, lineStart }: AttentionTable, line: number, query: number): number {
  return interpolate(kvDecode, ns, lineStart[line]!, lineStart[line + 1]!, query);
}

function bySliceAndLine({ key: a }: Row, { key: b }: Row): number {
  return a[0]! - b[0]! || a[2]! - b[2]! || a[1]! - b[1]! || a[3]! - b[3]!;
}

function ascending(values: readonly number[]): Float64Array {
  return Float64Array.from(new Set(values)).sort();
}

/** The slice for each corner of the grid: the smallest squared distance, the first in order among equals. */
function nearestSlices(
  chunks: Float64Array,
  decodes: Float64Array,
  sliceChunk: readonly number[],
  sliceDecodes: readonly number[],
): Int32Array {
  const nearest = new Int32Array(chunks.length * decodes.length);
  for (let i = 0; i < chunks.length; i++) {
    for (let j = 0; j < decodes.length; j++) {
      let best = Infinity;
      for (let slice = 0; slice < sliceChunk.length && best > 0; slice++) {
        const distance = (sliceChunk[slice]! - chunks[i]!) ** 2 + (sliceDecodes[slice]! - decodes[j]!) ** 2;
        if (distance >= best) continue;
        best = distance;
        nearest[i * decodes.length + j] = slice;
      }
    }
  }
  return nearest;
}
