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

const batches: [what: string, need: CoverageNeed, cells: string][] = [
  [
    "sizes that grow by half, and the largest",
    { maxNumBatchedTokens: 6, maxNumSeqs: 5, maxKv: 16 },
    "0+1 0+2 0+3 0+4 0+5 " +
    "2+0 2+1 2+2 2+3 2+4 3+0 3+1 3+2 3+3 4+0 4+1 4+2 6+0",
  ],
  ["one request", { maxNumBatchedTokens: 3, maxNumSeqs: 1, maxKv: 16 }, "0+1 2+0 3+0"],
  ["one token", { maxNumBatchedTokens: 1, maxNumSeqs: 4, maxKv: 16 }, "0+1"],
];
for (const [what, need, expected] of batches) {
  Deno.test(`coverage probes ${what}`, () => {
    const [attention] = coverage(bundle(decodes(1)), need).attention;
    assert.equal(attention!.cells.map(({ chunk, nDecode }) => `${chunk}+${nDecode}`).join(" "), expected);
  });
}

const NONE = { exact: 0, between: 0, clamped: 0, neighbour: 0, extrapolated: 0 };
/** One decode at histories that were measured, some of them predicted, and how those that a run has are answered. */
const histories: [
  what: string,
  kvs: number[],
  predicted: number[],
  maxKv: number,
  Partial<typeof NONE>,
  Place,
  estimated: number,
][] = [
  ["every third size from 16 on", [16, 64], [], 64, { exact: 0.5, between: 0.5 }, "between", 0],
  ["16 itself", [16, 48], [16], 48, { exact: 1 }, "exact", 0.5],
  ["the longest alone where it is shorter", [8], [8], 8, { exact: 1 }, "exact", 1],
  [
    "a tenth that name their cell",
    [16, 2 ** 17],
    [],
    2 ** 18,
    { between: 0.9, extrapolated: 0.1 },
    "extrapolated",
    0,
  ],
  [
    "less than a tenth, which do not",
    [16, 2 ** 19],
    [],
    2 ** 20,
    { between: 10 / 11, extrapolated: 1 / 11 },
    "between",
    0,
  ],
  ["shorter ones than were measured", [32, 64], [], 48, { clamped: 0.5, between: 0.5 }, "clamped", 0],
];
for (const [what, kvs, predicted, maxKv, shares, place, estimated] of histories) {
  Deno.test(`coverage of histories: ${what}`, () => {
    const rows = (own: number[]): number[][] => own.map((kv) => [0, 0, 1, kv]);
    const need = { maxNumBatchedTokens: 1, maxNumSeqs: 1, maxKv };
    const [attention] = coverage(bundle(rows(kvs), rows(predicted)), need).attention;
    const { cells: [cell, ...others], ...all } = attention!;
    assert.equal(others.length, 0);
    assert.deepEqual(cell, { chunk: 0, nDecode: 1, shares: { ...NONE, ...shares }, worst: place, estimated });
    assert.deepEqual(all, { tp: 1, shares: { ...NONE, ...shares }, estimated });
  });
}

Deno.test("all lookups weigh alike, whichever cell they are of", () => {
  const rows = [...decodes(1), ...[0, 64].map((kv) => [2, kv, 0, 0])];
  const need = { maxNumBatchedTokens: 2, maxNumSeqs: 1, maxKv: 64 };
  const [attention] = coverage(bundle(rows, [[2, 0, 0, 0]]), need).attention;
  // Histories of 24 and 64; a prefill may have none besides. At 24 of 64 its answer rests on the first by 40/64.
  assert.deepEqual(attention!.cells.map(({ estimated }) => estimated), [0, (1 + 40 / 64) / 3]);
  assert.equal(attention!.estimated, (1 + 40 / 64) / 5);
  assert.deepEqual(attention!.shares, { ...NONE, exact: 3 / 5, between: 2 / 5 });
});

Deno.test("coverage places prefills of other kernels by their place less half of their chunk", () => {
  const kernel = [[2, 1, 0, 0], [2, 65, 0, 0]].map((key) => ({ layer: "x", key, timeUs: 5 }));
  const whole = { ...bundle([]), kernels: () => new Map([["indexer", new Map([[1, kernel]])]]) };
  const { attention } = coverage(whole, { maxNumBatchedTokens: 2, maxNumSeqs: 1, maxKv: 64 });
  const { shares } = attention[0]!.cells.find(({ chunk }) => chunk === 2)!;
  assert.deepEqual(shares, { ...NONE, exact: 2 / 3, between: 1 / 3 });
});

Deno.test("coverage says of each layer how far it was measured and how far a run goes", () => {
  const sizes = (layer: string | null, ...values: number[]): Row[] =>
    values.map((value) => ({ layer, key: [value, 9], timeUs: 5 }));
  const tables: Record<string, Row[]> = {
    dense: [...sizes("a", 1, 4, 2), ...sizes("b", 2, 3)],
    per_sequence: sizes("c", 1, 4),
    linear_attention: sizes("d", 0, 5),
    moe: sizes(null, 1, 3),
  };
  const { layers } = coverage({ ...bundle([]), table: (_, category) => tables[category] ?? [] }, {
    ...NEED,
    maxNumSeqs: 5,
  });
  assert.deepEqual(layers.map((own) => Object.values(own).join(" ")), [
    "1 dense a tokens 1 4 4 between",
    "1 dense b tokens 2 3 4 extrapolated",
    "1 per_sequence c sequences 1 4 5 extrapolated",
    "1 linear_attention d prefill_tokens 0 5 4 between",
    "1 moe  tokens 1 3 4 extrapolated",
  ]);
});
