/** What a bundle takes of a journal that was fired elsewhere, by a session that writes down what it is asked. */
import assert from "node:assert/strict";
import type { Verdict } from "../../src/journal/judge.ts";
import type { JournalLine, PlanLine } from "../../src/journal/line.ts";
import { replay, type Replayed, type ReplayOptions } from "../../src/run/replay.ts";
import type { Shot } from "../../src/shots/shot.ts";
import type { BundleSession } from "../../src/store/session.ts";
import { textOf } from "./fakes.ts";

/** What the bundle knows, by shots as texts, and what its judge waits for. */
interface World {
  readonly known?: readonly string[];
  readonly doubtful?: readonly string[];
  readonly failed?: readonly string[];
  readonly awaits?: boolean;
  readonly verdict?: Partial<Verdict>;
  readonly recorded?: Record<string, number>;
  readonly options?: Partial<ReplayOptions>;
}

/** Seconds that were put down to a sweep. */
interface Took {
  readonly seconds: number;
  readonly deviceBusyS: number | null;
}

interface Played {
  readonly log: string[];
  readonly told: Replayed;
  readonly engines: number[];
}

function play(
  lines: readonly object[],
  { known = [], doubtful = [], failed = [], awaits = false, verdict = {}, recorded = {}, options = {} }:
    World = {},
): Played {
  const log: string[] = [];
  const session = {
    judge: { verdict, awaits: () => awaits, end: () => void log.push("end") },
    start: ({ watch, acceptSpeed, allowMixed, origin, started }: Record<string, unknown>) => {
      const at = (started as Date).toISOString();
      log.push(`start ${JSON.stringify(watch)} ${acceptSpeed} ${allowMixed} ${origin} ${at}`);
      return ["begun"];
    },
    describe: () => void log.push("describe"),
    record: (line: JournalLine) =>
      void log.push(`record ${line.type}${"lane" in line ? ` ${line.lane}` : ""}`),
    note: ({ type }: JournalLine) => void log.push(`note ${type}`),
    timed: () => ["norm"],
    missing: (shot: Shot) => known.includes(textOf(shot)) ? [] : ["norm"],
    inDoubt: (shot: Shot) => doubtful.includes(textOf(shot)),
    hasFailed: (shot: Shot) => failed.includes(textOf(shot)),
    measured: (shot: Shot, samples: object, more: object) => {
      log.push(`measured ${textOf(shot)} ${JSON.stringify(samples)} ${JSON.stringify(more)}`);
      return { norm: 1 };
    },
    fail: (shot: Shot, kind: string) => {
      log.push(`fail ${textOf(shot)} ${kind}`);
      return { category: shot.category, tp: shot.tp, key: [], kind, message: "" };
    },
    spend: (tp: number, category: string, { seconds, deviceBusyS: busyS }: Took) => {
      const toMs = (value: number | null): number | null => value && Math.round(1000 * value) / 1000;
      log.push(`spend ${category} tp${tp} ${toMs(seconds)} ${toMs(busyS)}`);
    },
    otherKernels: new Map([["norm", "dense tp1 1"]]),
    meta: {},
  };
  const header = {
    id: "origin",
    quantity: "kernel",
    started: "2026-11-29T00:00:00Z",
    plan: { settings: {}, configs: { 1: {} }, overrides: {} },
  };
  const enginesByTp = new Map<number, never>();
  const told = replay(
    session as unknown as BundleSession,
    header as unknown as PlanLine,
    lines as JournalLine[],
    {
      ...{
        hardware: "H200",
        allowMixed: false,
        driftShare: null,
        acceptSpeed: false,
        source: "",
        enginesByTp,
      },
      recorded: new Map(Object.entries(recorded)),
      ...options,
    },
  );
  return { log, told, engines: [...enginesByTp.keys()] };
}

