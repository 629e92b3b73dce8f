/**
 * Figures: where the time of an iteration goes.
 *
 * @module
 */
import type { IterationEstimate } from "../../predict/iteration.ts";
import type { IterationError } from "../../serving/iteration_error.ts";
import type { PointErrors } from "../figure_csv.ts";
import { type Figure, shownFigure, type Subject, subjectText, type Trace } from "../figure.ts";
import { formatCount, plural } from "../../count_text.ts";
import { formatShare, formatUs } from "../text.ts";
import { axis, INK, inkOnSeries, layerLooks, layoutOf, PAPER, REST } from "../theme.ts";

/** What the figure shows. */
export interface IterationTimes {
  /** What it is about. */
  readonly subject: Subject;
  /** The kind of batch in words, such as `every request decodes at KV length 2,048`. */
  readonly batch: string;
  /** Requests of each batch, ascending, the estimate of its iteration, and how far that may be off. */
  readonly points: readonly (readonly [
    requests: number,
    estimate: IterationEstimate,
    error?: IterationError | undefined,
  ])[];
}

/** Parts of a bar below this share have no room for a number. */
const LEAST_LABELLED = 0.07;
/** Parts of a timeline below this share of the longest have no room for a time. */
const LEAST_TIMED = 0.1;
/** Layers below this share of every iteration are summed up; communication is not. */
const LEAST_SHARE = 0.02;

/**
 * Draws the parts of an iteration's time, layer by layer, over the size of the batch; where it is known how far an
 * estimate may be off, with an error bar.
 *
 * @param input What it shows, at least one point.
 * @returns The figure; every bar is an iteration of its own and adds up to 100%, its time stands above it.
 *
 * @example
 * ```ts
 * import { loadModel, openBundle, predictIteration, predictor } from "shotlab";
 * import { iterationTimes, subjectOf } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * const model = await loadModel("meta-llama/Llama-3.1-8B");
 * const query = { model, tp: 1, prefills: [], decodes: [{ kv: 1024, count: 8 }] };
 * const estimate = predictIteration(predictor(bundle, model), query);
 * const { data } = iterationTimes({ subject: subjectOf(bundle, 1), batch: "decodes at 1,024", points: [[8, estimate]] });
 * assert.ok(data.length > 5); // a colour a layer
 * ```
 */
export function iterationTimes({ subject, batch, points }: IterationTimes): Figure {
  const rows = partsOf(points.map(([, estimate]) => estimate));
  const last = points.length - 1;
  const share = ({ ns }: Part, i: number): number => ns[i]! / points[i]![1].totalNs;
  const top = rows.filter(({ layer }) => layer !== OTHERS).reduce((a, b) =>
    share(b, last) > share(a, last) ? b : a
  );
  const labels = points.map(([requests]) => formatCount(requests));
  const estimates = points.map(([, estimate]) => estimate);
  const errors = points.map(([, , error]) => error);
  const highest = Math.max(0, ...errors.map((error) => error?.share ?? 0));
  return shownFigure({
    data: [
      ...rows.map((row): Trace => ({
        ...barOf(row),
        x: labels,
        y: points.map((_, i) => share(row, i) * 100),
        customdata: row.ns.map((ns) => formatUs(ns / 1000)),
        hovertemplate: "%{x} requests: %{y:.1f}%, %{customdata}",
        text: points.map((_, i) => share(row, i) < LEAST_LABELLED ? "" : formatShare(share(row, i))),
      })),
      errorBars({ x: labels, y: points.map(() => 100), errors, along: "y" }),
      {
        ...TOTALS,
        x: labels,
        y: errors.map((error) => 100 * (1 + (error?.share ?? 0))),
        text: estimates.map(({ totalNs }) => formatUs(totalNs / 1000)),
        textposition: "top center",
        textfont: { size: 11 },
      },
    ],
    layout: layoutOf({
      title: `${top.layer} takes ${formatShare(share(top, last))} of an iteration with ${
        plural(points[last]![0], "request")
      }`,
      subtitle: subjectText(
        subject,
        [batch, "totals above the bars", ...errorText(errors), scopeText(estimates)].join("; "),
      ),
      xaxis: axis("requests in the batch", { type: "category" }),
      yaxis: axis("share of the iteration's time (%)", { range: [0, 108 + 100 * highest] }),
      height: 500,
      legend: { traceorder: "normal" },
      more: { barmode: "stack", bargap: 0.25 },
    }),
  });
}

