/**
 * Heat maps over a grid of measured values.
 *
 * @module
 */
import { decadeTicks, extent, gridAxis } from "./axes.ts";
import type { GridData } from "./figure_csv.ts";
import { type Figure, shownFigure, type Trace } from "./figure.ts";
import { formatShare, formatUs, significant } from "./text.ts";
import { colorAt, type ColorScale, DIVERGING, GAP, inkOn, layoutOf, SEQUENTIAL } from "./theme.ts";
import { distinct } from "../stats.ts";

/** A value at a place of a grid. */
export interface Cell {
  /** Value on the horizontal axis. */
  readonly x: number;
  /** Value on the vertical axis. */
  readonly y: number;
  /** The value there, above 0. */
  readonly value: number;
  /** Whether it was predicted, not measured: it has a sign before it. @default {false} */
  readonly predicted?: boolean;
  /** Standard deviation of its samples as a share of it; null or absent where nobody knows. */
  readonly spread?: number | null;
}

/** What a heat map shows. */
export interface HeatMap {
  /** The cells. */
  readonly cells: readonly Cell[];
  /** Why places have no cell; they stay grey. */
  readonly missing: string;
  /** What is seen, in a sentence. */
  readonly title: string;
  /** What it is about. */
  readonly subtitle: string;
  /** What the horizontal axis shows. */
  readonly x: string;
  /** What the vertical axis shows. */
  readonly y: string;
  /** `time`: microseconds; `ratio`: around 1, white there. */
  readonly scale: "time" | "ratio";
  /** What the colour means. */
  readonly legend: string;
}

/** Widest grid whose cells have room for numbers. */
const MAX_LABELLED_COLUMNS = 20;
/** Stands before values that were predicted. */
const PREDICTED = "≈";
/** Ratios of all figures have one scale of colours, which ends here and at its inverse. */
const RATIO_END = 2;

/** Ratios this close to 1 are within noise: two runs of one device differ as much (docs/benchmarks.md, repeatability). */
export const NOISE_SHARE = 0.03;

/**
 * Whether a ratio of times is within noise.
 *
 * @param ratio The ratio.
 * @returns Whether it differs from 1 by {@linkcode NOISE_SHARE} at most.
 */
export function isWithinNoise(ratio: number): boolean {
  return Math.max(ratio, 1 / ratio) <= 1 + NOISE_SHARE;
}

/**
 * Draws a heat map with a logarithmic scale; grid values stand at even distances.
 *
 * @param map What it shows.
 * @returns The figure.
 */
export function heatMap({ cells, missing, title, subtitle, x, y, scale, legend }: HeatMap): Figure {
  const xs = distinct(cells.map((cell) => cell.x));
  const ys = distinct(cells.map((cell) => cell.y));
  const grid = ys.map(() => xs.map((): number | null => null));
  const columnOf = new Map(xs.map((value, index) => [value, index]));
  const rowOf = new Map(ys.map((value, index) => [value, index]));
  for (const cell of cells) grid[rowOf.get(cell.y)!]![columnOf.get(cell.x)!] = cell.value;
  const spreads = new Map(
    cells.map(({ x, y, spread = null }) => [`${x} ${y}`, spread === null ? "" : ` ±${formatShare(spread)}`]),
  );
  const values = cells.map(({ value }) => value);
  const predicted = new Set(
    cells.flatMap((cell) => cell.predicted ? [`${columnOf.get(cell.x)} ${rowOf.get(cell.y)}`] : []),
  );
  const words = (value: number | null, column: number, row: number): string =>
    value === null ? "" : `${predicted.has(`${column} ${row}`) ? PREDICTED : ""}${shortText(value, scale)}`;
  const notes = [
    ...predicted.size > 0 ? [`${PREDICTED}: predicted`] : [],
    ...cells.length < xs.length * ys.length ? [`grey: ${missing}`] : [],
  ];
  return shownFigure({
    data: [{
      type: "heatmap",
      meta: { columns: xs, rows: ys, values: grid } satisfies GridData,
      z: grid.map((row) => row.map((value) => value === null ? null : Math.log10(value))),
      text: grid.map((row, r) => row.map((value, c) => words(value, c, r))),
      customdata: grid.map((row, r) =>
        row.map((_, c) => [xs[c], ys[r], spreads.get(`${xs[c]} ${ys[r]}`) ?? ""])
      ),
      hovertemplate: `${x}: %{customdata[0]:,}<br>${y}: %{customdata[1]:,}<br>${legend}: %{text}${
        scale === "time" ? " µs" : ""
      }%{customdata[2]}<extra></extra>`,
      xgap: 1,
      ygap: 1,
      ...colors(values, scale, legend),
    }, ...(xs.length <= MAX_LABELLED_COLUMNS ? [labels(grid, words, groundOf(values, scale))] : [])],
    layout: layoutOf({
      title,
      subtitle: [subtitle, ...notes].join("; "),
      xaxis: gridAxis(x, xs),
      yaxis: gridAxis(y, ys),
      height: Math.max(380, Math.min(640, 200 + ys.length * 28)),
      more: { plot_bgcolor: GAP },
    }),
  });
}