const session = (more: object = {}): object => ({
  ...{ type: "session", format: 2, started: "2026-11-29T01:00:00.000Z", identity: {}, settings: {} },
  ...more,
});
const shot = (tokens: number, more: object = {}): object => ({
  ...{ type: "shot", category: "dense", tp: 1, key: [tokens], samples: { norm: [2, 3, 4] } },
  ...more,
});
const attention = (more: object = {}): object => ({
  ...shot(0, more),
  category: "attention",
  key: [0, 0, 1, 16],
});
const engine = (more: object = {}): object => ({ type: "engine", tp: 1, limits: {}, ...more });
const sentinel = (more: object = {}): object => ({ ...shot(64, more), type: "sentinel" });
const state = (more: object = {}): object => ({ type: "state", throttle: [], ...more });
const failure = (more: object = {}): object => ({
  ...{ type: "failed", category: "dense", tp: 1, key: [8], kind: "infeasible", message: "no" },
  ...more,
});
const cost = (wall_us: number, more: object = {}): object => ({ type: "cost", wall_us, ...more });
const measured = (text: string, more = "{}"): string => `measured ${text} {"norm":[2,3,4]} ${more}`;
const LAUNCHES =
  "Layer 'norm' launches other kernels than in an earlier session (dense tp1 1): with another backend or library, " +
  "rows of before and after may not belong together";

const journals: Record<string, [lines: readonly object[], world: World, log: readonly string[]]> = {
  "what waits on a lane is recorded before its first shot, once": [
    [engine(), sentinel(), state(), shot(1), shot(2)],
    {},
    ["record engine", "record sentinel", "record state", measured("dense tp1 1"), measured("dense tp1 2")],
  ],
  "the last of each kind is what waits": [
    [engine({ lane: "a" }), engine({ lane: "a" }), state({ lane: "a" }), shot(1, { lane: "a" })],
    {},
    ["record engine a", "record state a", measured("dense tp1 1", '{"lane":"a"}')],
  ],
  "each lane has its own": [
    [engine({ lane: "a" }), engine({ lane: "b" }), shot(1, { lane: "b" }), shot(2, { lane: "a" })],
    {},
    [
      ...["record engine b", measured("dense tp1 1", '{"lane":"b"}')],
      ...["record engine a", measured("dense tp1 2", '{"lane":"a"}')],
    ],
  ],
  "a session begins with nothing that waits": [
    [engine(), state(), session(), shot(1)],
    {},
    [
      `start {"every_s":30,"share":0.03} false false origin 2026-11-29T01:00:00.000Z`,
      measured("dense tp1 1"),
    ],
  ],
  "what a result says of itself goes with it": [
    [shot(1, { stop: "max", kernels: { norm: ["k"] }, kernel_sums: { norm: [9] }, recordings: 2 })],
    {},
    [measured(
      "dense tp1 1",
      '{"stop":"max","kernels":{"norm":["k"]},"kernel_sums":{"norm":[9]},"recordings":2}',
    )],
  ],
  "a result that the bundle has is passed over": [[engine(), shot(1)], { known: ["dense tp1 1"] }, []],
  "one in doubt is replaced": [
    [shot(1)],
    { known: ["dense tp1 1"], doubtful: ["dense tp1 1"] },
    [measured("dense tp1 1")],
  ],
  "one in doubt stands where it is the very same": [
    [shot(1)],
    {
      ...{ known: ["dense tp1 1"], doubtful: ["dense tp1 1"] },
      recorded: { 'shot dense tp1 1 {"norm":[2,3,4]}': 1 },
    },
    [],
  ],
  "a result without times fails, and counts as fired": [
    [shot(1, { samples: {} }), cost(1e6)],
    {},
    ["fail dense tp1 1 unsupported", "spend dense tp1 1 null"],
  ],
  "what a chunk cost is put down to its sweeps by their shots": [
    [shot(1), shot(2), attention(), cost(3e6, { device_busy_us: 1.5e6 }), cost(7e6), shot(3), cost(1e6)],
    {},
    [
      ...[measured("dense tp1 1"), measured("dense tp1 2"), measured("attention tp1 0,0,1,16")],
      ...[
        "spend dense tp1 2 1",
        "spend attention tp1 1 0.5",
        measured("dense tp1 3"),
        "spend dense tp1 1 null",
      ],
    ],
  ],
  "a device that does not tell what it worked has no seconds of it": [
    [shot(1), cost(2e6, { device_busy_us: null })],
    {},
    [measured("dense tp1 1"), "spend dense tp1 2 null"],
  ],
  "a lane's cost is that of its shots": [
    [shot(1, { lane: "a" }), cost(2e6, { lane: "b" }), cost(4e6, { lane: "a" })],
    {},
    [measured("dense tp1 1", '{"lane":"a"}'), "spend dense tp1 4 null"],
  ],
  "what lasts is recorded where the bundle has it less often": [
    [1, 2, 3].map(() => ({ type: "sustained", category: "dense", tp: 1, key: [1], layers: { norm: {} } })),
    { recorded: { 'sustained dense tp1 1 {"norm":{}}': 2 } },
    ["record sustained"],
  ],
  "names of kernels are noted": [[{ type: "kernels", names: {} }], {}, ["note kernels"]],
  "a state that the judge waits for is recorded at once": [[state()], { awaits: true }, ["record state"]],
  "a sentinel that the judge waits for too, with what waited": [
    [engine(), sentinel()],
    { awaits: true },
    ["record engine", "record sentinel"],
  ],
  "but not one that the bundle has": [
    [sentinel()],
    { awaits: true, recorded: { 'sentinel dense tp1 64 {"norm":[2,3,4]}': 1 } },
    [],
  ],
  "a sentinel that failed counts as none": [
    [failure({ sentinel: true })],
    { awaits: true },
    ["record failed"],
  ],
  "a failure is recorded with what waited, and counts as fired": [
    [engine(), failure(), cost(1e6)],
    {},
    ["record engine", "record failed", "spend dense tp1 1 null"],
  ],
  "one of a shot that was measured is not": [[failure(), cost(1e6)], { known: ["dense tp1 8"] }, []],
  "nor one that the bundle knows": [[failure(), cost(1e6)], { failed: ["dense tp1 8"] }, []],
  "an engine is described behind a session, not one of shared experts": [
    [engine({ tp: 4 }), session({ watch: null }), engine({ tp: 2 }), engine({ tp: 8, ep: 8 })],
    {},
    ["start null false false origin 2026-11-29T01:00:00.000Z", "describe"],
  ],
};
for (const [what, [lines, world, log]] of Object.entries(journals)) {
  Deno.test(`a journal is taken in: ${what}`, () =>
    assert.deepEqual(play(lines, world).log, [...log, "end"]));
}

