/**
 * Alphas at the leaves of the levels, and what they say about a pc that was not profiled.
 *
 * @module
 */
import type { AlphaModel } from "./model.ts";
import type { BucketTree, NodeSums } from "./tree.ts";

/**
 * Makes a model of fitted leaves.
 *
 * A pc without cases lies between its profiled neighbours on a logarithmic axis. A bucket without cases in batches
 * of that kind, pure or with a prefill, stays unknown. The fallback is the alpha of all cases with a prefill, of
 * all cases where there are none: a batch of an unknown pc has a prefill.
 *
 * @param tree The levels.
 * @param sums What the cases of each leaf say.
 * @param alphas The alpha of each leaf.
 * @returns The model.
 */
export function bucketModel(tree: BucketTree, sums: NodeSums, alphas: Float64Array): AlphaModel {
  const { pcs, buckets, bucketAt } = tree;
  const seen = { pure: new Uint8Array(buckets.length), mixed: new Uint8Array(buckets.length) };
  const seenAt = (pc: number): Uint8Array => pc === 0 ? seen.pure : seen.mixed;
  const rowOf = new Map<number, number>();
  for (const [position, pc] of pcs.entries()) {
    const row = position * buckets.length;
    for (let b = 0; b < buckets.length; b++) {
      if (sums.den[row + b]! === 0) continue;
      seenAt(pc)[b] = 1;
      rowOf.set(pc, row);
    }
  }
  const chunks = [...rowOf.keys()].filter((pc) => pc > 0);

  function alphaAt(pc: number, bucket: number): number | undefined {
    const b = bucketAt.get(bucket);
    if (b === undefined || seenAt(pc)[b] === 0) return undefined;
    const row = rowOf.get(pc);
    if (row !== undefined) return alphas[row + b];
    const lower = chunks.findLast((chunk) => chunk < pc) ?? chunks[0]!;
    const upper = chunks.find((chunk) => chunk > pc) ?? lower;
    const from = alphas[rowOf.get(lower)! + b]!;
    if (upper === lower) return from;
    return from + Math.log(pc / lower) / Math.log(upper / lower) * (alphas[rowOf.get(upper)! + b]! - from);
  }
  return { alphaAt, fallback: fallbackAlpha(tree, sums) };
}

function fallbackAlpha({ pcs, buckets }: BucketTree, { num, den }: NodeSums): number {
  const firstMixed = (pcs[0] === 0 ? 1 : 0) * buckets.length;
  const ratio = (from: number): number | undefined => {
    const weight = sum(den, from);
    return weight > 0 ? sum(num, from) / weight : undefined;
  };
  return ratio(firstMixed) ?? ratio(0) ?? 0;
}

function sum(values: Float64Array, from: number): number {
  let total = 0;
  for (let i = from; i < values.length; i++) total += values[i]!;
  return total;
}
