/** What is done with shots in doubt, by a recorder and a lane that do as each case says; and what is told of a sentinel. */
import assert from "node:assert/strict";
import type { RunEvent } from "../../src/events.ts";
import type { Verdict } from "../../src/journal/judge.ts";
import type { ExecuteOptions } from "../../src/run/execute.ts";
import { checkDoubts, type DeviceSeen, fireDoubtful, newsOf, runSweeps } from "../../src/run/run_sweeps.ts";
import type { Step, SweepTask } from "../../src/run/sweep_task.ts";
import type { Shot } from "../../src/shots/shot.ts";
import type { LaneStep } from "../../src/workers/lane.ts";
import { textOf } from "./fakes.ts";
import { attentionSweep, denseSweep } from "./tiny_run.ts";

/** A device of which nothing has been seen. */
const NEW: DeviceSeen = { timeMoved: false, atPowerLimit: false, againInVain: false };

interface World {
  /** How often shots were fired. */
  fires: number;
  readonly doubtful: Set<Shot>;
  readonly judge: { movedLanes: string[]; allMoved: boolean; verdict: Verdict | null };
}

/** How the world answers. */
interface Script {
  readonly shots?: number;
  readonly doubtful?: number;
  readonly movedLanes?: string[];
  readonly allMoved?: boolean;
  readonly device?: Partial<DeviceSeen>;
  readonly watched?: boolean;
  /** Seconds that are left of a budget. */
  readonly leftS?: number;
  /** How often the sweep fires its shots. */
  readonly rounds?: number;
  /** Called after shots, none of them for the sentinel; gives what the lane says. */
  readonly after?: (world: World, fired: number) => LaneStep[] | void;
}

interface Outcome {
  readonly log: string[];
  readonly told: string[];
  readonly device: DeviceSeen;
  /** Seconds that were put down to sweeps, by a clock on which a shot takes two. */
  readonly spentS: number[];
  /** Outcomes after which it was asked whether to save. */
  readonly asked: number;
}

async function play(
  { shots = 3, doubtful = shots, watched = true, leftS, rounds = 1, after, ...script }: Script,
  how: typeof fireDoubtful | typeof checkDoubts | "sweeps" = fireDoubtful,
): Promise<Outcome> {
  const sweep = denseSweep(Array.from({ length: shots }, (_, index) => index + 1));
  const { movedLanes = [], allMoved = false } = script;
  const world: World = {
    fires: 0,
    doubtful: new Set(sweep.shots.slice(0, doubtful)),
    judge: { movedLanes, allMoved, verdict: null },
  };
  const log: string[] = [];
  const spentS: number[] = [];
  let asked = 0;
  let nowMs = 50_000;
  const session = {
    judge: world.judge,
    inDoubt: (shot: Shot) => world.doubtful.has(shot),
    save: () => Promise.resolve(void log.push("save")),
    saveIfDue: () => Promise.resolve(void asked++),
    note: (fact: { type: string }, at: { lane?: string }) =>
      void log.push(`note ${fact.type} ${at.lane ?? "-"}`),
    engine: (_: unknown, lane?: string) => void log.push(`engine ${lane ?? "-"}`),
    spend: (tp: number, category: string, took: { seconds: number; deviceBusyS: number | null }) => {
      log.push(`spend ${tp} ${category} ${took.deviceBusyS}`);
      spentS.push(took.seconds);
    },
    missing: () => ["norm"],
    timed: () => ["norm"],
    measured: () => ({ norm: 1 }),
    fail: (shot: Shot, kind: string, message: string, at: { sentinel?: boolean }) => {
      log.push(`failed ${at.sentinel === true ? "sentinel" : shot.category}`);
      return { category: shot.category, tp: shot.tp, key: [1], kind, message };
    },
    sentinel: () => world.judge.verdict,
  };
  const lane = {
    async *fire(
      fired: readonly Shot[],
      { resting, sentinel }: { resting?: string[]; sentinel?: { everyS: number } },
    ): AsyncGenerator<LaneStep> {
      log.push(fired.length === 0 ? `sentinel every ${sentinel?.everyS}` : `fire ${fired.length}`);
      if (fired.length > 0) world.fires++;
      if (resting !== undefined && resting.length > 0) log.push(`without ${resting}`);
      for (const shot of fired) {
        nowMs += 2000;
        yield await Promise.resolve(
          {
            type: "outcome",
            shot,
            outcome: { status: "measured", index: 0, samples: { norm: [1] } },
          } as never,
        );
      }
      yield* after?.(world, fired.length) ?? [];
    },
  };
  const sentinel = { shot: attentionSweep([1]).shots[0], everyS: 30, share: 0.05 };
  const options = {
    ...{ session, lane },
    ...watched && { sentinel },
    ...leftS !== undefined && { adaptive: { budget: { leftS: () => leftS } } },
  } as unknown as ExecuteOptions;
  const device = { ...NEW, ...script.device };
  const task: SweepTask = {
    sweep,
    extent: () => ({ planned: shots, done: 0 }),
    problem: () => null,
    gain: 0,
    *steps(): Generator<Step> {
      for (let round = 0; round < rounds; round++) yield { type: "fire", shots: sweep.shots };
    },
  };
  const usual = performance.now;
  let events: RunEvent[];
  try {
    performance.now = () => nowMs;
    events = await Array.fromAsync(
      how === "sweeps" ? runSweeps([task], options, device) : how([sweep], options, device),
    );
  } finally {
    performance.now = usual;
  }
  const told = events.flatMap((event) => {
    if (event.type === "shot") return [];
    if (event.type === "notice") return [event.message];
    if (event.type === "measuring-again") return [`again ${event.category} ${event.tp}: ${event.shots}`];
    if (event.type === "sentinel") {
      return [`sentinel ${event.tp} ${event.drift} ${event.moved} ${event.lane ?? "-"}`];
    }
    if (event.type !== "sweep-finished") return [event.type];
    assert.equal(event.seconds, spentS.reduce((sum, each) => sum + each, 0));
    return [`finished ${event.measured} ${event.failed} ${event.deviceBusyS}`];
  });
  return { log, told, device, spentS, asked };
}

