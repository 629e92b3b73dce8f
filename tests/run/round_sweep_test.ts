import assert from "node:assert/strict";
import type { Answers } from "../../src/adaptive/answers.ts";
import type { Round } from "../../src/adaptive/design.ts";
import { type Budget, openBudget } from "../../src/run/budget.ts";
import type { ExecuteOptions } from "../../src/run/execute.ts";
import { type AdaptiveOptions, type RoundEstimate, roundsTask } from "../../src/run/round_sweep.ts";
import type { AttentionShot } from "../../src/shots/shot.ts";

const SHOTS = Array.from({ length: 50 }, (_, index): AttentionShot => ({
  category: "attention",
  tp: 1,
  prefill_chunk: index + 1,
  kv_prefill: 0,
  n_decode: 0,
  kv_decode: 0,
}));
const EXACT = { estimate: 0, upper: 0 };
const FOUND: RoundEstimate = {
  category: "attention",
  tp: 1,
  measured: 0,
  estimated: 0,
  errors: { shots: 0, p50: EXACT, p90: EXACT, p99: EXACT },
  scatter: null,
  prior: null,
  skew: [],
};

/** Fires one round of 50 shots, a second each; says how many went in each piece, and how many were answered. */
function firedIn(affords: (fired: number) => number): { pieces: number[]; answered: number } {
  const fired = new Set<AttentionShot>();
  const pieces: number[] = [];
  let answered = 0;
  const budget: Budget = {
    seconds: 100,
    nowMs: () => 0,
    reserve: () => {},
    think: () => {},
    thoughtS: 0,
    leftS: () => affords(fired.size),
    affords: () => fired.size === 0 ? Infinity : affords(fired.size),
    pace: () => fired.size === 0 ? null : 1,
    spend: () => {},
  };
  function* rounds(): Generator<Round<readonly AttentionShot[], null>, null, Answers> {
    answered = (yield { shots: SHOTS, isLast: true, errors: null, found: null }).length;
    return null;
  }
  const adaptive = { target: null, budget, onEstimate: () => {} };
  const sweep = { category: "attention", tp: 1, shots: SHOTS } as const;
  const work = roundsTask(sweep, SHOTS, {} as ExecuteOptions, adaptive as unknown as AdaptiveOptions, {
    lastChoice: 1,
    rounds,
    timesOf: () => [1],
    due: (asked) => asked.filter((shot) => !fired.has(shot)),
    found: () => FOUND,
  });
  const steps = work.steps();
  for (let step = steps.next(); !step.done; step = steps.next()) {
    if (step.value.type !== "fire") continue;
    pieces.push(step.value.shots.length);
    for (const shot of step.value.shots) fired.add(shot as AttentionShot);
  }
  return { pieces, answered };
}

const CASES: Record<string, [affords: (fired: number) => number, pieces: number[], answered: number]> = {
  "is enough: the first shots, then ten seconds at a time": [() => 1000, [10, 10, 10, 10, 10], 50],
  "is spent by the first shots: six tenths of the round": [() => 0, [10, 10, 10], 30],
  "is spent on the way, because shots became slower": [
    (fired) => fired < 40 ? 1000 : 0,
    [10, 10, 10, 10],
    40,
  ],
  "is enough for a part of a piece": [(fired) => 35 - fired, [10, 10, 10, 5], 35],
};
for (const [what, [affords, pieces, answered]] of Object.entries(CASES)) {
  Deno.test(`a round is fired in pieces while its budget lasts; it ${what}`, () => {
    assert.deepEqual(firedIn(affords), { pieces, answered });
  });
}

