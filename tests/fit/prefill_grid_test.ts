import assert from "node:assert/strict";
import { bucketAxes } from "../../src/fit/axes.ts";
import { pcEntries } from "../../src/fit/prefill_grid.ts";

const AXES = bucketAxes([2, 4, 8].map((n) => ({ n, kv_big: 512, kp: 0 })));

Deno.test("pcEntries lists profiled pc", () => {
  assert.deepEqual(pcEntries("profiled", [16, 0, 200], AXES), [
    { pc: 0, nBins: null },
    { pc: 16, nBins: null },
    { pc: 200, nBins: null },
  ]);
});

Deno.test("pcEntries adds multiples of 128, and the chunk that fills the budget beside each number of decodes", () => {
  assert.deepEqual(pcEntries("common", [0, 16, 200], AXES), [
    { pc: 0, nBins: null },
    { pc: 16, nBins: null },
    { pc: 128, nBins: null },
    { pc: 192, nBins: new Set([2]) },
    { pc: 193, nBins: new Set([2]) },
    { pc: 194, nBins: new Set([2]) },
    { pc: 195, nBins: new Set([2]) },
    { pc: 196, nBins: new Set([1]) },
    { pc: 197, nBins: new Set([1]) },
    { pc: 198, nBins: new Set([0]) },
    { pc: 200, nBins: null },
  ]);
});

Deno.test("pcEntries lists all pc of a prefill, which has two tokens at least", () => {
  assert.deepEqual(pcEntries("all", [0, 4], AXES).map(({ pc }) => pc), [0, 2, 3, 4]);
});

Deno.test("pcEntries of decodes alone is pc 0", () => {
  for (const values of ["profiled", "common", "all"] as const) {
    assert.deepEqual(pcEntries(values, [0], AXES), [{ pc: 0, nBins: null }]);
  }
});

Deno.test("pcEntries leaves a prefill two tokens of the budget, and two decodes at least", () => {
  const grids: [number, number[]][] = [[3, [3]], [4, [2, 4]], [5, [2, 3, 5]], [6, [2, 3, 4, 6]]];
  for (const [budget, pcs] of grids) {
    assert.deepEqual(pcEntries("common", [budget], AXES).map(({ pc }) => pc), pcs, `${budget}`);
  }
});
