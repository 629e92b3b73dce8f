/** Figures mark what was not measured: estimates, predictions, gaps. */
import assert from "node:assert/strict";
import { attentionMap } from "../../src/view/figures/attention_map.ts";
import { attentionSlices } from "../../src/view/figures/attention_slices.ts";
import { layerTimes } from "../../src/view/figures/layer_times.ts";
import { textOf } from "./figure_text.ts";
import { SMALL, SUBJECT as subject } from "./small_bundle.ts";

const rows = SMALL.table(1, "attention");

Deno.test("an estimate is called one, in the subtitle and beside measured lines", () => {
  const dense = SMALL.table(1, "dense");
  const estimated = layerTimes({
    subject: { ...subject, quantity: "estimate" },
    size: "tokens",
    rows: dense,
  });
  assert.match(textOf(estimated), /roofline estimate, not measured/);
  const both = layerTimes({ subject, size: "tokens", rows: dense, estimate: dense });
  assert.match(textOf(both), /dotted: roofline estimate/);
  assert.deepEqual(both.data.map(({ name }) => name), [
    "qkv_proj",
    "qkv_proj, estimate",
    "o_proj",
    "o_proj, estimate",
  ]);
});

Deno.test("a heat map leaves out what was not measured, and says so where there is such a place", () => {
  const some = rows.filter(({ key }) => key[2] !== 4 || key[3] === 16);
  const map = attentionMap({ subject, rows: some, chunk: 0 });
  assert.deepEqual(map.data[0]!["text"], [["5.5", "7"], ["7", ""]]);
  assert.match(textOf(map), /decodes alone; grey: not measured/);
  assert.doesNotMatch(textOf(attentionMap({ subject, rows, chunk: 0 })), /grey/);
});

Deno.test("figures of attention mark what was predicted, and say so where they do", () => {
  const estimated = [{ key: [0, 0, 4, 64], expectedError: 0.05 }];
  const map = attentionMap({ subject, rows, estimated, chunk: 0 });
  assert.deepEqual(map.data[0]!["text"], [["5.5", "7"], ["7", "≈13"]]);
  assert.match(textOf(map), /decodes alone; ≈: predicted/);
  const slices = attentionSlices({ subject, rows, estimated, chunk: 0 });
  assert.deepEqual(slices.data.map(({ marker }) => (marker as { opacity: number[] }).opacity), [[1, 1], [
    1,
    0.35,
  ]]);
  assert.match(textOf(slices), /decodes alone; pale: predicted/);
  assert.doesNotMatch(textOf(attentionSlices({ subject, rows, chunk: 0 })), /predicted/);
});
