/** Every column of some shots and cases, and the layouts behind them: what a model learns from does not change unseen. */
import assert from "node:assert/strict";
import { attentionFeatures, splitFeatures } from "../../src/adaptive/features.ts";
import type { AttentionBatch, AttentionKernel } from "../../src/adaptive/layout.ts";
import { skewFeatures, skewSplitFeatures } from "../../src/adaptive/skew_features.ts";
import { layOutSplit } from "../../src/adaptive/split_layout.ts";
import type { AttentionShot } from "../../src/shots/shot.ts";

const KERNEL = { heads: 32, kvHeads: 8, multiprocessors: 132 };
const shot = (
  [prefill_chunk, kv_prefill, n_decode, kv_decode]: readonly [number, number, number, number],
  more: Partial<AttentionShot> = {},
): AttentionShot => ({
  category: "attention",
  tp: 1,
  prefill_chunk,
  kv_prefill,
  n_decode,
  kv_decode,
  ...more,
});
/** Decodes; one prefill beside decodes; two; decodes with drafts. */
const SHOTS = [
  shot([0, 0, 3, 4095]),
  shot([300, 1000, 5, 700]),
  shot([228, -30, 1, 63], { prefills: [[128, 0], [100, 64]] }),
  shot([0, 0, 3, 60], { decode_q_len: 4 }),
];
const CASES = [
  { n: 4, nb: 1, pc: 0, kp: 0, kvs: 63, kv_big: 255, kv_mean: 111 },
  { n: 9, nb: 3, pc: 300, kp: 1000, kvs: 512, kv_big: 8192, kv_mean: 3072 },
];
const ENDS = { mean: Float64Array.of(10, 30), max: Float64Array.of(20, 50) };

const COLUMNS: [
  what: string,
  found: { names: readonly string[]; columns: readonly Float64Array[] },
  Record<string, number[]>,
][] = [
  ["attention shots", attentionFeatures(SHOTS, KERNEL), {
    log_prefill_chunk: [0, 5.70711, 5.43372, 0],
    log_kv_prefill: [0, 6.90875, 3.49651, 0],
    log_n_decode: [1.38629, 1.79176, 0.693147, 1.38629],
    log_kv_decode: [8.31777, 6.55251, 4.15888, 4.11087],
    log_makespan: [4.18965, 4.02535, 2.07944, 1.09861],
    log_paired_makespan: [4.18965, 3.58352, 1.60944, 1.09861],
    log_tiles: [7.36771, 8.60153, 6.41017, 5.66296],
    log_longest_walk: [4.18965, 3.13549, 1.60944, 1.09861],
    decode_share: [1, 0.382353, 0.157895, 1],
    log_empty_blocks: [0, 6.46303, 3.49651, 0],
    waves: [0.181818, 2.42424, 1.21212, 0.727273],
    log_imbalance: [1.70475, 0.306619, 0.552069, 0.318454],
    log_kv_values: [11.4958, 10.5569, 7.95437, 7.33694],
    log_kv_reads: [11.4958, 11.6277, 7.62511, 8.72339],
    log_prefills: [0, 0.693147, 1.09861, 0],
    log_decode_tokens: [0, 0, 0, 1.38629],
  }],
  ["attention shots whose walks are split", splitFeatures(SHOTS, KERNEL), {
    log_prefill_chunk: [0, 5.70711, 5.43372, 0],
    log_kv_prefill: [0, 6.90875, 3.49651, 0],
    log_n_decode: [1.38629, 1.79176, 0.693147, 1.38629],
    log_kv_decode: [8.31777, 6.55251, 4.15888, 4.11087],
    log_makespan: [2.30259, 2.83321, 1.60944, 1.38629],
    log_imbalance: [0.157186, 0.323368, 0.775212, 1.70475],
    log_light_imbalance: [0.173272, 0.337872, 0.90624, 1.70475],
    log_longest_walk: [2.07944, 1.94591, 1.09861, 0.693147],
    log_prefill_blocks: [0, 5.0814, 4.17439, 0],
    log_split_limit: [2.63906, 1.09861, 0, 0],
    log_prefill_splits: [0, 0.693147, 0, 0],
    log_prefill_tiles: [0, 6.66568, 4.39445, 0],
    log_decode_tiles: [6.64509, 5.4848, 2.19722, 3.21888],
    decode_share: [1, 0.234375, 0.0909091, 1],
    log_kv_values: [11.4958, 10.5569, 7.95437, 7.33694],
    log_prefills: [0, 0.693147, 1.09861, 0],
    log_decode_tokens: [0, 0, 0, 1.38629],
  }],
  ["skew cases", skewFeatures(CASES, ENDS, KERNEL), {
    log_t_mean: [2.30259, 3.4012],
    log_t_max: [2.99573, 3.91202],
    log_skewed_makespan_ratio: [0.405465, 0.211022],
    log_longest_makespan_ratio: [0.405465, 0.861822],
    log_skewed_paired_makespan_ratio: [0.405465, 0.405465],
    log_longest_walk_ratio: [0.405465, 0.943372],
    log_imbalance: [1.88707, 0.405022],
    decode_share: [1, 0.81383],
    waves: [0.242424, 3.39394],
    skew_rate: [0.25, 0.333333],
    log_pc: [0, 5.70711],
    log_kp: [0, 6.90875],
    log_n: [1.38629, 2.19722],
    log_nb: [0, 1.09861],
    log_kvs: [4.14313, 6.23832],
    log_kv_big: [5.54126, 9.01091],
  }],
  ["skew cases whose walks are split", skewSplitFeatures(CASES, ENDS, KERNEL), {
    log_t_mean: [2.30259, 3.4012],
    log_t_max: [2.99573, 3.91202],
    log_pc: [0, 5.70711],
    log_kp: [0, 6.90875],
    log_n: [1.38629, 2.19722],
    log_nb: [0, 1.09861],
    log_kvs: [4.14313, 6.23832],
    log_kv_big: [5.54126, 9.01091],
    skew_rate: [0.25, 0.333333],
    log_makespan: [1.60944, 3.61092],
    log_makespan_ratio: [0.223144, 0.176931],
    log_longest_makespan_ratio: [0.223144, 0.828693],
    log_imbalance: [1.57958, 0.427826],
    log_light_imbalance: [1.70475, 0.447665],
    log_longest_walk: [1.09861, 3.13549],
    log_longest_walk_ratio: [0.405465, 0.496437],
    log_decode_blocks: [3.49651, 4.79579],
    log_decode_blocks_ratio: [0, -0.180943],
    log_split_limit: [0, 1.09861],
    log_prefill_splits: [0, 0],
    decode_share: [1, 0.696594],
  }],
];
for (const [what, { names, columns }, expected] of COLUMNS) {
  Deno.test(`the columns of ${what}`, () => {
    const found = names.map((
      name,
      at,
    ) => [name, [...columns[at]!].map((value) => Number(value.toPrecision(6)))]);
    assert.deepEqual(Object.fromEntries(found), expected);
    assert.deepEqual(names, Object.keys(expected));
  });
}

