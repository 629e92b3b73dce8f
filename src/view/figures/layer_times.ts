/**
 * Figure: times of layers over the size of the batch.
 *
 * @module
 */
import type { Row } from "../../bundle/tables.ts";
import { countAxis, timeAxis } from "../axes.ts";
import { type Figure, shownFigure, type Subject, subjectText, type Trace } from "../figure.ts";
import { BAND_TEXT, bandOf } from "../band.ts";
import type { PointErrors } from "../figure_csv.ts";
import { formatCount } from "../../count_text.ts";
import { formatShare, formatUs } from "../text.ts";
import { layerLooks, layoutOf, lineOf } from "../theme.ts";
import { type LayerSamples, spreadsOf } from "../timeline.ts";

/** What the figure shows. */
export interface LayerTimes {
  /** What it is about. */
  readonly subject: Subject;
  /** What the layers are timed over. */
  readonly size: "tokens" | "sequences";
  /** Rows of dense.csv or per_sequence.csv. */
  readonly rows: readonly Row[];
  /** The same rows as a roofline estimates them. @default none */
  readonly estimate?: readonly Row[];
  /** Samples of a journal: a row whose samples are among them has a band of their standard deviation. @default none */
  readonly samples?: readonly LayerSamples[];
}

/**
 * Draws the time of every layer over tokens or requests, on logarithmic axes, with a band of the samples' standard
 * deviation; an estimate is dotted and called so.
 *
 * @param input What it shows, at least one row.
 * @returns The figure; layers stand in the order of their largest times.
 *
 * @example
 * ```ts
 * import { layerTimes } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const subject = { hardware: "H100", model: "a/b", tp: 1, quantity: "kernel" };
 * const rows = [1, 2, 4].map((tokens) => ({ layer: "o_proj", key: [tokens], timeUs: 5 + tokens }));
 * const { data } = layerTimes({ subject, size: "tokens", rows });
 * assert.deepEqual(data.map(({ name, x, y }) => [name, x, y]), [["o_proj", [1, 2, 4], [6, 7, 9]]]);
 * ```
 */
export function layerTimes({ subject, size, rows, estimate = [], samples = [] }: LayerTimes): Figure {
  const spreadOf = spreadsOf(samples, subject, size === "tokens" ? "dense" : "per_sequence");
  const lines = linesOf(rows);
  const estimates = new Map(linesOf(estimate).map((line) => [line.layer, line]));
  const [most] = lines;
  const looks = layerLooks(lines.map(({ layer }) => layer));
  const things = size === "tokens" ? "tokens" : "requests";
  let banded = false;
  const traces = lines.flatMap(({ layer, x, y }): Trace[] => {
    const { line, marker } = lineOf(looks.get(layer)!);
    const estimated = estimates.get(layer);
    const hovertemplate = `%{x:,} ${things}: %{y:.3~f} µs`;
    const shares = x.map((at) => spreadOf(layer, [at]));
    const band = shares.some((share) => share !== null);
    banded ||= band;
    return [
      ...band ? [bandOf({ x, y, shares, color: looks.get(layer)!.color })] : [],
      {
        type: "scatter",
        mode: "lines+markers",
        name: layer,
        x,
        y,
        line,
        marker,
        ...band ? { meta: { errors: shares } satisfies PointErrors } : {},
        customdata: shares.map((share) => share === null ? "" : ` ±${formatShare(share)}`),
        hovertemplate: `${hovertemplate}%{customdata}`,
      },
      ...(estimated === undefined ? [] : [{
        type: "scatter",
        mode: "lines",
        name: `${layer}, estimate`,
        showlegend: false,
        x: estimated.x,
        y: estimated.y,
        line: { ...line, width: 1.2, dash: "dot" },
        hovertemplate,
      }]),
    ];
  });
  const times = [...rows, ...estimate].map(({ timeUs }) => timeUs);
  const notes = [
    ...banded ? [BAND_TEXT] : [],
    ...estimate.length === 0 ? [] : ["dotted: roofline estimate"],
  ];
  return shownFigure({
    data: traces,
    layout: layoutOf({
      title: most === undefined
        ? "No times"
        : `${most.layer} is the slowest layer at ${formatCount(most.x.at(-1)!)} ${things}: ${
          formatUs(most.y.at(-1)!)
        }`,
      subtitle: subjectText(subject, ["one run of each layer", ...notes].join("; ")),
      xaxis: countAxis(
        size === "tokens" ? "new tokens in the batch" : "requests in the batch",
        rows.map(({ key }) => key[0]!),
      ),
      yaxis: timeAxis("time of one layer", times),
      legend: { traceorder: "normal" },
    }),
  });
}

interface Line {
  readonly layer: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
}

function linesOf(rows: readonly Row[]): Line[] {
  const groups = Map.groupBy(rows, ({ layer }) => layer ?? "");
  return [...groups].map(([layer, group]) => {
    const sorted = group.toSorted((a, b) => a.key[0]! - b.key[0]!);
    return { layer, x: sorted.map(({ key }) => key[0]!), y: sorted.map(({ timeUs }) => timeUs) };
  }).sort((a, b) => b.y.at(-1)! - a.y.at(-1)!);
}
