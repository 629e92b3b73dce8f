/** The grid of an attention table, from rows made by hand. */
import assert from "node:assert/strict";
import type { BundleFiles } from "../../src/bundle/files.ts";
import type { LazyTables } from "../../src/bundle/lazy_tables.ts";
import type { Meta } from "../../src/bundle/meta.ts";
import { checkGrid } from "../../src/check/checks/grid.ts";

type Key = readonly [chunk: number, kvPrefill: number, decodes: number, kvDecode: number];

function codes(keys: readonly Key[], meta: object = {}, timeUs: (key: Key) => number = () => 1): string[] {
  const rows = keys.map((key) => ({ layer: null, key: [...key], timeUs: timeUs(key) }));
  const tables = { table: () => ({ rows, others: [], issues: [] }) } as unknown as LazyTables;
  const files = { dir: "/b", tps: [1] } as unknown as BundleFiles;
  return checkGrid(files, tables, meta as Meta).map(({ code, column }) => `${code} ${column}`);
}
const decodes = (n: number, ...kvs: number[]): Key[] => kvs.map((kv) => [0, 0, n, kv]);
const prefills = (chunk: number, ...kvs: number[]): Key[] => kvs.map((kv) => [chunk, kv, 0, 0]);

const ragged: [string, readonly Key[], string[]][] = [
  ["no row", [], []],
  ["lines of the same values", [...decodes(1, 16, 32, 64), ...decodes(2, 16, 32, 64)], []],
  ["a line that ends early", [...decodes(1, 16, 32, 64), ...decodes(2, 16)], []],
  ["a line with a hole", [...decodes(1, 16, 32, 64), ...decodes(2, 16, 64)], ["grid-ragged kv_decode"]],
  ["a line without the first value", [...decodes(1, 16, 32), ...decodes(2, 32)], ["grid-ragged kv_decode"]],
  ["prefills beside them, which have no decode", [...decodes(1, 16, 32), ...prefills(8, 0, 16)], []],
  ["one decode against none", [...decodes(1, 32, 64), ...prefills(8, 0, 16)], []],
  ["prefills with a hole", [...prefills(8, 0, 16, 32), ...prefills(1, 0, 32)], ["grid-ragged kv_prefill"]],
];
for (const [what, keys, expected] of ragged) {
  Deno.test(`lines of an attention table: ${what}`, () => {
    assert.deepEqual(codes(keys).filter((code) => code.startsWith("grid-ragged")), expected);
  });
}
Deno.test("lines of a grid that is made of two are not held against each other", () => {
  const keys = [...decodes(1, 16, 32, 64), ...decodes(2, 16, 64)];
  assert.deepEqual(
    codes(keys, { attention_grid: { union: true } }).filter((code) => /ragged/.test(code)),
    [],
  );
});

const ENGINE = { max_num_batched_tokens: 8, max_num_seqs: 2 };
const off = decodes(1, 3, 5, 7);
const grids: [string, object, boolean][] = [
  ["both factors above 1", { chunk_factor: 2, kv_factor: 2, max_kv: 64 }, true],
  ["a chunk factor of 1", { chunk_factor: 1, kv_factor: 2, max_kv: 64 }, false],
  ["a kv factor of 1", { chunk_factor: 2, kv_factor: 1, max_kv: 64 }, false],
  ["a grid over keys", { chunk_factor: 2, kv_factor: 2, max_kv: 64, prefill_key: true }, false],
];
for (const [what, attention_grid, compared] of grids) {
  Deno.test(`rows are ${compared ? "" : "not "}held against a grid of ${what}`, () => {
    const found = codes(off, { attention_grid, engine_effective: ENGINE });
    assert.equal(found.includes("grid-off-meta kv_decode"), compared, found.join());
  });
}
Deno.test("rows are not held against the grid of an engine that meta.yaml does not name", () => {
  const attention_grid = { chunk_factor: 2, kv_factor: 2, max_kv: 64 };
  for (const engine_effective of [undefined, {}, { max_num_batched_tokens: 8 }, { max_num_seqs: 2 }]) {
    assert.deepEqual(
      codes(off, { attention_grid, engine_effective }).filter((code) => /meta|incomplete/.test(code)),
      [],
    );
  }
});

const window: [string, readonly Key[], (key: Key) => number, boolean][] = [
  ["alike to a tenth", decodes(1, 16, 64), (key) => key[3] === 64 ? 1.09 : 1, false],
  ["beyond a tenth", decodes(1, 16, 64), (key) => key[3] === 64 ? 1.12 : 1, true],
  ["faster by more than a tenth", decodes(1, 16, 64), (key) => key[3] === 64 ? 0.85 : 1, true],
  ["below the window", decodes(1, 8, 64), (key) => key[3], false],
  ["one length alone", decodes(1, 64), () => 5, false],
  [
    "rows without a decode between them",
    [
      ...decodes(1, 16, 64),
      ...[16, 64].map((kv): Key => [8, 0, 0, kv]),
      ...[16, 64].map((kv): Key => [4, 0, 0, kv]),
    ],
    (key) => key[3] === 64 && key[2] === 0 ? 9 : 1,
    false,
  ],
];
for (const [what, keys, timeUs, told] of window) {
  Deno.test(`times beyond a window of 16: ${what}`, () => {
    const found = codes(keys, { attention_grid: { window: 16 } }, timeUs);
    assert.equal(found.some((code) => /window/.test(code)), told, found.join());
  });
}

