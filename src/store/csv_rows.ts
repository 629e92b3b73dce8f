/**
 * The rows of attention.csv and skew.csv, which are not the measured ones alone: some are predicted, and skew's are made
 * from several times.
 *
 * @module
 */
import { formatSkew, type SkewRow } from "../bundle/skew.ts";
import type { Row } from "../bundle/tables.ts";
import type { SkewMode } from "../shots/skew_parts.ts";
import { rowText } from "../shots/shot_id.ts";
import { estimatedRows } from "./estimates.ts";
import { tableOf } from "./rows.ts";
import { skewRows, skewTimesOf } from "./skew_times.ts";
import type { BundleState } from "./state.ts";
import type { TableFiles } from "./table_files.ts";

/** What the files show. */
export interface CsvRows {
  /** The rows of a degree's attention.csv by their texts, measured and predicted. */
  attention(tp: number): ReadonlyMap<string, Row>;
  /** The rows of a degree's skew.csv, in no order. */
  skew(tp: number): SkewRow[];
}

/**
 * Tells what the files show.
 *
 * @param state What the bundle holds, which may change at any time.
 * @param mode Where the times of uniform batches of skew cases come from.
 * @returns The rows.
 */
export function csvRows(
  { rows, estimates, skew }: Pick<BundleState, "rows" | "estimates" | "skew">,
  mode: SkewMode,
): CsvRows {
  const measured = (tp: number): ReadonlyMap<string, Row> => tableOf(rows, tp, "attention");
  const attention = (tp: number): ReadonlyMap<string, Row> =>
    new Map<string, Row>([
      ...estimatedRows(estimates, tp).map((row) => [rowText(row.layer, row.key), row] as const),
      ...measured(tp),
    ]);
  return {
    attention,
    skew: (tp) => {
      const rows = mode === "exact" ? measured(tp) : attention(tp);
      return skewRows(skewTimesOf(skew, tp), ofWholeHistory(rows), mode);
    },
  };
}

/**
 * The rows of the attention kernel that skew cases are about: of several the one whose rows name none.
 *
 * @param rows The rows of a degree's attention.csv by their texts.
 * @returns Those of this kernel.
 */
export function ofWholeHistory(rows: ReadonlyMap<string, Row>): ReadonlyMap<string, Row> {
  for (const { layer } of rows.values()) {
    if (layer !== null) return new Map([...rows].filter(([, { layer }]) => layer === null));
  }
  return rows;
}

/**
 * Notes the files that show other rows than they should.
 *
 * @param files The files.
 * @param state What the bundle was found to hold.
 * @param shown What they should show.
 */
export function touchStale(
  files: TableFiles,
  { stale, skew }: Pick<BundleState, "stale" | "skew">,
  shown: CsvRows,
): void {
  for (const [tp, category] of stale) files.touch(tp, category);
  for (const [tp, { rows, skewed }] of skew) {
    if (skewed.size > 0 && formatSkew([...rows.values()]) !== formatSkew(shown.skew(tp))) {
      files.touch(tp, "skew");
    }
  }
}
