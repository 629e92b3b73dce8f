import assert from "node:assert/strict";
import type { SkewRow } from "../../src/bundle/skew.ts";
import type { Row } from "../../src/bundle/tables.ts";
import { fitSkew } from "../../src/fit/fit_skew.ts";
import { predictor } from "../../src/predict/predictor.ts";
import { makeTables } from "./made_up_kernel.ts";

/** t_mean and t_max of every case are 100 and 200 µs: 100 at a history of 100, 200 at one of 200. */
const ATTENTION: readonly Row[] = [0, 16, 256].flatMap((pc) =>
  [[100, 100], [200, 200]].map(([kv, timeUs]) => ({ layer: null, key: [pc, 0, 4, kv!], timeUs: timeUs! }))
);

function row(changes: Partial<SkewRow>): SkewRow {
  return {
    regime: changes.pc === 0 ? "pure" : "mixed",
    n: 4,
    nb: 1,
    ratio: 0.25,
    skew: 3,
    pc: 16,
    kp: 0,
    kvs: 67,
    kv_big: 200,
    kv_mean: 100,
    t_mean_us: 100,
    t_max_us: 200,
    t_skew_us: 130,
    alpha: 0.3,
    ...changes,
  };
}

function fit(rows: readonly SkewRow[], attention = ATTENTION): ReturnType<typeof fitSkew> {
  return fitSkew({
    method: "shrinkage",
    pcValues: "profiled",
    rowsByTp: new Map([[1, rows]]),
    attentionByTp: new Map([[1, attention]]),
  });
}

Deno.test("shrinkage gives back the alpha that all cases share", () => {
  const { tables, block } = fit([row({}), row({ pc: 256 }), row({ pc: 0 })]);
  assert.deepEqual(tables.get(1)?.map(({ pc, alpha, n_samples }) => [pc, alpha, n_samples]), [
    [0, 0.3, 1],
    [16, 0.3, 1],
    [256, 0.3, 1],
  ]);
  assert.equal(block.per_tp?.[1]?.alpha_default, 0.3);
});

Deno.test("shrinkage draws a bucket towards the ones around it, the less the more it weighs", () => {
  const others = [110, 112, 108, 110].map((t_skew_us, i) => row({ kp: 512, kvs: 60 + i, t_skew_us }));
  const alphaOf = (rows: SkewRow[]): number =>
    fit([...rows, ...others]).tables.get(1)!.find(({ kp_label }) => kp_label === "kp=0")!.alpha;
  const alone = row({ t_skew_us: 190 });
  const one = alphaOf([alone]);
  const three = alphaOf([alone, { ...alone, kvs: 66 }, { ...alone, kvs: 68 }]);
  assert.ok(0.1 < one && one < three && three < 0.9, `${one}, ${three}`);
});

Deno.test("shrinkage counts relative errors: a short time weighs as much as a long one", () => {
  const attention = [[100, 100], [200, 200], [1000, 1000], [2000, 2000]].map(([kv, timeUs]) => ({
    layer: null,
    key: [16, 0, 4, kv!],
    timeUs: timeUs!,
  }));
  const short = row({ kvs: 67, t_skew_us: 150 });
  const long = row({
    kvs: 670,
    kv_mean: 1000,
    kv_big: 2000,
    t_mean_us: 1000,
    t_max_us: 2000,
    t_skew_us: 1000,
  });
  const { alpha_default } = fit([short, long], attention).block.per_tp?.[1] ?? {};
  // (0.5 * 1.5 ** -2) / (1.5 ** -2 + 1)
  assert.equal(alpha_default, 0.1538);
});

Deno.test("shrinkage takes the summed times of the reference profiler apart", () => {
  const summed = { t_mean_us: 303, t_max_us: 603, t_skew_us: 390 };
  const { tables, block } = fit([row(summed), row({ ...summed, pc: 256 })]);
  assert.equal(block.per_tp?.[1]?.["time_scale"], 3);
  assert.deepEqual(tables.get(1)?.map(({ alpha }) => alpha), [0.3, 0.3]);
});

Deno.test("shrinkage reads no ends from skew.csv: they may be interpolated ones", () => {
  const exact = [row({ t_mean_us: 101, t_max_us: 205, alpha: 0.2788 }), row({ pc: 256, t_mean_us: 99 })];
  const interpolated = [row({}), row({ pc: 256 })];
  assert.deepEqual(fit(exact).tables, fit(interpolated).tables);
});

Deno.test("shrinkage has a stated result for little or useless data, and never NaN", () => {
  const table: [name: string, rows: SkewRow[], alphas: number[] | null][] = [
    ["no case", [], null],
    ["one case", [row({})], [0.3]],
    ["only pure decodes", [row({ pc: 0 }), row({ pc: 0, kvs: 66, t_skew_us: 150 })], [0.3858]],
    ["t_skew 0", [row({ t_skew_us: 0 }), row({ pc: 256 })], [0.3]],
    ["t_skew 0 everywhere", [row({ t_skew_us: 0 })], null],
    ["t_max not above t_mean", [row({ kv_mean: 200 })], null],
    ["t_max not above t_mean beside a usable case", [row({ kv_mean: 200 }), row({ pc: 256 })], [0.3]],
    ["one decode", [row({ n: 1, nb: 1, ratio: 1, kv_mean: 200 })], null],
    ["two decodes", [row({ n: 2, ratio: 0.5 })], [0.3]],
    ["alpha below 0", [row({ t_skew_us: 80 })], [-0.2]],
    ["alpha above 1", [row({ t_skew_us: 250 })], [1.5]],
    ["kv_big equal to kvs", [row({ kvs: 200 })], [0.3]],
  ];
  for (const [name, rows, alphas] of table) {
    const { block, tables } = fit(rows);
    assert.deepEqual(tables.get(1)?.map(({ alpha }) => alpha) ?? null, alphas, name);
    assert.equal(block.enabled, alphas !== null, name);
    assert.deepEqual(findUnusable(block), [], name);
  }
});

