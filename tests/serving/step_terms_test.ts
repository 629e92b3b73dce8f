/** What is learned from steps whose terms are known by hand; the same steps one fewer teach nothing. */
import assert from "node:assert/strict";
import type { ServedStep, StepGroup } from "../../src/serving/served.ts";
import type { StepRows } from "../../src/serving/step_rows.ts";
import { hostPaceOf, paceOf, probesOf } from "../../src/serving/host_pace.ts";
import { arrivalsIn, batchOfGroups, learnTerms, NO_TERMS, tokensOf } from "../../src/serving/step_terms.ts";

/** Prompts take 1 µs a token and are bound by arithmetic from 1,000 on; decodes take 500 µs. */
const ROWS: StepRows = {
  ns: ({ prefills }) =>
    prefills.length === 0 ? 500_000 : prefills.reduce((ns, { chunk }) => ns + 1000 * chunk, 0),
  computeBound: (tokens) => tokens >= 1000,
  skipped: [],
};
const SETTINGS = {
  max_num_batched_tokens: 4096,
  max_num_seqs: 256,
  max_model_len: 16384,
  block_size: 16,
  num_gpu_blocks: 1000,
  dtype: "bfloat16",
  kv_cache_dtype: "auto",
  enforce_eager: false,
  graphs: "full_and_piecewise",
  captured_sizes: [1, 8, 512],
  async_scheduling: false,
  prefix_caching: false,
};

const decode = (count = 1): StepGroup[] => [{ tokens: 1, history: 100, count }];
const prompt = (tokens: number): StepGroup[] => [{ tokens, history: 100, count: 1 }];
const repeat = <T>(times: number, of: (at: number) => T): T[] =>
  Array.from({ length: times }, (_, at) => of(at));

interface Timed {
  readonly groups: readonly StepGroup[];
  /** From the tokens of the step before to its own. */
  readonly periodUs: number;
  /** From the tokens of the step before until it is scheduled. */
  readonly betweenUs?: number;
  readonly hostUs?: number;
  readonly launchUs?: number;
  readonly spanUs?: number;
  readonly kernelUs?: number;
}

/** A part whose steps follow each other. */
function part(name: string, steps: readonly Timed[]): ServedStep[] {
  let outputUs = 0;
  return steps.map(({ groups, periodUs, betweenUs = 0, ...times }) => {
    const scheduledS = (outputUs + betweenUs) / 1e6;
    outputUs += periodUs;
    const { hostUs = null, launchUs = null, spanUs = null, kernelUs = null } = times;
    return { part: name, groups, scheduledS, outputS: outputUs / 1e6, hostUs, launchUs, spanUs, kernelUs };
  });
}

/** Terms in tenths of a microsecond, the slowdown in thousandths. */
function learned(steps: readonly ServedStep[], settings: Partial<typeof SETTINGS> = {}): typeof NO_TERMS {
  const round = (us: number): number => Math.round(us * 10) / 10;
  const { gapUs, hostUs, steadyUs, requestUs, changeUs, fetchUs, arrivalUs, probeUs, clock } = learnTerms(
    steps,
    ROWS,
    {
      ...SETTINGS,
      ...settings,
    },
  );
  return {
    gapUs: round(gapUs),
    hostUs: { graph: round(hostUs.graph), pieces: round(hostUs.pieces), kernels: round(hostUs.kernels) },
    steadyUs: round(steadyUs),
    requestUs: round(requestUs),
    changeUs: round(changeUs),
    fetchUs: round(fetchUs),
    arrivalUs: round(arrivalUs),
    probeUs,
    clock: clock && { slowdown: Math.round(clock.slowdown * 1000) / 1000, onsetUs: round(clock.onsetUs) },
  };
}

/** Steps that the server waited for: of them only the host's times count. */
const apart = (groups: StepGroup[], hostUs: number): Timed => ({
  groups,
  hostUs,
  periodUs: 5100,
  betweenUs: 5000,
});
const host = (graph: number, pieces = 0, kernels = 0): typeof NO_TERMS.hostUs => ({ graph, pieces, kernels });

