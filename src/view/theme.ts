/**
 * The look that all figures share: colours that colour-blind readers tell apart (Okabe and Ito, 2008; the sequential
 * scale is cividis, whose lightness rises evenly), a second cue beside colour so that a print in grey can be read, a
 * white page and one typeface.
 *
 * @module
 */
import type { Trace } from "./figure.ts";

/** Colours of series. */
export const COLORS = [
  "#0072B2",
  "#D55E00",
  "#009E73",
  "#CC79A7",
  "#E69F00",
  "#56B4E9",
  "#000000",
] as const;

/** Marker symbols of series, which go round beside the colours. */
const SYMBOLS = [
  "circle",
  "square",
  "diamond",
  "triangle-up",
  "x",
  "triangle-down",
  "cross",
  "star",
  "pentagon",
] as const;

/** Scale of a quantity from small to large. */
export const SEQUENTIAL = "Cividis";

/** Scale of a ratio around 1: blue below, white at it, brown above. */
export const DIVERGING = [
  [0, "#2166AC"],
  [0.25, "#92C5DE"],
  [0.5, "#F7F7F7"],
  [0.75, "#E0A25B"],
  [1, "#8C510A"],
] as const;

/** The typeface; what it lacks comes from the reader's own. */
const FONT = "Open Sans, Verdana, Arial, sans-serif";

/** Colour of grids. */
const GRID = "#E3E3E3";
/** Colour of axes and of texts. */
export const INK = "#262626";
/** Colour of the page, and of texts on dark ground. */
export const PAPER = "#FFFFFF";

/** What a figure says in words, and how large it is. */
export interface Frame {
  /** What is seen, in a sentence. */
  readonly title: string;
  /** What it is about. */
  readonly subtitle: string;
  /** The horizontal axis. */
  readonly xaxis: Trace;
  /** The vertical axis. */
  readonly yaxis: Trace;
  /** Height in pixels. @default {460} */
  readonly height?: number;
  /** Whatever else the layout has. */
  readonly more?: Trace;
}

/** Characters that fit in a title's line at the figures' width. */
const TITLE_WIDTH = 78;
/** Characters that fit in a subtitle's line. */
const SUBTITLE_WIDTH = 104;

/**
 * The layout of a figure.
 *
 * @param frame Its words and axes.
 * @returns plotly's layout.
 */
export function layoutOf({ title, subtitle, xaxis, yaxis, height = 460, more = {} }: Frame): Trace {
  const [heading, explanation] = [wrap(title, TITLE_WIDTH), wrap(subtitle, SUBTITLE_WIDTH)];
  const lines = heading.length + explanation.length;
  return {
    title: {
      text: [
        ...heading.map((line) => `<b>${line}</b>`),
        ...explanation.map((line) => `<span style="font-size:12px;color:#595959">${line}</span>`),
      ].join("<br>"),
      font: { size: 15, color: INK },
      x: 0,
      xref: "paper",
      xanchor: "left",
      yref: "container",
      y: 1 - 28 / height,
      yanchor: "auto",
    },
    font: { family: FONT, size: 12, color: INK },
    width: 760,
    height,
    margin: { l: 76, r: 24, t: 30 + lines * 20, b: 60 },
    paper_bgcolor: PAPER,
    plot_bgcolor: PAPER,
    xaxis,
    yaxis,
    legend: { bgcolor: "rgba(255,255,255,0)", font: { size: 11 }, title: { font: { size: 11 } } },
    hoverlabel: { font: { family: FONT } },
    ...more,
  };
}

/**
 * An axis.
 *
 * @param text What it shows, with its unit.
 * @param options Whatever else the axis has.
 * @returns plotly's axis.
 */
export function axis(text: string, options: Trace = {}): Trace {
  return {
    title: { text, font: { size: 12.5 }, standoff: 12 },
    gridcolor: GRID,
    linecolor: INK,
    linewidth: 1,
    ticks: "outside",
    ticklen: 4,
    tickcolor: INK,
    zeroline: false,
    ...options,
  };
}

/**
 * The look of one series of many: its colour, its marker and, where the colours go round, dashes.
 *
 * @param index Position of the series.
 * @returns Members of a scatter trace.
 */
export function series(index: number): { line: Trace; marker: Trace } {
  const color = colorOf(index);
  return {
    line: { color, width: 1.8, dash: index < COLORS.length ? "solid" : "dash" },
    marker: { color, symbol: SYMBOLS[index % SYMBOLS.length], size: 6, maxdisplayed: 14 },
  };
}

/** The usual layers, those that may take much of an iteration first: each keeps its look from figure to figure. */
const LAYERS = [
  "attention",
  "gate_up_proj",
  "down_proj",
  "qkv_proj",
  "o_proj",
  "lm_head",
  "embedding",
  "layernorm",
  "moe",
  "act_fn",
  "qk_norm",
  "rotary_emb",
  "final_layernorm",
  "sampler",
];

/**
 * The position that gives a layer its look.
 *
 * @param name The layer's name.
 * @returns The same for a name everywhere.
 */
export function layerIndex(name: string): number {
  const known = LAYERS.indexOf(name);
  return known >= 0 ? known : LAYERS.length + [...name].reduce((sum, sign) => sum + sign.codePointAt(0)!, 0);
}

/**
 * The look of one cloud of points among several.
 *
 * @param index Position of the cloud.
 * @param opacity How much a point covers, from 0 to 1.
 * @returns A trace's `marker`.
 */
export function cloud(index: number, opacity: number): Trace {
  return { color: colorOf(index), symbol: SYMBOLS[index % SYMBOLS.length], size: 4, opacity };
}

/**
 * The colour of a series.
 *
 * @param index Position of the series.
 * @returns The colour.
 */
export function colorOf(index: number): string {
  return COLORS[index % COLORS.length]!;
}

/** Cividis at even steps. */
const RAMP = ["#00224E", "#253A6F", "#4B546C", "#6C6E72", "#8F8A77", "#B5A76B", "#DEC751"] as const;

/**
 * The look of one series of an ordered family: the darker, the smaller.
 *
 * @param index Position of the series.
 * @param count How many there are.
 * @returns Members of a scatter trace.
 */
export function orderedSeries(index: number, count: number): { line: Trace; marker: Trace } {
  const color = RAMP[count === 1 ? 0 : Math.round(index / (count - 1) * (RAMP.length - 1))]!;
  return {
    line: { color, width: 1.8 },
    marker: { color, symbol: SYMBOLS[index % SYMBOLS.length], size: 6, maxdisplayed: 14 },
  };
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}
