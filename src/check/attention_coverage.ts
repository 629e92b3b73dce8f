/**
 * How an attention table answers the lookups of a run.
 *
 * @module
 */
import type { AttentionTable } from "../predict/attention.ts";
import { type AttentionTrace, type AxisTrace, traceAttention } from "../predict/explain.ts";
import type { CoverageNeed } from "./coverage_need.ts";
import type { EstimatedRow } from "../bundle/estimated.ts";
import { shareOfRows } from "./estimated_share.ts";

/**
 * How a lookup comes to its answer: `exact` on measured values; `between` them; `clamped` to the smallest one;
 * `neighbour`: from another slice of the attention table, where its own was never measured; `extrapolated` beyond the
 * largest one.
 */
export type Place = "exact" | "between" | "clamped" | "neighbour" | "extrapolated";

/** The places from what was measured itself to what is guessed. */
export const PLACES: readonly Place[] = ["exact", "between", "clamped", "neighbour", "extrapolated"];

/** Lookups with one prefill and one number of decodes, over histories. */
export interface CoverageCell {
  /** New tokens of the prefill. */
  readonly chunk: number;
  /** Decoding requests. */
  readonly nDecode: number;
  /** Share of the lookups by place; they sum to 1. */
  readonly shares: Readonly<Record<Place, number>>;
  /** The worst place that at least a tenth of the lookups have. */
  readonly worst: Place;
  /** How much of the answers rests on predicted rows, as a share: the mean of the lookups. */
  readonly estimated: number;
}

/** How a degree's attention table meets the need. */
export interface AttentionCoverage {
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** The kernel where it is not the one that August knows, with the new tokens of a decode where they are several. */
  readonly kernel?: string;
  /** Combinations of chunk and decodes that a batch may have. */
  readonly cells: readonly CoverageCell[];
  /** Share of all lookups by place; they sum to 1. */
  readonly shares: Readonly<Record<Place, number>>;
  /** How much of all answers rests on predicted rows, as a share. */
  readonly estimated: number;
}

/** Histories are probed from here on: shorter ones pass within a few iterations. */
const LEAST_KV = 16;
/** The share of a cell's lookups that gives it its name. */
const TELLING = 0.1;

/**
 * Probes an attention table with the batches that a run may have, at sizes that grow by half.
 *
 * @param tp Its tensor-parallel degree.
 * @param table The table.
 * @param need How far the run's batches reach.
 * @param predicted Rows of the table that are predictions.
 * @returns How it meets the need.
 */
export function attentionCoverage(
  tp: number,
  table: AttentionTable,
  need: CoverageNeed,
  predicted: readonly EstimatedRow[],
): AttentionCoverage {
  const keys = new Set(predicted.map(({ key }) => key.join()));
  const restsOn = (trace: AttentionTrace): number =>
    keys.size === 0 ? 0 : shareOfRows(trace, (key) => keys.has(key.join()));
  const { maxNumBatchedTokens, maxNumSeqs, maxKv } = need;
  const histories = sizes(maxKv).filter((kv, i, all) =>
    kv >= Math.min(LEAST_KV, maxKv) && (all.length - 1 - i) % 3 === 0
  );
  const cells: CoverageCell[] = [];
  const total = noCounts();
  let lookups = 0;
  let estimatedTotal = 0;
  for (const chunk of [0, ...sizes(maxNumBatchedTokens).filter((tokens) => tokens > 1)]) {
    for (const n of [0, ...sizes(maxNumSeqs)]) {
      if (chunk + n === 0 || chunk + n > maxNumBatchedTokens || n + (chunk > 0 ? 1 : 0) > maxNumSeqs) {
        continue;
      }
      const counts = noCounts();
      let estimated = 0;
      let size = 0;
      for (const kvPrefill of chunk > 0 ? [0, ...histories] : [0]) {
        for (const kvDecode of n > 0 ? histories : [0]) {
          const trace = traceAttention(table, chunk, kvPrefill, n, kvDecode);
          const place = placeOf(trace, chunk, n);
          estimated += restsOn(trace);
          size++;
          counts[place]++;
          total[place]++;
        }
      }
      const shares = sharesOf(counts);
      const worst = PLACES.findLast((place) => shares[place] >= TELLING)!;
      cells.push({ chunk, nDecode: n, shares, worst, estimated: estimated / size });
      estimatedTotal += estimated;
      lookups += size;
    }
  }
  return { tp, cells, shares: sharesOf(total), estimated: estimatedTotal / lookups };
}

/** The worst place on any axis of a lookup. */
function placeOf(trace: AttentionTrace, chunk: number, n: number): Place {
  const corners = trace.corners.filter(({ weight }) => weight !== 0);
  const axes: AxisTrace[] = [trace.chunk, trace.nDecode];
  for (const corner of corners) {
    if (chunk > 0) axes.push(corner.kvPrefill);
    if (n > 0) axes.push(...corner.kvDecode);
  }
  const places: Place[] = axes.map(({ place }) => place);
  if (corners.some(({ replaced }) => replaced)) places.push("neighbour");
  return places.reduce((a, b) => PLACES.indexOf(b) > PLACES.indexOf(a) ? b : a);
}

/** Sizes from 1 that grow by a half and a third in turn (1, 2, 3, 4, 6, 8, 12, ...), and the largest. */
function sizes(max: number): number[] {
  const found: number[] = [];
  for (let power = 1; power <= max; power *= 2) {
    found.push(power);
    const between = power * 1.5;
    if (Number.isInteger(between) && between <= max) found.push(between);
  }
  return found.at(-1) === max ? found : [...found, max];
}

function noCounts(): Record<Place, number> {
  return { exact: 0, between: 0, clamped: 0, neighbour: 0, extrapolated: 0 };
}

function sharesOf(counts: Record<Place, number>): Record<Place, number> {
  const sum = PLACES.reduce((total, place) => total + counts[place], 0);
  const shares = noCounts();
  for (const place of PLACES) shares[place] = counts[place] / sum;
  return shares;
}
