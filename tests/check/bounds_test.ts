/** Where doubts begin: each bound from both sides. */
import assert from "node:assert/strict";
import type { SkewRow } from "../../src/bundle/skew.ts";
import type { Row } from "../../src/bundle/tables.ts";
import { checkPhysics } from "../../src/check/physics.ts";
import { skewScale } from "../../src/check/skew_scale.ts";
import { checkWeightReads } from "../../src/check/weight_reads.ts";
import { sizesOf } from "../../src/roofline/sizes.ts";
import type { Category } from "../../src/shots/shot.ts";
import { skewCaseOf } from "../../src/shots/skew_cases.ts";

type Tables = Readonly<Partial<Record<Category, Readonly<Record<string, number>>>>>;
const rowsOf = (layer: string | null, times: Readonly<Record<string, number>>): Row[] =>
  Object.entries(times).map(([key, timeUs]) => ({ layer, key: key.split(",").map(Number), timeUs }));
function codes(...degrees: Tables[]): string[] {
  const tps = degrees.map((_, i) => 2 ** i);
  const table = (tp: number, category: Category): readonly Row[] => {
    const layer = category === "moe" || category === "attention" ? null : "layer";
    return rowsOf(layer, degrees[tps.indexOf(tp)]![category] ?? {});
  };
  return checkPhysics({ dir: ".", tps, table }).map(({ code, path, column }) => `${code} ${path} ${column}`);
}

const doubts: [string, Tables[], string[]][] = [
  ["three quarters of the time at twice the size", [{ dense: { 8: 4, 16: 3 } }], []],
  ["less than that", [{ dense: { 8: 4, 16: 2.99 } }], ["time-falls tp1/dense.csv tokens"]],
  ["a fall over other sizes than the double", [{ dense: { 8: 4, 17: 1 } }], []],
  ["a fall from none", [{ attention: { "0,0,4,16": 8, "16,0,4,16": 2 } }], []],
  ["a fall of the last axis", [{ attention: { "0,0,4,16": 8, "0,0,4,32": 2 } }], [
    "time-falls tp1/attention.csv kv_decode",
  ]],
  ["a fall at a higher degree", [{ dense: { 8: 4 } }, { dense: { 8: 4, 16: 2 } }], [
    "time-falls tp2/dense.csv tokens",
  ]],
  ["1.8 times the growth of the size", [{ dense: { 10: 10, 20: 36 } }], []],
  ["more than that", [{ dense: { 10: 10, 20: 36.1 } }], ["time-step tp1/dense.csv tokens"]],
  ["sizes in another order", [{ dense: { 20: 36, 10: 10 } }], []],
  ["a step of sequences", [{ per_sequence: { 10: 10, 11: 20 } }], [
    "time-step tp1/per_sequence.csv sequences",
  ]],
  ["a step of experts, which is none", [{ moe: { "64,8": 10, "65,8": 90 } }], []],
  ["experts that take a tenth more", [{ moe: { "64,8": 10, "64,128": 11 } }], []],
  ["experts that take less more", [{ moe: { "64,8": 10, "64,128": 10.99 } }], [
    "moe-flat tp1/moe.csv activated_experts",
  ]],
  ["experts of which one size grows", [{ moe: { "64,8": 10, "64,128": 10, "8,8": 10, "8,16": 12 } }], []],
  ["one number of experts", [{ moe: { "64,8": 10, "128,8": 10 } }], []],
  ["experts of a higher degree", [{}, { moe: { "64,8": 10, "64,128": 10 } }], []],
  ["a degree that takes a twentieth more", [{ dense: { 8: 100 } }, { dense: { 8: 105 } }], []],
  ["a degree that takes more", [{ dense: { 8: 100 } }, { dense: { 8: 105.1 } }], [
    "tp-slower tp2/dense.csv time_us",
  ]],
  [
    "attention and sequences that take more",
    [{ attention: { "0,0,1,16": 1 }, per_sequence: { 1: 1 } }, {
      attention: { "0,0,1,16": 2 },
      per_sequence: { 1: 2 },
    }],
    ["tp-slower tp2/per_sequence.csv time_us", "tp-slower tp2/attention.csv time_us"],
  ],
  ["a degree of which few sizes take more", [{ dense: { 8: 9, 9: 9, 10: 9 } }, {
    dense: { 8: 18, 9: 9, 10: 9 },
  }], []],
  ["a degree of other sizes", [{ dense: { 8: 1 } }, { dense: { 9: 100 } }], []],
  [
    "each degree against the one before",
    [{ dense: { 8: 10 } }, { dense: { 8: 5 } }, { dense: { 8: 6 } }],
    ["tp-slower tp4/dense.csv time_us"],
  ],
];
for (const [what, tables, expected] of doubts) {
  Deno.test(`checkPhysics on ${what}: ${expected.map((text) => text.split(" ")[0]).join() || "no doubt"}`, () => {
    assert.deepEqual(codes(...tables).sort(), expected.toSorted());
  });
}

