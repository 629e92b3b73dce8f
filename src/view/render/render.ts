/**
 * Figures as pictures, without a browser.
 *
 * @module
 */
import { Resvg } from "@resvg/resvg-js";
import { writeAtomic } from "../../files/write.ts";
import { UsageError } from "../../errors.ts";
import type { Figure } from "../figure.ts";
import { figureCsv } from "../figure_csv.ts";
import { DARK, PAPER, type Theme, themed, WIDTH } from "../theme.ts";
import { FONT_FAMILY, FONT_FILES } from "./fonts.ts";
import { encodePng } from "./png.ts";
import { plotlyInWindow } from "./window.ts";

/** How large a picture is. */
export interface PngOptions {
  /** Pixels of the picture for one of the figure. @default {2} */
  readonly scale?: number;
  /** The page that it stands on. @default {"light"} */
  readonly theme?: Theme;
}

/** Height of a figure whose layout names none, in pixels. */
const HEIGHT = 460;

/** One figure at a time: plotly's window is shared. */
let drawing: Promise<unknown> = Promise.resolve();

/**
 * Draws a figure as SVG.
 *
 * @param figure The figure; without `width` and `height` in pixels in its layout it is 760 by 460.
 * @returns The SVG file's text.
 *
 * @example
 * ```ts no-run
 * import { figureSvg } from "shotlab/view";
 * await figureSvg({ data: [{ x: [1, 2], y: [3, 4] }], layout: { width: 300, height: 200 } });
 * ```
 */
export function figureSvg(figure: Figure): Promise<string> {
  const drawn = drawing.then(() => draw(figure));
  drawing = drawn.catch(() => {});
  return drawn;
}

/**
 * Draws a figure as PNG.
 *
 * @param figure The figure.
 * @param options How large it is.
 * @returns The PNG file's bytes.
 *
 * @example
 * ```ts
 * import { figurePng, layerTimes } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const subject = { hardware: "H100", model: "a/b", tp: 1, quantity: "kernel" };
 * const rows = [1, 2, 4].map((tokens) => ({ layer: "o_proj", key: [tokens], timeUs: 5 + tokens }));
 * const figure = layerTimes({ subject, size: "tokens", rows });
 * const png = await figurePng(figure, { scale: 1 });
 * assert.deepEqual([...png.slice(1, 4)], [..."PNG"].map((letter) => letter.charCodeAt(0)));
 * ```
 */
export async function figurePng(figure: Figure, options: PngOptions = {}): Promise<Uint8Array> {
  const { scale = 2, theme = "light" } = options;
  const picture = new Resvg(await figureSvg(themed(figure, theme)), {
    background: theme === "light" ? PAPER : DARK[PAPER]!,
    fitTo: { mode: "zoom", value: scale },
    font: { loadSystemFonts: false, fontFiles: [...FONT_FILES], defaultFontFamily: FONT_FAMILY },
  });
  return encodePng(picture.render());
}

/**
 * Saves a figure as a picture, or its data as a table.
 *
 * @param figure The figure.
 * @param path The file, whose name ends in .png, .svg or .csv.
 * @param options How large a PNG is.
 * @throws {UsageError} when the name ends otherwise, or the file cannot be written.
 *
 * @example
 * ```ts
 * import { layerTimes, saveFigure } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const subject = { hardware: "H100", model: "a/b", tp: 1, quantity: "kernel" };
 * const rows = [1, 2, 4].map((tokens) => ({ layer: "o_proj", key: [tokens], timeUs: 5 + tokens }));
 * const figure = layerTimes({ subject, size: "tokens", rows });
 * const path = await Deno.makeTempFile({ suffix: ".csv" });
 * await saveFigure(figure, path);
 * assert.equal((await Deno.readTextFile(path)).trimEnd().split("\n").length, 4);
 * await Deno.remove(path);
 * ```
 */
export async function saveFigure(figure: Figure, path: string, options: PngOptions = {}): Promise<void> {
  if (path.endsWith(".svg")) {
    return await writeAtomic(path, await figureSvg(themed(figure, options.theme ?? "light")));
  }
  if (path.endsWith(".csv")) return await writeAtomic(path, figureCsv(figure));
  if (!path.endsWith(".png")) {
    throw new UsageError(`Cannot save a figure: the name must end in .png, .svg or .csv, but is ${path}`);
  }
  try {
    await Deno.writeFile(path, await figurePng(figure, options));
  } catch (cause) {
    throw new UsageError(`Cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}

async function draw({ data, layout }: Figure): Promise<string> {
  const { width = WIDTH, height = HEIGHT } = layout;
  const plotly = await plotlyInWindow();
  // plotly changes what it is given.
  const own = structuredClone({ data, layout: { ...layout, width, height } });
  const url = await plotly.toImage(own, { format: "svg", width, height, imageDataOnly: true });
  return url.startsWith("data:") ? decodeURIComponent(url.slice(url.indexOf(",") + 1)) : url;
}
