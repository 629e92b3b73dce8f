/**
 * Shows figures and tables in a notebook.
 *
 * @module
 */
import type { Figure } from "../figure.ts";
import { figureJson } from "../figure_json.ts";
import { figureSvg } from "../render/render.ts";
import { isDataFrame, tableHtml, type TableOptions, tableText, type Tabular } from "../table.ts";
import { type Theme, themed } from "../theme.ts";
import { inNotebook, type MimeBundle, send } from "./kernel.ts";

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
 * A figure is sent as plotly's JSON and as an SVG, so that front ends without plotly, and pages that a notebook is saved
 * to, show it too. JupyterLab shows a PNG, where there is one, in the place of plotly's figure until the mouse is over
 * it, and cuts off what is wider than the cell; an SVG leaves the place to the figure, which is as wide as the cell.
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
  const figure = themed(value, options.theme ?? usualTheme());
  return {
    "application/vnd.plotly.v1+json": JSON.parse(figureJson(figure)),
    "image/svg+xml": await figureSvg(figure),
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
