/** What a sweep that is fired in rounds does, step by step, and what it says of itself before, on the way and after. */
import assert from "node:assert/strict";
import type { Answers } from "../../src/adaptive/answers.ts";
import type { Round } from "../../src/adaptive/design.ts";
import { openBudget } from "../../src/run/budget.ts";
import type { ExecuteOptions } from "../../src/run/execute.ts";
import {
  type AdaptiveOptions,
  type AdaptiveTask,
  designOf,
  type RoundEstimate,
  roundsTask,
} from "../../src/run/round_sweep.ts";
import type { AttentionShot } from "../../src/shots/shot.ts";

const shotsOf = (count: number): AttentionShot[] =>
  Array.from({ length: count }, (_, index) => ({
    category: "attention",
    tp: 2,
    prefill_chunk: index + 1,
    kv_prefill: 0,
    n_decode: 0,
    kv_decode: 0,
  }));
const errorsOf = (p90: number): RoundEstimate["errors"] => {
  const bound = { estimate: p90, upper: p90 };
  return { shots: 9, p50: bound, p90: bound, p99: bound };
};
const estimateOf = (p90: number): RoundEstimate => ({
  category: "attention",
  tp: 2,
  measured: 3,
  estimated: 4,
  errors: errorsOf(p90),
  scatter: null,
  prior: null,
  skew: [],
});

/** A task whose rounds ask for some shots each, a second long; the error is 20% after the first, 10% after the second. */
interface Scripted {
  readonly rounds: readonly number[];
  readonly budgetS?: number;
  readonly seed?: number;
  readonly enoughAfter?: number;
  readonly failed?: number;
  readonly target?: AdaptiveOptions["target"];
  readonly known?: number;
  readonly count?: number;
  readonly shotS?: number;
}

interface Told {
  readonly steps: string[];
  readonly answers: Answers[];
  readonly estimates: number[];
  readonly task: AdaptiveTask;
  readonly gains: number[];
  readonly reserved: number[];
}

function taskOf(scripted: Scripted): Told & { run(): Told } {
  const { rounds: asked, budgetS, seed, enoughAfter, failed, target = null, known = 0, count = 50 } =
    scripted;
  let nowMs = 5000;
  const all = shotsOf(count);
  const fired = new Set<AttentionShot>(all.slice(0, known));
  const told = { steps: [] as string[], answers: [] as Answers[], estimates: [] as number[] };
  const gains: number[] = [];
  const reserved: number[] = [];
  const errorAfter = (round: number): number => 0.4 / 2 ** round;
  function* rounds(): Generator<Round<readonly AttentionShot[], number>, number, Answers> {
    let at = 0;
    for (const [round, length] of asked.entries()) {
      nowMs += 500;
      const answers = yield {
        shots: all.slice(at, at + length),
        isLast: false,
        errors: round === 0 ? null : errorsOf(errorAfter(round)),
        found: round === 0 ? null : (): number => errorAfter(round),
      };
      told.answers.push(answers);
      at += length;
      if (answers.length < length) break;
    }
    return errorAfter(told.answers.length);
  }
  const usual = budgetS === undefined ? undefined : openBudget(budgetS, () => nowMs);
  const budget = usual && {
    ...usual,
    reserve: (category: "attention", seconds: number): void => {
      assert.equal(category, "attention");
      reserved.push(seconds);
      usual.reserve(category, seconds);
    },
  };
  const adaptive = {
    target,
    ...budget && { budget },
    onEstimate: ({ errors }: RoundEstimate) => void told.estimates.push(errors.p90.estimate),
  } as unknown as AdaptiveOptions;
  const task = roundsTask(
    { category: "attention", tp: 2, shots: all },
    all,
    { ...seed !== undefined && { seed } } as ExecuteOptions,
    adaptive,
    {
      lastChoice: 3,
      rounds,
      timesOf: (shot) => [!fired.has(shot) || shot.prefill_chunk === failed ? null : shot.prefill_chunk],
      due: (some) => some.filter((shot) => !fired.has(shot)),
      ...enoughAfter !== undefined && { isEnough: (found: number) => found <= errorAfter(enoughAfter) },
      found: estimateOf,
    },
  );
  const whole = { ...told, task, gains, reserved };
  return {
    ...whole,
    run(): Told {
      const steps = task.steps();
      for (let step = steps.next(); !step.done; step = steps.next()) {
        const { value } = step;
        gains.push(task.gain);
        if (value.type === "fire") {
          const chunks = value.shots.map((shot) => (shot as AttentionShot).prefill_chunk);
          told.steps.push(`fire ${chunks.length <= 4 ? chunks.join() : `${chunks[0]}-${chunks.at(-1)}`}`);
          for (const shot of value.shots) fired.add(shot as AttentionShot);
          nowMs += 1000 * (scripted.shotS ?? 1) * value.shots.length;
        } else if (value.type === "notice") told.steps.push(value.message);
        else if (value.type === "estimated") {
          const { errors, ...others } = value;
          assert.deepEqual(others, {
            ...{ type: "estimated", category: "attention", tp: 2 },
            ...{ measured: 3, estimated: 4, scatter: null, prior: null },
          });
          told.steps.push(`estimated ${errors.p90.estimate}`);
        } else told.steps.push(value.type);
      }
      return whole;
    },
  };
}

Deno.test("rounds without a budget: each is fired whole, judged, and another sweep may go on", () => {
  const { steps, answers, estimates, task, gains } = taskOf({ rounds: [3, 2, 4], failed: 2 }).run();
  assert.deepEqual(steps, ["fire 1,2,3", "pause", "fire 4,5", "pause", "fire 6,7,8,9", "estimated 0.05"]);
  assert.deepEqual(answers, [[1, null, 3], [4, 5], [6, 7, 8, 9]]);
  assert.deepEqual(estimates, [0.2, 0.1, 0.05]);
  assert.equal(task.cut, null);
  assert.deepEqual(gains.slice(0, 3), [Infinity, Infinity, Infinity]);
});