/** Every value of a grid to 32 tokens, 4 requests and histories of 64. */
const AXES = { chunks: [0, 16, 32], decodes: [0, 1, 2, 4], kv: [16, 32, 64] };
const whole = (axes: Partial<typeof AXES>): Key[] => {
  const { chunks, decodes, kv } = { ...AXES, ...axes };
  return chunks.flatMap((chunk) =>
    (chunk > 0 ? [0, ...kv] : [0]).flatMap((kp) =>
      decodes.flatMap((n) => (n > 0 ? kv : [0]).map((kd): Key => [chunk, kp, n, kd]))
    )
  ).filter(([chunk, , n]) => chunk + n > 0);
};
const cut: [string, Partial<typeof AXES>, object, string[]][] = [
  ["a grid in full", {}, {}, []],
  ["a longest request that a history fits in twice", { kv: [16, 32] }, { max_model_len: 128 }, [
    "kv_prefill",
    "kv_decode",
  ]],
  ["a longest request that it does not", { kv: [16, 32] }, { max_model_len: 127 }, []],
  ["a pool that a history fits in twice", { kv: [16, 32] }, { num_cache_tokens: 128, max_model_len: 999 }, [
    "kv_prefill",
    "kv_decode",
  ]],
  ["a pool that it does not", { kv: [16, 32] }, { num_cache_tokens: 127, max_model_len: 999 }, []],
  ["a pool of 64 tokens a decode", { decodes: [0, 1, 2] }, { num_cache_tokens: 256 }, ["n_decode"]],
  ["a pool of less", { decodes: [0, 1, 2] }, { num_cache_tokens: 255 }, []],
  ["a last value in place of the axis'", { decodes: [0, 1, 2, 3] }, {}, []],
  ["another last value, and one within the axis", { chunks: [0, 30] }, {}, ["prefill_chunk"]],
  ["a value within the axis", { chunks: [0, 32] }, {}, ["prefill_chunk"]],
];
for (const [what, axes, resolved, columns] of cut) {
  Deno.test(`a grid that meta.yaml records, with ${what}: ${columns.join() || "nothing"} is missed`, () => {
    const meta = {
      attention_grid: { chunk_factor: 2, kv_factor: 2, max_kv: 64 },
      engine_effective: { max_num_batched_tokens: 32, max_num_seqs: 4 },
      engine_resolved: { per_tp: { 1: resolved } },
    };
    const found = codes(whole(axes), meta).filter((code) => !code.startsWith("grid-corner"));
    assert.deepEqual(found, columns.map((column) => `grid-incomplete ${column}`));
  });
}

Deno.test("an issue of a grid names eight values, and how many more there are", () => {
  const foundOf = (count: number): (string | undefined)[] => {
    const rows = decodes(1, ...Array.from({ length: count }, (_, i) => 2 * i + 3))
      .map((key) => ({ layer: null, key: [...key], timeUs: 1 }));
    const tables = { table: () => ({ rows, others: [], issues: [] }) } as unknown as LazyTables;
    const meta = { attention_grid: { chunk_factor: 2, kv_factor: 2, max_kv: 64 }, engine_effective: ENGINE };
    return checkGrid({ dir: "/b", tps: [1] } as unknown as BundleFiles, tables, meta as unknown as Meta)
      .filter(({ code }) => code === "grid-off-meta").map(({ found }) => found);
  };
  assert.deepEqual(foundOf(9), ["3, 5, 7, 9, 11, 13, 15, 17"], "the last may lie off the grid");
  assert.deepEqual(foundOf(10), ["3, 5, 7, 9, 11, 13, 15, 17, ... (9)"]);
});

const corners: [string, number, Key[], string[]][] = [
  ["all but one", 4, [[8, 0, 3, 16]], []],
  ["fewer", 4, [[8, 0, 2, 16]], ["grid-corner n_decode"]],
  ["one request alone", 1, [[8, 0, 0, 0]], []],
  ["one of two", 2, [[8, 0, 1, 16]], []],
  ["no batch of both", 4, [[8, 0, 0, 0], [0, 0, 2, 16]], []],
];
for (const [what, max_num_seqs, keys, expected] of corners) {
  Deno.test(`decodes with a prefill: ${what}`, () => {
    assert.deepEqual(codes(keys, { engine_effective: { max_num_seqs } }), expected);
  });
}

Deno.test("times beyond a window are compared at the median of the lines, from the window itself on", () => {
  const lines = [1, 2, 4].flatMap((n) => decodes(n, 16, 32, 64));
  const factor = new Map([[1, 1], [2, 1.05], [4, 3]]);
  const told = (times: Map<number, number>): boolean =>
    codes(
      lines,
      { attention_grid: { window: 16 } },
      ([, , n, kv]) => kv === 64 ? times.get(n)! : kv === 32 ? 7 : 1,
    )
      .some((code) => code === "window-differs kv_decode");
  assert.equal(told(factor), false);
  assert.equal(told(factor.set(2, 1.2)), true);
});

