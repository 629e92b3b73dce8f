/**
 * Measured times beside those that a predictor gives for the same shots.
 *
 * @module
 */
import pl from "nodejs-polars";
import type { Row } from "../../bundle/tables.ts";
import type { SkewRow } from "../../bundle/skew.ts";
import type { Predictor } from "../../predict/predictor.ts";
import type { Category } from "../../shots/shot.ts";
import { predictRow, predictSkew } from "../predictions.ts";
import { floats } from "./series.ts";
import { skewFrame, tableFrame } from "./table_frame.ts";

/**
 * The rows of a category with predictions.
 *
 * @param category The category.
 * @param rows Measured rows.
 * @param predictor A predictor, of another bundle or of a thinner grid.
 * @param tp Tensor-parallel degree to predict at.
 * @returns The table's columns, `predicted_us` in microseconds and `error`, the signed share of the measured time.
 * @throws {LookupError} when the predictor's bundle lacks the table or a layer.
 *
 * @example
 * ```ts
 * import { predictor } from "shotlab";
 * import { predictedFrame } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const source = { tps: [1], meta: {}, skewFit: () => [], table: () => [{ layer: "o_proj", key: [16], timeUs: 11 }] };
 * const rows = [{ layer: "o_proj", key: [16], timeUs: 10 }];
 * const frame = predictedFrame("dense", rows, predictor(source), 1);
 * assert.deepEqual(frame.getColumn("predicted_us").toArray(), [11]);
 * ```
 */
export function predictedFrame(
  category: Category,
  rows: readonly Row[],
  predictor: Predictor,
  tp: number,
): pl.DataFrame {
  const predict = (row: Row): number => predictRow(predictor, tp, category, row);
  return withPredictions(tableFrame(category, rows), rows, predict, ({ timeUs }) => timeUs);
}

/**
 * Skew cases with the times that a simulator would give them: by interpolation and the fitted alphas.
 *
 * @param rows Measured cases.
 * @param predictor A predictor of their bundle.
 * @param tp Tensor-parallel degree.
 * @returns The columns of skew.csv, `predicted_us` in microseconds and `error`, the signed share of t_skew_us.
 * @throws {LookupError} when the bundle lacks attention times at this degree.
 *
 * @example
 * ```ts
 * import { openBundle, predictor } from "shotlab";
 * import { predictedSkewFrame } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * const frame = predictedSkewFrame(bundle.skew(1).slice(0, 3), predictor(bundle), 1);
 * assert.deepEqual([frame.height, frame.columns.slice(-2)], [3, ["predicted_us", "error"]]);
 * ```
 */
export function predictedSkewFrame(rows: readonly SkewRow[], predictor: Predictor, tp: number): pl.DataFrame {
  const predict = (row: SkewRow): number => predictSkew(predictor, tp, row);
  return withPredictions(skewFrame(rows), rows, predict, (row) => row.t_skew_us);
}

function withPredictions<T>(
  frame: pl.DataFrame,
  rows: readonly T[],
  predict: (row: T) => number,
  measured: (row: T) => number,
): pl.DataFrame {
  const predicted = rows.map(predict);
  return frame.withColumns(
    floats("predicted_us", predicted, (us) => us),
    floats("error", rows, (row, i) => predicted[i]! / measured(row) - 1),
  );
}