Deno.test("shrinkage needs attention rows", () => {
  assert.throws(() => fit([row({})], []), {
    name: "UsageError",
    message:
      "Cannot fit skew at tp 1: shrinkage reads t_mean and t_max from tp1/attention.csv, which has no rows; measure attention first, or fit by the reference method",
  });
});

Deno.test("shrinkage predicts unseen cases of a noisy kernel better than each bucket by itself", () => {
  const extent = { maxNumBatchedTokens: 256, maxNumSeqs: 32, attentionMaxKv: 4096 };
  const { attention, skew } = makeTables(extent, (i) => 1 + 0.04 * Math.sin(i * 12.9898));
  const [reference, shrinkage] = (["reference", "shrinkage"] as const).map((method) => {
    const input = { rowsByTp: new Map([[1, skew]]), attentionByTp: new Map([[1, attention]]) };
    return fitSkew({ method, ...input }).report.get(1)?.out_of_sample;
  });
  assert.ok(shrinkage!.k_fold.all!.rel_err_p50 < reference!.k_fold.all!.rel_err_p50);
  assert.ok(shrinkage!.k_fold.all!.rel_err_p90 < reference!.k_fold.all!.rel_err_p90);
  assert.ok(shrinkage!.leave_one_pc_out.all!.rel_err_p90 < reference!.leave_one_pc_out.all!.rel_err_p90);
});

Deno.test("a simulator finds the fit's buckets: at a profiled pc, a filled budget, a multiple of 128", () => {
  const { attention, skew } = makeTables({ maxNumBatchedTokens: 512, maxNumSeqs: 8, attentionMaxKv: 4096 });
  const input = { rowsByTp: new Map([[1, skew]]), attentionByTp: new Map([[1, attention]]) };
  const { block, tables } = fitSkew({ method: "shrinkage", ...input });
  const { explainBatch } = predictor({
    tps: [1],
    meta: { skew_fit: block },
    table: (_, category) => category === "attention" ? attention : [],
    skewFit: (tp) => tables.get(tp) ?? [],
  });
  const sourceAt = (pc: number): unknown =>
    explainBatch(1, {
      prefills: [{ chunk: pc, history: 0 }],
      decodes: [{ kv: 128, count: 3 }, { kv: 512, count: 1 }],
    }).alphaSource;
  assert.deepEqual([64, 512 - 4, 384, 300].map(sourceAt), ["bucket", "bucket", "bucket", "tp_default"]);
});

Deno.test("predicted cases are fitted and counted where they are usable, and no error is theirs", () => {
  const measured = [row({ pc: 0 }), row({ pc: 0, kvs: 66 })];
  const predicted = [row({ t_skew_us: 190 }), row({ kv_mean: 200 }), row({ kvs: 66, t_skew_us: 110 })];
  const fitted = (cases: readonly SkewRow[]): ReturnType<typeof fitSkew> =>
    fitSkew({
      ...{ method: "shrinkage", rowsByTp: new Map([[1, measured]]), predictedByTp: new Map([[1, cases]]) },
      attentionByTp: new Map([[1, ATTENTION]]),
    });
  const both = fitted(predicted);
  const { n_samples, n_estimated } = both.block.per_tp![1]!;
  assert.deepEqual([n_samples, n_estimated], [4, 2]);
  const { in_sample, out_of_sample } = both.report.get(1)!;
  for (const { all, pure, mixed } of [in_sample, out_of_sample!.k_fold]) {
    assert.ok(pure !== undefined && mixed === undefined);
    assert.deepEqual(all, pure);
  }
  assert.equal("n_estimated" in fitted([]).block.per_tp![1]!, false);
  assert.equal(fitted(predicted.slice(0, 1)).block.per_tp![1]!.n_estimated, 1);
});

Deno.test("degrees come in their order, however they are given", () => {
  const rows = [row({}), row({ pc: 256 })];
  const { block, tables, report } = fitSkew({
    method: "shrinkage",
    rowsByTp: new Map([[4, rows], [1, rows], [2, rows], [8, []]]),
    attentionByTp: new Map([1, 2, 4, 8].map((tp) => [tp, ATTENTION])),
  });
  assert.deepEqual([[...tables.keys()], [...report.keys()]], [[1, 2, 4], [1, 2, 4]]);
  assert.deepEqual(Object.keys(block.per_tp!), ["1", "2", "4"]);
});

function findUnusable(value: unknown, path = ""): string[] {
  if (typeof value === "number") return Number.isFinite(value) ? [] : [path];
  if (typeof value !== "object" || value === null) return value === undefined ? [path] : [];
  return Object.entries(value).flatMap(([key, own]) => findUnusable(own, `${path}/${key}`));
}
