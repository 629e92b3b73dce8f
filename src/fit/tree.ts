/**
 * The levels on which buckets share what they know: from a single bucket up to all cases.
 *
 * @module
 */
import type { PlacedCases } from "./cases.ts";
import { distinct } from "../stats.ts";

/** Prefills of up to this many tokens share a group: one 64-row block of the attention kernel holds them. */
const SMALL_CHUNK = 64;

/** The levels of all buckets. A leaf is a bucket at a pc: position of the pc * buckets.length + position of the bucket. */
export interface BucketTree {
  /** Every pc, ascending. */
  readonly pcs: readonly number[];
  /** Every bucket that a case falls into, by its number. */
  readonly buckets: readonly number[];
  /** Position of each bucket's number in `buckets`. */
  readonly bucketAt: ReadonlyMap<number, number>;
  /** The node above each node, level by level: first above each leaf, last the root. */
  readonly parents: readonly Int32Array[];
}

/** What the cases of each node say: its alpha alone would be num / den. */
export interface NodeSums {
  /** sum(dtm * dts / t_skew ** 2) */
  readonly num: Float64Array;
  /** sum(dtm ** 2 / t_skew ** 2) */
  readonly den: Float64Array;
}

/**
 * Grows the levels: pc and bucket; small pc together; without the prefills' history; without the longest KV length;
 * without pc, but pure and mixed apart; pure, mixed; all.
 *
 * @param cases The cases.
 * @returns The tree.
 */
export function growTree(cases: PlacedCases): BucketTree {
  const { kp_labels: { length: kpLabels }, kv_big_labels: { length: kvLabels } } = cases.numbering.axes;
  const { count } = cases.numbering;
  const pcs = distinct(cases.pc);
  const buckets = distinct(cases.bucket);
  const leaves = pcs.flatMap((pc) => buckets.map((bucket) => ({ pc, bucket })));
  const withoutKv = (bucket: number): number => Math.trunc(bucket / kpLabels / kvLabels);
  const group = (pc: number): number => pc === 0 || pc > SMALL_CHUNK ? pc : 1;
  const regime = (pc: number): number => pc === 0 ? 0 : 1;
  const keys: ((leaf: { pc: number; bucket: number }) => number)[] = [
    ({ pc, bucket }) => group(pc) * count + bucket,
    ({ pc, bucket }) => group(pc) * count + Math.trunc(bucket / kpLabels),
    ({ pc, bucket }) => group(pc) * count + withoutKv(bucket),
    ({ pc, bucket }) => regime(pc) * count + withoutKv(bucket),
    ({ pc }) => regime(pc),
    () => 0,
  ];
  const parents: Int32Array[] = [];
  let nodes = Int32Array.from(leaves, (_, i) => i);
  let size = leaves.length;
  for (const key of keys) {
    const above = new Map<number, number>();
    const parent = new Int32Array(size);
    nodes = nodes.map((node, leaf) => {
      const own = key(leaves[leaf]!);
      let at = above.get(own);
      if (at === undefined) above.set(own, at = above.size);
      parent[node] = at;
      return at;
    });
    parents.push(parent);
    size = above.size;
  }
  return {
    pcs,
    buckets,
    bucketAt: new Map(buckets.map((bucket, i) => [bucket, i])),
    parents,
  };
}

/**
 * The leaf of each case.
 *
 * @param tree The tree.
 * @param cases The cases that it was grown from.
 * @returns The leaves along the cases.
 */
export function leavesOf({ pcs, buckets, bucketAt }: BucketTree, cases: PlacedCases): Int32Array {
  const pcAt = new Map(pcs.map((pc, i) => [pc, i]));
  return Int32Array.from(
    cases.pc,
    (pc, i) => pcAt.get(pc)! * buckets.length + bucketAt.get(cases.bucket[i]!)!,
  );
}
