/**
 * A journal over the files that were made from it: where they differ, the journal stands.
 *
 * @module
 */
import { formatDecimals, formatTimeUs } from "../number_format.ts";
import { tablePath } from "../bundle/layout.ts";
import { plural } from "../count_text.ts";
import type { SweepCategory } from "../shots/shot.ts";
import { type Rows, tableOf } from "./rows.ts";
import { type SkewTimesByTp, skewTimesOf } from "./skew_times.ts";

/**
 * Puts the journal's rows over those of the files.
 *
 * @param dir The bundle's folder.
 * @param rows The rows of the files; changed.
 * @param journal Those of the journal.
 * @returns Which tables show others than these now, as `[tp, category]`, and what a user should know, in sentences.
 */
export function overlay(
  dir: string,
  rows: Rows,
  journal: Rows,
): { stale: [number, SweepCategory][]; notices: string[] } {
  const stale: [number, SweepCategory][] = [];
  const notices: string[] = [];
  for (const [tp, tables] of journal) {
    for (const [category, table] of tables) {
      const shown = tableOf(rows, tp, category);
      let absent = 0;
      let different = 0;
      for (const [text, row] of table) {
        const there = shown.get(text);
        if (there === undefined) absent++;
        else if (formatTimeUs(there.timeUs) !== formatTimeUs(row.timeUs)) different++;
        shown.set(text, row);
      }
      if (absent + different > 0) stale.push([tp, category]);
      if (different > 0) notices.push(differing(tablePath(dir, tp, category), different));
    }
  }
  return { stale, notices };
}

/**
 * Puts the journal's times of skew cases beside the rows of the files.
 *
 * @param dir The bundle's folder.
 * @param skew The cases of the files; changed.
 * @param journal Those of the journal.
 * @returns What a user should know, in sentences.
 */
export function overlaySkew(dir: string, skew: SkewTimesByTp, journal: SkewTimesByTp): string[] {
  const notices: string[] = [];
  for (const [tp, { skewed, uniform }] of journal) {
    const times = skewTimesOf(skew, tp);
    let different = 0;
    for (const [text, timeUs] of skewed) {
      const there = times.rows.get(text);
      if (there !== undefined && formatDecimals(there.t_skew_us, 3) !== formatDecimals(timeUs, 3)) {
        different++;
      }
      times.skewed.set(text, timeUs);
    }
    for (const [text, timeUs] of uniform) times.uniform.set(text, timeUs);
    if (different > 0) notices.push(differing(tablePath(dir, tp, "skew"), different));
  }
  return notices;
}

function differing(path: string, rows: number): string {
  return `${path}: ${plural(rows, "row differs", "rows differ")} from the journal, whose values are used`;
}
