/**
 * A report as one HTML file that needs nothing else: plotly, the figures and their data are in it.
 *
 * @module
 */
import { gzipSync } from "node:zlib";
import type { Figure } from "../figure.ts";
import { figureCsv } from "../figure_csv.ts";
import { figureJson } from "../figure_json.ts";
import { PLOTLY_FILE } from "../render/plotly_file.ts";
import { escapeHtml, tableHtml } from "../table.ts";
import { DARK } from "../theme.ts";
import type { Section } from "./section.ts";

/** Rows of a table in a report at most. */
const MAX_ROWS = 200;

const STYLE = `
:root { color-scheme: light dark; --ink: #262626; --soft: #595959; --paper: #fff; --line: #ddd; --note: #fff3d6; --link: #005f99; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --soft: #b3b3b3; --paper: #1e1e20; --line: #3a3a3d;
  --note: #4a3b12; --link: #8cd2ff; } }
body { font: 15px/1.5 "Open Sans", Verdana, Arial, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 900px; margin: 2em auto; padding: 0 1em; }
a { color: var(--link); } h1 { font-size: 1.5em; margin-bottom: 0; }
h2 { font-size: 1.15em; margin: 2em 0 0.3em; border-bottom: 1px solid var(--line); }
p { max-width: 76ch; } .table { overflow-x: auto; } table { border-collapse: collapse; margin: 0.8em 0; font-size: 0.87em; }
th, td { padding: 0.2em 0.7em; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: break-word; }
th { text-align: left; vertical-align: bottom; overflow-wrap: normal; } td.differs { background: var(--note); }
figure { margin: 1.4em 0; break-inside: avoid; } figcaption { padding-left: 12px; }
figcaption b { display: block; } figcaption span { color: var(--soft); font-size: 0.85em; }
figcaption button { font: inherit; font-size: 0.85em; border: 0; background: none; color: var(--link); cursor: pointer; padding: 0; }
nav { font-size: 0.87em; } nav a { margin-right: 1em; white-space: nowrap; } .banner { background: var(--note); padding: 0.5em 1em; }
@media print { nav, figcaption button { display: none; } }`;

/** Draws a figure when it comes into view: a page of twenty would be slow to open otherwise. */
const SCRIPT = `
const config = { displaylogo: false, responsive: true,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"] };
const dark = matchMedia("(prefers-color-scheme: dark)");
const own = (place) => place.querySelector("script").textContent;
const drawn = new Set();
const draw = (place) => {
  drawn.add(place);
  const text = own(place);
  const themed = dark.matches && !printing ? text.replaceAll(/#[0-9A-F]{6}/g, (color) => DARK[color] ?? color) : text;
  const { data: given, layout } = JSON.parse(themed);
  const narrow = innerWidth < 600;
  const data = narrow ? given.map(small) : given;
  const legend = given.filter(({ name, showlegend, visible }) => name && showlegend !== false && visible !== false);
  const height = layout.height + (narrow ? 17 * Math.ceil(legend.length / 2) : 0);
  const plot = place.querySelector(".plot");
  plot.style.height = height + "px";
  const { title, ...rest } = layout;
  const margin = { ...layout.margin, t: layout.updatemenus ? 52 : 34, l: Math.min(layout.margin.l, narrow ? 60 : 200) };
  Plotly.react(plot, data, { ...rest, height, margin, modebar: { ...layout.modebar, orientation: "h" } }, config).then(() => {
    plot.removeAllListeners("plotly_buttonclicked");
    plot.on("plotly_buttonclicked", ({ button }) => caption(place, button.args[1].meta));
  });
  caption(place, layout.meta);
};
// Numbers in cells and above bars have less room.
const small = (trace) => trace.mode === "text" ? { ...trace, textfont: { ...trace.textfont, size: 7 } } : trace;
const caption = (place, words) => {
  place.querySelector("b").textContent = words.title;
  place.querySelector("span").textContent = words.subtitle;
};
let printing = false;
const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) if (isIntersecting) { seen.unobserve(target); draw(target); }
}, { rootMargin: "600px" });
const places = document.querySelectorAll("figure");
for (const place of places) {
  seen.observe(place);
  place.querySelector("button").addEventListener("click", async ({ target }) => {
    const packed = await fetch("data:;base64," + place.querySelector("template").content.textContent);
    const text = packed.body.pipeThrough(new DecompressionStream("gzip"));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await new Response(text).blob());
    link.download = target.dataset.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}
dark.addEventListener("change", () => { for (const place of drawn) draw(place); });
addEventListener("beforeprint", () => { printing = true; for (const place of places) { seen.unobserve(place); draw(place); } });
addEventListener("afterprint", () => { printing = false; for (const place of drawn) draw(place); });`;

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
  const drawn = sections.some(({ figures = [] }) => figures.length > 0);
  const plotly = drawn ? await Deno.readTextFile(PLOTLY_FILE) : "";
  const links = sections.map(({ heading }, i) => `<a href="#s${i}">${escapeHtml(heading)}</a>`);
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>`,
    `<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head><body><h1>${
      escapeHtml(title)
    }</h1>`,
    ...(banner === null ? [] : [`<p class="banner">${escapeHtml(banner)}</p>`]),
    ...(links.length < 2 ? [] : [`<nav>${links.join(" ")}</nav>`]),
    ...sections.map(sectionHtml),
    ...(drawn
      ? [`<script>${plotly}</script><script>const DARK = ${JSON.stringify(DARK)};${SCRIPT}</script>`]
      : []),
    "</body></html>\n",
  ].join("\n");
}

function sectionHtml({ heading, text, tables = [], figures = [] }: Section, index: number): string {
  return [
    `<h2 id="s${index}">${escapeHtml(heading)}</h2>`,
    ...(text === undefined ? [] : [`<p>${escapeHtml(text)}</p>`]),
    ...tables.map((table) => `<div class="table">${tableHtml(table, { rows: MAX_ROWS })}</div>`),
    ...figures.map((figure, i) => figureHtml(figure, `s${index}-${i}`)),
  ].join("\n");
}

/** A figure whose words are the page's own, so that they wrap with the window, and whose data can be saved. */
function figureHtml(figure: Figure, name: string): string {
  const { title, subtitle } = figure.layout["meta"] as { title: string; subtitle: string };
  const heading = `<b>${escapeHtml(title)}</b><span>${escapeHtml(subtitle)}</span>`;
  return `<figure><figcaption>${heading} <button type="button" data-name="${name}.csv">data (CSV)</button></figcaption>` +
    `<div class="plot" style="height:${Number(figure.layout["height"])}px"></div>` +
    `<template>${gzipSync(figureCsv(figure)).toString("base64")}</template>` +
    `<script type="application/json">${scriptText(figureJson(figure))}</script></figure>`;
}

/** JSON that cannot end the script that it stands in. */
function scriptText(json: string): string {
  return json.replaceAll("<", "\\u003c");
}
