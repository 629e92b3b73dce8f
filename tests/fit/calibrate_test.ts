/** The fit that v1.2 reads, by hand: where cases lie, which count at an anchor, and the alpha there. */
import assert from "node:assert/strict";
import { bucketAxes, skewRate } from "../../src/fit/axes.ts";
import {
  type CalibrationCase,
  type CalibrationFit,
  fitCalibration,
  MIN_ROWS,
} from "../../src/fit/calibrate.ts";
import { fitSkew } from "../../src/fit/fit_skew.ts";
import { randomFolds } from "../../src/fit/random_folds.ts";
import { roundAlpha } from "../../src/fit/round_alpha.ts";
import { placeCases } from "../../src/fit/cases.ts";
import { shrinkageFitter } from "../../src/fit/shrinkage.ts";
import { fitTable } from "../../src/fit/table.ts";
import { bucketNumber, numberBuckets } from "../../src/predict/bucket.ts";
import { makeAttentionTable } from "../../src/predict/attention.ts";
import { attentionNs } from "../../src/predict/attention.ts";
import type { SkewRow } from "../../src/bundle/skew.ts";
import { skewCaseOf } from "../../src/shots/skew_cases.ts";

/** A case of alpha 0.5 between 100 and 120 µs. */
const CASE: CalibrationCase = {
  layer: "attention",
  decodeQLen: 1,
  n: 8,
  pc: 0,
  meanUs: 100,
  maxUs: 120,
  skewUs: 110,
};
const at = (alpha: number, more: Partial<CalibrationCase> = {}): CalibrationCase => ({
  ...CASE,
  ...more,
  skewUs: 100 + alpha * 20,
});
const many = (count: number, one: CalibrationCase): CalibrationCase[] => new Array(count).fill(one);
const fit = (cases: readonly CalibrationCase[], saturates = false): CalibrationFit =>
  fitCalibration(cases, () => saturates);

Deno.test("a number of decodes with enough cases is an anchor, others count at the nearest as a ratio", () => {
  const cases = [
    ...many(MIN_ROWS, at(0.75, { n: 16 })),
    ...many(MIN_ROWS, at(0.25, { n: 4 })),
    ...many(MIN_ROWS - 1, at(0.25, { n: 8 })),
    at(0.75, { n: 9 }),
    at(0.25, { n: 1 }),
    at(0.75, { n: 300 }),
  ];
  const { cells, n_range_by_kernel, n_samples, dropped } = fit(cases);
  const cell = { layer: "attention", decode_q_len: 1, pc_label: "pc0", lev_label: "lev0" };
  assert.deepEqual(cells, [
    { ...cell, n_anchor: 4, alpha: 0.25, direct_rows: MIN_ROWS, pooled_rows: 2 * MIN_ROWS },
    { ...cell, n_anchor: 16, alpha: 0.75, direct_rows: MIN_ROWS, pooled_rows: MIN_ROWS + 2 },
  ]);
  assert.deepEqual(n_range_by_kernel, { "attention|q=1": [1, 300] });
  assert.deepEqual([n_samples, dropped], [cases.length, 0]);
  assert.deepEqual(fit(many(MIN_ROWS - 1, CASE)).cells, []);
});

Deno.test("the alpha of an anchor is the weighted median, within its bounds", () => {
  const alphas = (cases: readonly CalibrationCase[]): number[] => fit(cases).cells.map(({ alpha }) => alpha);
  assert.deepEqual(alphas([...many(11, at(0.1)), ...many(10, at(0.9))]), [0.1]);
  assert.deepEqual(alphas([...many(10, at(0.1)), ...many(11, at(0.9))]), [0.1], "a longer case weighs less");
  assert.deepEqual(alphas([...many(10, at(0.1)), ...many(12, at(0.9))]), [0.9]);
  const unsorted = [...many(7, at(0.9)), ...many(7, at(0.1)), ...many(7, at(0.5))];
  assert.deepEqual([alphas(unsorted), alphas(unsorted.toReversed())], [[0.5], [0.5]]);
  const even = { ...CASE, meanUs: 100, maxUs: 120 };
  assert.deepEqual(alphas([...many(10, { ...even, skewUs: 110 }), ...many(10, { ...even, skewUs: 110 })]), [
    0.5,
  ]);
  assert.deepEqual(alphas(many(MIN_ROWS, at(-0.5))), [-0.2]);
  assert.deepEqual(alphas(many(MIN_ROWS, at(1.5))), [1]);
  assert.deepEqual(alphas(many(MIN_ROWS, at(0.123456))), [0.1235]);
  // At exactly half of the weight it is the mean of both sides.
  const half = { ...CASE, skewUs: 256 };
  const halves = [
    ...many(10, { ...half, meanUs: 256, maxUs: 288 }),
    ...many(10, { ...half, meanUs: 240, maxUs: 272 }),
  ];
  assert.deepEqual([alphas(halves), alphas(halves.toReversed())], [[0.25], [0.25]]);
  // Twenty cases: those of a wide gap weigh four times as much as those of a narrow one.
  const wide = { ...CASE, maxUs: 124, skewUs: 112 };
  const narrow = { ...CASE, maxUs: 106, skewUs: 106 * 1.00 };
  assert.deepEqual(alphas([...many(8, wide), ...many(13, narrow)]), [0.5]);
});

