/**
 * The shrinkage fit: a bucket with few or weak cases leans on the buckets around it.
 *
 * @module
 */
import type { PlacedCases } from "./cases.ts";
import type { UniformTimes } from "./uniform_times.ts";
import { bucketModel } from "./bucket_model.ts";
import type { Fitter, Selection } from "./model.ts";
import { type BucketTree, growTree, leavesOf, type NodeSums } from "./tree.ts";

/** Weight of the level above, in units of sum((dtm / t_skew) ** 2); chosen on seven published tables. */
export const SHRINKAGE = 0.05;

/**
 * Fits alphas from the root of the levels downwards: alpha = (num + lambda * alpha_above) / (den + lambda), where
 * dtm = t_max - t_mean, dts = t_skew - t_mean, and the weights 1 / t_skew ** 2 make relative errors count.
 *
 * @param cases The cases.
 * @param ends Their times in microseconds; cases whose t_max is not above t_mean tell nothing.
 * @returns The fitter.
 */
export function shrinkageFitter(cases: PlacedCases, ends: UniformTimes): Fitter {
  const tree = growTree(cases);
  const leaves = leavesOf(tree, cases);
  return (selected) => {
    const sums = leafSums(tree, leaves, ends, selected);
    return bucketModel(tree, sums, shrink(tree, sums));
  };
}

/**
 * Whether a case says something about alpha.
 *
 * @param ends The times.
 * @param i The case's index.
 * @returns Whether t_skew is above 0 and t_max above t_mean.
 */
export function isUsable(ends: UniformTimes, i: number): boolean {
  return ends.skew[i]! > 0 && ends.max[i]! > ends.mean[i]!;
}

function leafSums(tree: BucketTree, leaves: Int32Array, ends: UniformTimes, selected: Selection): NodeSums {
  const num = new Float64Array(tree.pcs.length * tree.buckets.length);
  const den = new Float64Array(num.length);
  for (let i = 0; i < leaves.length; i++) {
    if (!isUsable(ends, i) || !selected(i)) continue;
    const skew = ends.skew[i]!;
    const dtm = (ends.max[i]! - ends.mean[i]!) / skew;
    num[leaves[i]!]! += dtm * (skew - ends.mean[i]!) / skew;
    den[leaves[i]!]! += dtm * dtm;
  }
  return { num, den };
}

function shrink(tree: BucketTree, leaves: NodeSums): Float64Array {
  const levels = [leaves];
  for (const parent of tree.parents) {
    const below = levels.at(-1)!;
    const size = parent.reduce((last, node) => Math.max(last, node), -1) + 1;
    const sums = { num: new Float64Array(size), den: new Float64Array(size) };
    for (let node = 0; node < parent.length; node++) {
      sums.num[parent[node]!]! += below.num[node]!;
      sums.den[parent[node]!]! += below.den[node]!;
    }
    levels.push(sums);
  }
  const root = levels.pop()!;
  let alphas = root.num.map((num, node) => num / root.den[node]!);
  for (const [level, { num, den }] of [...levels.entries()].reverse()) {
    const above = alphas;
    const parent = tree.parents[level]!;
    alphas = num.map((own, node) => (own + SHRINKAGE * above[parent[node]!]!) / (den[node]! + SHRINKAGE));
  }
  return alphas;
}