Deno.test("a sweep's gain is how much of its error a second of firing took away in its last round", () => {
  const { gains, steps } = taskOf({ rounds: [30, 10, 10], budgetS: 1000 }).run();
  const second = steps.lastIndexOf("pause");
  // From 20% after 30 s to 10% after 40 s.
  assert.equal(gains[second]!.toFixed(6), "0.010000");
  assert.ok(gains.slice(0, second).every((gain) => gain === Infinity));
});

Deno.test("a gain of no firing is one of a millisecond", () => {
  const { gains } = taskOf({ rounds: [10, 10, 10], budgetS: 1000, known: 50 }).run();
  assert.equal(gains.at(-1)!.toFixed(3), "100.000");
});

Deno.test("a round that was measured before is answered without firing", () => {
  const { steps, answers } = taskOf({ rounds: [3, 2], known: 4 }).run();
  assert.deepEqual(steps, ["pause", "fire 5", "estimated 0.1"]);
  assert.deepEqual(answers, [[1, 2, 3], [4, 5]]);
});

Deno.test("a seed shuffles each round within itself, seed 0 too", () => {
  const order = ({ steps }: Told): string[] => steps.filter((step) => step.startsWith("fire"));
  const plain = order(taskOf({ rounds: [4, 4] }).run());
  assert.deepEqual(plain, ["fire 1,2,3,4", "fire 5,6,7,8"]);
  for (const seed of [0, 3]) {
    const shuffled = order(taskOf({ rounds: [4, 4], seed }).run());
    const sorted = (step: string): string => step.replace("fire ", "").split(",").sort().join();
    assert.deepEqual(shuffled.map(sorted), ["1,2,3,4", "5,6,7,8"]);
    assert.notDeepEqual(shuffled, plain);
  }
});

Deno.test("what is found to be enough ends the rounds, though the target is not reached", () => {
  const { steps, answers, estimates } = taskOf({ rounds: [3, 2, 4], enoughAfter: 1 }).run();
  assert.deepEqual(steps, ["fire 1,2,3", "pause", "estimated 0.1"]);
  assert.deepEqual(answers, [[1, 2, 3], []]);
  assert.deepEqual(estimates, [0.2, 0.1]);
});

Deno.test("a budget that is not enough says so after the first ten shots, and what it cut is told", () => {
  const { steps, answers, task, reserved } = taskOf({ rounds: [20, 10, 10], budgetS: 28 }).run();
  assert.deepEqual(steps, [
    "fire 1-10",
    "tp 2 attention: the 40 other shots would take about 40 s, of the budget 16 s are left: " +
    "a part of them is fired, the others are predicted",
    "fire 11-20",
    "pause",
    "fire 21-25",
    "estimated 0.1",
  ]);
  assert.deepEqual(answers.map(({ length }) => length), [20, 5]);
  assert.deepEqual(task.cut, {
    category: "attention",
    fired: 25,
    left: 25,
    error: 0.1,
    curve: [{ fired: 20, error: 0.2, atS: 20 }],
  });
  assert.deepEqual([reserved[0], reserved.at(-1)], [1.5, 0]);
});

Deno.test("a budget that is enough says nothing and cuts nothing", () => {
  const { steps, task } = taskOf({ rounds: [20, 10], budgetS: 1000, shotS: 0.5 }).run();
  assert.deepEqual(steps, ["fire 1-10", "fire 11-20", "pause", "fire 21-30", "estimated 0.1"]);
  assert.equal(task.cut, null);
});

Deno.test("pieces are of ten seconds or a little more, and four tenths of a first round are spared, rounded down", () => {
  assert.deepEqual(taskOf({ rounds: [20], budgetS: 1000, shotS: 3 }).run().steps, [
    ...["fire 1-10", "fire 11,12,13,14", "fire 15,16,17,18", "fire 19,20", "estimated 0.2"],
  ]);
  assert.deepEqual(taskOf({ rounds: [23], budgetS: 2 }).run().answers.map(({ length }) => length), [14]);
});

Deno.test("how large a sweep is: the share that is asked for, of which what is measured is done", () => {
  const extents: [target: AdaptiveOptions["target"], known: number, planned: number, done: number][] = [
    [{ shots: 0.5 }, 0, 200, 0],
    [{ shots: 0.5 }, 150, 200, 150],
    [{ shots: 0.5 }, 300, 200, 200],
    [{ shots: 0.1 }, 7, 100, 7],
    [{ error: 0.1 }, 300, 400, 300],
    [null, 399, 400, 399],
  ];
  for (const [target, known, planned, done] of extents) {
    assert.deepEqual(taskOf({ rounds: [], target, known, count: 400 }).task.extent(), { planned, done });
  }
  assert.deepEqual(taskOf({ rounds: [], known: 9, failed: 3 }).task.extent(), { planned: 50, done: 8 });
});

Deno.test("when a design ends: a share is at least a hundred shots, and no more than all", () => {
  assert.deepEqual(designOf({ target: null, seed: 4 }, 400), { seed: 4 });
  assert.deepEqual(designOf({ target: { error: 0.05 }, seed: 4 }, 400), { error: 0.05, seed: 4 });
  for (
    const [shots, count, share] of [[0.3, 400, 0.3], [0.1, 400, 0.25], [0.1, 100, 1], [0.1, 60, 1], [
      1,
      400,
      1,
    ]]
  ) {
    assert.deepEqual(designOf({ target: { shots: shots! }, seed: 4 }, count!), { shots: share, seed: 4 });
  }
});
