import assert from "node:assert/strict";
import { binColumns, type Binned } from "../../src/adaptive/bins.ts";
import { boostedTrees, type BoostOptions } from "../../src/adaptive/boost.ts";
import { packTrees, sumOfTrees } from "../../src/adaptive/forest.ts";
import { addTree, growTree } from "../../src/adaptive/tree.ts";

const every = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i);
const boost = (
  binned: Binned,
  known: Int32Array,
  targets: Float64Array,
  options: BoostOptions,
): Float64Array =>
  sumOfTrees(
    packTrees(boostedTrees(binned, known, targets, options)),
    binned,
    every(binned.rows),
    options.learningRate,
  );
const PLAIN = { minLeaf: 1, shrinkage: 0, rowShare: 1, columnShare: 1, learningRate: 1, seed: 1 };

Deno.test("binColumns: a bin for each distinct value, ascending", () => {
  const { columns, binCounts, rows } = binColumns([
    Float64Array.of(3, -1, 3, 100),
    Float64Array.of(0, 0, 0, 0),
  ]);
  assert.deepEqual(columns.map((column) => [...column]), [[1, 0, 1, 2], [0, 0, 0, 0]]);
  assert.deepEqual(binCounts, [3, 1]);
  assert.equal(rows, 4);
});

Deno.test("binColumns: 256 bins of as many rows each, for more values than that", () => {
  const { columns: [bins], binCounts } = binColumns([Float64Array.from({ length: 1024 }, (_, i) => i * i)]);
  assert.deepEqual(binCounts, [256]);
  assert.deepEqual([...bins!], Array.from({ length: 1024 }, (_, i) => Math.trunc(i / 4)));
});

Deno.test("growTree: one split lies where it takes most of the squared error away", () => {
  const binned = binColumns([Float64Array.of(7, 7, 7, 7, 7), Float64Array.of(1, 2, 3, 4, 5)]);
  const targets = Float64Array.of(10, 10, 10, 20, 22);
  const tree = growTree(binned, every(5), targets, every(2), { leaves: 2, minLeaf: 1, shrinkage: 0 });
  assert.deepEqual([...tree.column], [1, -1, -1]);
  assert.equal(tree.lastLeftBin[0], 2);
  assert.deepEqual([...tree.value], [72 / 5, 10, 21]);
});

Deno.test("growTree: the leaf that gains most is split first", () => {
  const binned = binColumns([Float64Array.of(1, 2, 3, 4)]);
  const targets = Float64Array.of(0, 1, 100, 140);
  const tree = growTree(binned, every(4), targets, every(1), { leaves: 3, minLeaf: 1, shrinkage: 0 });
  const predicted = new Float64Array(4);
  addTree(tree, binned, every(4), 1, predicted);
  assert.deepEqual([...predicted], [0.5, 0.5, 100, 140]);
});

Deno.test("growTree: leaves hold minLeaf rows, and values are drawn towards 0", () => {
  const binned = binColumns([Float64Array.of(1, 2, 3, 4)]);
  const targets = Float64Array.of(0, 0, 0, 30);
  const tree = growTree(binned, every(4), targets, every(1), { leaves: 4, minLeaf: 2, shrinkage: 1 });
  assert.deepEqual([...tree.value.slice(0, 3)], [30 / 5, 0, 30 / 3]);
  assert.deepEqual([...tree.column], [0, -1, -1, -1, -1, -1, -1]);
});

Deno.test("growTree: a part of the rows in any order, larger parts from what is left of the whole", () => {
  const count = 500;
  const x = Float64Array.from({ length: count }, (_, i) => (i * 37) % count);
  const y = Float64Array.from({ length: count }, (_, i) => (i * 61) % 17);
  const targets = x.map((each, i) => each + 100 * y[i]!);
  const binned = binColumns([x, y]);
  const some = every(count).filter((row) => row % 3 > 0).reverse();
  const tree = growTree(binned, some, targets, every(2), { leaves: 400, minLeaf: 1, shrinkage: 0 });
  const predicted = new Float64Array(count);
  addTree(tree, binned, every(count), 1, predicted);
  for (const row of some) assert.ok(Math.abs(predicted[row]! - targets[row]!) < 2, `row ${row}`);
});

Deno.test("boost: shrunken steps sum up to the targets", () => {
  const binned = binColumns([Float64Array.of(1, 2, 3, 4)]);
  const targets = Float64Array.of(1, 1, 2, NaN);
  const known = Int32Array.of(0, 1, 2);
  const once = boost(binned, known, targets, { ...PLAIN, trees: 1, leaves: 2, learningRate: 0.5 });
  assert.deepEqual([...once], [0.5, 0.5, 1, 1]);
  const often = boost(binned, known, targets, { ...PLAIN, trees: 40, leaves: 2, learningRate: 0.5 });
  assert.deepEqual([...often].map((value) => value.toFixed(6)), [
    "1.000000",
    "1.000000",
    "2.000000",
    "2.000000",
  ]);
});

Deno.test("boost: learns a product that no single column tells, from a sample, the same for the same seed", () => {
  const count = 900;
  const a = Float64Array.from({ length: count }, (_, i) => i % 30);
  const b = Float64Array.from({ length: count }, (_, i) => Math.trunc(i / 30));
  const targets = a.map((each, i) => each * b[i]! / 100);
  const binned = binColumns([a, b]);
  const options = { ...PLAIN, trees: 200, leaves: 15, minLeaf: 2, learningRate: 0.1, rowShare: 0.8 };
  const known = every(count).filter((row) => row % 2 === 0);
  const predicted = boost(binned, known, targets, options);
  const worst = Math.max(...predicted.map((value, row) => Math.abs(value - targets[row]!)));
  assert.ok(worst < 0.8, `worst ${worst}`);
  assert.deepEqual(boost(binned, known, targets, options), predicted);
  assert.notDeepEqual(boost(binned, known, targets, { ...options, seed: 2 }), predicted);
});