const settledAll = ({ doubtful }: World, fired: number): void => void (fired > 0 && doubtful.clear());
/** Leaves so many in doubt each time that shots are fired. */
const leaves = (...counts: number[]): NonNullable<Script["after"]> => ({ doubtful, fires }, fired) => {
  const count = counts[fires - 1];
  if (fired === 0 || count === undefined) return;
  for (const shot of [...doubtful].slice(count)) doubtful.delete(shot);
};
const stand = (count: number, why: string): string =>
  `${count} shots of dense at tp 1 are in doubt: the device ${why}; their times stand, and the same run measures them again`;

const AGAIN: [what: string, script: Script, log: string[], told: string[]][] = [
  ["nothing is in doubt: nothing is fired or spent", { doubtful: 0 }, [], []],
  ["every device has moved: not now", { allMoved: true }, [], []],
  ["the shots lower the clock themselves: not at all", { device: { atPowerLimit: true } }, [], []],
  [
    "the time has moved too: that was not the power limit",
    { device: { atPowerLimit: true, timeMoved: true }, after: settledAll },
    ["fire 3", "sentinel every 0", "spend 1 dense null"],
    ["again dense 1: 3"],
  ],
  [
    "the time has moved too, and measuring again was in vain before: not at all",
    { device: { atPowerLimit: true, timeMoved: true, againInVain: true } },
    [],
    [],
  ],
  [
    "measuring again was in vain before, but the device is not at its power limit: now it may help",
    { device: { timeMoved: true, againInVain: true }, after: settledAll },
    ["fire 3", "sentinel every 0", "spend 1 dense null"],
    ["again dense 1: 3"],
  ],
  [
    "they are fired once, and the sentinel after them",
    { doubtful: 2, after: settledAll },
    ["fire 2", "sentinel every 0", "spend 1 dense null"],
    ["again dense 1: 2"],
  ],
  ["nothing watches: no sentinel is fired", { watched: false, after: settledAll }, [
    "fire 3",
    "spend 1 dense null",
  ], [
    "again dense 1: 3",
  ]],
  [
    "those that stay in doubt are fired twice, no more",
    { doubtful: 2 },
    ["fire 2", "sentinel every 0", "fire 2", "sentinel every 0", "spend 1 dense null"],
    ["again dense 1: 2", "again dense 1: 2"],
  ],
  [
    "a lane has moved: the sentinel may settle it",
    { movedLanes: ["a"], after: ({ doubtful }) => doubtful.clear() },
    ["sentinel every 0"],
    [],
  ],
  [
    "a lane has moved and stays so: the others fire",
    { movedLanes: ["a"], after: settledAll },
    ["sentinel every 0", "fire 3", "without a", "sentinel every 0", "spend 1 dense null"],
    ["again dense 1: 3"],
  ],
  [
    "the sentinel says that all have moved",
    { movedLanes: ["a"], after: ({ judge }) => void (judge.allMoved = true) },
    ["sentinel every 0"],
    [stand(3, "has drifted from its baseline and has not come back")],
  ],
  [
    "the sentinel says so of a single shot",
    { doubtful: 1, movedLanes: ["a"], after: ({ judge }) => void (judge.allMoved = true) },
    ["sentinel every 0"],
    [
      "1 shot of dense at tp 1 is in doubt: the device has drifted from its baseline and has not come back; " +
      "its time stands, and the same run measures it again",
    ],
  ],
  [
    "64 of 127 stay: more than half, the shots do it themselves",
    { shots: 127, after: leaves(64) },
    ["fire 127", "sentinel every 0", "spend 1 dense null"],
    ["again dense 1: 127", stand(64, "drifts with these shots (measured again, 63 of 127 were settled)")],
  ],
  [
    "64 of 128 stay: half, once more",
    { shots: 128, after: leaves(64, 0) },
    ["fire 128", "sentinel every 0", "fire 64", "sentinel every 0", "spend 1 dense null"],
    ["again dense 1: 128", "again dense 1: 64"],
  ],
  [
    "63 of 70 stay: few, once more",
    { shots: 70, after: leaves(63, 0) },
    ["fire 70", "sentinel every 0", "fire 63", "sentinel every 0", "spend 1 dense null"],
    ["again dense 1: 70", "again dense 1: 63"],
  ],
];
for (const [what, script, log, told] of AGAIN) {
  Deno.test(`shots in doubt after the sweeps: ${what}`, async () => {
    const found = await play(script);
    assert.deepEqual([found.log, found.told], [log, told]);
  });
}

