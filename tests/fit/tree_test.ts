/** The levels on which buckets share what they know, as groups of leaves by name. */
import assert from "node:assert/strict";
import { bucketModel } from "../../src/fit/bucket_model.ts";
import { type BucketTree, growTree, leavesOf } from "../../src/fit/tree.ts";
import { bucketAxes } from "../../src/fit/axes.ts";
import { bucketLabels, bucketNumber, numberBuckets } from "../../src/predict/bucket.ts";

const AXES = bucketAxes([
  { n: 2, kv_big: 512, kp: 0 },
  { n: 4, kv_big: 4096, kp: 512 },
  { n: 8, kv_big: 16_384, kp: 2048 },
]);
const NUMBERING = numberBuckets(AXES);
/** A bucket of few and one of many decodes, with two histories of prefills and two longest KV lengths. */
const BUCKETS = [[2, 512, 0], [2, 512, 512], [2, 4096, 512], [8, 4096, 512]].map(([n, kv, kp]) =>
  bucketNumber(NUMBERING, n!, 0.5, kv!, kp!)
);
/** Both sides of a small chunk, and one as large as the numbers of buckets. */
const PCS = [0, 2, 64, 65, NUMBERING.count];

const CASES = PCS.flatMap((pc) => BUCKETS.map((bucket) => ({ pc, bucket })));
const PLACED = {
  numbering: NUMBERING,
  pc: Float64Array.from(CASES, ({ pc }) => pc),
  bucket: Int32Array.from(CASES, ({ bucket }) => bucket),
};

/** The leaves of each node of a level, as the cases' names. */
function groups({ parents }: BucketTree, leaves: Int32Array, level: number): string[] {
  const nodeOf = (leaf: number): number =>
    parents.slice(0, level + 1).reduce((node, above) => above[node]!, leaf);
  const byNode = Map.groupBy(CASES, (_, i) => nodeOf(leaves[i]!));
  return [...byNode.values()].map((own) => own.map(nameOf).join(" "));
}
function nameOf({ pc, bucket }: { readonly pc: number; readonly bucket: number }): string {
  return `${PCS.indexOf(pc)}${"abcd"[BUCKETS.indexOf(bucket)]}`;
}
/** The cases that share what a function says of them. */
function groupedBy(key: (pc: number, labels: ReturnType<typeof bucketLabels>) => string): string[] {
  const byKey = Map.groupBy(CASES, ({ pc, bucket }) => key(pc, bucketLabels(NUMBERING, bucket)));
  return [...byKey.values()].map((own) => own.map(nameOf).join(" "));
}
const group = (pc: number): string => pc === 2 || pc === 64 ? "small" : `${pc}`;
const regime = (pc: number): string => pc === 0 ? "pure" : "mixed";

const levels: [string, string[]][] = [
  [
    "small chunks together",
    groupedBy((pc, { n_label, kv_big_label, kp_label }) =>
      [group(pc), n_label, kv_big_label, kp_label].join()
    ),
  ],
  [
    "without the prefills' history",
    groupedBy((pc, { n_label, kv_big_label }) => [group(pc), n_label, kv_big_label].join()),
  ],
  ["without the longest KV length", groupedBy((pc, { n_label }) => [group(pc), n_label].join())],
  ["without pc, pure and mixed apart", groupedBy((pc, { n_label }) => [regime(pc), n_label].join())],
  ["pure and mixed", groupedBy(regime)],
  ["all", [CASES.map(nameOf).join(" ")]],
];
const tree = growTree(PLACED);
for (const [level, [name, expected]] of levels.entries()) {
  Deno.test(`level ${level + 1} of the buckets: ${name}, ${expected.length} groups`, () => {
    assert.deepEqual(groups(tree, leavesOf(tree, PLACED), level).sort(), expected.toSorted());
  });
}

Deno.test("the levels are six, from a leaf for each bucket at each pc up to one root", () => {
  assert.deepEqual(tree.pcs, PCS);
  assert.deepEqual(tree.buckets, BUCKETS);
  assert.deepEqual(tree.parents.map(({ length }) => length), [20, 16, 12, 8, 4, 2]);
  assert.deepEqual([...leavesOf(tree, PLACED)], [...CASES.keys()]);
  assert.deepEqual([...tree.bucketAt], BUCKETS.map((bucket, i) => [bucket, i]));
});

/** A model of two buckets at pc 0, 16 and 64, of which some leaves have cases; each leaf's alpha is its position. */
function modelOf(pcs: readonly number[], weights: readonly number[]): ReturnType<typeof bucketModel> {
  const own: BucketTree = { pcs, buckets: [7, 9], bucketAt: new Map([[7, 0], [9, 1]]), parents: [] };
  const den = Float64Array.from(weights);
  return bucketModel(
    own,
    { num: den.map((weight, leaf) => weight * leaf), den },
    den.map((_, leaf) => leaf),
  );
}

Deno.test("a bucket is known in batches of a kind in which it has cases, at any pc", () => {
  //                                 pc 0   16    64
  const { alphaAt } = modelOf([0, 16, 64], [1, 0, 0, 1, 0, 1]);
  const known = [0, 16, 32, 64].map((pc) => [alphaAt(pc, 7), alphaAt(pc, 9), alphaAt(pc, 8)]);
  assert.deepEqual(known, [
    [0, undefined, undefined],
    [undefined, 3, undefined],
    [undefined, 4, undefined],
    [undefined, 5, undefined],
  ]);
});

Deno.test("a pc lies between the nearest ones that have cases, and is the outermost one beyond them", () => {
  // pc 16 has no case: 32 lies between 4 and 256 at half of the logarithm.
  const { alphaAt } = modelOf([4, 16, 256, 4096], [1, 0, 0, 0, 1, 0, 1, 0]);
  assert.deepEqual([1, 2, 4, 32, 256, 4096, 8192].map((pc) => alphaAt(pc, 7)), [0, 0, 0, 2, 4, 6, 6]);
  assert.equal(modelOf([0, 4], [1, 0, 1, 0]).alphaAt(2, 7), 2);
  // Decodes alone are no neighbour of a chunk, however small it is.
  assert.deepEqual([1, 2, 4].map((pc) => modelOf([0, 1, 4], [1, 0, 1, 0, 1, 0]).alphaAt(pc, 7)), [2, 3, 4]);
});

const fallbacks: [string, number[], number[], number][] = [
  ["those with a prefill", [0, 16, 64], [9, 9, 1, 1, 1, 1], 3.5],
  ["all of them where pc 0 is not there", [16, 64], [1, 1, 1, 5], 2.25],
  ["pure ones where no other has cases", [0, 16], [1, 3, 0, 0], 0.75],
  ["none", [0], [0, 0], 0],
];
for (const [what, pcs, weights, expected] of fallbacks) {
  Deno.test(`the fallback is of ${what}`, () => {
    assert.equal(modelOf(pcs, weights).fallback, expected);
  });
}
