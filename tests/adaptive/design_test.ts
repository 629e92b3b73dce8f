/** How rounds follow each other, by a model that is told what to say. */
import assert from "node:assert/strict";
import { design, type Designed, type DesignOptions } from "../../src/adaptive/design.ts";
import { QUICK, type Surrogate, THOROUGH } from "../../src/adaptive/time_model.ts";

const COUNT = 1000;
/** A shot takes its number, and one, in microseconds. */
const timeOf = (shot: number): number => shot + 1;

/**
 * What a model says: the true times e to the `bias`, a doubt, that of shots it has not seen, and what it missed of
 * each shot that was held out.
 */
interface Says {
  readonly bias?: number;
  readonly doubt?: number;
  readonly miss?: (measured: number) => number;
  readonly unseen?: number;
}
/** Answers every round; gives the sizes of rounds, what was learned from how many shots with what effort, and the end. */
function designed(
  options: DesignOptions,
  { bias = 0.02, doubt = 0.01, unseen = doubt, miss = () => 0.01 }: Says = {},
  answer: (shots: Int32Array) => ArrayLike<number> = (shots) => Array.from(shots, timeOf),
  count = COUNT,
): { sizes: number[]; learned: string[]; predicted: number[]; end: Designed; asked: Int32Array[] } {
  const learned: string[] = [];
  const predicted: number[] = [];
  const model: Surrogate = {
    name: "trees",
    leans: false,
    learn(measured, logTimes, effort, seed): ReturnType<Surrogate["learn"]> {
      learned.push(
        `${measured.length} ${effort === QUICK ? "quick" : effort === THOROUGH ? "thorough" : "?"} ${seed}`,
      );
      const heldOut = new Float64Array(logTimes.length).fill(NaN);
      for (const shot of measured) heldOut[shot] = miss(measured.length);
      return {
        heldOut,
        predict(shots): ReturnType<ReturnType<Surrogate["learn"]>["predict"]> {
          predicted.push(shots.length);
          return {
            logTimes: logTimes.map((_, shot) => Math.log(timeOf(shot)) + bias),
            doubt: logTimes.map((time) => Number.isNaN(time) ? unseen : doubt),
          };
        },
      };
    },
  };
  const asked: Int32Array[] = [];
  const rounds = design(count, [[model]], options);
  let step = rounds.next();
  while (!step.done) {
    asked.push(step.value.shots);
    step = rounds.next(answer(step.value.shots));
  }
  return { sizes: asked.map(({ length }) => length), learned, predicted, end: step.value, asked };
}
const six = (value: number): number => Number(value.toPrecision(6));
/** By how much the first shot that was predicted is said to be off. */
const expectedOf = ({ kernels, predicted }: Designed): number =>
  six(kernels[0]!.expectedErrors[predicted[0]!]!);

/** Rounds grow by 1.4 about, in equal steps to the last, which is learned from with care; others in haste. */
const runs: [what: string, DesignOptions, Says, sizes: number[], learned: string[]][] = [
  ["half of the shots", { shots: 0.5 }, {}, [50, 19, 27, 38, 52, 73, 101, 140], [
    ...[50, 69, 96, 134, 186, 259, 360].map((n) => `${n} quick ${n}`),
    "500 thorough 0",
  ]],
  ["a seed", { shots: 0.1, seed: 7 }, {}, [50, 13, 16, 21], [
    "50 quick 57",
    "63 quick 70",
    "79 quick 86",
    "100 thorough 7",
  ]],
  ["an error that is kept at once: one more round shows that it is", { error: 0.05 }, {}, [50, 3], [
    ...["50 quick 50", "50 thorough 0", "53 quick 53", "53 thorough 0"],
  ]],
  [
    "an error that haste nearly keeps, at four tenths more",
    { error: 0.05 },
    { miss: (n) => n < 60 ? -0.067 : 0.03 },
    [50, 20],
    [
      ...["50 quick 50", "50 thorough 0", "70 quick 70", "70 thorough 0"],
    ],
  ],
  [
    "an error that haste misses by more",
    { error: 0.05 },
    { miss: (n) => n < 60 ? -0.068 : 0.03 },
    [50, 20],
    [
      ...["50 quick 50", "70 quick 70", "70 thorough 0"],
    ],
  ],
  [
    "an error that care does not keep, by steps of what is thought to be enough",
    { error: 0.05 },
    {
      miss: (n) => n < 60 ? 0.054 : 0.03,
    },
    [50, 4, 5, 5],
    [50, 54, 59, 64].flatMap((n) => [`${n} quick ${n}`, `${n} thorough 0`]),
  ],
];
for (const [what, options, says, sizes, learned] of runs) {
  Deno.test(`design: rounds to ${what}`, () => {
    const found = designed(options, says);
    assert.deepEqual([found.sizes, found.learned], [sizes, learned]);
    const fired = sizes.reduce((sum, size) => sum + size);
    assert.deepEqual([found.end.measured.length, found.end.predicted.length], [fired, COUNT - fired]);
    assert.deepEqual(found.end.measured, Int32Array.from(found.asked.flatMap((shots) => [...shots])).sort());
  });
}

