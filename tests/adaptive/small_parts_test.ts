/** The small parts of a design at their edges, by hand: who is chosen, what trees and lines answer, what errors say. */
import assert from "node:assert/strict";
import { chooseShots } from "../../src/adaptive/acquisition.ts";
import { answered, measureAll } from "../../src/adaptive/answers.ts";
import { binColumns } from "../../src/adaptive/bins.ts";
import type { Designed, Round } from "../../src/adaptive/design.ts";
import { tableErrors } from "../../src/adaptive/held_out.ts";
import { lineAt, ridge } from "../../src/adaptive/ridge.ts";
import { casesBetween } from "../../src/adaptive/skew_between.ts";
import { addTree, growTree, type TreeOptions } from "../../src/adaptive/tree.ts";
import { randomFrom } from "../../src/random.ts";
import { skewCaseOf } from "../../src/shots/skew_cases.ts";

const upTo = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i);

Deno.test("without a predicted error chance picks all; with one it picks half, rounded up", () => {
  const left = upTo(40);
  const first = chooseShots(7, left, null, randomFrom(1));
  assert.deepEqual([first.doubtful.length, first.fair.length], [0, 7]);
  for (const [count, fair, doubtful] of [[6, 3, 3], [7, 4, 3], [1, 1, 0], [40, 20, 20]] as const) {
    const chosen = chooseShots(count, left, new Float64Array(40).fill(1), randomFrom(1));
    assert.deepEqual([chosen.fair.length, chosen.doubtful.length], [fair, doubtful]);
    assert.equal(new Set([...chosen.fair, ...chosen.doubtful]).size, count);
  }
  const all = chooseShots(9, upTo(3), new Float64Array(3).fill(1), randomFrom(1));
  assert.deepEqual([...all.fair, ...all.doubtful].toSorted(), [0, 1, 2]);
});

Deno.test("the doubtful half are the largest errors by far, in their order, among the candidates alone", () => {
  const errors = Float64Array.from({ length: 40 }, (_, shot) => 1e6 ** (shot % 4));
  for (let seed = 0; seed < 10; seed++) {
    const { doubtful, fair } = chooseShots(4, upTo(40), errors, randomFrom(seed));
    assert.ok(doubtful.every((shot) => shot % 4 === 3 && !fair.includes(shot)), `${doubtful}`);
  }
  const candidates = Int32Array.of(0, 1, 2, 4, 5, 6);
  const steep = Float64Array.from({ length: 40 }, (_, shot) => 1e6 ** shot);
  const { doubtful, fair } = chooseShots(6, upTo(40), steep, randomFrom(3), candidates);
  assert.deepEqual([...doubtful], [6, 5, 4, 2, 1, 0].filter((shot) => !fair.includes(shot)).slice(0, 3));
});

Deno.test("chance stirs near errors, and a factor of e to the eighth hardly ever", () => {
  const near = Float64Array.from({ length: 40 }, (_, shot) => 1 + shot / 1000);
  const chosen = new Set(
    upTo(10).reduce((all, seed) => {
      all.push(...chooseShots(4, upTo(40), near, randomFrom(seed)).doubtful);
      return all;
    }, [] as number[]),
  );
  assert.ok(chosen.size > 8, `${chosen.size}`);
});

