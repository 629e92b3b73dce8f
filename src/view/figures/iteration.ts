/**
 * Figure: where the time of an iteration goes.
 *
 * @module
 */
import type { IterationEstimate } from "../../predict/iteration.ts";
import { type Figure, type Subject, subjectText, type Trace } from "../figure.ts";
import { formatCount, formatShare, formatUs, plural } from "../text.ts";
import { axis, colorOf, COLORS, layerIndex, layoutOf } from "../theme.ts";

/** What the figure shows. */
export interface IterationTimes {
  /** What it is about. */
  readonly subject: Subject;
  /** The kind of batch in words, such as `every request decodes after 2,048 tokens`. */
  readonly batch: string;
  /** Requests of each batch, ascending, and the estimate of its iteration. */
  readonly points: readonly (readonly [requests: number, estimate: IterationEstimate])[];
}

/** Parts of a bar below this share have no room for a number. */
const LEAST_LABELLED = 0.07;
/** Layers below this share of every iteration are summed up. */
const LEAST_SHARE = 0.05;

/**
 * Draws the parts of an iteration's time, layer by layer, over the size of the batch.
 *
 * @param input What it shows, at least one point.
 * @returns The figure; every bar is an iteration of its own and adds up to 100%, its time stands above it.
 */
export function iterationTimes({ subject, batch, points }: IterationTimes): Figure {
  const parts = points.map(([, estimate]) => partsOf(estimate));
  const names = [...new Set(parts.flatMap((part) => [...part.keys()]))];
  const share = (name: string, i: number): number => (parts[i]!.get(name) ?? 0) / points[i]![1].totalNs;
  const most = (name: string): number => Math.max(...points.map((_, i) => share(name, i)));
  const large = names.filter((name) => most(name) >= LEAST_SHARE).sort((a, b) => most(b) - most(a));
  const small = names.filter((name) => !large.includes(name));
  const rows = [
    ...large.map((name) => ({ name, shares: points.map((_, i) => share(name, i)) })),
    ...(small.length === 0 ? [] : [{
      name: "others",
      shares: points.map((_, i) => small.reduce((sum, name) => sum + share(name, i), 0)),
    }]),
  ];
  const colors = distinctColors(large);
  const last = points.length - 1;
  const top = large.reduce((a, b) => share(b, last) > share(a, last) ? b : a, large[0] ?? "");
  const labels = points.map(([requests]) => formatCount(requests));
  const totals = points.map(([, { totalNs }]) => formatUs(totalNs / 1000));
  return {
    data: [
      ...rows.map(({ name, shares }): Trace => ({
        type: "bar",
        name,
        x: labels,
        y: shares.map((value) => value * 100),
        customdata: shares.map((value, i) => formatUs(value * points[i]![1].totalNs / 1000)),
        hovertemplate: "%{x} requests: %{y:.1f}%, %{customdata}",
        marker: {
          color: name === "others" ? "#BDBDBD" : colors.get(name)!,
          line: { color: "#FFFFFF", width: 1 },
        },
        text: shares.map((value) => value < LEAST_LABELLED ? "" : formatShare(value)),
        textposition: "inside",
        insidetextanchor: "middle",
        textangle: 0,
      })),
      {
        type: "scatter",
        mode: "text",
        showlegend: false,
        x: labels,
        y: labels.map(() => 100),
        text: totals,
        textposition: "top center",
        textfont: { size: 11 },
        hoverinfo: "skip",
      },
    ],
    layout: layoutOf({
      title: `${top} takes ${formatShare(share(top, last))} of an iteration with ${
        plural(points[last]![0], "request")
      }`,
      subtitle: subjectText(
        subject,
        `${batch}; above each bar its whole time, without communication and scheduling`,
      ),
      xaxis: axis("requests in the batch", { type: "category" }),
      yaxis: axis("share of the iteration's time (%)", { range: [0, 108] }),
      more: {
        barmode: "stack",
        bargap: 0.25,
        legend: { traceorder: "reversed" },
      },
    }),
  };
}

/** Each layer's usual colour, or the next free one where another layer has it. */
function distinctColors(layers: readonly string[]): Map<string, string> {
  const colors = new Map<string, string>();
  for (const layer of layers) {
    const usual = layerIndex(layer);
    const free = COLORS.findIndex((_, i) => !new Set(colors.values()).has(colorOf(usual + i)));
    colors.set(layer, colorOf(usual + Math.max(0, free)));
  }
  return colors;
}

function partsOf({ contributions }: IterationEstimate): Map<string, number> {
  const parts = new Map<string, number>();
  for (const { layer, totalNs } of contributions) parts.set(layer, (parts.get(layer) ?? 0) + totalNs);
  return parts;
}
