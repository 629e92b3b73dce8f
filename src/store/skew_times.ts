/**
 * The times of skew cases while a bundle is written, and the rows that they make.
 *
 * @module
 */
import { formatTimeUs } from "../number_format.ts";
import { alphaOf, type SkewRow } from "../bundle/skew.ts";
import type { Row } from "../bundle/tables.ts";
import { interpolatedTimes } from "../fit/uniform_times.ts";
import { attentionNs, makeAttentionTable } from "../predict/attention.ts";
import { skewCaseOf } from "../shots/skew_cases.ts";
import { type SkewMode, type SkewPart, type UniformBatch, uniformBatch } from "../shots/skew_parts.ts";
import { rowText } from "../shots/shot_id.ts";

/** What is known of the skew cases of one degree. */
export interface SkewTimes {
  /** The valid rows of its skew.csv, by the texts of the cases' keys. */
  readonly rows: Map<string, SkewRow>;
  /** Microseconds of the skewed batches that were fired, by the texts of the cases' keys. */
  readonly skewed: Map<string, number>;
  /** How far the samples of these lie apart: their standard deviation as a share of the time. */
  readonly spreads: Map<string, number>;
  /** Microseconds of the uniform batches that were fired for a case, by the texts of their own keys. */
  readonly uniform: Map<string, number>;
  /** Whether skew.csv lists the requests of its cases, as v1.2 writes it: such a file is left as it is. */
  listsRequests?: boolean;
}

/** The skew cases of all degrees. */
export type SkewTimesByTp = Map<number, SkewTimes>;

/**
 * The cases of one degree, made when there are none.
 *
 * @param all The cases of all degrees.
 * @param tp Tensor-parallel degree.
 * @returns Its cases; changing them changes `all`.
 */
export function skewTimesOf(all: SkewTimesByTp, tp: number): SkewTimes {
  let times = all.get(tp);
  if (times === undefined) {
    all.set(tp, times = { rows: new Map(), skewed: new Map(), spreads: new Map(), uniform: new Map() });
  }
  return times;
}

/**
 * Counts the cases that have a time.
 *
 * @param times The times.
 * @returns How many have a row or a skewed batch that was fired.
 */
export function countCases({ rows, skewed }: SkewTimes): number {
  return new Set([...rows.keys(), ...skewed.keys()]).size;
}

/**
 * Sets the time of a part, in place of the one before.
 *
 * @param times The times.
 * @param key The key of the case.
 * @param part Which of its batches.
 * @param timeUs Its time in microseconds.
 */
export function setPart(times: SkewTimes, key: readonly number[], part: SkewPart, timeUs: number): void {
  if (part === "t_skew") times.skewed.set(key.join(), timeUs);
  else times.uniform.set(uniformBatch(skewCaseOf(key), part).join(), timeUs);
}

/**
 * Whether a part of a case has a time: it was fired, or the case has a row whose skewed batch the journal lacks, which
 * then stands as a whole.
 *
 * @param times The times.
 * @param key The key of the case.
 * @param part Which of its batches.
 * @returns Whether it has a time.
 */
export function hasPart(times: SkewTimes, key: readonly number[], part: SkewPart): boolean {
  const text = key.join();
  if (part === "t_skew") return times.skewed.has(text) || times.rows.has(text);
  const isWhole = times.rows.has(text) && !times.skewed.has(text);
  return isWhole || times.uniform.has(uniformBatch(skewCaseOf(key), part).join());
}

/**
 * The time of a case's skewed batch.
 *
 * @param times The times.
 * @param key The key of the case.
 * @returns Its time in microseconds, null when it has none.
 */
export function skewedTime({ rows, skewed }: SkewTimes, key: readonly number[]): number | null {
  const text = key.join();
  return skewed.get(text) ?? rows.get(text)?.t_skew_us ?? null;
}

/**
 * Why cases must not be added to those that are there.
 *
 * @param times The times.
 * @param attention The rows of attention.csv at the same degree, by their texts.
 * @param again Whether all cases are measured again, in place of those that are there.
 * @returns The reason, null when there is none.
 */
export function skewProblem(
  times: SkewTimes,
  attention: ReadonlyMap<string, Row>,
  again: boolean,
): string | null {
  if (times.listsRequests) {
    return "skew.csv lists the requests of its cases, as v1.2 writes it, and stays as it is";
  }
  const table = makeAttentionTable([...attention.values()]);
  if (table === null) return "attention.csv has no rows for its alphas to lie between";
  const foreign = [...times.rows].filter(([text]) => !times.skewed.has(text)).map(([, row]) => row);
  const { timeScale } = interpolatedTimes(foreign, table);
  if (again || timeScale === 1) return null;
  return `the times of skew.csv are ${timeScale} times those of attention.csv, as sums of samples are, and new ones ` +
    `would not be; refresh with category skew measures all of them again`;
}

/**
 * The rows that the times make. A case that lacks a time keeps the row that skew.csv has.
 *
 * @param times The times.
 * @param attention The rows of attention.csv at the same degree, by their texts.
 * @param mode Where the times of uniform batches come from: attention.csv and the batches that were fired, or
 * attention.csv as a simulator reads it.
 * @returns The rows, in no order.
 */
export function skewRows(
  times: SkewTimes,
  attention: ReadonlyMap<string, Row>,
  mode: SkewMode,
): SkewRow[] {
  if (times.skewed.size === 0) return [...times.rows.values()];
  const rows = new Map(times.rows);
  const timeOf = mode === "exact" ? measured(times, attention) : interpolated(attention);
  for (const [text, t_skew_us] of times.skewed) {
    const skewCase = skewCaseOf(text.split(",").map(Number));
    const t_mean_us = timeOf(uniformBatch(skewCase, "t_mean"));
    const t_max_us = timeOf(uniformBatch(skewCase, "t_max"));
    if (t_mean_us === undefined || t_max_us === undefined) continue;
    const alpha = alphaOf(t_mean_us, t_max_us, t_skew_us);
    rows.set(text, { ...skewCase, t_mean_us, t_max_us, t_skew_us, alpha });
  }
  return [...rows.values()];
}

type TimeOf = (batch: UniformBatch) => number | undefined;

function measured({ uniform }: SkewTimes, attention: ReadonlyMap<string, Row>): TimeOf {
  return (batch) => attention.get(rowText(null, batch))?.timeUs ?? uniform.get(batch.join());
}

/** A simulator reads times of six digits in whole nanoseconds. */
function interpolated(attention: ReadonlyMap<string, Row>): TimeOf {
  const rows = Array.from(
    attention.values(),
    (row) => ({ ...row, timeUs: Number(formatTimeUs(row.timeUs)) }),
  );
  const table = makeAttentionTable(rows);
  return (batch) => table === null ? undefined : attentionNs(table, ...batch) / 1000;
}