/** One iteration of a comparison. */
export interface NamedIteration {
  /** What tells it from the others, such as `H100, tp 2`. */
  readonly name: string;
  /** Its estimate. */
  readonly estimate: IterationEstimate;
  /** How far the estimate may be off, as `iterationError` says. @default {not drawn} */
  readonly error?: IterationError | undefined;
}

/** What the figure of milliseconds shows. */
export interface IterationTimeline {
  /** What the iterations are of, such as `64 decodes at KV length 2,048, Llama-3.1-8B`. */
  readonly batch: string;
  /** The iterations, such as those of two bundles, at least one. */
  readonly iterations: readonly NamedIteration[];
}

/**
 * Draws iterations in milliseconds, each a bar of its layers in the order in which they take most; where it is known
 * how far an estimate may be off, with an error bar.
 *
 * @param input What it shows.
 * @returns The figure; with several iterations their times can be compared layer by layer.
 *
 * @example
 * ```ts
 * import { iterationTimeline } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const contributions = [{ stage: "pre_attn", layer: "attention", times: 2, ns: 3e6, totalNs: 6e6 }];
 * const estimate = { totalNs: 6e6, tokens: 1, sequences: 1, skipped: [], excludes: ["communication"], contributions };
 * const { data } = iterationTimeline({ batch: "1 decode", iterations: [{ name: "H100", estimate: estimate as never }] });
 * assert.deepEqual(data[0]!.x, [6]);
 * ```
 */
export function iterationTimeline({ batch, iterations }: IterationTimeline): Figure {
  const estimates = iterations.map(({ estimate }) => estimate);
  const names = iterations.map(({ name }) => name);
  const totals = estimates.map(({ totalNs }) => totalNs);
  const best = totals.indexOf(Math.min(...totals));
  const worst = totals.indexOf(Math.max(...totals));
  const errors = iterations.map(({ error }) => error);
  const ends = totals.map((ns, i) => ns / 1e6 * (1 + (errors[i]?.share ?? 0)));
  const longest = Math.max(...ends);
  return shownFigure({
    data: [
      ...partsOf(estimates).map((row): Trace => ({
        ...barOf(row),
        orientation: "h",
        y: names,
        x: row.ns.map((ns) => ns / 1e6),
        customdata: row.ns.map((ns, i) => `${formatUs(ns / 1000)}, ${formatShare(ns / totals[i]!)}`),
        hovertemplate: "%{y}: %{customdata}",
        text: row.ns.map((ns) => ns < LEAST_TIMED * totals[worst]! ? "" : formatUs(ns / 1000)),
      })),
      errorBars({ x: totals.map((ns) => ns / 1e6), y: names, errors, along: "x" }),
      {
        ...TOTALS,
        x: ends.map((end) => end + longest * 0.012),
        y: names,
        text: totals.map((ns) => formatUs(ns / 1000)),
        textposition: "middle right",
      },
    ],
    layout: layoutOf({
      title: iterations.length === 1
        ? `${names[0]}: ${formatUs(totals[0]! / 1000)} an iteration`
        : `${names[best]} is fastest with ${formatUs(totals[best]! / 1000)}; ${names[worst]} takes ${
          (totals[worst]! / totals[best]!).toFixed(2)
        }x`,
      subtitle: [batch, ...errorText(errors), scopeText(estimates)].join("; "),
      xaxis: axis("time of the iteration (ms)", { range: [0, longest * 1.14] }),
      yaxis: axis("", { type: "category", autorange: "reversed", automargin: true }),
      height: 260 + 56 * iterations.length,
      legend: { traceorder: "normal" },
      more: { barmode: "stack", bargap: 0.35 },
    }),
  });
}

const OTHERS = "others";

/** A layer and its time in each iteration. */
interface Part {
  readonly layer: string;
  readonly ns: readonly number[];
  readonly color: string;
}

