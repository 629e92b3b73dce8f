/**
 * The window that plotly draws in where there is no browser: a document without a screen.
 *
 * @module
 */
// @ts-types="./jsdom.d.ts"
import { JSDOM } from "jsdom";
import type { Figure } from "../figure.ts";
import { installCanvas } from "./canvas.ts";
import { installMeasures } from "./measures.ts";
import { PLOTLY_FILE } from "./plotly_file.ts";

/** The part of plotly that draws. */
export interface Plotly {
  /** Draws a figure and returns it as a data URL, or as the text of an SVG file with `imageDataOnly`. */
  toImage(figure: Figure, options: Readonly<Record<string, unknown>>): Promise<string>;
}

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
