/**
 * Gradient-boosted regression trees for squared errors (Friedman, "Stochastic gradient boosting", 2002).
 *
 * @module
 */
import { draw, randomFrom } from "../random.ts";
import type { Binned } from "./bins.ts";
import { addTree, growTree, type Tree, type TreeOptions } from "./tree.ts";

/** How trees are boosted. */
export interface BoostOptions extends TreeOptions {
  /** Trees. */
  readonly trees: number;
  /** The share of a tree's values that is taken. */
  readonly learningRate: number;
  /** The share of the rows that a tree is grown on. */
  readonly rowShare: number;
  /** The share of the columns that a tree may ask. */
  readonly columnShare: number;
  /** Seed of the draws of rows and columns. */
  readonly seed: number;
}

/**
 * Boosts trees on some rows.
 *
 * @param binned The columns.
 * @param rows The rows with a known target.
 * @param targets The target of every row of the columns; only those of `rows` are read.
 * @param options How trees are boosted.
 * @returns The trees, for `sumOfTrees`.
 *
 * @example
 * ```ts
 * import { boostedTrees } from "./boost.ts";
 * import { binColumns } from "./bins.ts";
 * import { packTrees, sumOfTrees } from "./forest.ts";
 * import assert from "node:assert/strict";
 * const binned = binColumns([Float64Array.of(1, 2, 3, 4, 5)]);
 * const options = {
 *   trees: 50, learningRate: 0.5, rowShare: 1, columnShare: 1, leaves: 2, minLeaf: 1, shrinkage: 0, seed: 1,
 * };
 * const trees = boostedTrees(binned, Int32Array.of(0, 2, 3), Float64Array.of(7, NaN, 7, 9, NaN), options);
 * const predicted = sumOfTrees(packTrees(trees), binned, Int32Array.of(0, 1, 2, 3, 4), options.learningRate);
 * assert.deepEqual([...predicted].map(Math.round), [7, 7, 7, 9, 9]);
 * ```
 */
export function boostedTrees(
  binned: Binned,
  rows: Int32Array,
  targets: Float64Array,
  options: BoostOptions,
): Tree[] {
  const { trees, learningRate, rowShare, columnShare, seed } = options;
  const random = randomFrom(seed);
  const known = {
    ...binned,
    rows: rows.length,
    columns: binned.columns.map((column) => Uint8Array.from(rows, (row) => column[row]!)),
  };
  const every = Int32Array.from(rows.keys());
  const everyColumn = Int32Array.from(binned.columns.keys());
  const rowCount = Math.ceil(rowShare * rows.length);
  const columnCount = Math.ceil(columnShare * everyColumn.length);
  const predictions = new Float64Array(rows.length);
  const rest = new Float64Array(rows.length);
  return Array.from({ length: trees }, () => {
    for (let i = 0; i < rest.length; i++) rest[i] = targets[rows[i]!]! - predictions[i]!;
    const tree = growTree(
      known,
      draw(every, rowCount, random),
      rest,
      draw(everyColumn, columnCount, random),
      options,
    );
    addTree(tree, known, every, learningRate, predictions);
    return tree;
  });
}
