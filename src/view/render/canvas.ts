/**
 * A canvas for a window that has none: plotly paints the body of heat maps on it and measures texts with it.
 *
 * @module
 */
import { type Canvas, createCanvas, GlobalFonts } from "@napi-rs/canvas";
import { FONT_FAMILY, FONT_FILES } from "./fonts.ts";

/** An element of the window that stands for a surface. */
interface CanvasElement {
  width: number;
  height: number;
}

/**
 * Gives a window's canvas elements something to draw on.
 *
 * @param prototype The prototype of the window's canvas elements.
 */
export function installCanvas(prototype: object): void {
  const surfaces = new WeakMap<CanvasElement, Canvas>();
  const surfaceOf = (element: CanvasElement): Canvas => {
    const known = surfaces.get(element);
    if (known?.width === element.width && known.height === element.height) return known;
    const fresh = createCanvas(element.width, element.height);
    surfaces.set(element, fresh);
    return fresh;
  };
  Object.assign(prototype, {
    getContext(this: CanvasElement, kind: string): unknown {
      return kind === "2d" ? surfaceOf(this).getContext("2d") : null;
    },
    toDataURL(this: CanvasElement): string {
      return surfaceOf(this).toDataURL("image/png");
    },
  });
}

/**
 * Makes a function that measures texts in the figures' typeface.
 *
 * @returns Width in pixels of a text at a size in pixels.
 */
export function textMeasurer(): (text: string, sizePx: number, bold: boolean) => number {
  for (const file of FONT_FILES) GlobalFonts.registerFromPath(file, FONT_FAMILY);
  const context = createCanvas(1, 1).getContext("2d");
  return (text, sizePx, bold) => {
    context.font = `${bold ? "bold " : ""}${sizePx}px "${FONT_FAMILY}"`;
    return context.measureText(text).width;
  };
}