const hosts: [string, Timed[], Partial<typeof NO_TERMS>][] = [
  [
    "a line over the requests of a graph's steps",
    [...repeat(8, () => apart(decode(), 100)), ...repeat(8, () => apart(decode(5), 140))],
    { requestUs: 10, hostUs: host(90) },
  ],
  [
    "a line through the medians of three numbers of requests",
    [1, 2, 6].flatMap((count) => repeat(8, (at) => apart(decode(count), at === 0 ? 9999 : 100 + 7 * count))),
    { requestUs: 7, hostUs: host(100) },
  ],
  [
    "no slope without eight steps of each number",
    [...repeat(7, () => apart(decode(), 100)), ...repeat(8, () => apart(decode(5), 140))],
    { hostUs: host(121.3) },
  ],
  [
    "no slope that falls",
    [...repeat(8, () => apart(decode(), 140)), ...repeat(9, () => apart(decode(5), 100))],
    { hostUs: host(118.8) },
  ],
  [
    "pieces and kernels less what their requests cost",
    [
      ...repeat(8, () => apart(decode(), 100)),
      ...repeat(8, () => apart(decode(5), 140)),
      ...repeat(8, () => apart([...decode(2), ...prompt(20)], 330)),
      ...repeat(8, () => apart(prompt(600), 710)),
    ],
    { requestUs: 10, hostUs: host(90, 300, 700) },
  ],
  ["nothing of seven steps", repeat(7, () => apart(decode(), 100)), {}],
  [
    "nothing of steps whose host was not timed",
    repeat(9, () => ({ ...apart(decode(), 0), hostUs: undefined as never })),
    {},
  ],
];
for (const [what, steps, terms] of hosts) {
  Deno.test(`the host's time: ${what}`, () => {
    assert.deepEqual(learned(part("p", steps)), { ...NO_TERMS, ...terms });
  });
}

Deno.test("the host's time: the slope is the median of any two numbers' slopes, so that a slow while moves it little", () => {
  const us = (count: number): number => count === 40 ? 900 : 100 + 5 * count;
  const steps = [1, 8, 20, 40, 60].flatMap((count) => repeat(8, () => apart(decode(count), us(count))));
  assert.deepEqual(learned(part("p", steps)), { ...NO_TERMS, requestUs: 5, hostUs: host(100) });
});

Deno.test("the host's time: a mean, but for steps that take more than twice the median", () => {
  const steps = [100, 100, 100, 100, 100, 100, 140, 180, 201, 9999].map((us) => apart(decode(), us));
  assert.deepEqual(learned(part("p", steps)).hostUs, host(115));
});

/** Steps of a host that takes `pace` as long, beyond 200 µs of a graph, which are the same; probed at 20 µs. */
const atPace = (pace: number, probed = true): ServedStep[] =>
  part(`pace ${pace}`, [
    ...repeat(40, () => apart(decode(), 200 + 800 * pace)),
    ...repeat(10, () => apart([...decode(2), ...prompt(20)], 3000 * pace)),
  ]).map((step) => probed ? { ...step, probeUs: 20 * pace } : step);
Deno.test("the host's time: probes tell its pace, and what of a graph's time is the same at any", () => {
  const both = learned([...atPace(1), ...atPace(0.5), ...atPace(1.5)]);
  assert.deepEqual([both.hostUs, both.steadyUs, both.probeUs], [host(1000, 3000), 200, 20]);
  const alike = learned([...atPace(1), ...atPace(1.1)]);
  assert.deepEqual([alike.steadyUs, alike.probeUs], [0, 21], "paces that are alike tell no line");
  const unknown = learned([...atPace(1, false), ...atPace(1.5, false)]);
  assert.deepEqual([unknown.hostUs, unknown.probeUs], [host(1200, 3750), null]);
});

