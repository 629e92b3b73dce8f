/**
 * Figure: noise of the samples in the order of firing, and the device's clock beside it.
 *
 * @module
 */
import { type Figure, shownFigure, type Subject, subjectText, type Trace } from "../figure.ts";
import { extent } from "../axes.ts";
import { shownText, thin } from "../thin.ts";
import { formatCount, formatShare } from "../text.ts";
import { axis, cloudOf, INK, layoutOf, lookOf } from "../theme.ts";
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

/**
 * Draws the spread of every layer's samples over the order of firing, and how far sentinels have moved; with clocks, a
 * second panel below.
 *
 * @param input What it shows.
 * @returns The figure.
 */
export function noise({ subject, samples, clocks = [], drifts = [] }: Noise): Figure {
  const spreads = samples.flatMap(({ spread }) => spread ?? []);
  const median = middle(spreads);
  const wild = spreads.filter((spread) => spread > 0.1).length / spreads.length;
  const groups = [...Map.groupBy(samples, ({ category }) => category)];
  const withClock = clocks.length > 0;
  const range = clockRange(clocks.map(({ mhz }) => mhz));
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
        name: "sentinel drift vs baseline",
        x: drifts.map(({ order }) => order),
        y: drifts.map(({ drift }) => Math.max(Math.abs(drift) * 100, LEAST)),
        text: drifts.map(({ drift }) =>
          `${drift < 0 ? "faster" : "slower"} than the baseline by ${formatShare(Math.abs(drift))}`
        ),
        hovertemplate: "shot %{x}: %{text}",
        marker: { color: INK, symbol: "star", size: 7 },
      }]),
      ...[...Map.groupBy(clocks, ({ lane }) => lane)].map(([lane, readings], index): Trace => ({
        type: "scatter",
        mode: "lines",
        name: lane === undefined ? "clock" : `clock, ${lane}`,
        x: readings.map(({ order }) => order),
        y: readings.map(({ mhz }) => mhz),
        yaxis: "y2",
        line: { color: INK, width: 1.2, shape: "hv", dash: DASHES[index % DASHES.length] },
        hovertemplate: "shot %{x}: %{y:,} MHz",
      })),
    ],
    layout: layoutOf({
      title: `Samples of a shot differ by ${formatShare(median)} at the median; ${
        formatShare(wild)
      } by more than 10%`,
      subtitle: subjectText(
        subject,
        `${
          formatCount(samples.length)
        } layers of shots as they were fired; spread: standard deviation / median${
          shownText(samples.length, MAX_POINTS)
        }`,
        [...new Set(samples.map(({ tp }) => tp))],
      ),
      xaxis: axis("shots fired before", withClock ? { anchor: "y2" } : {}),
      yaxis: axis("spread of the samples (%)", {
        type: "log",
        tickvals: [0.01, 0.1, 1, 10, 100, 1000, 10_000],
        ticktext: ["0.01", "0.1", "1", "10", "100", "1,000", "10k"],
        ...(withClock ? { domain: [0.38, 1] } : {}),
      }),
      height: withClock ? 560 : 460,
      more: withClock
        ? { yaxis2: axis("clock (MHz)", { domain: [0, 0.28], anchor: "x", tickformat: ",d", ...range }) }
        : {},
    }),
  });
}

/** A clock that stands still is a line in the middle, not noise of its last digit. */
function clockRange(mhz: readonly number[]): Trace {
  const [low, high] = extent(mhz);
  const margin = Math.max((high - low) * 0.1, high * 0.05);
  return { range: [low - margin, high + margin], nticks: 5 };
}

/** Spreads below this, in percent, stand at the lower edge: a logarithmic axis has no 0. */
const LEAST = 0.01;
