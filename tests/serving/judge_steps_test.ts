/** Served steps on the model's timeline: what each took, what it was to take, and errors by hand. */
import assert from "node:assert/strict";
import type { Batch } from "../../src/predict/batch.ts";
import {
  heldOutError,
  heldOutStepError,
  type JudgedSteps,
  judgeSteps,
  replaySteps,
} from "../../src/serving/judge_steps.ts";
import type { ServedStep } from "../../src/serving/served.ts";
import { NO_TERMS, type StepTerms } from "../../src/serving/step_terms.ts";
import type { StepWork } from "../../src/serving/timeline.ts";

/** A step that was scheduled and whose tokens had come at these microseconds; with new requests where they are named. */
const step = (
  scheduledUs: number,
  outputUs: number | null,
  arrivals = 0,
  kernelUs: number | null = null,
): ServedStep => ({
  part: "p",
  groups: [
    { tokens: 1, history: 9, count: 2 },
    ...arrivals > 0 ? [{ tokens: 4, history: 0, count: arrivals }] : [],
  ],
  scheduledS: scheduledUs / 1e6,
  outputS: outputUs === null ? null : outputUs / 1e6,
  launchUs: null,
  hostUs: null,
  spanUs: null,
  kernelUs,
});

const model = (
  work: Partial<StepWork>,
  terms: Partial<StepTerms> = {},
): Parameters<typeof replaySteps>[1] => ({
  work: (): StepWork => ({ rowsUs: 1000, gapUs: 0, hostUs: 0, prepareUs: 0, computeBound: false, ...work }),
  terms: { ...NO_TERMS, ...terms },
});

/** Took and predicted of each step, in whole microseconds. */
const replayed = (...args: Parameters<typeof replaySteps>): [number, number][] =>
  replaySteps(...args).map(({ tookUs, predictedUs }) => [Math.round(tookUs), Math.round(predictedUs)]);

const cases: [string, ServedStep[], Parameters<typeof replaySteps>[1], [number, number][]][] = [
  [
    "back to back on a host without cost",
    [step(0, 1100), step(1100, 2000), step(2000, 3300)],
    model({}),
    [[1100, 1000], [900, 1000], [1300, 1000]],
  ],
  [
    "the host's time shows in the first alone where the device is the slower",
    [step(0, 1100), step(100, 2100), step(1100, 3100)],
    model({ hostUs: 100, prepareUs: 100 }),
    [[1100, 1100], [1000, 1000], [1000, 1000]],
  ],
  [
    "a request that is added delays a host that is the slower",
    [step(0, 500), step(100, 600, 3), step(500, 700)],
    model({ rowsUs: 50, hostUs: 100, prepareUs: 100 }, { arrivalUs: 100 }),
    // Launched until 100, three requests added until 400, launched until 500: then the first one's tokens are read.
    [[500, 500], [100, 100], [100, 50]],
  ],
  [
    "after a rest the clock says when a step begins, and what it takes counts from there",
    [step(0, 1000), step(1000, 2000), step(10_000, 11_500), step(11_500, 12_500)],
    model({}),
    [[1000, 1000], [1000, 1000], [1500, 1000], [1000, 1000]],
  ],
  [
    "a millisecond is no rest",
    [step(0, 1000), step(1999, 3000)],
    model({}),
    [[1000, 1000], [2000, 1000]],
  ],
  [
    "more than that is one",
    [step(0, 1000), step(2001, 3000)],
    model({}),
    [[1000, 1000], [999, 1000]],
  ],
  [
    "a model that is late does not begin before it is done",
    [step(0, 1000), step(1000, 2000), step(10_000, 11_000)],
    model({ rowsUs: 6000 }),
    [[1000, 6000], [1000, 6000], [1000, 6000]],
  ],
  [
    "the host ends a step that it launches for longer than it runs",
    [step(0, 1000), step(5000, 6000)],
    model({ rowsUs: 100, hostUs: 700, prepareUs: 200 }),
    [[1000, 700], [1000, 700]],
  ],
  [
    "steps without tokens and those of a profiler are left out",
    [step(0, 1000), step(1000, null), step(1000, 1500, 0, 480), step(1000, 2200)],
    model({}),
    [[1000, 1000], [1200, 1000]],
  ],
  ["no steps", [], model({}), []],
];
for (const [what, steps, made, expected] of cases) {
  Deno.test(`replayed steps: ${what}`, () => assert.deepEqual(replayed(steps, made), expected));
}

