import assert from "node:assert/strict";
import type { SkewRow } from "../../src/bundle/skew.ts";
import type { Row } from "../../src/bundle/tables.ts";
import { skewCaseOf } from "../../src/shots/skew_cases.ts";
import type { SkewPart } from "../../src/shots/skew_parts.ts";
import { rowText } from "../../src/shots/shot_id.ts";
import {
  countCases,
  hasPart,
  setPart,
  skewedTime,
  skewProblem,
  skewRows,
  type SkewTimes,
  skewTimesOf,
} from "../../src/store/skew_times.ts";

/** Four decodes, one of 512 tokens, three of 128: 224 on average. */
const KEY = [4, 1, 0, 0, 128, 512];
const OTHER = [4, 1, 0, 0, 256, 1024];
const PARTS: readonly SkewPart[] = ["t_mean", "t_max", "t_skew"];

function rowOf(key: readonly number[], mean: number, max: number, skew: number): SkewRow {
  return {
    ...skewCaseOf(key),
    t_mean_us: mean,
    t_max_us: max,
    t_skew_us: skew,
    alpha: (skew - mean) / (max - mean),
  };
}
function times(rows: readonly SkewRow[] = []): SkewTimes {
  const made = skewTimesOf(new Map(), 1);
  for (const row of rows) made.rows.set([row.n, row.nb, row.pc, row.kp, row.kvs, row.kv_big].join(), row);
  return made;
}
function attention(
  entries: readonly (readonly [key: readonly number[], timeUs: number])[],
): Map<string, Row> {
  return new Map(entries.map(([key, timeUs]) => [rowText(null, key), { layer: null, key, timeUs }]));
}
const has = (of: SkewTimes, key = KEY): SkewPart[] => PARTS.filter((part) => hasPart(of, key, part));

Deno.test("the cases of a degree are made once", () => {
  const all = new Map();
  skewTimesOf(all, 2).skewed.set("x", 1);
  assert.equal(skewTimesOf(all, 2).skewed.size, 1);
  assert.equal(skewTimesOf(all, 1).skewed.size, 0);
});

Deno.test("a part has a time when it was fired, for its case or for one with the same batch", () => {
  const fired = times();
  assert.deepEqual(has(fired), []);
  setPart(fired, KEY, "t_mean", 3);
  assert.deepEqual(has(fired), ["t_mean"]);
  setPart(fired, KEY, "t_skew", 5);
  assert.deepEqual(has(fired), ["t_mean", "t_skew"]);
  assert.deepEqual(has(fired, OTHER), []);
  setPart(fired, [4, 2, 0, 0, 128, 512], "t_max", 8);
  assert.deepEqual(has(fired), [...PARTS], "every history at 512 is the same batch");
  setPart(fired, KEY, "t_skew", 6);
  assert.deepEqual([fired.skewed.size, skewedTime(fired, KEY), skewedTime(fired, OTHER)], [1, 6, null]);
});

Deno.test("a row stands as a whole, unless its skewed batch was fired anew", () => {
  const read = times([rowOf(KEY, 1, 9, 4)]);
  assert.deepEqual(has(read), [...PARTS]);
  assert.equal(skewedTime(read, KEY), 4);
  setPart(read, KEY, "t_skew", 5);
  assert.deepEqual(has(read), ["t_skew"]);
  assert.equal(skewedTime(read, KEY), 5);
  setPart(read, OTHER, "t_skew", 7);
  assert.equal(countCases(read), 2);
});

const ENDS = [[[0, 0, 4, 224], 10], [[0, 0, 4, 512], 20]] as const;

Deno.test("exact rows need both uniform batches, of attention.csv or fired for the case", () => {
  const fired = times([rowOf(OTHER, 1, 9, 4)]);
  setPart(fired, KEY, "t_skew", 15);
  assert.deepEqual(skewRows(fired, attention([ENDS[0]]), "exact"), [rowOf(OTHER, 1, 9, 4)]);
  assert.deepEqual(skewRows(fired, attention([ENDS[1]]), "exact"), [rowOf(OTHER, 1, 9, 4)]);
  setPart(fired, KEY, "t_max", 30);
  const made = skewRows(fired, attention([ENDS[0]]), "exact");
  assert.deepEqual(
    made.map((
      { kvs, t_mean_us, t_max_us, t_skew_us, alpha },
    ) => [kvs, t_mean_us, t_max_us, t_skew_us, alpha]),
    [
      [256, 1, 9, 4, 3 / 8],
      [128, 10, 30, 15, 0.25],
    ],
  );
  assert.equal(skewRows(fired, attention([...ENDS]), "exact")[1]!.t_max_us, 20, "attention.csv comes first");
});

Deno.test("interpolated rows read attention.csv as a simulator does: six digits, whole nanoseconds", () => {
  const fired = times();
  setPart(fired, KEY, "t_skew", 15);
  setPart(fired, KEY, "t_mean", 99);
  setPart(fired, KEY, "t_max", 99);
  assert.deepEqual(skewRows(fired, new Map(), "interpolated"), []);
  const table = attention([[[0, 0, 4, 224], 10.00049], [[0, 0, 4, 512], 20.0006]]);
  const [row] = skewRows(fired, table, "interpolated");
  assert.deepEqual([row!.t_mean_us, row!.t_max_us, row!.alpha], [10, 20.001, (15 - 10) / (20.001 - 10)]);
});

const problems: [string, SkewTimes, Map<string, Row>, boolean, string | null][] = [
  ["has what it needs", times(), attention([...ENDS]), false, null],
  [
    "lacks attention.csv",
    times(),
    new Map(),
    false,
    "attention.csv has no rows for its alphas to lie between",
  ],
  [
    "lists requests",
    { ...times(), listsRequests: true },
    attention([...ENDS]),
    true,
    "skew.csv lists the requests of its cases, as v1.2 writes it, and stays as it is",
  ],
  ["is of one scale", times([rowOf(KEY, 10, 20, 15)]), attention([...ENDS]), false, null],
  [
    "is of another scale",
    times([rowOf(KEY, 30, 60, 45)]),
    attention([...ENDS]),
    false,
    "the times of skew.csv are 3 times those of attention.csv, as sums of samples are, and new ones would not be; " +
    "refresh with category skew measures all of them again",
  ],
  ["is measured again as a whole", times([rowOf(KEY, 30, 60, 45)]), attention([...ENDS]), true, null],
];
for (const [what, known, table, again, problem] of problems) {
  Deno.test(`a skew sweep of a bundle that ${what}: ${problem}`, () => {
    assert.equal(skewProblem(known, table, again), problem);
  });
}

Deno.test("rows that were measured here say nothing of another scale", () => {
  const known = times([rowOf(KEY, 30, 60, 45)]);
  setPart(known, KEY, "t_skew", 15);
  assert.equal(skewProblem(known, attention([...ENDS]), false), null);
});
