/**
 * A regression tree, grown leaf by leaf on histograms.
 *
 * The way of LightGBM (Ke and others, "LightGBM: A highly efficient gradient boosting decision tree", 2017): the
 * leaf whose split gains most is split next; the histogram of a split's larger part is what is left of the whole
 * when the smaller part's is taken away.
 *
 * @module
 */
import type { Binned } from "./bins.ts";

/** A tree; node 0 is the root. */
export interface Tree {
  /** The column that a node asks, -1 in leaves. */
  readonly column: Int16Array;
  /** Rows whose bin is at most this go to the left. */
  readonly lastLeftBin: Uint8Array;
  /** The left child; the right one follows it. */
  readonly left: Int16Array;
  /** The mean target of a node's rows, drawn a little towards 0. */
  readonly value: Float64Array;
}

/** How a tree is grown. */
export interface TreeOptions {
  /** Leaves at most. */
  readonly leaves: number;
  /** Rows in a leaf at least. */
  readonly minLeaf: number;
  /** Rows of target 0 that every leaf is thought to hold beside its own. */
  readonly shrinkage: number;
}

/** A node that may still be split, and the best way to do it. */
interface Leaf {
  readonly node: number;
  readonly start: number;
  readonly end: number;
  /** Sum of targets and number of rows by bin, column after column. */
  readonly histogram: Float64Array;
  readonly sum: number;
  gain: number;
  column: number;
  bin: number;
}

/**
 * Grows a tree.
 *
 * @param binned The columns.
 * @param rows The rows to grow it on; their order is changed.
 * @param targets The target of every row of the columns.
 * @param asked The columns that may be asked.
 * @param options How it is grown.
 * @returns The tree.
 */
export function growTree(
  binned: Binned,
  rows: Int32Array,
  targets: Float64Array,
  asked: Int32Array,
  options: TreeOptions,
): Tree {
  const { leaves, minLeaf, shrinkage } = options;
  const size = 2 * leaves - 1;
  const tree = {
    column: new Int16Array(size).fill(-1),
    lastLeftBin: new Uint8Array(size),
    left: new Int16Array(size),
    value: new Float64Array(size),
  };
  const offsets = new Int32Array(asked.length + 1);
  for (let a = 0; a < asked.length; a++) offsets[a + 1] = offsets[a]! + 2 * binned.binCounts[asked[a]!]!;

  /** Adds rows to a histogram, or takes them away when the weight is -1. */
  const countInto = (histogram: Float64Array, start: number, end: number, weight: 1 | -1): void => {
    for (let a = 0; a < asked.length; a++) {
      const bins = binned.columns[asked[a]!]!;
      const offset = offsets[a]!;
      for (let i = start; i < end; i++) {
        const row = rows[i]!;
        const at = offset + 2 * bins[row]!;
        histogram[at]! += weight * targets[row]!;
        histogram[at + 1]! += weight;
      }
    }
  };
  const openLeaf = (node: number, start: number, end: number, histogram: Float64Array, sum: number): Leaf => {
    const count = end - start;
    tree.value[node] = sum / (count + shrinkage);
    const leaf: Leaf = { node, start, end, histogram, sum, gain: 0, column: -1, bin: 0 };
    if (count < 2 * minLeaf) return leaf;
    const whole = sum * sum / (count + shrinkage);
    for (let a = 0; a < asked.length; a++) {
      let leftSum = 0;
      let leftCount = 0;
      for (let at = offsets[a]!; at < offsets[a + 1]! - 2; at += 2) {
        if (histogram[at + 1] === 0) continue;
        leftSum += histogram[at]!;
        leftCount += histogram[at + 1]!;
        if (leftCount < minLeaf) continue;
        const rightCount = count - leftCount;
        if (rightCount < minLeaf) break;
        const rightSum = sum - leftSum;
        const gain = leftSum * leftSum / (leftCount + shrinkage) +
          rightSum * rightSum / (rightCount + shrinkage) - whole;
        if (gain <= leaf.gain) continue;
        leaf.gain = gain;
        leaf.column = asked[a]!;
        leaf.bin = (at - offsets[a]!) / 2;
      }
    }
    return leaf;
  };

  const all = new Float64Array(offsets[asked.length]!);
  countInto(all, 0, rows.length, 1);
  const open = [openLeaf(0, 0, rows.length, all, rows.reduce((sum, row) => sum + targets[row]!, 0))];
  for (let nodes = 1; nodes < size; nodes += 2) {
    let best = 0;
    for (let i = 1; i < open.length; i++) if (open[i]!.gain > open[best]!.gain) best = i;
    const { node, start, end, histogram, sum, gain, column, bin } = open[best]!;
    if (gain <= 0) break;
    tree.column[node] = column;
    tree.lastLeftBin[node] = bin;
    tree.left[node] = nodes;
    const middle = partition(rows, start, end, binned.columns[column]!, bin);
    const leftIsSmaller = middle - start <= end - middle;
    const part = new Float64Array(histogram.length);
    const smaller = leftIsSmaller ? [start, middle] as const : [middle, end] as const;
    countInto(part, ...smaller, 1);
    countInto(histogram, ...smaller, -1);
    let leftSum = 0;
    for (let i = start; i < middle; i++) leftSum += targets[rows[i]!]!;
    open[best] = openLeaf(nodes, start, middle, leftIsSmaller ? part : histogram, leftSum);
    open.push(openLeaf(nodes + 1, middle, end, leftIsSmaller ? histogram : part, sum - leftSum));
  }
  return tree;
}

/** Brings the rows of the left part before the others; returns where the others begin. */
function partition(rows: Int32Array, start: number, end: number, bins: Uint8Array, lastLeft: number): number {
  let middle = start;
  for (let i = start; i < end; i++) {
    const row = rows[i]!;
    if (bins[row]! > lastLeft) continue;
    rows[i] = rows[middle]!;
    rows[middle++] = row;
  }
  return middle;
}

/**
 * Adds a tree's values to predictions.
 *
 * @param tree The tree.
 * @param binned The columns that it asks.
 * @param rows The rows to predict.
 * @param scale What its values are multiplied by.
 * @param predictions The predictions of every row of the columns; those of `rows` are changed.
 */
export function addTree(
  { column, lastLeftBin, left, value }: Tree,
  binned: Binned,
  rows: Int32Array,
  scale: number,
  predictions: Float64Array,
): void {
  const { columns } = binned;
  for (const row of rows) {
    let node = 0;
    for (let asked = column[0]!; asked >= 0; asked = column[node]!) {
      node = columns[asked]![row]! <= lastLeftBin[node]! ? left[node]! : left[node]! + 1;
    }
    predictions[row]! += scale * value[node]!;
  }
}
