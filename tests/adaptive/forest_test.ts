import assert from "node:assert/strict";
import { binColumns } from "../../src/adaptive/bins.ts";
import { boostedTrees } from "../../src/adaptive/boost.ts";
import { packTrees, sumOfTrees } from "../../src/adaptive/forest.ts";
import { addTree } from "../../src/adaptive/tree.ts";
import { randomFrom } from "../../src/random.ts";

Deno.test("sumOfTrees: to the digit what tree after tree adds, for rows of several blocks", () => {
  const random = randomFrom(3);
  const count = 5000;
  const columns = Array.from({ length: 5 }, () => Float64Array.from({ length: count }, random));
  const targets = columns[0]!.map((value, row) =>
    value * columns[1]![row]! + Math.sin(9 * columns[2]![row]!)
  );
  const binned = binColumns(columns);
  const some = Int32Array.from({ length: 400 }, (_, i) => 7 * i);
  const options = { trees: 30, learningRate: 0.2, rowShare: 0.8, columnShare: 0.7, leaves: 40, minLeaf: 2 };
  const trees = boostedTrees(binned, some, targets, { ...options, shrinkage: 0.1, seed: 1 });
  const rows = Int32Array.from({ length: 2100 }, (_, i) => count - 1 - 2 * i);
  const expected = new Float64Array(count);
  for (const tree of trees) addTree(tree, binned, rows, 0.2, expected);
  const sums = sumOfTrees(packTrees(trees), binned, rows, 0.2);
  assert.deepEqual(sums, Float64Array.from(rows, (row) => expected[row]!));
  assert.ok(new Set(sums).size > 1000);
});