/** Fires rounds of ten shots by a clock that firing and choosing move on; when all ended, in seconds, and what was fired. */
function endOf(times: { budgetS: number; shotS: number; choiceS: number; lastS: number }): [number, number] {
  let nowMs = 0;
  const budget = openBudget(times.budgetS, () => nowMs);
  const known = new Set<AttentionShot>();
  function* rounds(): Generator<Round<readonly AttentionShot[], string>, string, Answers> {
    for (let first = 0; first < SHOTS.length; first += 10) {
      nowMs += 1000 * times.choiceS;
      const { length } = yield {
        shots: SHOTS.slice(first, first + 10),
        isLast: false,
        errors: first === 0 ? null : FOUND.errors,
        found: first === 0 ? null : (): string => "so far",
      };
      if (length < 10) break;
    }
    nowMs += 1000 * times.lastS;
    return "in the end";
  }
  const adaptive = { target: null, budget, onEstimate: () => {} } as unknown as AdaptiveOptions;
  const sweep = { category: "attention", tp: 1, shots: SHOTS } as const;
  const work = roundsTask(sweep, SHOTS, {} as ExecuteOptions, adaptive, {
    lastChoice: 3,
    rounds,
    timesOf: () => [1],
    due: (asked) => asked.filter((shot) => !known.has(shot)),
    found: () => FOUND,
  });
  const steps = work.steps();
  for (let step = steps.next(); !step.done; step = steps.next()) {
    if (step.value.type !== "fire") continue;
    nowMs += 1000 * times.shotS * step.value.shots.length;
    for (const shot of step.value.shots) known.add(shot as AttentionShot);
  }
  assert.equal(budget.thoughtS + times.shotS * known.size, nowMs / 1000);
  return [nowMs / 1000, known.size];
}

for (
  const [what, times, expected] of [
    ["is kept: the last predictions end with it", { budgetS: 40, shotS: 1, choiceS: 1, lastS: 3 }, [40, 33]],
    ["is not used up when all shots are fired", { budgetS: 100, shotS: 1, choiceS: 1, lastS: 3 }, [58, 50]],
    [
      "is overrun by no more than six tenths of the first round need",
      { budgetS: 2, shotS: 1, choiceS: 1, lastS: 3 },
      [15, 10],
    ],
  ] as const
) {
  Deno.test(`a budget is what the user waits for, choosing and predicting included; it ${what}`, () => {
    assert.deepEqual(endOf(times), expected);
  });
}

/** Fires rounds of ten shots of a sweep; in which of them the whole table is predicted and shown, the end as "end". */
function shownIn(count: number, shotS: number, predictionS: number): (number | "end")[] {
  let nowMs = 0;
  const shots = Array.from({ length: count }, (_, index) => ({ ...SHOTS[0]!, prefill_chunk: index + 1 }));
  const shown: (number | "end")[] = [];
  function* rounds(): Generator<Round<readonly AttentionShot[], number | "end">, number | "end", Answers> {
    for (let round = 0; round < 5; round++) {
      yield {
        shots: shots.slice(10 * round, 10 * round + 10),
        isLast: false,
        errors: round === 0 ? null : FOUND.errors,
        found: round === 0 ? null : (): number => {
          nowMs += 1000 * predictionS;
          return round;
        },
      };
    }
    return "end";
  }
  const budget = openBudget(1e6, () => nowMs);
  const adaptive = { target: null, budget, onEstimate: () => {} } as unknown as AdaptiveOptions;
  const work = roundsTask({ category: "attention", tp: 1, shots }, shots, {} as ExecuteOptions, adaptive, {
    lastChoice: 1,
    rounds,
    timesOf: () => [1],
    due: (asked) => asked,
    found: (known) => {
      shown.push(known);
      return FOUND;
    },
  });
  const steps = work.steps();
  let pauses = 0;
  for (let step = steps.next(); !step.done; step = steps.next()) {
    if (step.value.type === "pause") pauses++;
    if (step.value.type === "fire") nowMs += 1000 * shotS * step.value.shots.length;
  }
  assert.equal(pauses, 4, "another sweep may have its turn after each round");
  return shown;
}

for (
  const [what, [count, shotS, predictionS], expected] of [
    ["of 20,000 shots: after each round", [20_000, 1, 100], [1, 2, 3, 4, "end"]],
    ["of more: after the first round and at the end", [20_001, 1, 100], [1, "end"]],
    ["of more, where it takes a tenth of the firing", [20_001, 1, 1], [1, 2, 3, 4, "end"]],
    ["of more, where it takes a fifth: after every other round", [20_001, 1, 2], [1, 3, "end"]],
  ] as const
) {
  Deno.test(`the whole table of a sweep is predicted ${what}`, () => {
    assert.deepEqual(shownIn(count, shotS, predictionS), expected);
  });
}