Deno.test("doubts of an earlier run: the sentinel is fired before anything else, and only then", async () => {
  assert.deepEqual((await play({ doubtful: 1 }, checkDoubts)).log, ["sentinel every 0"]);
  assert.deepEqual((await play({ doubtful: 0 }, checkDoubts)).log, []);
});

for (const [count, isLeft] of [[64, true], [63, false]] as const) {
  Deno.test(`${count} shots that lower the clock at the power limit are ${isLeft ? "left" : "measured again"}`, async () => {
    const { told } = await play(
      { shots: count, device: { atPowerLimit: true }, after: leaves(count, 0) },
      "sweeps",
    );
    const why = "lowers its clock with these shots, at its power limit, and the sentinel's time stands";
    assert.deepEqual(told, [
      "sweep-started",
      isLeft ? stand(count, why) : `again dense 1: ${count}`,
      `finished ${isLeft ? count : 2 * count} 0 null`,
    ]);
  });
}

Deno.test("many shots that stay in doubt when they are measured again, at the power limit, are the degree's last ones", async () => {
  const limit = { atPowerLimit: true, timeMoved: true };
  const again = "again dense 1: 127";
  const settled = (count: number): string =>
    stand(127 - count, `drifts with these shots (measured again, ${count} of 127 were settled)`);
  const known = stand(
    127,
    "lowers its clock with these shots, at its power limit, and most of the shots measured again at this degree stayed in doubt",
  );
  const table: [device: Partial<DeviceSeen>, stays: number, told: string[], isInVain: boolean][] = [
    [limit, 127, [again, settled(0), known], true],
    [{ timeMoved: true }, 127, [again, settled(0), again, settled(0)], true],
    [limit, 63, [again, "again dense 1: 63", "again dense 1: 63", "again dense 1: 63"], false],
  ];
  for (const [device, stays, told, isInVain] of table) {
    const found = await play({ shots: 127, rounds: 2, device, after: leaves(127, stays, stays) }, "sweeps");
    assert.deepEqual(found.told.slice(1, -1), told);
    assert.equal(found.device.againInVain, isInVain);
  }
});

