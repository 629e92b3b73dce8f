/**
 * The look that all figures share: colours that stay one layer's everywhere, a marker beside each colour so that a
 * print in grey can be read, one typeface, and a dark counterpart of every colour.
 *
 * @module
 */
import type { Figure, Trace } from "./figure.ts";

/** A colour on a light page, and its counterpart on a dark one. */
type Color = readonly [light: string, dark: string];

/**
 * Colours of series. The first eight are those of Okabe and Ito (2008), with grey for black, which colour-blind readers
 * tell apart; the others differ from them in lightness.
 */
const COLORS: readonly Color[] = [
  ["#0072B2", "#4DA6E0"],
  ["#D55E00", "#FF8A3D"],
  ["#009E73", "#2FC79A"],
  ["#CC79A7", "#E3A0C6"],
  ["#E69F00", "#FFC04D"],
  ["#56B4E9", "#8CD2FF"],
  ["#5C5C5C", "#BDBDBD"],
  ["#882255", "#D0588F"],
  ["#332288", "#8F7FE8"],
  ["#999933", "#CFCF5A"],
  ["#44AA99", "#7ADBCB"],
  ["#AA4499", "#DB7CCB"],
  ["#661100", "#C2654F"],
  ["#117733", "#56B872"],
  ["#B58900", "#E0BE55"],
  ["#CC6677", "#F29AA8"],
  ["#6C7FB8", "#A9B8E6"],
  ["#8C5A3C", "#C99673"],
  ["#7FB800", "#A9E22E"],
  ["#D81B60", "#FF6A9E"],
];

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

/** Scale of a quantity from small to large: cividis, whose lightness rises evenly. */
export const SEQUENTIAL: ColorScale = [
  [0, "#00224E"],
  [0.167, "#253A6F"],
  [0.333, "#4B546C"],
  [0.5, "#6C6E72"],
  [0.667, "#8F8A77"],
  [0.833, "#B5A76B"],
  [1, "#DEC751"],
];

/** Scale of a ratio around 1: blue below, brown above; the light middle is within noise. */
export const DIVERGING: ColorScale = [
  [0, "#2166AC"],
  [0.25, "#92C5DE"],
  [0.5, "#F7F7F7"],
  [0.75, "#E0A25B"],
  [1, "#8C510A"],
];

/** Stops of a colour scale, from 0 to 1. */
export type ColorScale = readonly (readonly [at: number, color: string])[];

/** The typeface; what it lacks comes from the reader's own. */
const FONT = "Open Sans, Verdana, Arial, sans-serif";

/** Neutral colours of a figure. */
const NEUTRAL = {
  /** Axes and texts. */
  ink: ["#262626", "#E6E6E6"],
  /** Explanations. */
  soft: ["#595959", "#B3B3B3"],
  /** Lines of grids. */
  grid: ["#E3E3E3", "#3A3A3D"],
  /** Places without a value. */
  gap: ["#D9D9D9", "#47474B"],
  /** Whatever is summed up. */
  rest: ["#BDBDBD", "#77777C"],
  /** Texts on a dark colour of a series: its counterpart on a dark page is light. */
  onSeries: ["#FFFFFE", "#000001"],
  /** The page. */
  paper: ["#FFFFFF", "#1E1E20"],
} as const satisfies Record<string, Color>;

/** Colour of axes and of texts. */
export const INK = NEUTRAL.ink[0];
/** Colour of the page. */
export const PAPER = NEUTRAL.paper[0];
/** Colour of places without a value. */
export const GAP = NEUTRAL.gap[0];
/** Colour of what is summed up. */
export const REST = NEUTRAL.rest[0];

/** Width of a figure that is drawn without a window, in pixels. */
export const WIDTH = 760;

/** Which page a figure stands on. */
export type Theme = "light" | "dark";

/** Every colour of a light page that has a counterpart on a dark one. */
export const DARK: Readonly<Record<string, string>> = Object.fromEntries([
  ...COLORS,
  ...Object.values(NEUTRAL),
]);

/**
 * A figure for a page of the other kind.
 *
 * @param figure A figure for a light page.
 * @param theme The page.
 * @returns The figure in the colours of that page; scales of heat maps stay.
 *
 * @example
 * ```ts
 * import { themed } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const figure = { data: [{ line: { color: "#0072B2" } }], layout: { paper_bgcolor: "#FFFFFF" } };
 * assert.deepEqual(themed(figure, "dark"), { data: [{ line: { color: "#4DA6E0" } }], layout: { paper_bgcolor: "#1E1E20" } });
 * ```
 */
