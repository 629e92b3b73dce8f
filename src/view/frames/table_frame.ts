/**
 * The tables of a bundle as data frames, with the columns of their files.
 *
 * @module
 */
import pl from "nodejs-polars";
import type { Bundle } from "../../bundle/open.ts";
import type { EstimatedRow } from "../../bundle/estimated.ts";
import type { SkewRow } from "../../bundle/skew.ts";
import type { SkewFitRow } from "../../bundle/skew_fit.ts";
import type { Row } from "../../bundle/tables.ts";
import { CATEGORIES, type Category } from "../../shots/shot.ts";
import { counts, flags, floats, optionalFloats, texts } from "./series.ts";

/**
 * The rows of a category as a data frame.
 *
 * @param category The category, which gives the columns.
 * @param rows The rows.
 * @param estimated Those of attention rows that are predictions.
 * @param scatterP90 What samples of 90% of the measured shots scatter by at most, as a share of the time.
 * @returns `layer` (where the category has layers), the key's columns as integers, `time_us` in microseconds, and
 * with a list of predictions `estimated`, whether the row is one, `expected_error`, the share of the time that 90% of rows
 * like it stay within, and `scatter_p90`, which no prediction can be nearer than; both null for measured rows.
 *
 * @example
 * ```ts
 * import { tableFrame } from "./table_frame.ts";
 * import assert from "node:assert/strict";
 * const frame = tableFrame("dense", [{ layer: "qkv_proj", key: [16], timeUs: 12.5 }]);
 * assert.deepEqual(frame.toRecords(), [{ layer: "qkv_proj", tokens: 16, time_us: 12.5 }]);
 * ```
 */
export function tableFrame(
  category: Category,
  rows: readonly Row[],
  estimated?: readonly EstimatedRow[],
  scatterP90: number | null = null,
): pl.DataFrame {
  const predicted = estimated && predictionColumns(rows, estimated, scatterP90);
  const { columns, layered } = CATEGORIES[category];
  return pl.DataFrame([
    ...(layered ? [texts("layer", rows.map(({ layer }) => layer))] : []),
    ...columns.map((column, axis) => counts(column, rows, ({ key }) => key[axis]!)),
    floats("time_us", rows, ({ timeUs }) => timeUs),
    ...predicted ?? [],
  ]);
}

/**
 * The attention rows of a degree as a data frame, predictions told apart.
 *
 * @param bundle The bundle; without one there are no rows.
 * @param tp Tensor-parallel degree.
 * @returns The frame, with the columns that {@linkcode tableFrame} has of predictions.
 */
export function attentionFrame(
  bundle: Pick<Bundle, "table" | "estimated" | "meta"> | undefined,
  tp: number,
): pl.DataFrame {
  const scatter = bundle?.meta.adaptive?.per_tp[tp]?.attention?.scatter_p90;
  return tableFrame("attention", bundle?.table(tp, "attention") ?? [], bundle?.estimated(tp) ?? [], scatter);
}

function predictionColumns(
  rows: readonly Row[],
  estimated: readonly EstimatedRow[],
  scatterP90: number | null,
): pl.Series[] {
  const errors = new Map(estimated.map(({ key, expectedError }) => [key.join(), expectedError]));
  const expected = rows.map(({ key }) => errors.size === 0 ? null : errors.get(key.join()) ?? null);
  return [
    flags("estimated", expected.map((error) => error !== null)),
    optionalFloats("expected_error", expected),
    optionalFloats("scatter_p90", expected.map((error) => error === null ? null : scatterP90)),
  ];
}

/**
 * Skew cases as a data frame.
 *
 * @param rows The cases.
 * @returns The columns of skew.csv: counts of tokens and requests, times in microseconds, alpha null where undefined.
 */
export function skewFrame(rows: readonly SkewRow[]): pl.DataFrame {
  const whole = (name: keyof SkewRow): pl.Series => counts(name, rows, (row) => row[name] as number);
  const real = (name: keyof SkewRow): pl.Series => floats(name, rows, (row) => row[name] as number);
  return pl.DataFrame([
    texts("regime", rows.map(({ regime }) => regime)),
    ...(["n", "nb"] as const).map(whole),
    ...(["ratio", "skew"] as const).map(real),
    ...(["pc", "kp", "kvs", "kv_big", "kv_mean"] as const).map(whole),
    ...(["t_mean_us", "t_max_us", "t_skew_us"] as const).map(real),
    optionalFloats("alpha", rows.map(({ alpha }) => alpha)),
  ]);
}

/**
 * Fitted alphas as a data frame.
 *
 * @param rows The alphas.
 * @returns The columns of skew_fit.csv.
 */
export function skewFitFrame(rows: readonly SkewFitRow[]): pl.DataFrame {
  const labels = ["n_label", "skew_rate_label", "kv_big_label", "kp_label"] as const;
  return pl.DataFrame([
    counts("pc", rows, ({ pc }) => pc),
    ...labels.map((label) => texts(label, rows.map((row) => row[label]))),
    floats("alpha", rows, ({ alpha }) => alpha),
    optionalFloats("n_samples", rows.map(({ n_samples }) => n_samples)).cast(pl.Int64),
  ]);
}