Deno.test("shots that are fired again count as seconds of their sweep, and each outcome may be saved", async () => {
  const again = await play({ doubtful: 2, after: settledAll });
  assert.deepEqual([again.spentS, again.asked], [[4], 2]);
  const twice = await play({ doubtful: 2 }, "sweeps");
  assert.deepEqual([twice.spentS, twice.asked], [[2 * (3 + 2 + 2)], 7]);
});

const small = "had drifted, and the budget is too small to measure them again";
for (const [leftS, again] of [[4, ["again dense 1: 2"]], [3.9, [stand(2, small)]]] as const) {
  Deno.test(`two shots of two seconds with ${leftS} s left of a budget: ${again}`, async () => {
    const { told } = await play({ doubtful: 2, leftS, after: leaves(2, 0) }, "sweeps");
    assert.deepEqual(told.slice(0, 2), ["sweep-started", ...again]);
  });
}

Deno.test("shots that an earlier run left in doubt are measured again whatever is left: nobody knows how long they take", async () => {
  assert.deepEqual((await play({ doubtful: 2, leftS: 0, after: settledAll })).told, ["again dense 1: 2"]);
});

Deno.test("each round's seconds of the device are its own", async () => {
  const after = (_: World, fired: number): LaneStep[] => fired > 0 ? [cost(250_000)] : [];
  const { log, told } = await play({ doubtful: 0, rounds: 2, after }, "sweeps");
  assert.deepEqual(log.filter((line) => line.startsWith("spend")), [
    "spend 1 dense 0.25",
    "spend 1 dense 0.25",
  ]);
  assert.equal(told.at(-1), "finished 6 0 0.5");
});

const cost = (us: number | null): LaneStep =>
  ({ type: "fact", fact: { type: "cost", device_busy_us: us, wall_us: 1 }, lane: "a" }) as never;
const state = (...throttle: string[]): LaneStep =>
  ({ type: "fact", fact: { type: "state", throttle } }) as never;
const SENTINEL = attentionSweep([1], 2).shots[0]!;
const sentinelStep = (outcome: object): LaneStep =>
  ({ type: "sentinel", shot: SENTINEL, outcome, clocks: [], lane: "a" }) as never;

Deno.test("a sweep's end: what was measured, what failed, and the seconds of the device, none where nobody knows", async () => {
  const failing = {
    type: "outcome",
    shot: denseSweep([9]).shots[0]!,
    outcome: { status: "failed", index: 0, kind: "infeasible", message: "no" },
  };
  const busy = await play({
    doubtful: 0,
    after: (_, fired) => fired > 0 ? [cost(500_000), cost(250_000), failing as never] : [cost(1_000_000)],
  }, "sweeps");
  assert.deepEqual(busy.told, ["sweep-started", "failed-shot", "finished 3 1 1.75"]);
  assert.deepEqual(busy.log, [
    ...["fire 3", "note cost a", "note cost a", "failed dense", "sentinel every 0", "note cost a"],
    ...["spend 1 dense 1.75", "save"],
  ]);
  const unknown = await play({ doubtful: 0, after: () => [cost(null)] }, "sweeps");
  assert.deepEqual(unknown.told.at(-1), "finished 3 0 null");
});

Deno.test("what is seen of the device: its power limit, and a sentinel's time that moved by more than its share", async () => {
  const seen = async (after: NonNullable<Script["after"]>): Promise<DeviceSeen> =>
    (await play({ doubtful: 0, after }, "sweeps")).device;
  assert.deepEqual(await seen(() => [state("sw_power_cap", "x")]), { ...NEW, atPowerLimit: true });
  assert.deepEqual(await seen(() => [state("hw_slowdown")]), NEW);
  for (const [drift, timeMoved] of [[0.05, false], [0.051, true], [-0.051, true], [0, false]] as const) {
    const device = await seen((world) => {
      world.judge.verdict = { drift, moved: false, clockMhz: null } as unknown as Verdict;
      return [sentinelStep({ status: "measured", samples: {} })];
    });
    assert.deepEqual(device, { ...NEW, timeMoved }, `${drift}`);
  }
});