Deno.test("a host's pace is that of the probes around a step, 1 without any", () => {
  const steps = atPace(1).slice(0, 30).map((step, at) => ({
    ...step,
    probeUs: at === 9 ? 900 : at < 20 ? 20 : 40,
  }));
  assert.deepEqual([0, 9, 29].map((at) => probesOf(steps)[at]), [20, 20, 40]);
  assert.ok(hostPaceOf(steps, { probeUs: 20 }) > 1 && hostPaceOf(steps, { probeUs: 20 }) < 2);
  assert.deepEqual([hostPaceOf(steps, { probeUs: null }), hostPaceOf([], { probeUs: 20 }), paceOf(30, 20)], [
    1,
    1,
    1.5,
  ]);
  assert.deepEqual(probesOf(atPace(1, false)).slice(0, 2), [null, null]);
});

/** Groups of four decodes, of which one ends behind the first step. */
const changes: [string, Timed[], number][] = [
  ["a request has gone", [apart(decode(4), 100), apart(decode(3), 130), apart(decode(3), 100)], 30],
  ["a request has come", [apart(decode(2), 100), apart(decode(3), 130), apart(decode(3), 100)], 30],
  ["behind a prompt", [
    apart([...decode(2), ...prompt(20)], 300),
    apart(decode(3), 130),
    apart(decode(3), 100),
  ], 30],
  ["nothing where the batch is the same", [
    apart(decode(3), 100),
    apart(decode(3), 130),
    apart(decode(3), 100),
  ], 0],
  ["nothing where the next one is another batch too", [
    apart(decode(4), 100),
    apart(decode(3), 130),
    apart(decode(2), 100),
  ], 0],
  ["nothing of pieces", [
    apart(decode(4), 100),
    apart([...decode(2), ...prompt(20)], 330),
    apart([...decode(2), ...prompt(20)], 300),
  ], 0],
  ["never less than nothing", [apart(decode(4), 100), apart(decode(3), 80), apart(decode(3), 100)], 0],
];
for (const [what, steps, changeUs] of changes) {
  Deno.test(`another batch than the step before had: ${what}`, () => {
    const parts = (count: number): ServedStep[] => repeat(count, (at) => part(`p${at}`, steps)).flat();
    assert.deepEqual([8, 7].map((count) => learned(parts(count)).changeUs), [changeUs, 0]);
  });
}

/** Steps that are launched while the one before runs, whose tokens come so long after. */
const waits = (...us: number[]): ServedStep[] => {
  const steps = part("p", repeat(us.length + 1, () => ({ groups: decode(), periodUs: 1000, launchUs: 200 })));
  return steps.map((step, at) =>
    at === 0 ? step : { ...step, scheduledS: step.scheduledS - (200 + us[at - 1]!) / 1e6 }
  );
};
Deno.test("fetching tokens that are there: what one in twenty steps waits less for, of eight or more", () => {
  assert.equal(learned(waits(...times(8, 60))).fetchUs, 60);
  assert.equal(learned(waits(...times(7, 60))).fetchUs, 0);
  assert.equal(learned(waits(...times(3, 60), ...times(18, 500))).fetchUs, 60);
  assert.equal(learned(waits(...times(1, 60), ...times(80, 500))).fetchUs, 500);
  assert.equal(learned(waits(...times(9, -60))).fetchUs, 0);
});

