/** Figures are plain data: what is drawn, what is said, and which axes are logarithmic. */
import assert from "node:assert/strict";
import type { Figure } from "../../src/view/figure.ts";
import { noise } from "../../src/view/figures/noise.ts";
import { figurePng, figureSvg } from "../../src/view/render/render.ts";
import { textOf } from "./figure_text.ts";
import { FIGURES, shot } from "./made_figures.ts";
import { SUBJECT as subject } from "./small_bundle.ts";

function titleOf(figure: Figure): string {
  return [...textOf(figure).matchAll(/<b>(.*?)<\/b>/g)].map(([, line]) => line).join(" ");
}

function axisOf({ layout }: Figure, name: "xaxis" | "yaxis"): string {
  const { title, type } = layout[name] as { title: { text: string }; type?: string };
  return title.text + (type === "log" ? ", log" : "");
}

for (const [name, [figure, title, x, y]] of Object.entries(FIGURES)) {
  Deno.test(`the figure of ${name} says what is seen, and names its axes`, () => {
    assert.deepEqual([titleOf(figure), axisOf(figure, "xaxis"), axisOf(figure, "yaxis")], [title, x, y]);
    assert.deepEqual(JSON.parse(JSON.stringify(figure)), figure, "it is plain JSON");
  });
}

Deno.test("the figure of noise names every degree, and gives a clock that stands still some room", () => {
  const figure = noise({
    subject,
    samples: [1, 2].map((tp) => ({ ...shot, tp, order: tp, spread: 0.02 })),
    clocks: [{ order: 0, mhz: 2000 }, { order: 1, mhz: 2000 }],
  });
  assert.match(textOf(figure), / on H100, tp 1, 2, 2 layers of shots/);
  assert.deepEqual((figure.layout["yaxis2"] as { range: unknown }).range, [1900, 2100]);
});

Deno.test("every figure becomes a picture with its texts, without a browser", async () => {
  for (const [name, [figure]] of Object.entries(FIGURES)) {
    const svg = await figureSvg(figure);
    assert.ok(svg.startsWith("<svg") && svg.includes("</text>"), name);
    assert.ok(svg.includes(titleOf(figure).split(" ")[0]!), name);
  }
  // A picture is drawn from the same SVG: one of lines, one of bars and one of cells stand for all.
  for (const name of ["layers over tokens", "an iteration", "attention of decodes"]) {
    const png = await figurePng(FIGURES[name]![0]);
    assert.deepEqual([...png.subarray(1, 4)], [..."PNG"].map((sign) => sign.charCodeAt(0)), name);
    assert.ok(png.length > 8000, `${name}: ${png.length} bytes hold no figure`);
  }
});