Deno.test("a sentinel is told with its lane; one that fails is told in words, and nothing is watched then", async () => {
  const measured = await play({
    doubtful: 0,
    after: (world, fired) => {
      world.judge.verdict = { drift: 0.1, moved: true, clockMhz: 900, news: "slower" } as unknown as Verdict;
      return fired > 0 ? [] : [sentinelStep({ status: "measured", samples: {} })];
    },
  }, "sweeps");
  assert.equal(measured.told[1], "sentinel 2 0.1 true a");
  assert.match(
    measured.told[2]!,
    /^a is slower than what was measured before at tp 2 \(the sentinel takes 10\.0% more/,
  );
  const failed = await play({
    doubtful: 0,
    after: (_, fired) =>
      fired > 0 ? [] : [sentinelStep({ status: "failed", kind: "infeasible", message: "no room" })],
  }, "sweeps");
  assert.deepEqual(failed.told.slice(1, -1), [
    `The sentinel ${textOf(SENTINEL)} failed, the device is not watched at tp 2 from here on: no room`,
  ]);
  assert.ok(failed.log.includes("failed sentinel"));
  const other = await play({
    doubtful: 0,
    after: (_, fired) =>
      fired > 0 ? [{ type: "engine", lane: "b" } as never, { type: "broken", message: "gone" } as never] : [],
  }, "sweeps");
  assert.deepEqual(other.told, ["sweep-started", "gone", "finished 3 0 null"]);
  assert.ok(other.log.includes("engine b"));
});

const NEWS: [news: Verdict["news"], drift: number, lane: string | undefined, text: string | null][] = [
  [undefined, 0.5, undefined, null],
  [
    "accepted",
    0.5,
    undefined,
    "The device has another speed than what was measured before at tp 4, which is accepted: what was measured before is in doubt",
  ],
  [
    "unlike",
    0.5,
    "a",
    "The sentinel at tp 4 is another shot than before: whether the device is as fast as then cannot be said",
  ],
  [
    "faster",
    -0.123,
    "a",
    "a is faster than what was measured before at tp 4 (the sentinel takes 12.3% less time): when the next sentinel says " +
    "so too, what was measured before is in doubt",
  ],
  [
    "slower",
    0,
    undefined,
    "The device is slower than what was measured before at tp 4 (the sentinel takes 0.0% more time): what it measures is in " +
    "doubt until it is back; if this is its speed from now on, acceptSpeed (--accept-speed) measures again what was " +
    "measured before",
  ],
];
for (const [news, drift, lane, text] of NEWS) {
  Deno.test(`what is told of a sentinel with news ${news}`, () => {
    assert.equal(
      newsOf({ ...news && { news }, drift, moved: false, clockMhz: null } as Verdict, 4, lane),
      text,
    );
  });
}

Deno.test("sweeps side by side: the one whose error falls fastest goes on, the first of equals; one with a problem is left out", async () => {
  const log: string[] = [];
  const task = (tokens: number, gains: number[], problem: string | null = null): SweepTask => {
    let round = 0;
    return {
      sweep: { ...attentionSweep([tokens]), tp: tokens },
      extent: () => ({ planned: 1, done: 0 }),
      problem: () => problem,
      get gain(): number {
        return gains[round]!;
      },
      *steps(): Generator<Step> {
        for (; round < gains.length - 1;) {
          log.push(`${tokens} round ${round++}`);
          yield { type: "pause" };
        }
        log.push(`${tokens} ends`);
      },
    };
  };
  const session = { save: () => Promise.resolve() };
  const events = await Array.fromAsync(runSweeps(
    [task(1, [5, 1, 3]), task(2, [5, 2, 1]), task(3, [9], "no rows")],
    { session } as unknown as ExecuteOptions,
    { ...NEW },
  ));
  assert.deepEqual(log, ["1 round 0", "2 round 0", "2 round 1", "1 round 1", "1 ends", "2 ends"]);
  assert.deepEqual(
    events.map((event) =>
      event.type === "notice" ? event.message : `${event.type} ${(event as { tp: number }).tp}`
    ),
    [
      "The skew sweep at tp 3 is left out: no rows",
      ...["sweep-started 1", "sweep-started 2", "sweep-finished 1", "sweep-finished 2"],
    ],
  );
});
