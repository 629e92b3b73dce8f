/**
 * Figure: alpha over the skew rate.
 *
 * @module
 */
import type { SkewRow } from "../../bundle/skew.ts";
import { median } from "../../stats.ts";
import { type Figure, shownFigure, type Subject, subjectText, type Trace } from "../figure.ts";
import { shownText, thin } from "../thin.ts";
import { formatCount, plural } from "../../count_text.ts";
import { formatShare, regimeText, significant } from "../text.ts";
import { axis, CLOUD_LEGEND, cloudOf, INK, layoutOf, lineOf, lookOf, PAPER } from "../theme.ts";

/** Points that a figure holds at most: more would be heavy, and a blot. */
const MAX_POINTS = 1000;
/** Alphas so far outside 0 to 1 are more than noise. */
const OUTSIDE = 0.1;
/** Alphas beyond this are drawn at the edge. */
const EDGE = 2;
/** Width of the groups whose medians are joined. */
const STEP = 0.1;

/**
 * Draws the alpha of skew cases over how far their mean lies between the shortest and the longest KV length.
 *
 * @param input What it is about, and the cases.
 * @returns The figure: points for cases, lines for medians. Alpha 0 is the time at the mean KV length, 1 at the longest.
 *
 * @example
 * ```ts
 * import { openBundle } from "shotlab";
 * import { skewAlpha, subjectOf } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * const { data } = skewAlpha({ subject: subjectOf(bundle, 1), rows: bundle.skew(1) });
 * assert.ok(data.length > 0);
 * ```
 */
export function skewAlpha(
  { subject, rows }: { readonly subject: Subject; readonly rows: readonly SkewRow[] },
): Figure {
  const defined = rows.flatMap((row) => row.alpha === null ? [] : [{ ...row, alpha: row.alpha }]);
  const outside = defined.filter(({ alpha }) => alpha < -OUTSIDE || alpha > 1 + OUTSIDE).length /
    Math.max(1, defined.length);
  const groups = [...Map.groupBy(defined, ({ regime }) => regime)].sort(([a], [b]) => a < b ? -1 : 1);
  const traces = groups.flatMap(([regime, cases], index): Trace[] => {
    const { line, marker } = lineOf(lookOf(index));
    const shown = thin(cases, Math.floor(MAX_POINTS * cases.length / defined.length));
    return [{
      type: "scatter",
      mode: "markers",
      name: regimeText(regime),
      x: shown.map(skewRateOf),
      y: shown.map(({ alpha }) => Math.max(-EDGE, Math.min(EDGE, alpha))),
      text: shown.map(({ n, nb, pc, kvs, kv_big: kvBig, alpha }) =>
        `alpha ${significant(alpha)}: ${nb} of ${plural(n, "decode")} at KV ${
          formatCount(kvBig)
        }, others at ${formatCount(kvs)}, prefill ${pc}`
      ),
      hovertemplate: "%{text}<extra></extra>",
      marker: cloudOf(lookOf(index), 0.3),
    }, {
      type: "scatter",
      mode: "lines+markers",
      name: `${regimeText(regime)}, median`,
      ...medians(cases),
      line: { ...line, width: 3 },
      marker: { ...marker, size: 9, line: { color: PAPER, width: 1.5 } },
      hovertemplate: "median %{y:.2f}<extra></extra>",
    }];
  });
  return shownFigure({
    data: traces,
    layout: layoutOf({
      title: `Alpha is below −${OUTSIDE} or above ${1 + OUTSIDE} in ${formatShare(outside)} of ${
        plural(defined.length, "skewed batch", "skewed batches")
      }`,
      subtitle: subjectText(
        subject,
        `0: time at the mean KV length, 1: time at the longest; lines: medians${
          shownText(defined.length, MAX_POINTS)
        }; beyond ±${EDGE} at the edge`,
      ),
      xaxis: axis("skew rate: (mean - shortest) / (longest - shortest KV length)", { range: [-0.02, 1.02] }),
      yaxis: axis("alpha: (t_skew - t_mean) / (t_max - t_mean)", { range: [-EDGE - 0.1, EDGE + 0.1] }),
      legend: CLOUD_LEGEND,
      more: {
        shapes: [0, 1].map((y) => ({
          type: "line",
          xref: "paper",
          x0: 0,
          x1: 1,
          y0: y,
          y1: y,
          line: { color: INK, width: 1, dash: "dash" },
        })),
      },
    }),
  });
}

/** The skew rate of a case from 0 to 1, as a simulator's buckets see it. */
function skewRateOf({ kv_mean: mean, kvs, kv_big: big }: SkewRow): number {
  return Math.min(1, Math.max(0, (mean - kvs) / Math.max(1, big - kvs)));
}

function medians(cases: readonly (SkewRow & { alpha: number })[]): { x: number[]; y: number[] } {
  const groups = [...Map.groupBy(cases, (row) => Math.min(Math.floor(skewRateOf(row) / STEP), 1 / STEP - 1))]
    .sort(([a], [b]) => a - b);
  return {
    x: groups.map(([, group]) => median(group.map(skewRateOf))),
    y: groups.map(([, group]) => median(group.map(({ alpha }) => alpha))),
  };
}
