import assert from "node:assert/strict";
import { diffBundles, ratioRows } from "../../src/check/diff.ts";
import type { Bundle, WholeBundle } from "../../src/bundle/open.ts";
import type { SkewRow } from "../../src/bundle/skew.ts";
import type { Row } from "../../src/bundle/tables.ts";

function row(layer: string | null, key: number[], timeUs: number): Row {
  return { layer, key, timeUs };
}

function bundle(parts: Partial<Bundle>): Bundle {
  return {
    dir: "",
    meta: {},
    tps: [1],
    issues: [],
    table: () => [],
    skew: () => [],
    skewFit: () => [],
    estimated: () => [],
    ...parts,
  };
}

Deno.test("ratioRows pairs rows by layer and key", () => {
  const a = [row("o_proj", [1], 10), row("o_proj", [2], 10), row("qkv_proj", [1], 4)];
  const b = [row("qkv_proj", [1], 2), row("o_proj", [2], 30)];
  assert.deepEqual(ratioRows(a, b).map(({ layer, key, ratio }) => [layer, key, ratio]), [
    ["o_proj", [2], 3],
    ["qkv_proj", [1], 0.5],
  ]);
});

Deno.test("diffBundles sums up the ratios of each layer", () => {
  const rows = (times: number[]): Bundle["table"] => (_, category) =>
    category === "dense" ? times.map((timeUs, i) => row("o_proj", [i + 1], timeUs)) : [];
  const diff = diffBundles(
    bundle({ table: rows([10, 10, 10, 10, 10, 99]) }),
    bundle({ table: rows([5, 10, 15, 20, 25]) }),
  );
  assert.deepEqual(diff.tables, [{
    tp: 1,
    table: "dense",
    layer: "o_proj",
    common: 5,
    onlyA: 1,
    onlyB: 0,
    ratio: { min: 0.5, p10: 0.7, p50: 1.5, p90: 2.3, max: 2.5 },
  }]);
});

Deno.test("diffBundles names what only one has", () => {
  const [a, b] = [
    bundle({ tps: [1, 2], meta: { model: "o/x", quantity: "kernel", dense_step: 4 } }),
    bundle({
      tps: [1, 4],
      meta: { model: "o/x" },
      table: (_, it) => it === "moe" ? [row(null, [1, 8], 5)] : [],
    }),
  ];
  const diff = diffBundles(a, b);
  assert.deepEqual([diff.tps, diff.otherTps], [[1], [2, 4]]);
  assert.deepEqual(diff.meta, [
    { key: "quantity", a: '"kernel"', b: null },
    { key: "dense_step", a: "4", b: null },
  ]);
  assert.deepEqual(diff.tables, [
    { tp: 1, table: "moe", layer: null, common: 0, onlyA: 0, onlyB: 1, ratio: null },
  ]);
});

Deno.test("diffBundles compares rows that August has no place for, each kernel, number of tokens and devices by itself", () => {
  const of = (timeUs: number): WholeBundle["kernels"] => (_, table) => {
    const rows = [{ layer: "x", key: [16, 8], timeUs }];
    switch (table) {
      case "attention":
        return new Map([["attention", new Map([[1, rows], [4, rows]])], ["indexer", new Map([[1, rows]])]]);
      case "moe":
        return new Map([["moe", new Map([[1, rows], [2, rows]])]]);
      case "mtp":
        return new Map([["mtp_fc", new Map([[1, rows]])]]);
      default:
        return new Map();
    }
  };
  const bundle = (timeUs: number): Bundle & Pick<WholeBundle, "kernels"> => ({
    dir: "",
    meta: {},
    tps: [1],
    issues: [],
    skew: () => [],
    skewFit: () => [],
    estimated: () => [],
    table: () => [],
    kernels: of(timeUs),
  });
  const { tables } = diffBundles(bundle(10), bundle(5));
  assert.deepEqual(tables.map(({ table, layer, common, ratio }) => [table, layer, common, ratio?.p50]), [
    ["attention", "attention q=4", 1, 0.5],
    ["attention", "indexer", 1, 0.5],
    ["moe", "moe ep=2", 1, 0.5],
    ["mtp", "mtp_fc", 1, 0.5],
  ]);
});

Deno.test("diffBundles pairs skew cases by the whole batch, and takes the time of the mixed lengths", () => {
  const batch = { n: 4, nb: 1, skew: 4, pc: 0, kp: 0, kvs: 16 };
  const other = {
    regime: "pure",
    ratio: 0.25,
    kv_big: 64,
    kv_mean: 28,
    t_mean_us: 1,
    t_max_us: 2,
    alpha: null,
  };
  const rows = (t_skew_us: number): SkewRow[] => [
    { ...batch, ...other, t_skew_us },
    ...Object.entries(batch).map(([name, value]) => ({
      ...batch,
      [name]: value + t_skew_us,
      ...other,
      t_skew_us,
    })),
  ];
  const diff = diffBundles(bundle({ skew: () => rows(10) }), bundle({ skew: () => rows(5) }));
  assert.deepEqual(diff.tables, [
    {
      tp: 1,
      table: "skew",
      layer: null,
      common: 1,
      onlyA: 6,
      onlyB: 6,
      ratio: { min: 0.5, p10: 0.5, p50: 0.5, p90: 0.5, max: 0.5 },
    },
  ]);
});
