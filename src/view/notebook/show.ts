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
import { inNotebook, type MimeBundle, send } from "./kernel.ts";

/** What can be shown: a figure, a table, or a text. */
export type Showable = Figure | Tabular | string;

/**
 * Shows something below the cell, and waits until it cannot be lost. Outside of a notebook it is printed as text.
 *
 * A figure is sent as plotly's JSON and as a PNG, so that front ends without plotly, and pages that a notebook is saved
 * to, show it too.
 *
 * @param value A figure, a data frame, records, or a text.
 * @param options How much of a table is shown.
 *
 * @example
 * ```ts
 * import { show } from "./show.ts";
 * await show([{ layer: "o_proj", time_us: 5 }]);
 * ```
 */
export async function show(value: Showable, options: TableOptions = {}): Promise<void> {
  // deno-lint-ignore no-console
  if (!inNotebook()) return console.log(textOf(value, options));
  await send(await mimeBundle(value, options));
}

/**
 * The representations of a value, as {@linkcode show} sends them.
 *
 * @param value A figure, a data frame, records, or a text.
 * @param options How much of a table is shown.
 * @returns Representations by MIME type.
 */
export async function mimeBundle(value: Showable, options: TableOptions = {}): Promise<MimeBundle> {
  const text = { "text/plain": textOf(value, options) };
  if (typeof value === "string") return text;
  if (!isFigure(value)) return { "text/html": tableHtml(value, options), ...text };
  return {
    "application/vnd.plotly.v1+json": JSON.parse(figureJson(value)),
    "image/png": Buffer.from(await figurePng(value)).toString("base64"),
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