Deno.test("the default of a kernel is the least squares over its cases; kernels are sorted by name and tokens", () => {
  const wide = { ...CASE, maxUs: 200, skewUs: 150 };
  const { alpha_default_by_kernel } = fit([
    at(0, { layer: "sliding", decodeQLen: 2 }),
    at(0.1, { layer: "sliding", decodeQLen: 1 }),
    at(0.2, { decodeQLen: 10 }),
    at(0.3, { decodeQLen: 2 }),
    at(1),
    wide,
  ]);
  assert.deepEqual(Object.entries(alpha_default_by_kernel), [
    ["attention|q=1", Number(((20 * 20 + 100 * 50) / (20 * 20 + 100 * 100)).toFixed(4))],
    ["attention|q=2", 0.3],
    ["attention|q=10", 0.2],
    ["sliding|q=1", 0.1],
    ["sliding|q=2", 0],
  ]);
});

const dropped: [string, number, boolean, number][] = [
  ["a gap", 120, false, 0],
  ["no gap", 100, false, 1],
  ["no gap of a kernel that saturates", 100, true, 1],
  ["a gap below 0", 90, false, 1],
  ["a gap below 1", 100.5, false, 0],
  ["a gap below 0 of a kernel that saturates", 90, true, 0],
];
for (const [what, maxUs, saturates, count] of dropped) {
  Deno.test(`a case with ${what} is ${count === 0 ? "fitted" : "dropped"}`, () => {
    const made = fit([{ ...CASE, maxUs, skewUs: 95 }], saturates);
    assert.deepEqual([made.dropped, made.n_samples], [count, 1 - count]);
  });
}

const axes: [number[], number[]][] = [
  [[0], [-1, 1, 1_000_000_000]],
  [[0, 7], [-1, 1, 3, 1_000_000_000]],
  [[9], [-1, 1, 4, 1_000_000_000]],
  [[12, 15], [-1, 1, 7, 1_000_000_000]],
  [[0, 16], [-1, 1, 2, 8, 1_000_000_000]],
  [[2048, 100], [-1, 1, 256, 1024, 1_000_000_000]],
  [[2_000_000_000], [-1, 1, 250_000_000, 1_000_000_000, 2_000_000_001]],
];
for (const [pcs, bins] of axes) {
  Deno.test(`prefills of ${pcs} tokens are told apart at ${bins}`, () => {
    const made = fit(pcs.map((pc) => ({ ...CASE, pc }))).axes;
    assert.deepEqual(made.pc_bins, bins);
    assert.deepEqual(made.pc_labels, bins.slice(1).map((_, i) => `pc${i}`));
    assert.deepEqual([made.lev_bins, made.lev_labels.join()], [
      [0, 0.25, 0.75, 1.5, 3, 1_000_000_000],
      "lev0,lev1,lev2,lev3,lev4",
    ]);
  });
}

Deno.test("cells are prefill tokens by how far the ends lie apart, in order", () => {
  const cases = [[2048, 900], [2048, 110], [0, 400], [0, 110], [0, 225], [0, 125]] as const;
  const made = fit(cases.flatMap(([pc, maxUs]) => many(MIN_ROWS, { ...CASE, pc, maxUs, skewUs: 105 })));
  assert.deepEqual(made.cells.map(({ pc_label, lev_label }) => `${pc_label} ${lev_label}`), [
    "pc0 lev0",
    "pc0 lev2",
    "pc0 lev3",
    "pc3 lev0",
    "pc3 lev4",
  ]);
});

