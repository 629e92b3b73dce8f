/**
 * Figures: predicted times of skewed batches against measured ones.
 *
 * @module
 */
import { errorFigures } from "../../fit/errors.ts";
import { extent, timeAxis } from "../axes.ts";
import { type Figure, shownFigure, type Subject, subjectText, type Trace } from "../figure.ts";
import { shownText, thin } from "../thin.ts";
import { formatCount, plural } from "../../count_text.ts";
import { formatShare, formatUs, regimeText } from "../text.ts";
import { axis, CLOUD_LEGEND, cloudOf, INK, layoutOf, lookOf } from "../theme.ts";

/** One batch, measured and predicted. */
export interface Prediction {
  /** The series that it belongs to, such as its regime. */
  readonly group: string;
  /** Measured time in microseconds. */
  readonly measuredUs: number;
  /** Predicted time in microseconds. */
  readonly predictedUs: number;
}

/** What the figures show. */
export interface Predictions {
  /** What they are about. */
  readonly subject: Subject;
  /** What predicted the times, such as `the bundle's own fit`. */
  readonly by: string;
  /** The batches, at least one. */
  readonly predictions: readonly Prediction[];
}

/** Points that a figure holds at most. */
const MAX_POINTS = 1000;

/**
 * Draws predicted over measured times; on the diagonal they are equal.
 *
 * @param input What it shows.
 * @returns The figure.
 *
 * @example
 * ```ts
 * import { predictedOverMeasured } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const subject = { hardware: "H100", model: "a/b", tp: 1, quantity: "kernel" };
 * const predictions = [{ group: "pure", measuredUs: 10, predictedUs: 11 }];
 * const { data } = predictedOverMeasured({ subject, by: "the fit", predictions });
 * assert.deepEqual(data[0]!.x, [10]);
 * ```
 */
export function predictedOverMeasured({ subject, by, predictions }: Predictions): Figure {
  const shown = thin(predictions, MAX_POINTS);
  const times = shown.flatMap(({ measuredUs, predictedUs }) => [measuredUs, predictedUs]);
  const [low, high] = extent(times);
  const { rel_err_p50, rel_err_p90 } = errorFigures(predictions.map(errorOf))!;
  return shownFigure({
    data: [
      ...groupsOf(shown).map(([group, points], index): Trace => ({
        type: "scatter",
        mode: "markers",
        name: regimeText(group),
        x: points.map(({ measuredUs }) => measuredUs),
        y: points.map(({ predictedUs }) => predictedUs),
        hovertemplate: "measured %{x:.4~g} µs, predicted %{y:.4~g} µs",
        marker: cloudOf(lookOf(index), 0.4),
      })),
      {
        type: "scatter",
        mode: "lines",
        name: "equal",
        x: [low, high],
        y: [low, high],
        line: { color: INK, width: 1.2, dash: "dash" },
        hoverinfo: "skip",
      },
    ],
    layout: layoutOf({
      title: `Half of the skewed batches are predicted within ${
        formatShare(Math.max(rel_err_p50, LEAST_ERROR))
      }, 90% within ${formatShare(rel_err_p90)}`,
      subtitle: subjectText(
        subject,
        `${plural(predictions.length, "batch", "batches")}, predicted by ${by}${
          shownText(predictions.length, MAX_POINTS)
        }`,
      ),
      xaxis: timeAxis(truthText(subject), times),
      yaxis: timeAxis("predicted", times),
      legend: CLOUD_LEGEND,
      height: 520,
    }),
  });
}

/** Errors are rounded to four decimals: 0 may be as much as this. */
const LEAST_ERROR = 0.0001;

/** Residuals beyond this are drawn at the edge. */
const EDGE = 0.5;

/**
 * Draws the relative errors over the measured time.
 *
 * @param input What it shows.
 * @returns The figure; above 0 the prediction is too long.
 *
 * @example
 * ```ts
 * import { residuals } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const subject = { hardware: "H100", model: "a/b", tp: 1, quantity: "kernel" };
 * const predictions = [{ group: "pure", measuredUs: 10, predictedUs: 11 }];
 * const { data } = residuals({ subject, by: "the fit", predictions });
 * assert.deepEqual(data[0]!.x, [10]);
 * ```
 */
export function residuals({ subject, by, predictions }: Predictions): Figure {
  const shown = thin(predictions, MAX_POINTS);
  const { rel_err_p99, signed_mean } = errorFigures(predictions.map(errorOf))!;
  const lean = Math.abs(signed_mean) < 0.005
    ? "unbiased"
    : `${signed_mean > 0 ? "too long" : "too short"} by ${formatShare(Math.abs(signed_mean))} on average`;
  const beyond = predictions.filter((one) => Math.abs(errorOf(one)) > EDGE).length;
  const slowest = predictions.reduce((most, one) => Math.max(most, Math.abs(errorOf(one))), 0);
  return shownFigure({
    data: groupsOf(shown).map(([group, points], index): Trace => ({
      type: "scatter",
      mode: "markers",
      name: regimeText(group),
      x: points.map(({ measuredUs }) => measuredUs),
      y: points.map((one) => Math.max(-EDGE, Math.min(EDGE, errorOf(one))) * 100),
      text: points.map((one) => `${formatUs(one.measuredUs)} measured, off by ${formatShare(errorOf(one))}`),
      hovertemplate: "%{text}",
      marker: cloudOf(lookOf(index), 0.4),
    })),
    layout: layoutOf({
      title: `Predictions are ${lean}; one in a hundred is off by more than ${formatShare(rel_err_p99)}`,
      subtitle: subjectText(
        subject,
        `predicted by ${by}${shownText(predictions.length, MAX_POINTS)}${
          beyond === 0 ? "" : `; ${formatCount(beyond)} are beyond ±50%, at the edge`
        }; the largest error: ${formatShare(slowest)}`,
      ),
      xaxis: timeAxis(truthText(subject), shown.map(({ measuredUs }) => measuredUs)),
      yaxis: axis("error of the prediction (%)", { range: [-EDGE * 105, EDGE * 105] }),
      legend: CLOUD_LEGEND,
      more: {
        shapes: [{
          type: "line",
          xref: "paper",
          x0: 0,
          x1: 1,
          y0: 0,
          y1: 0,
          line: { color: INK, width: 1 },
        }],
      },
    }),
  });
}

/** What the predictions are held against. */
function truthText({ quantity }: Subject): string {
  return quantity === "estimate" ? "the bundle's own estimate" : "measured";
}

function errorOf({ measuredUs, predictedUs }: Prediction): number {
  return predictedUs / measuredUs - 1;
}

function groupsOf(predictions: readonly Prediction[]): [string, Prediction[]][] {
  return [...Map.groupBy(predictions, ({ group }) => group)].sort(([a], [b]) => a < b ? -1 : 1);
}