Deno.test("design: errors rest on the shots of chance that were held out, times on those that were measured", () => {
  const { sizes, end } = designed({ shots: 0.5 }, { miss: () => -0.02 });
  const chance = sizes.reduce((sum, size, i) => sum + (i === 0 ? size : Math.ceil(size / 2)), 0);
  const { p50, p90, p99, shots } = end.errors;
  assert.deepEqual([p50, shots], [{ estimate: 0, upper: 0 }, chance]);
  for (const each of [p90, p99]) {
    assert.deepEqual([six(each.estimate), six(each.upper)], [0.0202013, 0.0202013]);
  }
  assert.equal(six(end.p90Alone), 0.0202013);
  for (const shot of end.measured) assert.equal(six(end.kernels[0]!.timesUs[shot]!), timeOf(shot));
  for (const shot of end.predicted) {
    assert.equal(six(end.kernels[0]!.timesUs[shot]! / timeOf(shot)), six(Math.exp(0.02)));
  }
  assert.ok(end.measured.every((shot) => end.kernels[0]!.expectedErrors[shot] === 0));
});

Deno.test("design: what is expected is the doubt, as much larger as surprises were; a trifle of doubt counts as a thousandth", () => {
  // Surprises of 2 and of 20 times the doubt.
  assert.equal(expectedOf(designed({ shots: 0.1 }, { bias: 0.02, doubt: 0.01 }).end), six(Math.expm1(0.02)));
  assert.equal(
    expectedOf(designed({ shots: 0.1 }, { bias: -0.02, doubt: 0.0001 }).end),
    six(Math.expm1(0.02)),
  );
  // Without a second round: what was missed of shots that were held out.
  const answer = (shots: Int32Array): number[] => Array.from(shots.subarray(0, 40), timeOf);
  const says = { doubt: 0, unseen: 0.7, miss: (): number => -0.03 };
  const { sizes, learned, end } = designed({ shots: 0.1 }, says, answer);
  assert.deepEqual([sizes, learned, end.predicted.length], [[50], ["40 thorough 0"], COUNT - 40]);
  assert.equal(expectedOf(end), six(Math.expm1(0.03)));
});

Deno.test("design: shots that give no time are neither measured nor predicted, and surprise nobody", () => {
  const answer = (shots: Int32Array): number[] =>
    Array.from(shots, (shot) => shot % 10 === 0 ? 0 : shot % 10 === 1 ? NaN : timeOf(shot));
  const { end, asked } = designed({ shots: 0.1 }, {}, answer);
  const failed = asked.flatMap((shots) => [...shots]).filter((shot) => shot % 10 < 2);
  assert.ok(failed.length > 5);
  assert.equal(end.measured.length, 100 - failed.length);
  assert.equal(end.predicted.length, 900);
  assert.ok(
    failed.every((shot) => Number.isNaN(end.kernels[0]!.timesUs[shot]) && !end.measured.includes(shot)),
  );
  assert.equal(expectedOf(end), six(Math.expm1(0.02)));
});

Deno.test("design: half of the first round must give times, 25", () => {
  const answer = (most: number) => (shots: Int32Array): number[] =>
    Array.from(shots, (shot, i) => i < most ? timeOf(shot) : NaN);
  assert.throws(() => designed({ shots: 0.1 }, {}, answer(24)), {
    message: "Cannot predict the other shots: 24 of the 50 that were fired gave a time; measure all of them",
  });
  assert.equal(designed({ shots: 0.1 }, {}, answer(25)).learned[0], "25 quick 50");
  // Where all 50 were fired there are none to predict.
  const { end } = designed({}, {}, answer(24), 50);
  assert.deepEqual([end.measured.length, end.predicted.length], [24, 0]);
});