Deno.test("alphas are rounded as their digits say", () => {
  const cases = [[0.12345, 0.1235], [0.12335, 0.1234], [0.00005, 0.0001], [-0.12344, -0.1234], [
    1e5 + 0.00004,
    1e5,
  ]] as const;
  for (const [value, rounded] of cases) assert.equal(roundAlpha(value), rounded, `${value}`);
});

Deno.test("a seed splits cases in the same way in every version", () => {
  assert.equal([...randomFolds(20, 5, 1)].join(""), "30244133242202102013");
  assert.notDeepEqual(randomFolds(20, 5, 2), randomFolds(20, 5, 1));
});

const rates: [number, number, number, number][] = [
  [128, 128, 128, 0],
  [128, 512, 224, 0.25],
  [128, 512, 600, 1],
  [128, 512, 100, 0],
  [128, 129, 129, 1],
  [128, 130, 129, 0.5],
];
for (const [kvs, kv_big, kv_mean, rate] of rates) {
  Deno.test(`histories of ${kvs} and ${kv_big} with a mean of ${kv_mean} have the skew rate ${rate}`, () => {
    assert.equal(skewRate({ kvs, kv_big, kv_mean }), rate);
  });
}

const edges: [number, number[], number[], string[]][] = [
  [512, [0], [0, 1024, 1_000_000_000], ["kvB<=1k", "kvB>1k"]],
  [1024, [0], [0, 1024, 1_000_000_000], ["kvB<=1k", "kvB>1k"]],
  [5000, [512, 0], [0, 1024, 4096, 5000, 1_000_000_000], ["kvB<=1k", "kvB<=4k", "kvB<=5000", "kvB>5000"]],
  [16_384, [2048, 512], [0, 1024, 4096, 16_384, 1_000_000_000], [
    "kvB<=1k",
    "kvB<=4k",
    "kvB<=16k",
    "kvB>16k",
  ]],
];
for (const [kv_big, kps, bins, labels] of edges) {
  Deno.test(`buckets of cases up to a history of ${kv_big}, prefills' of ${kps}`, () => {
    const made = bucketAxes(kps.map((kp) => ({ n: 8, kv_big, kp })));
    assert.deepEqual([made.kv_big_bins, made.kv_big_labels], [bins, labels]);
    const own = kps.filter((kp) => kp > 0).sort((a, b) => a - b);
    assert.deepEqual(made.kp_bins, [-1, 0, ...own.length > 0 ? own : [2048], 1_000_000_000]);
    assert.deepEqual([made.n_bins, made.n_labels], [[0, 8, 1_000_000], ["n<=8", "n>8"]]);
    assert.equal(made.kp_labels.length, made.kp_bins.length - 1);
  });
}

/** Cases of one bucket: ends of 100 and 200 µs, so that each weighs (100 / t_skew)². */
function shrunk(
  cases: readonly (readonly [pc: number, skewUs: number])[],
  selected: (i: number) => boolean = () => true,
): {
  alphaAt: (pc: number) => number | undefined;
  fallback: number;
} {
  const rows = cases.map(([pc, t_skew_us]): SkewRow => ({
    ...skewCaseOf([4, 1, pc, 0, 128, 512]),
    t_mean_us: 100,
    t_max_us: 200,
    t_skew_us,
    alpha: null,
  }));
  const numbering = numberBuckets(bucketAxes(rows));
  const times = (us: number): Float64Array => Float64Array.from(rows, () => us);
  const ends = { mean: times(100), max: times(200), skew: Float64Array.from(cases, ([, us]) => us) };
  const model = shrinkageFitter(placeCases(rows, numbering), ends)(selected);
  const bucket = bucketNumber(numbering, 4, skewRate(rows[0]!), 512, 0);
  return { alphaAt: (pc) => model.alphaAt(pc, bucket), fallback: model.fallback };
}
const alphasOf = ({ alphaAt, fallback }: ReturnType<typeof shrunk>): unknown[] => [
  alphaAt(16),
  alphaAt(512),
  fallback,
];
const weighted = (cases: readonly (readonly [alpha: number, skewUs: number])[]): number => {
  const weights = cases.map(([, us]) => (100 / us) ** 2);
  return cases.reduce((sum, [alpha], i) => sum + alpha * weights[i]!, 0) / weights.reduce((a, b) => a + b);
};