Deno.test("rounds are told in shots and answered in times; one that failed is no number", async () => {
  const asked: ArrayLike<number>[] = [];
  const told: Designed[] = [];
  function* rounds(): Generator<Round, Designed, ArrayLike<number>> {
    const designed = (mark: number): Designed => ({ mark }) as unknown as Designed;
    asked.push(yield { shots: Int32Array.of(2, 0), isLast: false, errors: null, found: null });
    const errors = { shots: 1 } as never;
    asked.push(yield { shots: Int32Array.of(1), isLast: true, errors, found: () => designed(1) });
    return designed(2);
  }
  const tell = (designed: Designed): string => {
    told.push(designed);
    return `told ${(designed as unknown as { mark: number }).mark}`;
  };
  const steps = answered(rounds(), ["a", "b", "c"], tell);
  assert.deepEqual(steps.next().value, { shots: ["c", "a"], isLast: false, errors: null, found: null });
  const { value } = steps.next([7, null]) as { value: Round<readonly string[], string> };
  assert.deepEqual([value.shots, value.errors, told.length], [["b"], { shots: 1 }, 0]);
  assert.equal(value.found!(), "told 1");
  assert.deepEqual(steps.next([0]), { done: true, value: "told 2" });
  assert.deepEqual(asked.map((times) => [...times as Float64Array]), [[7, NaN], [0]]);
  const fired: string[] = [];
  const found = await measureAll(answered(rounds(), ["a", "b", "c"], tell), (shots) => {
    fired.push(shots.join());
    return Promise.resolve(shots.map(() => 1));
  });
  assert.deepEqual([found, fired], ["told 2", ["c,a", "b"]]);
});

Deno.test("values fall into a bin each up to 256 of them, then into 256 of about as many rows each", () => {
  assert.deepEqual(binColumns([]), { rows: 0, columns: [], binCounts: [] });
  const shuffled = (count: number): Float64Array =>
    Float64Array.from({ length: count }, (_, i) => (i * 7919) % count);
  for (const count of [1, 2, 255, 256]) {
    const { rows, columns, binCounts } = binColumns([shuffled(count)]);
    assert.deepEqual([rows, binCounts], [count, [count]]);
    assert.deepEqual([...columns[0]!], [...shuffled(count)]);
  }
  const { columns, binCounts } = binColumns([shuffled(300), Float64Array.from({ length: 300 }, () => 5)]);
  assert.deepEqual(binCounts, [256, 1]);
  const sizes = Object.values(Object.groupBy([...columns[0]!], (bin) => bin)).map((rows) => rows!.length);
  assert.deepEqual([sizes.length, Math.min(...sizes), Math.max(...sizes)], [256, 1, 2]);
  // The last of bin b is row ceil(300 (b + 1) / 256) of the sorted ones.
  const column = shuffled(300);
  const binOf = (value: number): number => columns[0]![column.indexOf(value)]!;
  assert.deepEqual([0, 1, 2, 3, 4, 5, 298, 299].map(binOf), [0, 0, 1, 2, 3, 4, 254, 255]);
});

Deno.test("a value that fills many of the 256 bins has one of its own", () => {
  const mostly = Float64Array.from({ length: 1000 }, (_, i) => i < 500 ? 0 : i);
  const { columns, binCounts } = binColumns([mostly]);
  assert.ok(binCounts[0]! < 140 && binCounts[0]! > 120, `${binCounts[0]}`);
  assert.ok(columns[0]!.subarray(0, 500).every((bin) => bin === 0));
  assert.ok(columns[0]!.subarray(504).every((bin) => bin > 0));
  assert.equal(Math.max(...columns[0]!), binCounts[0]! - 1);
});