/** The layers, those first that take most of an iteration; small ones are summed up. */
function partsOf(estimates: readonly IterationEstimate[]): Part[] {
  const times = estimates.map(({ contributions }) => Map.groupBy(contributions, ({ layer }) => layer));
  const names = [...new Set(times.flatMap((layers) => [...layers.keys()]))];
  const ns = (layer: string): number[] =>
    times.map((layers) => (layers.get(layer) ?? []).reduce((sum, { totalNs }) => sum + totalNs, 0));
  const most = (layer: string): number =>
    Math.max(...ns(layer).map((part, i) => part / estimates[i]!.totalNs));
  const isCommunication = (layer: string): boolean =>
    times.some((layers) => layers.get(layer)?.some(({ stage }) => stage === "communication"));
  const large = names.filter((layer) => most(layer) >= LEAST_SHARE || isCommunication(layer)).sort((a, b) =>
    most(b) - most(a)
  );
  const looks = layerLooks(large);
  const small = names.filter((layer) => !large.includes(layer)).map(ns);
  return [
    ...large.map((layer) => ({ layer, ns: ns(layer), color: looks.get(layer)!.color })),
    ...(small.length === 0 ? [] : [{
      layer: OTHERS,
      ns: estimates.map((_, i) => small.reduce((sum, part) => sum + part[i]!, 0)),
      color: REST,
    }]),
  ];
}

function barOf({ layer, color }: Part): Trace {
  return {
    type: "bar",
    name: layer,
    marker: { color, line: { color: PAPER, width: 1 } },
    textposition: "inside",
    insidetextanchor: "middle",
    textangle: 0,
    textfont: { color: inkOnSeries(color) },
  };
}

/** Totals in words beside the bars. */
const TOTALS: Trace = {
  type: "scatter",
  mode: "text",
  showlegend: false,
  cliponaxis: false,
  hoverinfo: "skip",
};

/** How far the totals may be off; nothing is drawn where nobody knows. */
function errorBars(
  { x, y, errors, along }: {
    readonly x: readonly (number | string)[];
    readonly y: readonly (number | string)[];
    readonly errors: readonly (IterationError | undefined)[];
    readonly along: "x" | "y";
  },
): Trace {
  const shares = errors.map((error) => error?.share ?? null);
  const totals = along === "x" ? x : y;
  return {
    type: "scatter",
    mode: "markers",
    name: "error of the total",
    showlegend: false,
    visible: shares.some((share) => share !== null),
    x,
    y,
    meta: { errors: shares } satisfies PointErrors,
    marker: { color: INK, size: 1 },
    [`error_${along}`]: {
      type: "data",
      array: shares.map((share, i) => Number(totals[i]) * (share ?? 0)),
      color: INK,
      thickness: 1.3,
      width: 5,
    },
    text: shares.map((share) => share === null ? "" : `±${formatShare(share)}`),
    hovertemplate: "%{text}",
  };
}

/** What the error bars are made of; where some estimates have none, why. */
function errorText(errors: readonly (IterationError | undefined)[]): string[] {
  const known = errors.flatMap((error) => error ?? []);
  if (known.length === 0) return [];
  const drawn = known.filter(({ share }) => share !== null);
  const parts = [
    "spread of rows",
    "interpolation",
    ...drawn.some(({ skew }) => skew !== 0) ? ["alphas"] : [],
    ...drawn.some(({ steps }) => steps !== 0) ? ["held-out steps"] : [],
  ];
  return [
    ...drawn.length === 0 ? [] : [`error bars: ${parts.join(", ")}`],
    ...drawn.length === errors.length ? [] : ["no error bar: beyond what was measured"],
  ];
}

/** What the times hold and what they leave out. */
function scopeText(estimates: readonly IterationEstimate[]): string {
  const excluded = [...new Set(estimates.flatMap(({ excludes }) => excludes))];
  const sources = new Set(estimates.flatMap(({ communication }) => communication ?? []));
  return [
    ...sources.has("measured") ? ["communication measured"] : [],
    ...sources.has("data sheet") ? ["communication by a data sheet, an estimate without an error bar"] : [],
    ...estimates.some(({ experts }) => experts === "whole") ? ["each device computes all experts"] : [],
    ...excluded.length === 0 ? [] : [`without ${excluded.join(" and ")}`],
  ].join("; ");
}