export function themed({ data, layout }: Figure, theme: Theme): Figure {
  if (theme === "light") return { data, layout };
  const swap = (_: string, part: unknown): unknown =>
    typeof part === "string" ? part.replaceAll(/#[0-9A-F]{6}/g, (color) => DARK[color] ?? color) : part;
  return JSON.parse(JSON.stringify({ data, layout }, swap));
}

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
  /** What its legend has beside the usual. */
  readonly legend?: Trace;
  /** Whatever else the layout has. */
  readonly more?: Trace;
}

/** Room for the ticks and the title of the horizontal axis, in pixels. */
const BOTTOM = 60;

/** Characters of a title's line, which fit in a window of 560 pixels. */
const TITLE_WIDTH = 72;
/** Characters of a subtitle's line. */
const SUBTITLE_WIDTH = 96;

/**
 * The layout of a figure.
 *
 * @param frame Its words and axes.
 * @returns plotly's layout.
 */
export function layoutOf(
  { title, subtitle, xaxis, yaxis, height = 460, legend = {}, more = {} }: Frame,
): Trace {
  const { lines, ...words } = titleOf(title, subtitle, height);
  const top = 34 + lines * 20;
  return {
    ...words,
    font: { family: FONT, size: 12, color: INK },
    autosize: true,
    height,
    margin: { l: 76, r: 40, t: top, b: BOTTOM },
    paper_bgcolor: PAPER,
    plot_bgcolor: PAPER,
    modebar: { orientation: "v", bgcolor: "rgba(0,0,0,0)", color: NEUTRAL.soft[0], activecolor: INK },
    xaxis,
    yaxis,
    legend: {
      orientation: "h",
      x: 0,
      y: -BOTTOM / (height - top - BOTTOM),
      yanchor: "top",
      bgcolor: "rgba(255,255,255,0)",
      font: { size: 11 },
      title: { font: { size: 11 } },
      ...legend,
    },
    hoverlabel: { font: { family: FONT } },
    ...more,
  };
}

/** A figure's words as plotly has them, and as plain text for a page that sets them itself, with the lines of its title. */
function titleOf(
  title: string,
  subtitle: string,
  height: number,
): { title: Trace; meta: Trace; lines: number } {
  const [heading, explanation] = [wrap(title, TITLE_WIDTH), wrap(subtitle, SUBTITLE_WIDTH)];
  return {
    title: {
      text: [
        ...heading.map((line) => `<b>${line}</b>`),
        ...explanation.map((line) => `<span style="font-size:12px;color:${NEUTRAL.soft[0]}">${line}</span>`),
      ].join("<br>"),
      font: { size: 15, color: INK },
      x: 0,
      xref: "container",
      xanchor: "left",
      pad: { l: 12 },
      yref: "container",
      y: 1 - 28 / height,
      yanchor: "auto",
    },
    meta: { title, subtitle },
    lines: heading.length + explanation.length,
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
    gridcolor: NEUTRAL.grid[0],
    linecolor: INK,
    linewidth: 1,
    ticks: "outside",
    ticklen: 4,
    tickcolor: INK,
    zeroline: false,
    ...options,
  };
}

/** The look of a series: its colour and its marker. */
export interface Look {
  /** The colour on a light page. */
  readonly color: string;
  /** The marker. */
  readonly symbol: string;
}

/**
 * The look of one series of many.
 *
 * @param index Position of the series.
 * @returns Its look; colours go round after 20.
 */
export function lookOf(index: number): Look {
  return { color: COLORS[index % COLORS.length]![0], symbol: SYMBOLS[index % SYMBOLS.length]! };
}

/** Layers of the usual architectures, those that may take much of an iteration first: each keeps its look. */
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
  "router",
  "all_reduce",
  "all_gather",
];

/**
 * The looks of the layers of a figure: the same for a name everywhere, and no two alike.
 *
 * @param names The layers; their order does not matter.
 * @returns The look of each.
 *
 * @example
 * ```ts
 * import { layerLooks } from "./theme.ts";
 * import assert from "node:assert/strict";
 * assert.equal(layerLooks(["attention", "o_proj"]).get("o_proj")!.color, layerLooks(["o_proj"]).get("o_proj")!.color);
 * ```
 */