Deno.test("cases between neighbours: by long decodes, then by histories, none of the sweep's own", () => {
  const between = (...keys: number[][]): number[][] =>
    casesBetween(keys.map((key) => skewCaseOf(key))).map((
      { n, nb, pc, kp, kvs, kv_big },
    ) => [n, nb, pc, kp, kvs, kv_big]);
  assert.deepEqual(between([8, 1, 0, 0, 128, 512], [8, 2, 0, 0, 128, 512]), []);
  assert.deepEqual(between([8, 1, 0, 0, 128, 512], [8, 3, 0, 0, 128, 512]), [[8, 2, 0, 0, 128, 512]]);
  assert.deepEqual(
    between([8, 6, 0, 0, 128, 512], [8, 1, 0, 0, 128, 512], [8, 3, 0, 0, 128, 512]),
    [[8, 2, 0, 0, 128, 512], [8, 5, 0, 0, 128, 512]],
  );
  assert.deepEqual(
    between([8, 1, 0, 0, 512, 2048], [8, 1, 0, 0, 128, 512], [8, 1, 0, 0, 256, 1024]),
    [[8, 1, 0, 0, 192, 768], [8, 1, 0, 0, 384, 1536]],
  );
  // Another ratio of histories, chunk or number of decodes is another line.
  assert.deepEqual(between([8, 1, 0, 0, 128, 512], [8, 1, 0, 0, 256, 512], [8, 3, 16, 0, 128, 512]), []);
  assert.deepEqual(
    between([8, 1, 0, 0, 128, 512], [8, 3, 0, 0, 128, 512], [8, 1, 0, 0, 256, 1024], [8, 3, 0, 0, 256, 1024]),
    [
      ...[[8, 2, 0, 0, 128, 512], [8, 2, 0, 0, 256, 1024]],
      ...[[8, 1, 0, 0, 192, 768], [8, 3, 0, 0, 192, 768], [8, 2, 0, 0, 192, 768]],
    ],
  );
});

Deno.test("errors of a table: exact where nothing is predicted, unknown without a shot, bounded by rank", () => {
  const exact = { estimate: 0, upper: 0 };
  assert.deepEqual(tableErrors(Float64Array.of(0.5), 0), { p50: exact, p90: exact, p99: exact, shots: 1 });
  assert.deepEqual(tableErrors(Float64Array.of(0.5), 0.5).p50, exact);
  assert.equal(tableErrors(Float64Array.of(0.5), 0.51).p50.estimate, 0.5);
  const none = tableErrors(new Float64Array(), 1);
  assert.deepEqual([none.p50, none.shots], [{ estimate: NaN, upper: Infinity }, 0]);
  const sizes = Float64Array.from({ length: 101 }, (_, i) => (i % 2 === 0 ? 1 : -1) * (100 - i));
  const { p50, p90, p99 } = tableErrors(sizes, 1);
  // 50.5 + 1.645 √(101 / 4) = 58.8, 90.9 + 1.645 √9.09 = 95.9; of p99 the rank is beyond the last.
  assert.deepEqual([p50, p90].map(({ estimate, upper }) => [estimate.toFixed(6), upper]), [
    ["50.000000", 59],
    ["90.000000", 96],
  ]);
  assert.deepEqual([p99.estimate.toFixed(6), p99.upper], ["99.000000", Infinity]);
});

Deno.test("a line by hand: two columns, a penalty that draws the weights to 0 and not the level", () => {
  const columns = [Float64Array.of(1, 2, 3, 4, 10), Float64Array.of(1, -1, 1, -1, 0)];
  const targets = Float64Array.from(
    { length: 5 },
    (_, row) => row === 4 ? NaN : 5 + 2 * columns[0]![row]! - 3 * columns[1]![row]!,
  );
  const free = ridge(columns, upTo(4), targets, 0);
  assert.deepEqual([free.level, ...free.means, ...free.weights].map((x) => Number(x.toFixed(9))), [
    10,
    2.5,
    0,
    2,
    -3,
  ]);
  assert.equal(lineAt(free, columns, 4).toFixed(9), "25.000000000");
  // Sums of squares 5 and 4, of products -2; of the targets 16 and -16, the penalty 1 on each.
  const drawn = ridge(columns, upTo(4), targets, 1);
  assert.deepEqual(drawn.weights.map((x) => x.toFixed(9)), [48 / 26, -64 / 26].map((x) => x.toFixed(9)));
  assert.equal(drawn.level, 10);
  assert.deepEqual(ridge(columns, new Int32Array(), targets, 1), { level: 0, means: [], weights: [] });
});

