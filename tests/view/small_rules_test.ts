/** Rules that no figure shows by itself: contrasts, digits, waits, coarser grids, and that nothing asks the network. */
import assert from "node:assert/strict";
import { openBundle } from "../../src/bundle/open.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { achievedRows } from "../../src/view/achieved.ts";
import { estimateRows } from "../../src/view/estimate.ts";
import { figureJson } from "../../src/view/figure_json.ts";
import { send } from "../../src/view/notebook/kernel.ts";
import { partErrors } from "../../src/view/part_errors.ts";
import { contrast } from "../../src/view/theme.ts";
import { SMALL } from "./small_bundle.ts";

const CONTRASTS: [a: string, b: string, ratio: number][] = [
  ["#000000", "#FFFFFF", 21],
  ["#FFFFFF", "#000000", 21],
  ["#777777", "#FFFFFF", 4.4781],
  ["#0A0A0A", "#000000", 1.0607],
  ["#0B0B0B", "#000000", 1.0669],
  ["#FF0000", "#FFFFFF", 3.9985],
  ["#00FF00", "#FFFFFF", 1.3722],
  ["#0000FF", "#FFFFFF", 8.5925],
];
for (const [a, b, ratio] of CONTRASTS) {
  Deno.test(`the contrast of ${a} and ${b} is ${ratio}, as WCAG has it`, () => {
    assert.equal(Number(contrast(a, b).toFixed(4)), ratio);
  });
}

Deno.test("a figure's JSON has five digits of a fraction and all of a whole number", () => {
  const figure = { data: [{ x: [123_456_789, 1_234_567.25, 0.123456], name: "1.234567" }], layout: {} };
  assert.equal(
    figureJson(figure),
    '{"data":[{"x":[123456789,1234600,0.12346],"name":"1.234567"}],"layout":{}}',
  );
});

Deno.test("an output is waited for by its length, one that replaces another not at all", async () => {
  const usual = globalThis.setTimeout;
  const waits: unknown[] = [];
  try {
    globalThis.setTimeout = ((resolve: () => void, ms: number) => (waits.push(ms), resolve())) as never;
    await send({ "text/plain": "x".repeat(20_000), "application/json": ["x".repeat(19_996)] });
    await send({ "text/plain": "x" }, { update: true });
  } finally {
    globalThis.setTimeout = usual;
  }
  assert.deepEqual(waits, [32, 0]);
});

Deno.test("a model that is not here is not asked of the network to draw a figure", async () => {
  const usual = globalThis.fetch;
  const asked: string[] = [];
  try {
    globalThis.fetch = (url) => (asked.push(String(url)), Promise.reject(new TypeError("no network")));
    assert.equal(await estimateRows(SMALL, 1, "dense"), null);
    await assert.rejects(achievedRows(SMALL, 1), { name: "UsageError" });
  } finally {
    globalThis.fetch = usual;
  }
  assert.deepEqual(asked, []);
});

Deno.test("coarser grids keep every other value of an axis, the largest and 0", async () => {
  const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
  const model = await loadModel("meta-llama/Llama-3.1-8B");
  const { adaptive, curves } = await partErrors(bundle, model, { shares: [] });
  assert.deepEqual(adaptive, []);
  const rows = bundle.table(1, "attention").length;
  assert.deepEqual(
    curves[2]!.points.map(({ shots, error }) => [Math.round(shots * rows), Number(error.toPrecision(4))]),
    [[5334, 0.02604], [3134, 0.0435], [1594, 0.1086], [898, 0.1183]],
  );
});
