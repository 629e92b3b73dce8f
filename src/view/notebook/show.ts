/**
 * Shows figures and tables in a notebook.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Figure } from "../figure.ts";
import { figureJson } from "../figure_json.ts";
import { figurePng } from "../render/render.ts";
import { isDataFrame, tableHtml, type TableOptions, tableText, type Tabular } from "../table.ts";
import { type Theme, themed } from "../theme.ts";
import { inNotebook, type MimeBundle, send } from "./kernel.ts";

/** Pixels of the still that a notebook keeps beside the live figure, for one of the figure: notebooks stay small. */
const STILL_SCALE = 1;
/** Width of the still in pixels: JupyterLab shows it, and cuts it off, until the mouse is over it. */
const STILL_WIDTH = 640;

/** How something is shown. */
export interface ShowOptions extends TableOptions {
  /** The page that a figure stands on. @default {"dark" where the environment has SHOTLAB_THEME=dark, else "light"} */
  readonly theme?: Theme;
}

/** The page that figures stand on where nothing else is said: a kernel does not know the notebook's theme. */
function usualTheme(): Theme {
  return Deno.env.get("SHOTLAB_THEME") === "dark" ? "dark" : "light";
}

/** What can be shown: a figure, a table, or a text. */
export type Showable = Figure | Tabular | string;

/**
 * Shows something below the cell, and waits until it cannot be lost. Outside of a notebook it is printed as text.
 *
 * A figure is sent as plotly's JSON and as a PNG, so that front ends without plotly, and pages that a notebook is saved
 * to, show it too.
 *
 * @param value A figure, a data frame, records, or a text.
 * @param options How much of a table is shown, and the page that a figure stands on.
 *
 * @example
 * ```ts
 * import { show } from "shotlab/view";
 * await show([{ layer: "o_proj", time_us: 5 }]);
 * ```
 */
export async function show(value: Showable, options: ShowOptions = {}): Promise<void> {
  // deno-lint-ignore no-console
  if (!inNotebook()) return console.log(textOf(value, options));
  await send(await mimeBundle(value, options));
}

/**
 * The representations of a value, as {@linkcode show} sends them.
 *
 * @param value A figure, a data frame, records, or a text.
 * @param options How much of a table is shown, and the page that a figure stands on.
 * @returns Representations by MIME type.
 */
export async function mimeBundle(value: Showable, options: ShowOptions = {}): Promise<MimeBundle> {
  const text = { "text/plain": textOf(value, options) };
  if (typeof value === "string") return text;
  if (!isFigure(value)) return { "text/html": tableHtml(value, options), ...text };
  const { theme = usualTheme() } = options;
  const still = { data: value.data, layout: { width: STILL_WIDTH, ...value.layout } };
  return {
    "application/vnd.plotly.v1+json": JSON.parse(figureJson(themed(value, theme))),
    "image/png": Buffer.from(await figurePng(still, { theme, scale: STILL_SCALE })).toString("base64"),
    ...text,
  };
}

function textOf(value: Showable, options: TableOptions): string {
  if (typeof value === "string") return value;
  return isFigure(value) ? titleOf(value) : tableText(value, options);
}

function isFigure(value: Showable): value is Figure {
  return typeof value === "object" && !Array.isArray(value) && !isDataFrame(value);
}

function titleOf({ layout }: Figure): string {
  const title = layout["title"] as { readonly text?: string } | undefined;
  return (title?.text ?? "Figure").replaceAll("<br>", "\n").replaceAll(/<[^>]*>/g, "");
}