/** A tree on one column of the targets' places, or on others: what its nodes ask, and what it predicts of each row. */
function tree(
  targets: number[],
  options: Partial<TreeOptions>,
  columns?: Float64Array[],
): { columns: number[]; bins: number[]; predictions: number[] } {
  const binned = binColumns(columns ?? [Float64Array.from(targets.keys())]);
  const rows = upTo(targets.length);
  const given = { leaves: 2, minLeaf: 1, shrinkage: 0, ...options };
  const asked = upTo(binned.columns.length);
  const grown = growTree(binned, rows, Float64Array.from(targets), asked, given);
  const predictions = new Float64Array(targets.length);
  addTree(grown, binned, upTo(targets.length), 1, predictions);
  return { columns: [...grown.column], bins: [...grown.lastLeftBin], predictions: [...predictions] };
}

Deno.test("a tree splits where the squared error falls most, the first of equals", () => {
  assert.deepEqual(tree([0, 0, 6, 6], {}), {
    columns: [0, -1, -1],
    bins: [1, 0, 0],
    predictions: [0, 0, 6, 6],
  });
  assert.deepEqual(tree([0, 6, 0, 6], {}).bins[0], 0);
  assert.deepEqual(tree([5, 5, 5, 5], {}).columns, [-1, -1, -1]);
  assert.deepEqual(tree([0, 0, 0, 9], { leaves: 3 }).columns, [0, -1, -1, -1, -1]);
  assert.deepEqual(tree([0, 1, 10, 20], { leaves: 3 }).predictions, [0.5, 0.5, 10, 20]);
  assert.deepEqual(tree([0, 1, 10, 20], { leaves: 4 }).predictions, [0, 1, 10, 20]);
});

Deno.test("a leaf has its least rows on both sides, and is not asked with less than twice as many", () => {
  assert.deepEqual(tree([0, 0, 0, 9], { minLeaf: 2 }).predictions, [0, 0, 4.5, 4.5]);
  assert.deepEqual(tree([9, 0, 0, 0], { minLeaf: 2 }).predictions, [4.5, 4.5, 0, 0]);
  assert.deepEqual(tree([0, 0, 9], { minLeaf: 2 }).columns, [-1, -1, -1]);
  assert.deepEqual(tree([0, 9], { minLeaf: 1 }).predictions, [0, 9]);
});

Deno.test("shrinkage counts as rows of 0 in every value, and takes the gain of splits that it outweighs", () => {
  assert.deepEqual(tree([6, 6, 6, 6], { shrinkage: 2 }).predictions, [4, 4, 4, 4]);
  assert.deepEqual(tree([-6, -6, 6, 6], { shrinkage: 1 }).predictions, [-4, -4, 4, 4]);
  // Whole 24² / 6 = 96; 0 | 24 would be 24² / 5 = 115.2 at three rows of 8.
  assert.deepEqual(tree([0, 8, 8, 8], { shrinkage: 2 }).predictions, [0, 4.8, 4.8, 4.8]);
  // Whole 25² / 6 = 104.2; 1 | 24 would be 1 / 3 + 115.2.
  assert.deepEqual(tree([1, 8, 8, 8], { shrinkage: 2 }).predictions, [1 / 3, 4.8, 4.8, 4.8]);
  // Whole 30² / 6 = 150; any split has less: 6² / 3 + 24² / 5 = 127.2.
  assert.deepEqual(tree([6, 8, 8, 8], { shrinkage: 2 }).predictions, [5, 5, 5, 5]);
});

Deno.test("of two columns the better is asked, the first where both are as good", () => {
  const [rising, split] = [Float64Array.of(0, 1, 2, 3), Float64Array.of(1, 0, 1, 0)];
  assert.deepEqual(tree([0, 6, 0, 6], {}, [rising, split]).columns[0], 1);
  assert.deepEqual(tree([0, 0, 6, 6], {}, [split, rising]).columns[0], 1);
  assert.deepEqual(tree([0, 0, 6, 6], {}, [rising, rising]).columns[0], 0);
});