/** Steps of one graph back to back, 200 µs longer than their rows. */
const graph = (hostUs = 100): Timed => ({ groups: decode(), periodUs: 700, hostUs });
const pieces: Timed = { groups: [...decode(), ...prompt(20)], periodUs: 700, hostUs: 100 };
const gaps: [string, Timed[], number][] = [
  ["eight steps, each behind another", repeat(9, () => graph()), 200],
  ["seven are too few", repeat(8, () => graph()), 0],
  ["a period just above what the host needs and 15%", repeat(9, () => graph(608)), 200],
  ["a period just below it is the host's", repeat(9, () => graph(609)), 0],
  ["the last one is followed by pieces", [...repeat(9, () => graph()), pieces], 0],
  ["one more, followed by pieces", [...repeat(10, () => graph()), pieces], 200],
  ["the first one follows pieces", [pieces, ...repeat(9, () => graph())], 200],
  ["steps that rested for longer than a millisecond", repeat(9, () => ({ ...graph(), betweenUs: 1001 })), 0],
  ["steps that rested for less", repeat(9, () => ({ ...graph(), betweenUs: 999 })), 200],
  ["a device that is faster than its rows", repeat(9, () => ({ ...graph(), periodUs: 450 })), 0],
  ["the host's own time of a step says that it waited for it, whatever its kind takes", [
    ...repeat(20, () => apart(decode(), 100)),
    ...repeat(9, () => graph(650)),
  ], 0],
  ["steps under a profiler", repeat(9, () => ({ ...graph(), kernelUs: 480 })), 0],
];
for (const [what, steps, gapUs] of gaps) {
  Deno.test(`the gap of steps of one graph: ${what}`, () =>
    assert.equal(learned(part("p", steps)).gapUs, gapUs));
}

Deno.test("the first step of a part follows no other: eight parts of two steps teach what one of nine does", () => {
  const parts = (steps: number): ServedStep[] =>
    repeat(8, (at) => part(`p${at}`, repeat(steps, () => graph()))).flat();
  assert.deepEqual([learned(parts(2)).gapUs, learned(parts(1)).gapUs], [200, 0]);
});

const first = (count: number): StepGroup[] => [...decode(3), { tokens: 1, history: 0, count }];
const between = (groups: StepGroup[], betweenUs: number): Timed => ({ groups, betweenUs, periodUs: 5000 });
const arrivals: [string, Timed[], number][] = [
  [
    "what the host takes longer before a step with a new request",
    [...repeat(9, () => between(decode(), 50)), ...repeat(8, () => between(first(1), 80))],
    30,
  ],
  ["never less than nothing", [
    ...repeat(9, () => between(decode(), 50)),
    ...repeat(8, () => between(first(1), 20)),
  ], 0],
  ["seven steps are too few", [
    ...repeat(9, () => between(decode(), 50)),
    ...repeat(7, () => between(first(1), 80)),
  ], 0],
  ["two new requests are another matter", [
    ...repeat(9, () => between(decode(), 50)),
    ...repeat(8, () => between(first(2), 80)),
  ], 0],
  ["without usual steps nothing is known", repeat(9, () => between(first(1), 80)), 0],
  [
    "steps in pieces are not usual ones",
    [
      ...repeat(9, () => between([...decode(), ...prompt(20)], 50)),
      ...repeat(8, () => between(first(1), 80)),
    ],
    0,
  ],
  [
    "what was waited for is left out",
    [...repeat(9, () => between(decode(), 50)), ...repeat(8, () => between(first(1), 4001))],
    0,
  ],
  [
    "up to four milliseconds",
    [...repeat(9, () => between(decode(), 50)), ...repeat(8, () => between(first(1), 3999))],
    3949,
  ],
];
for (const [what, steps, arrivalUs] of arrivals) {
  Deno.test(`adding a request: ${what}`, () => assert.equal(learned(part("p", steps)).arrivalUs, arrivalUs));
}

Deno.test("adding a request: of a server that schedules ahead the tokens two steps before came last", () => {
  // Periods of 100 µs: scheduled 50 µs after the tokens of the step before is 150 after those of the one before that.
  const steps = [
    ...repeat(10, () => ({ ...between(decode(), 50), periodUs: 100 })),
    ...repeat(8, () => ({
      ...between(first(1), 90),
      periodUs: 130,
    })),
  ];
  assert.equal(learned(part("p", steps), { async_scheduling: false }).arrivalUs, 40);
  // The first of the eight has 100 µs between the steps before it, the others 130: at their median 220 against 150.
  assert.equal(learned(part("p", steps), { async_scheduling: true }).arrivalUs, 70);
});