function colors(values: readonly number[], scale: HeatMap["scale"], legend: string): Trace {
  if (scale === "time") {
    const { tickvals, ticktext } = decadeTicks(values);
    const [low, high] = extent(values).map(Math.log10) as [number, number];
    return {
      colorscale: SEQUENTIAL,
      zmin: low,
      zmax: high === low ? low + 1 : high,
      colorbar: colorBar(`${legend} (µs)`, tickvals, ticktext),
    };
  }
  const ticks = [1 / RATIO_END, 1 / Math.sqrt(RATIO_END), 1, Math.sqrt(RATIO_END), RATIO_END];
  const beyond = ["≤", "", "", "", "≥"];
  return {
    colorscale: RATIO_SCALE,
    zmin: -Math.log10(RATIO_END),
    zmax: Math.log10(RATIO_END),
    colorbar: colorBar(legend, ticks, ticks.map((tick, i) => `${beyond[i]}${tick.toFixed(2)}`)),
  };
}

/** The scale of ratios, level where they are within noise. */
const RATIO_SCALE: ColorScale = ((): ColorScale => {
  const noise = Math.log(1 + NOISE_SHARE) / Math.log(RATIO_END) / 2;
  const middle = DIVERGING.findIndex(([at]) => at === 0.5);
  const neutral = DIVERGING[middle]![1];
  return [
    ...DIVERGING.slice(0, middle),
    [0.5 - noise, colorAt(DIVERGING, 0.5 - noise)],
    [0.5 - noise, neutral],
    [0.5 + noise, neutral],
    [0.5 + noise, colorAt(DIVERGING, 0.5 + noise)],
    ...DIVERGING.slice(middle + 1),
  ];
})();

/** The colour of a value's cell. */
function groundOf(values: readonly number[], scale: HeatMap["scale"]): (value: number) => string {
  if (scale === "ratio") {
    return (value) => colorAt(RATIO_SCALE, (Math.log(value) / Math.log(RATIO_END) + 1) / 2);
  }
  const [low, high] = extent(values).map(Math.log) as [number, number];
  return (value) => colorAt(SEQUENTIAL, high === low ? 0 : (Math.log(value) - low) / (high - low));
}

function labels(
  grid: readonly (readonly (number | null)[])[],
  words: (value: number | null, column: number, row: number) => string,
  ground: (value: number) => string,
): Trace {
  const all = grid.flatMap((row, y) =>
    row.flatMap((value, x) =>
      value === null ? [] : [{ x, y, text: words(value, x, y), color: inkOn(ground(value)) }]
    )
  );
  return {
    type: "scatter",
    mode: "text",
    x: all.map(({ x }) => x),
    y: all.map(({ y }) => y),
    text: all.map(({ text }) => text),
    textfont: { size: grid[0]!.length > 14 ? 8.5 : 10, color: all.map(({ color }) => color) },
    hoverinfo: "skip",
    showlegend: false,
  };
}

function colorBar(text: string, ticks: readonly number[], labels: readonly string[]): Trace {
  return {
    title: { text, side: "top", font: { size: 11 } },
    tickvals: ticks.map(Math.log10),
    ticktext: labels,
    thickness: 14,
    outlinewidth: 0,
  };
}

function shortText(value: number, scale: HeatMap["scale"]): string {
  if (scale === "ratio") return value.toFixed(2);
  return value < 9995 ? significant(value) : `${significant(value / 1000)}k`;
}

/**
 * Where a value of a heat map is largest.
 *
 * @param cells The cells, at least one.
 * @returns Such as `1.25 ms`, and its cell.
 */
export function peak(cells: readonly Cell[]): { text: string; cell: Cell } {
  const cell = cells.reduce((most, other) => other.value > most.value ? other : most);
  return { text: formatUs(cell.value), cell };
}
