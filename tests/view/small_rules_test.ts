/** Rules that no figure shows by itself: contrasts, digits, waits, coarser grids, and that nothing asks the network. */
import assert from "node:assert/strict";
import { openBundle } from "../../src/bundle/open.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { achievedRows } from "../../src/view/achieved.ts";
import { estimateRows } from "../../src/view/estimate.ts";
import type { Figure } from "../../src/view/figure.ts";
import { figureJson } from "../../src/view/figure_json.ts";
import { attentionMap, prefillMap } from "../../src/view/figures/attention_map.ts";
import { attentionSlices } from "../../src/view/figures/attention_slices.ts";
import { diffMap } from "../../src/view/figures/diff_map.ts";
import { layerTimes } from "../../src/view/figures/layer_times.ts";
import { moeMap } from "../../src/view/figures/moe_map.ts";
import { tpScaling } from "../../src/view/figures/tp_scaling.ts";
import { send } from "../../src/view/notebook/kernel.ts";
import { partErrors } from "../../src/view/part_errors.ts";
import { contrast } from "../../src/view/theme.ts";
import { SMALL, SUBJECT } from "./small_bundle.ts";

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

Deno.test("a bundle that names no types has those of its model, and its own hardware's sheet", async () => {
  const meta = { hardware: "H100", model: "meta-llama/Llama-3.1-8B" };
  const table = ((tp, name) => name === "moe" ? [] : SMALL.table(tp, name)) as typeof SMALL.table;
  const plain = { ...SMALL, meta, table };
  const named = { ...plain, meta: { ...meta, dtype: "bfloat16", kv_cache_dtype: "auto" } };
  assert.deepEqual(await achievedRows(plain, 1), await achievedRows(named, 1));
  assert.deepEqual(await estimateRows(plain, 1, "dense"), await estimateRows(named, 1, "dense"));
  const halved = { ...plain, meta: { ...meta, dtype: "float32", kv_cache_dtype: "fp8" } };
  const rates = async (bundle: typeof plain): Promise<number[]> =>
    (await achievedRows(bundle, 1)).rows.map(({ tbPerS }) => tbPerS);
  const [own, other] = await Promise.all([rates(plain), rates(halved)]);
  assert.notDeepEqual(own, other);
  const elsewhere = { ...plain, meta: { ...meta, hardware: "SOMEWHERE" } };
  await assert.rejects(achievedRows(elsewhere, 1), { name: "UsageError" });
  assert.deepEqual(await achievedRows(elsewhere, 1, { hardware: "H100" }), await achievedRows(plain, 1));
  assert.equal((await estimateRows(elsewhere, 1, "per_sequence", { hardware: "H100" }))?.length, 4);
  assert.equal(await estimateRows({ ...plain, meta: { ...meta, quantity: "estimate" } }, 1, "dense"), null);
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

Deno.test("the order of rows is none of a figure's", () => {
  const about = { subject: SUBJECT };
  const [dense, attention, moe] = (["dense", "attention", "moe"] as const).map((name) =>
    SMALL.table(1, name)
  );
  const second = SMALL.table(2, "attention");
  const draw: Readonly<Record<string, (order: <T>(rows: readonly T[]) => readonly T[]) => Figure>> = {
    layers: (order) => layerTimes({ ...about, size: "tokens", rows: order(dense!), estimate: order(dense!) }),
    map: (order) => attentionMap({ ...about, rows: order(attention!), chunk: 0 }),
    prefills: (order) => prefillMap({ ...about, rows: order(attention!) }),
    slices: (order) => attentionSlices({ ...about, rows: order(attention!), chunk: 16 }),
    experts: (order) => moeMap({ ...about, rows: order(moe!) }),
    scaling: (order) =>
      tpScaling({
        subject: { ...SUBJECT, tp: 2 },
        base: order(dense!),
        rows: order(SMALL.table(2, "dense")),
      }),
    difference: (order) =>
      diffMap({ a: SUBJECT, b: SUBJECT, rowsA: order(attention!), rowsB: order(second), chunk: 0 }),
  };
  for (const [name, figure] of Object.entries(draw)) {
    assert.deepEqual(figure((rows) => rows.toReversed()), figure((rows) => rows), name);
  }
});