Deno.test("the model is asked for each step's batch, in their order", () => {
  const asked: Batch[] = [];
  const { work, terms } = model({});
  replaySteps([step(0, 1000), step(1000, 2000, 2)], {
    terms,
    work: (batch) => (asked.push(batch), work(batch)),
  });
  const decodes = [{ kv: 9, count: 2 }];
  const chunk = { chunk: 4, history: 0 };
  assert.deepEqual(asked, [{ prefills: [], decodes }, { prefills: [chunk, chunk], decodes }]);
});

type Lengths = readonly (readonly [count: number, us: number])[];

/** So many steps back to back of each length. */
function row(...lengths: Lengths): ServedStep[] {
  let now = 0;
  return lengths.flatMap(([count, us]) => Array.from({ length: count }, () => step(now, now += us)));
}
const judged = (...lengths: Lengths): Omit<JudgedSteps, "part"> => {
  const { part, ...all } = judgeSteps("load: a", row(...lengths), model({}));
  assert.equal(part, "load: a");
  return Object.fromEntries(
    Object.entries(all).map(([name, value]) => [name, Math.round(value * 1e9) / 1e9]),
  ) as never;
};

Deno.test("errors of steps: in all, and of whole windows of 25 without sign", () => {
  // Windows are off by a half, nothing and a fifth; ten steps more fill none.
  assert.deepEqual(judged([25, 2000], [25, 1000], [25, 1250], [10, 4000]), {
    steps: 85,
    busyS: 0.14625,
    busyError: Math.round((85_000 / 146_250 - 1) * 1e9) / 1e9,
    windowP50: 0.2,
    windowP90: 0.44,
    decodesP90: 0.75,
    promptsP90: NaN,
  });
  assert.deepEqual(judged([25, 800]), {
    steps: 25,
    busyS: 0.02,
    busyError: 0.25,
    windowP50: 0.25,
    windowP90: 0.25,
    decodesP90: 0.25,
    promptsP90: NaN,
  });
  assert.deepEqual(judged([24, 800]), {
    steps: 24,
    busyS: 0.0192,
    busyError: 0.25,
    windowP50: NaN,
    windowP90: NaN,
    decodesP90: 0.25,
    promptsP90: NaN,
  });
});

Deno.test("the held-out error is that of the load that is predicted worst, of those that have a window", () => {
  const load = (windowP90: number): JudgedSteps => ({
    ...judgeSteps("l", row([25, 800]), model({})),
    windowP90,
  });
  assert.equal(heldOutError([load(0.02), load(NaN), load(0.07), load(0.03)]), 0.07);
  assert.equal(heldOutError([load(NaN)]), null);
});

Deno.test("single steps of decodes and of prompts have errors of their own, of each the worst load counts", () => {
  const steps = [...row([9, 1000], [1, 500]), step(9500, 10_300, 2)];
  const load = judgeSteps("l", steps, model({}));
  assert.deepEqual([load.decodesP90, load.promptsP90].map((share) => Math.round(share * 1e6)), [
    100_000,
    250_000,
  ]);
  const better = { ...load, promptsP90: 0.1, decodesP90: 0.2 };
  assert.deepEqual([heldOutStepError([load, better], true), heldOutStepError([load, better], false)], [
    load.promptsP90,
    0.2,
  ]);
  assert.equal(heldOutStepError([], true), null);
});