/** Prompts of 2,000 µs in a queue, so many times as long. */
const queue = (...ratios: number[]): Timed[] =>
  ratios.map((ratio) => ({ groups: prompt(2000), periodUs: 2000 * ratio }));
const times = (count: number, ratio: number): number[] => repeat(count, () => ratio);
/** The first step of a part is of unknown length: it counts as its rows. */
const clocks: [string, Timed[], typeof NO_TERMS.clock][] = [
  ["falls after nine steps", queue(...times(9, 1), ...times(8, 1.2)), { slowdown: 0.2, onsetUs: 18_000 }],
  ["falls in the middle of a step", queue(...times(9, 1), 1.1, ...times(7, 1.2)), {
    slowdown: 0.2,
    onsetUs: 19_000,
  }],
  ["is low from the first", queue(...times(17, 1.2)), { slowdown: 0.2, onsetUs: 2000 }],
  ["a quarter of the fall is no onset", queue(...times(9, 1.04), ...times(8, 1.2)), {
    slowdown: 0.2,
    onsetUs: 18_640,
  }],
  ["falls by 4%", queue(...times(17, 1.04)), { slowdown: 0.04, onsetUs: 2000 }],
  ["falls by less than 3%", queue(...times(17, 1.029)), null],
  ["a late half of seven is too few", queue(...times(8, 1), ...times(7, 1.2)), null],
  [
    "a run of seven is too short",
    [queue(...times(8, 1.2)), queue(...times(8, 1.2))].flatMap((run) => [...run, graph()]),
    null,
  ],
  [
    "two runs of eight, with decodes between them",
    [queue(...times(9, 1.2)), queue(...times(9, 1.2))].flatMap((run) => [...run, graph()]),
    // Each begins at nothing: the first behind a step of unknown length, the other behind the decodes.
    { slowdown: 0.2, onsetUs: 1000 },
  ],
  [
    "prompts that are not bound by arithmetic",
    times(17, 1.2).map((ratio) => ({ groups: prompt(999), periodUs: 999 * ratio })),
    null,
  ],
  [
    "prompts that the host launches more slowly than they run",
    queue(...times(17, 1.2)).map((step) => ({ ...step, hostUs: 2100 })),
    null,
  ],
];
for (const [what, steps, clock] of clocks) {
  Deno.test(`the clock: ${what}`, () => assert.deepEqual(learned(part("p", steps)).clock, clock));
}

Deno.test("the clock: where spans were measured they count, of steps that were launched while the one before ran", () => {
  const spanned = (launchUs: number): ServedStep[] =>
    part("p", queue(...times(17, 1.5))).map((step) => ({
      ...step,
      scheduledS: step.scheduledS - 100 / 1e6,
      spanUs: 2400,
      launchUs,
    }));
  assert.deepEqual(learned(spanned(99)).clock, { slowdown: 0.2, onsetUs: 2000 });
  assert.equal(learned(spanned(101)).clock, null);
  const unlaunched = spanned(99).map((step) => ({ ...step, launchUs: null }));
  assert.equal(
    learned(unlaunched).clock?.slowdown,
    0.5,
    "from tokens to tokens where launches were not measured",
  );
});

Deno.test("a step's tokens, new requests and batch", () => {
  const groups = [
    { tokens: 1, history: 7, count: 2 },
    { tokens: 64, history: 0, count: 2 },
    { tokens: 2, history: 9, count: 1 },
  ];
  assert.deepEqual([tokensOf(groups), arrivalsIn(groups)], [132, 2]);
  assert.deepEqual(batchOfGroups(groups), {
    prefills: [{ chunk: 64, history: 0 }, { chunk: 64, history: 0 }, { chunk: 2, history: 9 }],
    decodes: [{ kv: 7, count: 2 }],
  });
});
