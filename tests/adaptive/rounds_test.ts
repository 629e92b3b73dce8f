/** What a round asks for, what becomes of its answers, cases between those of a sweep, and bins of many values. */
import assert from "node:assert/strict";
import { chooseShots } from "../../src/adaptive/acquisition.ts";
import { answered, measureAll } from "../../src/adaptive/answers.ts";
import { binColumns } from "../../src/adaptive/bins.ts";
import type { Designed, Round } from "../../src/adaptive/design.ts";
import { tableErrors } from "../../src/adaptive/held_out.ts";
import { casesBetween } from "../../src/adaptive/skew_between.ts";
import { growTree } from "../../src/adaptive/tree.ts";
import { randomFrom } from "../../src/random.ts";
import { skewCaseOf } from "../../src/shots/skew_cases.ts";

const every = (count: number): Int32Array => Int32Array.from({ length: count }, (_, at) => at);

Deno.test("half of a round is chance's, rounded up; the rest are the most doubtful that it left", () => {
  // Errors that chance's stirring cannot bring out of order.
  const errors = Float64Array.from({ length: 20 }, (_, shot) => 1e6 ** shot);
  for (const [count, fairCount] of [[1, 1], [2, 1], [3, 2], [8, 4], [9, 5]] as const) {
    const { fair, doubtful } = chooseShots(count, every(20), errors, randomFrom(3));
    assert.equal(fair.length, fairCount);
    const left = [...every(20)].filter((shot) => !fair.includes(shot)).toReversed();
    assert.deepEqual([...doubtful], left.slice(0, count - fairCount), `${count}`);
  }
});

Deno.test("before anything is known a round is chance's; doubtful shots are sought among candidates", () => {
  const first = chooseShots(6, every(20), null, randomFrom(3));
  assert.deepEqual([first.doubtful.length, first.fair.length, new Set(first.fair).size], [0, 6, 6]);
  assert.equal(chooseShots(30, every(20), null, randomFrom(3)).fair.length, 20);
  const errors = Float64Array.from({ length: 20 }, (_, shot) => 1e6 ** shot);
  const { fair, doubtful } = chooseShots(6, every(20), errors, randomFrom(3), Int32Array.of(1, 4, 2));
  assert.deepEqual([...doubtful], [4, 2, 1].filter((shot) => !fair.includes(shot)));
});

Deno.test("chance stirs the order of errors that are alike", () => {
  const alike = new Float64Array(200).fill(1);
  const { fair, doubtful } = chooseShots(100, every(200), alike, randomFrom(5));
  const left = [...every(200)].filter((shot) => !fair.includes(shot)).slice(0, 50);
  assert.notDeepEqual([...doubtful], left);
  assert.equal(new Set([...fair, ...doubtful]).size, 100);
});

Deno.test("rounds in terms of shots: times go back in their order, a shot that failed as no number", async () => {
  const given: number[][] = [];
  function* rounds(): Generator<Round, Designed, ArrayLike<number>> {
    given.push(Array.from(yield { shots: Int32Array.of(2, 0), errors: null, found: null } as never));
    given.push(Array.from(yield { shots: Int32Array.of(1), errors: null, found: () => "so far" } as never));
    return "designed" as never;
  }
  const found: unknown[] = [];
  const asked: string[][] = [];
  const made = answered(rounds(), ["a", "b", "c"], (designed) => `told ${designed}`);
  function* watched(): typeof made {
    let step = made.next();
    while (!step.done) {
      found.push(step.value.found?.() ?? null);
      step = made.next(yield step.value);
    }
    return step.value;
  }
  const end = await measureAll(watched(), (shots) => {
    asked.push([...shots]);
    return Promise.resolve(shots.map((shot) => shot === "a" ? null : shot.charCodeAt(0)));
  });
  assert.deepEqual([asked, given], [[["c", "a"], ["b"]], [[99, NaN], [98]]]);
  assert.deepEqual([found, end], [[null, "told so far"], "told designed"]);
});

