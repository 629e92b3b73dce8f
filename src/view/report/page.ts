/**
 * A report as one HTML file that needs nothing else: plotly, the figures and their data are in it.
 *
 * @module
 */
import { figureJson } from "../figure_json.ts";
import { PLOTLY_FILE } from "../render/plotly_file.ts";
import { escapeHtml, tableHtml } from "../table.ts";
import type { Section } from "./section.ts";

/** Rows of a table in a report at most. */
const MAX_ROWS = 200;

const STYLE = `
body { font: 15px/1.5 "Open Sans", Verdana, Arial, sans-serif; color: #262626; max-width: 800px; margin: 2em auto;
  padding: 0 1em; }
h1 { font-size: 1.5em; margin-bottom: 0; } h2 { font-size: 1.15em; margin: 2em 0 0.3em; border-bottom: 1px solid #ccc; }
p { max-width: 76ch; } table { border-collapse: collapse; margin: 0.8em 0; font-size: 0.87em; }
th, td { padding: 0.2em 0.7em; border-bottom: 1px solid #e3e3e3; vertical-align: top; overflow-wrap: break-word; }
th { text-align: left; vertical-align: bottom; overflow-wrap: normal; } .figure { margin: 1em 0; break-inside: avoid; }
nav { font-size: 0.87em; } nav a { margin-right: 1em; white-space: nowrap; } .banner { background: #fff3d6; padding: 0.5em 1em; }
@media print { nav { display: none; } }`;

/** Draws a figure when it comes into view: a page of twenty would be slow to open otherwise. */
const SCRIPT = `
const config = { displaylogo: false, responsive: true };
const draw = (place) => {
  const { data, layout } = JSON.parse(place.querySelector("script").textContent);
  place.style.minHeight = "";
  Plotly.newPlot(place.querySelector("div"), data, layout, config);
};
const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) if (isIntersecting) { seen.unobserve(target); draw(target); }
}, { rootMargin: "600px" });
const places = document.querySelectorAll(".figure");
for (const place of places) seen.observe(place);
addEventListener("beforeprint", () => { for (const place of places) { seen.unobserve(place); draw(place); } });`;

/** What a page is about. */
export interface Page {
  /** Its title. */
  readonly title: string;
  /** What must be read first, such as that the times are an estimate; null when there is nothing. */
  readonly banner: string | null;
  /** Its parts. */
  readonly sections: readonly Section[];
}

/**
 * Writes a report as HTML.
 *
 * @param page What it holds.
 * @returns The file's text.
 */
export async function pageHtml({ title, banner, sections }: Page): Promise<string> {
  const plotly = await Deno.readTextFile(PLOTLY_FILE);
  const links = sections.map(({ heading }, i) => `<a href="#s${i}">${escapeHtml(heading)}</a>`);
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>`,
    `<style>${STYLE}</style></head><body><h1>${escapeHtml(title)}</h1>`,
    ...(banner === null ? [] : [`<p class="banner">${escapeHtml(banner)}</p>`]),
    `<nav>${links.join(" ")}</nav>`,
    ...sections.map(sectionHtml),
    `<script>${plotly}</script><script>${SCRIPT}</script></body></html>\n`,
  ].join("\n");
}

function sectionHtml({ heading, text, tables = [], figures = [] }: Section, index: number): string {
  return [
    `<h2 id="s${index}">${escapeHtml(heading)}</h2>`,
    ...(text === undefined ? [] : [`<p>${escapeHtml(text)}</p>`]),
    ...tables.map((table) => tableHtml(table, { rows: MAX_ROWS })),
    ...figures.map((figure) =>
      `<div class="figure" style="min-height:${Number(figure.layout["height"])}px"><div></div>` +
      `<script type="application/json">${scriptText(figureJson(figure))}</script></div>`
    ),
  ].join("\n");
}

/** JSON that cannot end the script that it stands in. */
function scriptText(json: string): string {
  return json.replaceAll("<", "\\u003c");
}
