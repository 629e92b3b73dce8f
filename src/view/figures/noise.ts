/**
 * Figure: noise of the samples in the order of firing, and the device's clock beside it.
 *
 * @module
 */
import { type Figure, shownFigure, type Subject, subjectText, type Trace } from "../figure.ts";
import { extent } from "../axes.ts";
import { shownText, thin } from "../thin.ts";
import { plural } from "../../count_text.ts";
import { formatShare } from "../text.ts";
import { axis, CLOUD_LEGEND, cloudOf, INK, layoutOf, lookOf } from "../theme.ts";
import type { ClockReading, Drift, LayerSamples } from "../timeline.ts";
import { median as middle } from "../../stats.ts";

/** What the figure shows. */
export interface Noise {
  /** What it is about. */
  readonly subject: Subject;
  /** The samples, at least one. */
  readonly samples: readonly LayerSamples[];
  /** The clock, where it was recorded. @default none */
  readonly clocks?: readonly ClockReading[];
  /** The sentinels, where some were fired. @default none */
  readonly drifts?: readonly Drift[];
}

/** How the clocks of a pool's devices are told apart. */
const DASHES = ["solid", "dot", "dash", "dashdot"];

/** Points that the figure holds at most. */
const MAX_POINTS = 1500;

/** Spreads below this, in percent, stand at the lower edge: a logarithmic axis has no 0. */
const LEAST = 0.01;

/** Heights of a panel and of the gap below it, in pixels. */
const [PANEL, GAP] = [110, 38];

/**
 * Draws the spread of every layer's samples over the order of firing; in panels below it, by how much sentinels are
 * slower or faster than their baseline, and the device's clock.
 *
 * @param input What it shows.
 * @returns The figure.
 *
 * @example
 * ```ts
 * import { noise } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const subject = { hardware: "H100", model: "a/b", tp: 1, quantity: "kernel" };
 * const samples = [{
 *   order: 0, category: "dense", tp: 1, key: [16], layer: "o_proj", samplesUs: [10, 11], medianUs: 10.5, spread: 0.07,
 * } as const];
 * const { data } = noise({ subject, samples, drifts: [{ order: 1, drift: 0.01 }] });
 * assert.equal(data.length, 2);
 * ```
 */
export function noise({ subject, samples, clocks = [], drifts = [] }: Noise): Figure {
  const spreads = samples.flatMap(({ spread }) => spread ?? []);
  const median = middle(spreads);
  const wild = spreads.filter((spread) => spread > 0.1).length / spreads.length;
  const groups = [...Map.groupBy(samples, ({ category }) => category)];
  const low = spreads.filter((spread) => spread * 100 < LEAST).length;
  const { axes, height, bottom } = panels([
    ...drifts.length === 0 ? [] : [driftAxis(drifts)],
    ...clocks.length === 0 ? [] : [clockAxis(clocks)],
  ]);
  const clockPanel = drifts.length === 0 ? "y2" : "y3";
  return shownFigure({
    data: [
      ...groups.map(([category, shots], index): Trace => {
        const shown = thin(shots, Math.ceil(MAX_POINTS * shots.length / samples.length));
        return {
          type: "scatter",
          mode: "markers",
          name: category,
          x: shown.map(({ order }) => order),
          y: shown.map(({ spread }) => Math.max((spread ?? 0) * 100, LEAST)),
          text: shown.map(({ layer, key }) => `${layer} (${key.join(", ")})`),
          hovertemplate: "shot %{x}: %{y:.2~f}%<br>%{text}",
          marker: cloudOf(lookOf(index), 0.6),
        };
      }),
      ...(drifts.length === 0 ? [] : [{
        type: "scatter",
        mode: "markers",
        name: "sentinel",
        x: drifts.map(({ order }) => order),
        y: drifts.map(({ drift }) => drift * 100),
        yaxis: "y2",
        text: drifts.map(({ drift }) =>
          `${drift < 0 ? "faster" : "slower"} than the baseline by ${formatShare(Math.abs(drift))}`
        ),
        hovertemplate: "shot %{x}: %{text}",
        marker: { color: INK, symbol: "star", size: 7 },
      }]),
      ...[...Map.groupBy(clocks, ({ lane }) => lane)].map(([lane, readings], index): Trace => ({
        type: "scatter",
        mode: "lines",
        name: lane === undefined ? "clock" : `clock of ${lane}`,
        x: readings.map(({ order }) => order),
        y: readings.map(({ mhz }) => mhz),
        yaxis: clockPanel,
        line: { color: INK, width: 1.2, shape: "hv", dash: DASHES[index % DASHES.length] },
        hovertemplate: "shot %{x}: %{y:,} MHz",
      })),
    ],
    layout: layoutOf({
      title: `Samples of a shot differ by ${formatShare(median)} at the median; ${
        formatShare(wild)
      } by more than 10%${
        drifts.length === 0
          ? ""
          : `; sentinels drift by ${
            formatShare(Math.max(...drifts.map(({ drift }) => Math.abs(drift))))
          } at most`
      }`,
      subtitle: subjectText(
        subject,
        `${plural(samples.length, "layer")} of shots as they were fired; CV: standard deviation / median${
          low === 0 ? "" : `, below ${LEAST}% at the edge`
        }${drifts.length === 0 ? "" : "; drift above 0: slower than the baseline"}${
          shownText(samples.length, MAX_POINTS)
        }`,
        [...new Set(samples.map(({ tp }) => tp))],
      ),
      xaxis: axis("shots fired before", { anchor: bottom }),
      yaxis: axis("CV of the samples (%)", {
        type: "log",
        tickvals: [0.01, 0.1, 1, 10, 100, 1000, 10_000],
        ticktext: ["0.01", "0.1", "1", "10", "100", "1,000", "10k"],
        domain: axes[0]!.domain,
      }),
      legend: CLOUD_LEGEND,
      height,
      more: Object.fromEntries(
        axes.slice(1).map(({ domain, own }, i) => [`yaxis${i + 2}`, { ...own, domain, anchor: "x" }]),
      ),
    }),
  });
}

/** The panels from top to bottom: the spread, which is tallest, and those below it. */
function panels(
  below: readonly Trace[],
): { axes: { domain: [number, number]; own: Trace }[]; height: number; bottom: string } {
  const plot = 300 + below.length * (PANEL + GAP);
  const domain = (top: number, tall: number): [number, number] => [1 - (top + tall) / plot, 1 - top / plot];
  return {
    axes: [
      { domain: domain(0, 300), own: {} },
      ...below.map((own, i) => ({ domain: domain(300 + GAP + i * (PANEL + GAP), PANEL), own })),
    ],
    height: plot + 160,
    bottom: below.length === 0 ? "y" : `y${below.length + 1}`,
  };
}

/** A few percent at least: what is within noise does not fill the panel. */
function driftAxis(drifts: readonly Drift[]): Trace {
  const [low, high] = extent(drifts.map(({ drift }) => drift * 100));
  return axis("drift (%)", {
    range: [Math.min(low * 1.15, -3), Math.max(high * 1.15, 3)],
    zeroline: true,
    zerolinecolor: INK,
    nticks: 5,
  });
}

/** A clock that stands still is a line in the middle, not noise of its last digit. */
function clockAxis(clocks: readonly ClockReading[]): Trace {
  const [low, high] = extent(clocks.map(({ mhz }) => mhz));
  const margin = Math.max((high - low) * 0.1, high * 0.05);
  return axis("clock (MHz)", { tickformat: ",d", range: [low - margin, high + margin], nticks: 5 });
}
