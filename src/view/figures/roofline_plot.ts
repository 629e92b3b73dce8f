/**
 * Figure: rows against the limits of their device.
 *
 * @module
 */
import type { Achieved, AchievedRows } from "../achieved.ts";
import { decadeTicks, extent } from "../axes.ts";
import { type Figure, shownFigure, type Subject, subjectText, type Trace } from "../figure.ts";
import { formatShare, significant } from "../text.ts";
import { shownText, thin } from "../thin.ts";
import { axis, CLOUD_LEGEND, cloudOf, INK, layerLooks, layoutOf } from "../theme.ts";

/** Points that the figure holds at most. */
const MAX_POINTS = 600;

/**
 * Draws rows as points of a roofline: operations for each byte against the achieved rate, below the two limits of the
 * device's data sheet. Layers that only move numbers have no operations and are left out.
 *
 * @param input What it is about, and what its rows achieve; a row with operations at least.
 * @returns The figure.
 *
 * @example
 * ```ts
 * import { rooflinePlot } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const sheet = { device: "x", memory_gib: 80, bandwidth_gb_s: 1000, multiprocessors: 1, l2_mib: 1, launch_us: 1, peak_tflops: {} };
 * const row = { layer: "o_proj", key: [64], timeUs: 10, tflops: 20, tbPerS: 0.5, flopsPerByte: 40 };
 * const subject = { hardware: "x", model: "a/b", tp: 1, quantity: "kernel" };
 * const { layout } = rooflinePlot({ subject, achieved: { sheet, peakTflops: 100, rows: [row] } });
 * assert.equal((layout["meta"] as { title: string }).title, "o_proj comes closest to its limit: 50% of 1 TB/s");
 * ```
 */
export function rooflinePlot(
  { subject, achieved: { sheet, peakTflops, rows } }: {
    readonly subject: Subject;
    readonly achieved: AchievedRows;
  },
): Figure {
  const computing = rows.filter(({ tflops }) => tflops > 0);
  const tbPerS = sheet.bandwidth_gb_s / 1000;
  const limit = ({ flopsPerByte }: Achieved): number => Math.min(peakTflops, flopsPerByte * tbPerS);
  const best = computing.reduce((a, b) => b.tflops / limit(b) > a.tflops / limit(a) ? b : a);
  const bound = limit(best) < peakTflops
    ? `${significant(tbPerS)} TB/s`
    : `${significant(peakTflops)} TFLOP/s`;
  const groups = [...Map.groupBy(computing, ({ layer }) => layer)];
  const looks = layerLooks(groups.map(([layer]) => layer));
  const [low, high] = extent(computing.map(({ flopsPerByte }) => flopsPerByte));
  const ridge = peakTflops / tbPerS;
  const roof = [Math.min(low, ridge / 2), ridge, Math.max(high, ridge * 2)];
  const rates = computing.map(({ tflops }) => tflops);
  return shownFigure({
    data: [
      ...groups.map(([layer, points]): Trace => {
        const shown = thin(points, Math.ceil(MAX_POINTS / groups.length));
        return {
          type: "scatter",
          mode: "markers",
          name: layer,
          x: shown.map(({ flopsPerByte }) => flopsPerByte),
          y: shown.map(({ tflops }) => tflops),
          text: shown.map((row) =>
            `${layer} (${row.key.join(", ")}): ${significant(row.tflops)} TFLOP/s, ${
              significant(row.tbPerS)
            } TB/s, ${formatShare(row.tflops / limit(row))} of the limit`
          ),
          hovertemplate: "%{text}<extra></extra>",
          marker: cloudOf(looks.get(layer)!, 0.7),
        };
      }),
      {
        type: "scatter",
        mode: "lines",
        name: `data sheet: ${significant(tbPerS)} TB/s, ${significant(peakTflops)} TFLOP/s`,
        x: roof,
        y: roof.map((x) => Math.min(peakTflops, x * tbPerS)),
        line: { color: INK, width: 1.4, dash: "dash" },
        hoverinfo: "skip",
      },
    ],
    layout: layoutOf({
      title: `${best.layer} comes closest to its limit: ${
        formatShare(best.tflops / limit(best))
      } of ${bound}`,
      subtitle: subjectText(
        subject,
        `operations and bytes by formula, times by the bundle${shownText(computing.length, MAX_POINTS)}`,
      ),
      xaxis: axis("operations per byte", { type: "log", ...decadeTicks(roof) }),
      yaxis: axis("achieved (TFLOP/s)", { type: "log", ...decadeTicks([...rates, peakTflops]) }),
      legend: CLOUD_LEGEND,
      height: 500,
    }),
  });
}