Deno.test("a case that is not selected, or that says nothing about alpha, does not count", () => {
  const cases = [[16, 120], [512, 180]] as const;
  const both = shrunk(cases);
  assert.deepEqual(alphasOf(shrunk([...cases, [512, 0]])), alphasOf(both), "no time");
  assert.deepEqual(alphasOf(shrunk([...cases, [512, 150]], (i) => i !== 2)), alphasOf(both));
  assert.notDeepEqual(alphasOf(shrunk([...cases, [512, 150]])), alphasOf(both));
  assert.deepEqual(alphasOf(shrunk(cases, () => false)), [undefined, undefined, 0]);
});

Deno.test("the fallback is the alpha of all cases with a prefill, of all where there are none", () => {
  const near = (found: number, expected: number): void =>
    assert.ok(Math.abs(found - expected) < 1e-12, `${found}`);
  near(shrunk([[16, 120], [512, 180]]).fallback, weighted([[0.2, 120], [0.8, 180]]));
  near(shrunk([[0, 110], [16, 120], [512, 180]]).fallback, weighted([[0.2, 120], [0.8, 180]]));
  near(shrunk([[0, 110]]).fallback, 0.1);
});

Deno.test("a chunk that was not profiled lies between its neighbours on a logarithmic axis", () => {
  const { alphaAt } = shrunk([[128, 120], [512, 180]]);
  const [low, high] = [alphaAt(128)!, alphaAt(512)!];
  assert.ok(0.2 < low && low < high && high < 0.8);
  assert.ok(Math.abs(alphaAt(256)! - (low + high) / 2) < 1e-12);
  assert.deepEqual([alphaAt(16), alphaAt(4096)], [low, high]);
  assert.equal(alphaAt(0), undefined, "no case has decodes alone");
});

Deno.test("a level leans on the one above with 0.05, down from all cases", () => {
  // One case a chunk, of one bucket: the levels above pc hold both, those of pc one of them.
  const { alphaAt } = shrunk([[128, 120], [512, 180]]);
  const lean = (alpha: number, us: number, above: number): number => {
    const weight = (100 / us) ** 2;
    return (alpha * weight + 0.05 * above) / (weight + 0.05);
  };
  const all = weighted([[0.2, 120], [0.8, 180]]);
  let [low, high] = [all, all];
  for (let level = 0; level < 4; level++) [low, high] = [lean(0.2, 120, low), lean(0.8, 180, high)];
  assert.ok(Math.abs(alphaAt(128)! - low) < 1e-12, `${alphaAt(128)}, by hand ${low}`);
  assert.ok(Math.abs(alphaAt(512)! - high) < 1e-12, `${alphaAt(512)}, by hand ${high}`);
});

Deno.test("a table has the buckets that a counted case falls into and the model knows, sorted by pc and label", () => {
  const cases = [[0, 8, 512], [16, 2, 512], [16, 8, 512], [16, 8, 512], [16, 16, 512]].map(([pc, n, kv]) => ({
    pc: pc!,
    ...{ n: n!, kv_big: kv!, kp: 0, kvs: 128, kv_mean: 224 },
  }));
  const numbering = numberBuckets(bucketAxes(cases));
  const placed = placeCases(cases as unknown as SkewRow[], numbering);
  const unknown = placed.bucket[1];
  const model = { alphaAt: (_: number, bucket: number) => bucket === unknown ? undefined : 0.5, fallback: 0 };
  const pcs = [{ pc: 0, nBins: null }, { pc: 16, nBins: null }, { pc: 128, nBins: new Set([0]) }];
  const lines = (selected: (i: number) => boolean, entries = pcs): string[] =>
    fitTable(model, placed, selected, entries).map((row) => `${row.pc} ${row.n_label} ${row.n_samples}`);
  assert.deepEqual(lines((i) => i < 4), ["0 n<=8 1", "16 n<=8 2"]);
  assert.deepEqual(lines(() => true), ["0 n<=16 0", "0 n<=8 1", "16 n<=16 1", "16 n<=8 2"]);
  assert.deepEqual(lines(() => true, [{ pc: 128, nBins: new Set([1]) }]), ["128 n<=8 0"]);
});