Deno.test("cases between neighbours: by the long decodes, then by the histories, none twice", () => {
  const between = (...keys: [number, number, number, number, number, number][]): number[][] =>
    casesBetween(keys.map(skewCaseOf)).map(({ n, nb, pc, kp, kvs, kv_big }) => [n, nb, pc, kp, kvs, kv_big]);
  // In any order; 1 and 4 have 3 between them (2.5 rounds up), 4 and 8 have 6; of 1 and 2 nothing is between.
  assert.deepEqual(between([16, 8, 0, 0, 128, 512], [16, 1, 0, 0, 128, 512], [16, 4, 0, 0, 128, 512]), [
    [16, 3, 0, 0, 128, 512],
    [16, 6, 0, 0, 128, 512],
  ]);
  assert.deepEqual(between([16, 1, 0, 0, 128, 512], [16, 2, 0, 0, 128, 512]), []);
  // Histories of one ratio are a line, of another none; what was imagined before is one of its neighbours.
  assert.deepEqual(
    between([8, 1, 16, 32, 128, 512], [8, 1, 16, 32, 384, 1536], [8, 1, 16, 32, 256, 512], [
      8,
      3,
      16,
      32,
      384,
      1536,
    ]),
    [[8, 2, 16, 32, 384, 1536], [8, 1, 16, 32, 256, 1024]],
  );
  assert.deepEqual(between([8, 1, 0, 0, 128, 512], [8, 1, 16, 0, 256, 1024], [4, 1, 0, 0, 256, 1024]), []);
});

Deno.test("bins of as many values as a byte tells apart, of one more, and of values that repeat", () => {
  const counts = (...values: number[]): [number, number[]] => {
    const { columns: [bins], binCounts: [count] } = binColumns([Float64Array.from(values)]);
    return [count!, Array.from({ length: count! }, (_, bin) => bins!.filter((each) => each === bin).length)];
  };
  assert.deepEqual(counts(...every(256)), [256, new Array(256).fill(1)]);
  // Of 257 the first bin ends at the second value: 1 · 257 / 256, rounded up.
  assert.deepEqual(counts(...every(257)), [256, [2, ...new Array(255).fill(1)]]);
  // A thousand zeros fill most of the bins alone, which are one.
  const [count, rows] = counts(...new Array(1000).fill(0), ...every(1000).map((value) => value + 1));
  assert.equal(rows[0], 1000);
  assert.equal(rows.reduce((sum, each) => sum + each), 2000);
  assert.ok(count === 129 && Math.max(...rows.slice(1)) === 8, `${count} ${rows}`);
  assert.equal(binColumns([]).rows, 0);
});

Deno.test("the bounds of errors are those of their ranks", () => {
  const errors = Float64Array.from({ length: 100 }, (_, at) => at / 100);
  // Half of the rows are predicted: 80% of them are 90% of all. 80 + 1.645 · √(100 · 0.8 · 0.2) = 86.58.
  const { p90, p50, shots } = tableErrors(errors, 0.5);
  assert.deepEqual([p90.upper, p50, shots], [0.87, { estimate: 0, upper: 0 }, 100]);
  assert.equal(p90.estimate.toFixed(6), "0.792000");
});

Deno.test("a tree is not split where that gains nothing, nor into leaves that are too small", () => {
  const binned = binColumns([Float64Array.of(1, 2, 3, 4, 5, 6)]);
  const split = (targets: number[], minLeaf: number, shrinkage = 0): [number, number] => {
    const options = { leaves: 2, minLeaf, shrinkage };
    const { column, lastLeftBin } = growTree(binned, every(6), Float64Array.from(targets), every(1), options);
    return [column[0]!, lastLeftBin[0]!];
  };
  assert.deepEqual(split([5, 5, 5, 5, 5, 5], 1), [-1, 0]);
  // The best split leaves one row on the left; with two or three to a leaf it moves right, with four there is none.
  assert.deepEqual([1, 2, 3, 4].map((minLeaf) => split([9, 0, 0, 0, 0, 0], minLeaf)), [
    [0, 0],
    [0, 1],
    [0, 2],
    [-1, 0],
  ]);
  assert.deepEqual([1, 2, 3].map((minLeaf) => split([0, 0, 0, 0, 0, 9], minLeaf)), [[0, 4], [0, 3], [0, 2]]);
  // Of equal gains the first stands. Drawn towards nothing, a leaf of one row gains less than one of three.
  assert.deepEqual(split([1, 0, 0, 0, 0, 1], 1), [0, 0]);
  assert.deepEqual([split([4, 3, 3, 0, 0, 0], 1), split([6, 3, 3, 0, 0, 0], 1, 9)], [[0, 2], [0, 2]]);
});
