/**
 * Figures as pictures, without a browser.
 *
 * @module
 */
import { Resvg } from "@resvg/resvg-js";
import { writeAtomic } from "../../files/write.ts";
import { UsageError } from "../../errors.ts";
import type { Figure } from "../figure.ts";
import { PAPER } from "../theme.ts";
import { FONT_FAMILY, FONT_FILES } from "./fonts.ts";
import { encodePng } from "./png.ts";
import { plotlyInWindow } from "./window.ts";

/** How large a picture is. */
export interface PngOptions {
  /** Pixels of the picture for one of the figure. @default {1} */
  readonly scale?: number;
}

/** One figure at a time: plotly's window is shared. */
let drawing: Promise<unknown> = Promise.resolve();

/**
 * Draws a figure as SVG.
 *
 * @param figure The figure; its layout gives `width` and `height` in pixels.
 * @returns The SVG file's text.
 *
 * @example
 * ```ts no-run
 * import { figureSvg } from "./render.ts";
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
 */
export async function figurePng(figure: Figure, options: PngOptions = {}): Promise<Uint8Array> {
  const picture = new Resvg(await figureSvg(figure), {
    background: PAPER,
    fitTo: { mode: "zoom", value: options.scale ?? 1 },
    font: { loadSystemFonts: false, fontFiles: [...FONT_FILES], defaultFontFamily: FONT_FAMILY },
  });
  return encodePng(picture.render());
}

/**
 * Saves a figure as a picture.
 *
 * @param figure The figure.
 * @param path The file, whose name ends in .png or .svg.
 * @param options How large a PNG is.
 * @throws {UsageError} when the name ends otherwise, or the file cannot be written.
 */
export async function saveFigure(figure: Figure, path: string, options: PngOptions = {}): Promise<void> {
  if (path.endsWith(".svg")) return await writeAtomic(path, await figureSvg(figure));
  if (!path.endsWith(".png")) {
    throw new UsageError(`Cannot save a figure: the name must end in .png or .svg, but is ${path}`);
  }
  try {
    await Deno.writeFile(path, await figurePng(figure, options));
  } catch (cause) {
    throw new UsageError(`Cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}

async function draw({ data, layout }: Figure): Promise<string> {
  const { width, height } = layout;
  const plotly = await plotlyInWindow();
  // plotly changes what it is given.
  const own = structuredClone({ data, layout });
  const url = await plotly.toImage(own, { format: "svg", width, height, imageDataOnly: true });
  return url.startsWith("data:") ? decodeURIComponent(url.slice(url.indexOf(",") + 1)) : url;
}
