/** Pictures without a browser: their files, sizes and surfaces, and what is said of those that cannot be saved. */
import assert from "node:assert/strict";
import { decode } from "fast-png";
import { installCanvas } from "../../src/view/render/canvas.ts";
import { encodePng } from "../../src/view/render/png.ts";
import { DARK, PAPER } from "../../src/view/theme.ts";
import { figurePng, figureSvg, saveFigure } from "../../src/view/render/render.ts";

const FIGURE = { data: [{ x: [1, 2], y: [3, 4] }], layout: {} };
const SMALL = { ...FIGURE, layout: { width: 200, height: 100 } };

Deno.test("render: a PNG has the red, green and blue of every pixel", () => {
  const pixels = Uint8Array.of(255, 0, 10, 255, 0, 20, 255, 0, 1, 2, 3, 4, 5, 6, 7, 8);
  const { width, height, channels, depth, data } = decode(encodePng({ width: 2, height: 2, pixels }));
  assert.deepEqual({ width, height, channels, depth }, { width: 2, height: 2, channels: 3, depth: 8 });
  assert.deepEqual([...data], [255, 0, 10, 0, 20, 255, 1, 2, 3, 5, 6, 7]);
});

const sizeOf = (svg: string): (string | undefined)[] =>
  ["width", "height"].map((name) => svg.match(new RegExp(`<svg [^>]*\\b${name}="([^"]*)"`))?.[1]);

Deno.test("render: a figure is as large as its layout says, else 760 by 460", async () => {
  assert.deepEqual(sizeOf(await figureSvg(FIGURE)), ["760", "460"]);
  assert.deepEqual(sizeOf(await figureSvg({ ...FIGURE, layout: { width: 300 } })), ["300", "460"]);
  assert.deepEqual(sizeOf(await figureSvg({ ...FIGURE, layout: { height: 200 } })), ["760", "200"]);
});

Deno.test("render: a picture has two pixels for one of the figure, or as many as asked, on the page's ground", async () => {
  const figure = { ...SMALL, layout: { ...SMALL.layout, paper_bgcolor: "rgba(0,0,0,0)" } };
  const pictures = [
    [{}, 400, PAPER],
    [{ scale: 1 }, 200, PAPER],
    [{ scale: 1, theme: "dark" }, 200, DARK[PAPER]!],
  ] as const;
  for (const [options, width, ground] of pictures) {
    const picture = decode(await figurePng(figure, options));
    const corner = [...picture.data.slice(0, 3)].map((part) => part.toString(16).padStart(2, "0")).join("");
    assert.deepEqual([picture.width, picture.height, `#${corner}`], [width, width / 2, ground.toLowerCase()]);
  }
});

Deno.test("render: a figure that cannot be drawn leaves the window to the next", async () => {
  const bad = figureSvg({ data: [{ x: [() => 1], y: [2] }], layout: {} } as never);
  const next = figureSvg(SMALL);
  await assert.rejects(bad, { name: "DataCloneError" });
  assert.deepEqual(sizeOf(await next), ["200", "100"]);
});

Deno.test("render: what a figure is saved as follows its name", async () => {
  const dir = await Deno.makeTempDir();
  try {
    for (const [name, start] of [["a.svg", "<svg "], ["a.csv", "series,"], ["a.png", "\x89PNG"]] as const) {
      const path = `${dir}/${name}`;
      await saveFigure(SMALL, path);
      const bytes = await Deno.readFile(path);
      assert.equal(String.fromCharCode(...bytes.slice(0, start.length)), start);
    }
    await saveFigure({ ...SMALL, layout: { ...SMALL.layout, paper_bgcolor: PAPER } }, `${dir}/b.svg`, {
      theme: "dark",
    });
    const [red, green, blue] = DARK[PAPER]!.slice(1).match(/../g)!.map((part) => parseInt(part, 16));
    assert.ok(
      (await Deno.readTextFile(`${dir}/b.svg`)).includes(`fill: rgb(${red}, ${green}, ${blue})`),
    );
    await saveFigure(SMALL, `${dir}/b.png`, { scale: 1 });
    assert.equal(decode(await Deno.readFile(`${dir}/b.png`)).width, 200);
    await assert.rejects(saveFigure(SMALL, `${dir}/a.jpg`), {
      name: "UsageError",
      message: `Cannot save a figure: the name must end in .png, .svg or .csv, but is ${dir}/a.jpg`,
    });
    await assert.rejects(saveFigure(SMALL, `${dir}/none/a.png`), {
      name: "UsageError",
      message: /^Cannot write .*\/none\/a\.png: /,
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

interface Surface {
  width: number;
  height: number;
  getContext(kind: string): { canvas: { width: number; height: number } } | null;
  toDataURL(): string;
}

Deno.test("render: a canvas keeps its surface until its size changes", () => {
  class Element {
    width = 3;
    height = 2;
  }
  installCanvas(Element.prototype);
  const [element, other] = [new Element(), new Element()] as unknown as [Surface, Surface];
  const first = element.getContext("2d")!;
  assert.deepEqual([first.canvas.width, first.canvas.height], [3, 2]);
  assert.equal(element.getContext("2d")!.canvas, first.canvas);
  assert.notEqual(other.getContext("2d")!.canvas, first.canvas);
  assert.equal(element.getContext("webgl"), null);
  const [head, body] = element.toDataURL().split(",");
  assert.equal(head, "data:image/png;base64");
  assert.equal(decode(Uint8Array.from(atob(body!), (letter) => letter.charCodeAt(0))).width, 3);
  for (const [name, size] of [["width", [5, 2]], ["height", [5, 7]]] as const) {
    Object.assign(element, { [name]: size[name === "width" ? 0 : 1] });
    const { canvas } = element.getContext("2d")!;
    assert.deepEqual([canvas.width, canvas.height], size);
  }
});