Deno.test("the columns in which the logarithm of a time is nearly linear, and the kernels", () => {
  const linear = ({ names, linear }: { names: readonly string[]; linear: readonly number[] }): string =>
    linear.map((at) => names[at]!.replace("log_", "")).join(" ");
  const [shots, split, cases] = [
    attentionFeatures(SHOTS, KERNEL),
    splitFeatures(SHOTS, KERNEL),
    skewFeatures(CASES, ENDS, KERNEL),
  ];
  const sizes = "prefill_chunk kv_prefill n_decode kv_decode makespan";
  assert.equal(linear(shots), `${sizes} paired_makespan tiles longest_walk kv_values prefills decode_tokens`);
  assert.equal(
    linear(split),
    `${sizes} longest_walk prefill_blocks split_limit prefill_splits prefill_tiles decode_tiles kv_values prefills decode_tokens`,
  );
  assert.equal(
    linear(cases),
    "t_mean t_max skewed_makespan_ratio longest_makespan_ratio skewed_paired_makespan_ratio",
  );
  assert.deepEqual([shots.kernel, split.kernel, cases.kernel].map((kernel) => [...kernel]), [[0, 1, 1, 1], [
    0,
    1,
    1,
    1,
  ], [0, 1]]);
});

const OTHERS: readonly AttentionKernel[] = [KERNEL, { heads: 7, kvHeads: 1, multiprocessors: 20 }, {
  heads: 48,
  kvHeads: 16,
  multiprocessors: 78,
}];
/** On each kernel: the limit of parts, those of a prefill, blocks and tiles of both, the longest, the ends at three costs. */
const LAYOUTS: [batch: AttentionBatch, layouts: number[][]][] = [
  [{ prefills: [[300, 1000]], decodes: [[700, 5]] }, [[3, 2, 160, 40, 784, 240, 6, 11, 13, 17], [
    1,
    1,
    17,
    5,
    163,
    30,
    11,
    12,
    14,
    18,
  ], [1, 1, 128, 80, 1264, 480, 11, 25, 28, 34]]],
  [{ prefills: [[2048, 100_000]], decodes: [] }, [[1, 1, 512, 0, 404352, 0, 798, 3165, 3169, 3177], [
    1,
    1,
    112,
    0,
    88456,
    0,
    798,
    4736,
    4742,
    4754,
  ], [1, 1, 768, 0, 606592, 0, 798, 7906, 7916, 7936]]],
  [{ prefills: [[1, 5000]], decodes: [[4095, 1], [0, 2], [600, 0]] }, [
    [15, 8, 64, 72, 320, 272, 5, 5, 6, 8],
    [17, 8, 8, 9, 40, 34, 5, 5, 6, 8],
    [9, 3, 48, 64, 640, 544, 16, 28, 30, 34],
  ]],
  [{ prefills: [[50_000, 0]], decodes: [] }, [[1, 1, 12504, 0, 2449224, 0, 391, 18558, 18653, 18845], [
    1,
    1,
    2735,
    0,
    535670,
    0,
    391,
    26784,
    26921,
    27195,
  ], [1, 1, 18752, 0, 3672272, 0, 391, 47086, 47327, 47807]]],
];
for (const [batch, layouts] of LAYOUTS) {
  Deno.test(`layOutSplit of ${JSON.stringify(batch)} on three devices`, () => {
    const found = OTHERS.map((kernel) => {
      const { makespan, ...own } = layOutSplit(batch, kernel);
      const {
        splitLimit,
        prefillSplits,
        prefillBlocks,
        decodeBlocks,
        prefillTiles,
        decodeTiles,
        longestWalk,
      } = own;
      return [
        ...[splitLimit, prefillSplits, prefillBlocks, decodeBlocks, prefillTiles, decodeTiles, longestWalk],
        ...[0, 1, 3].map(makespan),
      ];
    });
    assert.deepEqual(found, layouts);
  });
}
