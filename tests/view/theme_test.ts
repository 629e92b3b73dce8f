/** The look of figures: a layer's colour everywhere, dark pages, words of errors, menus and their data. */
import assert from "node:assert/strict";
import { loadModel } from "../../src/model/load_model.ts";
import { achievedRows } from "../../src/view/achieved.ts";
import { figureCsv } from "../../src/view/figure_csv.ts";
import { figureMenu } from "../../src/view/figure_menu.ts";
import { attentionMap } from "../../src/view/figures/attention_map.ts";
import { layerTimes } from "../../src/view/figures/layer_times.ts";
import { figurePng } from "../../src/view/render/render.ts";
import { contrast, DARK, inkOnSeries, layerLooks, lookOf, themed } from "../../src/view/theme.ts";
import { SMALL, SUBJECT as subject } from "./small_bundle.ts";

const rows = SMALL.table(1, "attention");

Deno.test("no two layers of an architecture have one colour, and a layer has its own in every architecture", async () => {
  const colors = new Map<string, string>();
  const models = [
    "meta-llama/Llama-3.1-8B",
    "Qwen/Qwen3-30B-A3B-Instruct-2507",
    "mistralai/Mixtral-8x7B-v0.1",
  ];
  for (const id of models) {
    const { catalog } = (await loadModel(id)).architecture;
    const layers = Object.values(catalog).flatMap((group) => Object.keys(group));
    const looks = layerLooks(layers);
    assert.equal(new Set([...looks.values()].map(({ color }) => color)).size, new Set(layers).size, id);
    for (const [layer, { color }] of looks) {
      assert.equal(colors.get(layer) ?? color, color, layer);
      colors.set(layer, color);
    }
  }
});

Deno.test("layers with names of their own are told apart as long as there are colours", () => {
  const names = Array.from({ length: 20 }, (_, i) => `layer_${i}`);
  assert.equal(new Set([...layerLooks(names).values()].map(({ color }) => color)).size, 20);
  assert.deepEqual(layerLooks(names.toReversed()), layerLooks(names));
});

Deno.test("on a dark page texts, axes and series have dark counterparts, cells of heat maps stay", () => {
  const lines = themed(layerTimes({ subject, size: "tokens", rows: SMALL.table(1, "dense") }), "dark");
  const text = JSON.stringify(lines);
  for (const [light, dark] of Object.entries(DARK)) {
    assert.ok(!text.includes(light) || Object.values(DARK).includes(light), `${light} should be ${dark}`);
  }
  const map = attentionMap({ subject, rows, chunk: 0 });
  assert.deepEqual(themed(map, "dark").data, map.data);
});

Deno.test("texts on the colour of a series have a contrast of 4.5 at least, on a light page and on a dark one", () => {
  const hex = (color: string): string => color === "black" ? "#000000" : color;
  for (let index = 0; index < 20; index++) {
    const { color } = lookOf(index);
    const ink = inkOnSeries(color);
    assert.ok(contrast(hex(ink), color) >= 4.5, color);
    assert.ok(contrast(hex(DARK[ink] ?? ink), DARK[color]!) >= 4.5, `dark ${color}`);
  }
});

Deno.test("a map of a chunk that was not measured names those that were", () => {
  // A prefill alone is in no map of decodes, and one behind a history in another.
  const more = [[32, 0, 0, 0], [8, 64, 1, 16]].map((key) => ({ layer: null, key, timeUs: 1 }));
  assert.throws(() => attentionMap({ subject, rows: [...rows, ...more], chunk: 300 }), {
    name: "UsageError",
    message:
      "Cannot draw attention with a prefill of 300 tokens at KV length 0: no row has both; chunks there: 0, 16",
  });
});

Deno.test("the data of a menu name the slice; cells are values, not positions", () => {
  const choices = [0, 16].map((chunk) => ({
    name: `chunk ${chunk}`,
    figure: attentionMap({ subject, rows, chunk }),
  }));
  const [head, first] = figureCsv(figureMenu(choices)).split("\n");
  assert.equal(head, "slice,KV length of each decode (tokens),decoding requests,value");
  assert.equal(first, "chunk 0,16,1,5.5");
});

Deno.test("a figure of any source becomes a picture: without a width it is 760 by 460, at two pixels each", async () => {
  const png = await figurePng({ data: [{ x: [1, 2], y: [3, 4] }], layout: {} });
  const size = new DataView(png.buffer, png.byteOffset).getUint32(16);
  assert.equal(size, 1520);
});

Deno.test("achieved rates: operations and bytes by hand for one GEMM and one decode", async () => {
  const bundle = {
    ...SMALL,
    meta: { hardware: "H100", model: "meta-llama/Llama-3.1-8B", dtype: "bfloat16", kv_cache_dtype: "auto" },
    table: (_: number, name: string) =>
      name === "dense"
        ? [{ layer: "o_proj", key: [64], timeUs: 10 }]
        : name === "attention"
        ? [{ layer: null, key: [0, 0, 2, 1023], timeUs: 5 }]
        : [],
  } as unknown as typeof SMALL;
  const { rows, peakTflops } = await achievedRows(bundle, 1);
  const [gemm, decode] = rows;
  assert.equal(peakTflops, 989.4);
  assert.equal(gemm!.tflops, 2 * 64 * 4096 * 4096 / 10 / 1e6);
  assert.equal(gemm!.tbPerS, (4096 * 4096 * 2 + 64 * 8192 * 2) / 10 / 1e6);
  assert.equal(decode!.tflops, 4 * 2 * 1024 * 32 * 128 / 5 / 1e6);
  assert.equal(decode!.tbPerS, (2 * 1024 * 2 * 8 * 128 * 2 + 2 * 2 * 32 * 128 * 2) / 5 / 1e6);
});

Deno.test("figureCsv: texts that a spreadsheet would compute stay texts, numbers stay numbers", () => {
  const layout = { xaxis: { title: { text: "=x" } }, yaxis: { title: { text: "y" } } };
  for (const name of ["=HYPERLINK(1)", "+1", "-1", "@a", "\tb"]) {
    const [head, line] = figureCsv({ data: [{ name, x: [-1], y: [-2.5] }], layout }).split("\n");
    assert.equal(head, `series,"'=x",y`);
    assert.equal(line, `"'${name}",-1,-2.5`);
  }
});