Deno.test("design: what is known besides is measured in the end, and learned from when it was not", () => {
  const known = (shot: number): number[] => [shot < 500 ? timeOf(shot) : NaN];
  const { end, learned } = designed({ error: 0.05, known });
  const besides = end.measured.length - 53;
  assert.ok(besides > 400);
  assert.deepEqual(end.measured, end.measured.toSorted());
  assert.equal(learned.at(-1), `${53 + besides} thorough 0`);
  assert.equal(learned.length, 5);
  assert.ok(end.predicted.every((shot) => shot >= 500));
  // Nothing new: what care has found stands.
  assert.equal(designed({ error: 0.05, known: () => [NaN] }).learned.length, 4);
  const all = designed({ shots: 0.1, known: (shot) => [timeOf(shot)] }).end;
  assert.deepEqual([all.measured.length, all.predicted.length, all.errors.p99.upper, all.p90Alone], [
    COUNT,
    0,
    0,
    0,
  ]);
  assert.deepEqual([...all.kernels[0]!.expectedErrors], new Array(COUNT).fill(0));
});

Deno.test("design: all shots without an error or a share, and of a grid so small that nothing could be predicted", () => {
  const { end, sizes } = designed({});
  assert.deepEqual([sizes.reduce((sum, size) => sum + size), end.predicted.length], [COUNT, 0]);
  assert.equal(six(end.kernels[0]!.timesUs[499]!), 500);
  assert.throws(() => designed({ shots: 0.0994 }), {
    message: /at least 100 must be measured to predict others, got 99 of 1000/,
  });
  assert.equal(designed({ shots: 0.1 }).end.measured.length, 100);
});

Deno.test("design: between rounds no more shots are predicted than the doubtful ones are sought among, in the end all", () => {
  const { predicted, end, asked } = designed({ shots: 0.01 }, {}, undefined, 100_000);
  assert.deepEqual(predicted.filter((count) => count > 1000), [20_000, 20_000, 20_000, 99_000]);
  assert.deepEqual([end.measured.length, end.predicted.length], [1000, 99_000]);
  const again = designed({ shots: 0.01 }, {}, undefined, 100_000);
  assert.deepEqual(again.asked, asked);
  // As many as may be candidates: all of them are.
  assert.ok(designed({ shots: 0.01 }, {}, undefined, 20_000).predicted.every((count) => count < 20_000));
});

Deno.test("design: a shot has a time of each kernel; doubts are weighed alike, the errors are the worse kernel's", () => {
  /** Doubts one shot alone, on a scale of its own. */
  const kernel = (doubted: number, scale: number, miss: number): Surrogate => ({
    name: "trees",
    leans: false,
    learn: (measured, logTimes) => {
      const heldOut = new Float64Array(logTimes.length).fill(NaN);
      for (const shot of measured) heldOut[shot] = miss;
      return {
        heldOut,
        predict: () => ({
          logTimes: logTimes.map(() => Math.log(scale)),
          doubt: logTimes.map((_, shot) => scale * (shot === doubted ? 1e6 : 0.01)),
        }),
      };
    },
  });
  const rounds = design(COUNT, [[kernel(7, 1, -0.01)], [kernel(8, 1000, -0.04)]], { shots: 0.1 });
  const asked: number[][] = [];
  let step = rounds.next();
  while (!step.done) {
    asked.push([...step.value.shots]);
    const failed = (shot: number): boolean => shot === 50;
    step = rounds.next(
      [...step.value.shots].flatMap((shot) => [shot + 1, failed(shot) ? NaN : 2 * shot + 1]),
    );
  }
  const seen = new Set(asked.slice(0, 2).flat());
  assert.ok(seen.has(7) && seen.has(8), "what either kernel doubts is asked for next");
  const { kernels, measured, predicted, errors } = step.value;
  assert.equal(asked.flat().length, 100);
  const shots = [...measured].slice(0, 20);
  assert.deepEqual(
    kernels.map(({ timesUs }) => shots.map((shot) => Math.round(timesUs[shot]!))),
    [shots.map((shot) => shot + 1), shots.map((shot) => 2 * shot + 1)],
  );
  assert.deepEqual(kernels.map(({ timesUs }) => six(timesUs[predicted[0]!]!)), [1, 1000]);
  assert.equal(six(errors.p90.estimate), six(Math.expm1(0.04)));
  assert.equal(measured.includes(50), false);
});