Deno.test("a step and a fall name the worst place and count the others", () => {
  const table = (_: number, category: Category): readonly Row[] =>
    category === "dense" ? rowsOf("o_proj", { 1: 10, 2: 50, 4: 300, 8: 20, 16: 12 }) : [];
  const found = checkPhysics({ dir: ".", tps: [1], table });
  assert.deepEqual(found.map(({ message, found }) => [message, found]), [
    ["o_proj: The time falls while tokens doubles, at 2 places", "0.07 of the time at tokens 8"],
    ["o_proj: The time jumps from one size to the next, at 2 places", "6.00 times at tokens 4"],
  ]);
});

/** Attention that takes a microsecond a token of history. */
const ATTENTION = [0, 16].flatMap((chunk) =>
  [100, 1000].map((kv): Row => ({ layer: null, key: [chunk, 0, 4, kv], timeUs: kv }))
);
const caseOf = (kvBig: number, t_max_us: number): SkewRow => ({
  ...skewCaseOf([4, 1, 0, 0, 100, kvBig]),
  t_mean_us: 1,
  t_max_us,
  t_skew_us: 1,
  alpha: null,
});
const scales: [string, SkewRow[], number][] = [
  ["times of one scale", [caseOf(400, 400)], 1],
  ["sums of three", [caseOf(400, 1200)], 3],
  ["sums of two", [caseOf(400, 800)], 2],
  ["nearly three", [caseOf(400, 1200 * 1.099)], 3],
  ["no whole number", [caseOf(400, 1200 * 1.101)], 1],
  ["nearly two, from below", [caseOf(400, 800 * 0.901)], 2],
  ["too far below two", [caseOf(400, 800 * 0.899)], 1],
  ["less than one", [caseOf(400, 100)], 1],
  ["the median of three", [caseOf(400, 1200), caseOf(500, 1500), caseOf(600, 600)], 3],
  ["no cases", [], 1],
];
for (const [what, rows, scale] of scales) {
  Deno.test(`the scale of skew.csv: ${what} is ${scale}`, () => {
    assert.equal(skewScale(rows, ATTENTION), scale);
    assert.equal(skewScale(rows, []), 1);
  });
}
Deno.test("of many cases every so many are looked at", () => {
  const rows = Array.from({ length: 1001 }, (_, i) => caseOf(400, i % 3 === 0 ? 1200 : 400));
  assert.equal(skewScale(rows, ATTENTION), 3, "501 cases and more are every third");
  assert.equal(skewScale(rows.slice(0, 1000), ATTENTION), 1);
});

const SIZES = sizesOf({ hidden_size: 1000, num_attention_heads: 10, head_dim: 100, vocab_size: 2000 }, 2, 2);
const SHEET = { bandwidth_gb_s: 1000, l2_mib: 8, multiprocessors: 4 };
/** Microseconds of o_proj against 2 µs for its 2 MB. */
const reads: [number, boolean][] = [[1.8, false], [1.79, true], [2, false]];
for (const [timeUs, isTooFast] of reads) {
  Deno.test(`weights that take 2 µs to read are ${isTooFast ? "" : "not "}doubted at ${timeUs} µs`, () => {
    const table = (_: number, category: Category): readonly Row[] =>
      category === "dense" ? [{ layer: "o_proj", key: [1], timeUs }] : [];
    const issues = checkWeightReads({ dir: ".", tps: [1], table }, { sheet: SHEET, sizes: () => SIZES });
    assert.deepEqual(
      issues.map(({ code, expected, found }) => [code, expected, found]),
      isTooFast ? [["weights-cached", "at least 2.0 us for 2.0 MB at 1000 GB/s", "1.79 us at tokens 1"]] : [],
    );
  });
}
