/**
 * The window that plotly draws in where there is no browser: a document without a screen.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
// @ts-types="./jsdom.d.ts"
import { JSDOM } from "jsdom";
import type { Figure } from "../figure.ts";
import { installCanvas, textMeasurer } from "./canvas.ts";

/** The part of plotly that draws. */
export interface Plotly {
  /** Draws a figure and returns it as a data URL, or as the text of an SVG file with `imageDataOnly`. */
  toImage(figure: Figure, options: Readonly<Record<string, unknown>>): Promise<string>;
}

/** Where plotly's file with cartesian figures is. */
export const PLOTLY_FILE: string = fileURLToPath(import.meta.resolve("plotly.js-cartesian-dist-min"));

/** One for the process: a window takes half a second to make. */
let plotly: Promise<Plotly> | undefined;

/**
 * Gives plotly in a window of its own.
 *
 * @returns plotly.
 */
export function plotlyInWindow(): Promise<Plotly> {
  return plotly ??= makePlotly();
}

async function makePlotly(): Promise<Plotly> {
  const { window } = new JSDOM("<!doctype html><html><body></body></html>", {
    runScripts: "outside-only",
    pretendToBeVisual: true,
  });
  installCanvas(window.HTMLCanvasElement.prototype);
  installMeasures(window);
  window.URL.createObjectURL = () => "blob:none";
  window.URL.revokeObjectURL = () => {};
  window.eval(await Deno.readTextFile(PLOTLY_FILE));
  return window.Plotly;
}

/** What an element of the window says about itself. */
interface Element {
  readonly tagName: string;
  readonly children: ArrayLike<Element>;
  readonly textContent: string | null;
  readonly style?: { readonly fontSize: string; readonly fontWeight: string };
  readonly parentElement: Element | null;
  querySelectorAll(selector: string): Iterable<Element>;
}

/** Width and height in pixels. */
interface Size {
  readonly width: number;
  readonly height: number;
}

/** Sizes texts by their measured widths; plotly asks for little else, and places what it measured itself. */
// deno-lint-ignore no-explicit-any
function installMeasures(window: any): void {
  const measure = textMeasurer();
  function textSize(text: Element): Size {
    const parts = Array.from(text.children);
    const lines = parts.some(({ tagName }) => tagName === "tspan") ? parts : [text];
    return {
      width: Math.max(...lines.map((line) => measure(line.textContent ?? "", fontSize(line), isBold(line)))),
      height: lines.length * fontSize(text) * 1.3,
    };
  }
  function size(element: Element): Size {
    const texts = element.tagName === "text" ? [element] : [...element.querySelectorAll("text")];
    const sizes = texts.map(textSize);
    return {
      width: Math.max(0, ...sizes.map(({ width }) => width)),
      height: Math.max(0, ...sizes.map(({ height }) => height)),
    };
  }
  function box(this: Element): Record<string, number> {
    const { width, height } = size(this);
    return { x: 0, y: 0, left: 0, top: 0, width, height, right: width, bottom: height };
  }
  window.SVGElement.prototype.getBBox = box;
  window.Element.prototype.getBoundingClientRect = box;
  window.SVGElement.prototype.getComputedTextLength = function (this: Element): number {
    return size(this).width;
  };
  window.SVGElement.prototype.getTotalLength = () => 0;
  window.SVGElement.prototype.getPointAtLength = () => ({ x: 0, y: 0 });
}

function fontSize(element: Element | null): number {
  if (element === null) return 12;
  return parseFloat(element.style?.fontSize ?? "") || fontSize(element.parentElement);
}

function isBold(element: Element): boolean {
  const weight = element.style?.fontWeight;
  return weight === "bold" || weight === "700" ||
    (element.children.length > 0 && Array.from(element.children).every(isBold));
}