export function layerLooks(names: Iterable<string>): Map<string, Look> {
  const sorted = [...new Set(names)].sort();
  const known = sorted.filter((name) => LAYERS.includes(name));
  const taken = new Set(known.map((name) => LAYERS.indexOf(name)));
  const free = COLORS.length - LAYERS.length;
  const looks = new Map(known.map((name) => [name, lookOf(LAYERS.indexOf(name))]));
  for (const name of sorted.filter((name) => !LAYERS.includes(name))) {
    const sum = [...name].reduce((sum, sign) => sum + sign.codePointAt(0)!, 0);
    let index = LAYERS.length + sum % free;
    while (taken.has(index) && taken.size < COLORS.length) index = (index + 1) % COLORS.length;
    taken.add(index);
    looks.set(name, lookOf(index));
  }
  return looks;
}

/**
 * A line of a series.
 *
 * @param look The look of the series.
 * @returns Members of a scatter trace.
 */
export function lineOf({ color, symbol }: Look): { line: Trace; marker: Trace } {
  return { line: { color, width: 1.8 }, marker: { color, symbol, size: 6, maxdisplayed: 14 } };
}

/**
 * A cloud of points of a series.
 *
 * @param look The look of the series.
 * @param opacity How much a point covers, from 0 to 1.
 * @returns A trace's `marker`.
 */
export function cloudOf({ color, symbol }: Look, opacity: number): Trace {
  return { color, symbol, size: 4, opacity };
}

/** What the legend of clouds has beside the usual: markers that can be seen. */
export const CLOUD_LEGEND: Trace = { itemsizing: "constant" };

/** Colours of an ordered family from small to large, clear on light and dark pages. */
const ORDERED: ColorScale = [[0, "#2C6DB4"], [0.35, "#5E8CA8"], [0.65, "#9A8F6B"], [1, "#C9A227"]];

/**
 * The look of one series of an ordered family.
 *
 * @param index Position of the series.
 * @param count How many there are.
 * @returns Its look.
 */
export function orderedLook(index: number, count: number): Look {
  return {
    color: colorAt(ORDERED, count < 2 ? 0 : index / (count - 1)),
    symbol: SYMBOLS[index % SYMBOLS.length]!,
  };
}

/**
 * The colour of a scale at a place.
 *
 * @param scale The scale.
 * @param at The place; what lies outside of 0 to 1 has the colour of the end.
 * @returns The colour, linear between stops as plotly draws it.
 */
export function colorAt(scale: ColorScale, at: number): string {
  const place = Math.min(1, Math.max(0, at));
  const above = Math.max(1, scale.findIndex(([stop]) => stop >= place));
  const [[low, from], [high, to]] = [scale[above - 1]!, scale[above]!];
  const share = (place - low) / (high - low);
  const [a, b] = [channels(from), channels(to)];
  return "#" +
    a.map((value, i) => Math.round(value + (b[i]! - value) * share).toString(16).padStart(2, "0")).join("")
      .toUpperCase();
}

/**
 * The colour that a text is best read in on a coloured ground.
 *
 * @param ground The ground.
 * @returns Black or white, whichever has more contrast (WCAG 2.2, relative luminance); it stays on a dark page, as the
 * colours of cells do.
 *
 * @example
 * ```ts
 * import { inkOn } from "./theme.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(["#00224E", "#DEC751"].map(inkOn), ["white", "black"]);
 * ```
 */
export function inkOn(ground: string): string {
  return contrast("#000000", ground) >= contrast("#FFFFFF", ground) ? "black" : "white";
}

/**
 * The colour of a text on the colour of a series, which is another one on a dark page.
 *
 * @param color The series' colour on a light page.
 * @returns The text's colour on a light page; {@linkcode themed} gives both their counterparts.
 */
export function inkOnSeries(color: string): string {
  return inkOn(color) === "white" ? NEUTRAL.onSeries[0] : "black";
}

/**
 * The contrast of two colours.
 *
 * @param a A colour, such as `#0072B2`.
 * @param b Another.
 * @returns From 1 to 21 (WCAG 2.2).
 */
export function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light! + 0.05) / (dark! + 0.05);
}

function luminance(color: string): number {
  const [r, g, b] = channels(color).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

function channels(color: string): number[] {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
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
