import assert from "node:assert/strict";
import type { Place } from "../../src/check/attention_coverage.ts";
import { coverage } from "../../src/check/coverage.ts";
import { type CoverageNeed, ownNeed } from "../../src/check/coverage_need.ts";
import type { Bundle } from "../../src/bundle/open.ts";
import type { Row } from "../../src/bundle/tables.ts";

function bundle(
  attention: readonly (readonly number[])[],
  estimated: readonly (readonly number[])[] = [],
): Bundle {
  const rows = attention.map((key): Row => ({ layer: null, key, timeUs: 5 }));
  return {
    dir: "",
    meta: {},
    tps: [1],
    issues: [],
    table: (_, category) => category === "attention" ? rows : [],
    skew: () => [],
    skewFit: () => [],
    estimated: () => estimated.map((key) => ({ key, expectedError: 0.1 })),
  };
}

const decodes = (...ns: number[]): number[][] => ns.flatMap((n) => [16, 64].map((kv) => [0, 0, n, kv]));
const NEED: CoverageNeed = { maxNumBatchedTokens: 4, maxNumSeqs: 4, maxKv: 64 };

/** The worst places by chunk and number of decodes. */
function worst(rows: number[][], need: CoverageNeed = NEED): Record<string, Place> {
  const [attention] = coverage(bundle(rows), need).attention;
  return Object.fromEntries(
    attention!.cells.map(({ chunk, nDecode, worst }) => [`${chunk}+${nDecode}`, worst]),
  );
}

Deno.test("coverage finds decodes on the grid, between its values and beyond it", () => {
  const places = worst(decodes(1, 2));
  assert.deepEqual([places["0+1"], places["0+2"], places["0+4"]], ["between", "between", "extrapolated"]);
  assert.equal(worst(decodes(1, 4))["0+2"], "between");
});

Deno.test("coverage clamps below the first value", () => {
  assert.equal(worst(decodes(2, 4))["0+1"], "clamped");
});

Deno.test("coverage finds the neighbour that stands in for a slice that was never measured", () => {
  const mixed = [[2, 0, 0, 0], ...[16, 64].map((kv) => [2, 0, 1, kv])];
  const places = worst([...decodes(1, 2), ...mixed]);
  assert.equal(places["2+1"], "clamped", "a history of the prefill that was not measured");
  assert.equal(places["2+2"], "neighbour");
});

Deno.test("coverage extrapolates histories beyond the last one", () => {
  const [attention] = coverage(bundle(decodes(1)), { ...NEED, maxNumSeqs: 1, maxKv: 1024 }).attention;
  const cell = attention!.cells.find(({ chunk, nDecode }) => chunk === 0 && nDecode === 1)!;
  assert.equal(cell.worst, "extrapolated");
  assert.ok(cell.shares.extrapolated > 0.3 && cell.shares.extrapolated < 0.8);
});

Deno.test("coverage keeps to batches that a run can have", () => {
  const cells = coverage(bundle(decodes(1)), NEED).attention[0]!.cells;
  assert.ok(cells.every(({ chunk, nDecode }) => chunk + nDecode <= 4 && nDecode + (chunk > 0 ? 1 : 0) <= 4));
  assert.ok(cells.every(({ shares }) => Math.abs(Object.values(shares).reduce((a, b) => a + b) - 1) < 1e-12));
});

Deno.test("ownNeed is what the bundle was measured for", () => {
  const meta = {
    engine_effective: { max_num_batched_tokens: 64, max_num_seqs: 8 },
    attention_grid: { max_kv: 512, chunk_factor: 2, kv_factor: 2, chunks: [], n_decode: [], kv: [] },
  };
  assert.deepEqual(ownNeed({ meta }), { maxNumBatchedTokens: 64, maxNumSeqs: 8, maxKv: 512 });
  assert.deepEqual(ownNeed({ meta: {} }), { maxNumBatchedTokens: 2048, maxNumSeqs: 256, maxKv: 16384 });
});

Deno.test("coverage says how much of the answers rests on predicted rows", () => {
  const coveragesOf = (estimated: number[][]): number[] =>
    coverage(bundle(decodes(1, 2), estimated), { ...NEED, maxNumSeqs: 2 }).attention[0]!.cells
      .filter(({ chunk }) => chunk === 0).map(({ estimated }) => estimated);
  assert.deepEqual(coveragesOf([]), [0, 0]);
  assert.deepEqual(coveragesOf(decodes(2)), [0, 1]);
  const [one, two] = coveragesOf([[0, 0, 1, 64]]);
  assert.ok(one! > 0.3 && one! < 0.7);
  assert.equal(two, 0);
});

Deno.test("coverage tells the kernels apart that August does not know", () => {
  const rows = [64, 128].map((kv) => ({ layer: "x", key: [0, 0, 1, kv], timeUs: kv }));
  const bundle = {
    dir: "",
    meta: {},
    tps: [1],
    issues: [],
    skew: () => [],
    skewFit: () => [],
    estimated: () => [],
    table: () => [],
    kernels: (): ReadonlyMap<string, ReadonlyMap<number, typeof rows>> =>
      new Map([["attention", new Map([[1, rows], [4, rows]])], ["indexer", new Map([[1, rows]])]]),
  };
  const { attention } = coverage(bundle, { maxNumBatchedTokens: 16, maxNumSeqs: 1, maxKv: 128 });
  assert.deepEqual(attention.map(({ kernel }) => kernel), ["attention q=4", "indexer"]);
});
