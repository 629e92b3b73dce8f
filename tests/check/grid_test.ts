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