Deno.test("lines beyond a window are sorted, and need two lengths each, from a chunk or a decode of 1 on", () => {
  const meta = { attention_grid: { window: 16 } };
  const told = (keys: readonly Key[], timeUs: (key: Key) => number): string[] =>
    codes(keys, meta, timeUs).filter((code) => code.startsWith("window"));
  const falling = ([, , , kv]: Key): number => kv === 64 ? 1 : kv === 32 ? 2 : 3;
  assert.deepEqual(told(decodes(1, 64, 16, 32), falling), ["window-differs kv_decode"]);
  const alike = ([, , , kv]: Key): number => kv === 64 ? 1 : kv === 16 ? 3 : 2;
  assert.deepEqual(told(decodes(1, 32, 16, 64, 48), alike), ["window-differs kv_decode"]);
  assert.deepEqual(told([...decodes(1, 64, 32), ...decodes(2, 16)], () => 1), []);
  assert.deepEqual(told([...decodes(1, 16, 64), ...decodes(2, 16), ...decodes(4, 16)], falling), [
    "window-differs kv_decode",
  ]);
  assert.deepEqual(told(prefills(1, 16, 64), ([, kv]) => kv), ["window-differs kv_prefill"]);
  assert.deepEqual(told([[8, 64, 1, 0], [8, 16, 1, 0]], ([, kv]) => kv), ["window-differs kv_prefill"]);
});

const reaches: [most: number | undefined, keys: readonly Key[], told: boolean][] = [
  [undefined, [[8, 0, 1, 16]], false],
  [1, [[8, 0, 1, 16]], false],
  [2, [[8, 0, 1, 16]], false],
  [3, [[8, 0, 1, 16]], true],
  [3, [[1, 0, 1, 16]], true],
  [3, [[8, 0, 2, 16]], false],
  [4, [[8, 0, 2, 16], [8, 0, 1, 16]], true],
  [9, [[8, 0, 0, 0], [0, 0, 4, 16]], false],
];
for (const [max_num_seqs, keys, told] of reaches) {
  Deno.test(`of ${max_num_seqs} requests ${JSON.stringify(keys)} ${told ? "leave a corner out" : "reach the corner"}`, () => {
    const engine_effective = max_num_seqs === undefined ? {} : { max_num_seqs };
    assert.equal(codes(keys, { engine_effective }).includes("grid-corner n_decode"), told);
  });
}

const range = (first: number, last: number, step: number): number[] =>
  Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => first + i * step);
const small = range(1, 15, 1);
const denseAxes: [what: string, step: number | undefined, tokens: readonly number[], found: string | null][] =
  [
    ["no row", 4, [], null],
    ["each value in steps of 4", 4, [...small, ...range(16, 128, 4)], null],
    ["each value in steps of 1", 1, range(1, 128, 1), null],
    ["each value in steps of 8", 8, [...small, ...range(16, 64, 4), ...range(72, 128, 8)], null],
    ["a maximum off the axis", 4, [...small, ...range(16, 128, 4), 129], null],
    ["further values, as of a finer plan", 4, [...small, ...range(16, 128, 2)], null],
    ["a value below 16 left out", 4, [1, 2, 4], "2 to 4"],
    ["a value below 64 left out", 16, [16, 20, 28, 32], "20 to 28"],
    ["a value beyond left out", 4, [64, 68, 76, 80], "68 to 76"],
    ["two left out", 1, [60, 61, 63, 65, 66], "61 to 63, 63 to 65"],
    ["the axis of another degree", 4, [64, 80, 96], "64 to 80, 80 to 96"],
    ["a step that is not recorded", undefined, [1, 500], null],
  ];
for (const [what, step, tokens, found] of denseAxes) {
  Deno.test(`rows of dense with dense_step ${step}: ${what}`, () => {
    const rows = tokens.map((value) => ({ layer: "o_proj", key: [value], timeUs: 1 }));
    const whole = range(1, 10, 1).map((value) => ({ layer: "layernorm", key: [value], timeUs: 1 }));
    const tables = {
      table: (_: number, category: string) => ({ rows: category === "dense" ? [...whole, ...rows] : [] }),
    } as unknown as LazyTables;
    const meta = step === undefined ? {} : { dense_step: step };
    const issues = checkGrid({ dir: "/b", tps: [1] } as unknown as BundleFiles, tables, meta as Meta);
    assert.deepEqual(
      issues,
      found === null ? [] : [{
        code: "grid-incomplete",
        severity: "warning",
        path: "/b/tp1/dense.csv",
        column: "tokens",
        message: `Rows are further apart than the step which meta.yaml records: dense_step ${step}`,
        found,
        expected: `steps of 1 below 16, ${step === 1 ? 1 : 4} below 64 and ${step} beyond`,
      }],
    );
  });
}