Deno.test("errors are those of the measured cases; how many of the others were fitted is told", () => {
  const row = (pc: number, t_skew_us: number): SkewRow => ({
    ...skewCaseOf([4, 1, pc, 0, 128, 512]),
    t_mean_us: 100,
    t_max_us: 200,
    t_skew_us,
    alpha: 0.3,
  });
  const attention = [16, 64].flatMap((pc) =>
    [224, 512].map((kv) => ({ layer: null, key: [pc, 0, 4, kv], timeUs: kv === 224 ? 100 : 200 }))
  );
  const entry = (rows: SkewRow[], predicted: SkewRow[]): Record<string, unknown> =>
    fitSkew({
      method: "shrinkage",
      rowsByTp: new Map([[1, rows]]),
      predictedByTp: new Map([[1, predicted]]),
      attentionByTp: new Map([[1, attention]]),
    }).block.per_tp![1]! as unknown as Record<string, unknown>;
  const alone = entry([row(16, 130), row(64, 130)], []);
  assert.deepEqual([alone.n_samples, "n_estimated" in alone, alone.rel_err_p50], [2, false, 0]);
  assert.equal(alone.pc_values, "common");
  // The predicted case draws alpha away from 0.3; the error at itself would be below 0.
  const beside = entry([row(16, 130), row(16, 130)], [row(16, 190), row(16, 0)]);
  assert.deepEqual([beside.n_samples, beside.n_estimated], [3, 1]);
  assert.deepEqual([beside.rel_err_p50, beside.rel_err_p99], [beside.signed_mean, beside.signed_mean]);
  assert.equal(beside.signed_mean, 0.0875, "(2 * 0.3 / 1.3² + 0.9 / 1.9²) / (2 / 1.3² + 1 / 1.9²) is 0.4138");
});

Deno.test("degrees are written in ascending order, whatever order they come in", () => {
  const row: SkewRow = {
    ...skewCaseOf([4, 1, 16, 0, 128, 512]),
    t_mean_us: 100,
    t_max_us: 200,
    t_skew_us: 130,
    alpha: 0.3,
  };
  const attention = [224, 512].map((kv) => ({ layer: null, key: [16, 0, 4, kv], timeUs: kv }));
  const { block } = fitSkew({
    method: "shrinkage",
    pcValues: "profiled",
    rowsByTp: new Map([[4, [row]], [1, [row]], [2, [row]]]),
    attentionByTp: new Map([1, 2, 4].map((tp) => [tp, attention])),
  });
  const written = JSON.stringify(block);
  assert.deepEqual(Object.keys(block.per_tp!), ["1", "2", "4"]);
  assert.ok(written.indexOf("tp1") <= written.indexOf("tp2"));
});

Deno.test("attention is arranged in the same way whatever order its rows come in", () => {
  const rows = [0, 16, 64].flatMap((chunk) =>
    [0, 32].flatMap((before) =>
      [1, 8].flatMap((n) =>
        [16, 128].map((kv, i) => ({
          layer: null,
          key: [chunk, chunk === 0 ? 0 : before, n, kv],
          timeUs: 1 + chunk + before / 7 + n * (i + 1),
        }))
      )
    )
  ).filter(({ key }, i, all) => all.findIndex((other) => other.key.join() === key.join()) === i);
  const table = makeAttentionTable(rows)!;
  for (const order of [rows.toReversed(), rows.toSorted((a, b) => a.timeUs - b.timeUs)]) {
    assert.deepEqual(makeAttentionTable(order), table);
  }
  for (const { key: [chunk, before, n, kv], timeUs } of rows) {
    assert.equal(attentionNs(table, chunk!, before!, n!, kv!), Math.round(timeUs * 1000));
  }
});

Deno.test("a corner that was not measured is read at the nearest slice, by the squared distance", () => {
  const row = (chunk: number, n: number, timeUs: number): { layer: null; key: number[]; timeUs: number } => ({
    layer: null,
    key: [chunk, 0, n, 16],
    timeUs,
  });
  // (10, 10) lacks a slice: (10, 0) is 10 away, (6, 10) 4 and (13, 13) the root of 18.
  const table = makeAttentionTable([row(10, 0, 1), row(6, 10, 2), row(13, 13, 3), row(0, 1, 4)])!;
  assert.equal(attentionNs(table, 10, 0, 10, 16), 2000);
  assert.equal(attentionNs(table, 13, 0, 10, 16), 3000, "3 against 7");
});