Deno.test("what was taken in is counted, and degrees whose alphas change are named", () => {
  const { told, engines } = play([
    ...[session(), engine({ tp: 2 }), engine({ tp: 4, ep: 4 })],
    ...[shot(1), shot(2), failure(), shot(3, { samples: {} })],
    ...[attention({ tp: 2 }), {
      ...shot(0, { tp: 4 }),
      category: "skew",
      key: [0, 2, 1, 16, 64],
      samples: {},
    }],
  ], { known: ["dense tp1 2"], failed: ["dense tp1 8"] });
  assert.deepEqual([told.measured, told.known, [...told.skewTps], engines], [2, 2, [2], [2]]);
  assert.deepEqual(told.notices, ["begun", LAUNCHES]);
});

const watches: [line: object, options: Partial<ReplayOptions>, start: string][] = [
  [{ watch: { every_s: 5, share: 0.1 } }, {}, '{"every_s":5,"share":0.1} false false'],
  [{ watch: { every_s: 5, share: 0.1 } }, { driftShare: 0.2 }, '{"every_s":5,"share":0.2} false false'],
  [{}, { driftShare: 0.2, allowMixed: true }, '{"every_s":30,"share":0.2} false true'],
  [{ watch: null }, { driftShare: 0.2 }, "null false false"],
  [{ watch: null, accept_speed: true }, {}, "null true false"],
  [{ watch: null, accept_speed: false }, { acceptSpeed: true }, "null true false"],
];
for (const [line, options, start] of watches) {
  Deno.test(`a session of ${JSON.stringify(line)} with ${JSON.stringify(options)} is watched by ${start}`, () => {
    assert.equal(play([session(line)], { options }).log[0], `start ${start} origin 2026-11-29T01:00:00.000Z`);
  });
}

Deno.test("news of a sentinel are told as it is recorded, those of one that failed at once", () => {
  const faster = { news: "faster", drift: -0.1 } as const;
  const { told } = play([sentinel(), state(), shot(1)], { verdict: faster });
  assert.equal(told.notices.length, 2);
  assert.match(told.notices[0]!, /^The device is faster than what was measured before at tp 1 /);
  assert.deepEqual(play([sentinel()], { verdict: faster }).told.notices, [LAUNCHES]);
  assert.deepEqual(play([failure({ sentinel: true })], { verdict: faster }).told.notices, [
    "the sentinel dense tp1 8 failed: no",
    LAUNCHES,
  ]);
});
