/** Which shots are due, which are fired how, and what watches them. */
import assert from "node:assert/strict";
import { dueSkew, dueSustained, isDue } from "../../src/run/due.ts";
import {
  firingOptions,
  type FiringSettings,
  journalSentinel,
  watchOf,
} from "../../src/run/firing_options.ts";
import type { Limits } from "../../src/shots/limits.ts";
import { type AttentionShot, type Shot, shotKey, type SkewShot } from "../../src/shots/shot.ts";
import { skewCaseOf } from "../../src/shots/skew_cases.ts";
import type { SkewPart } from "../../src/shots/skew_parts.ts";
import { idOf, shotText } from "../../src/shots/shot_id.ts";
import { attentionSweep, denseSweep } from "./tiny_run.ts";

const SHOT: Shot = { category: "dense", tp: 1, tokens: 16 };

/** Missing, failed, in doubt, every device drifted, again, retry failed: due. */
const TABLE: [boolean, boolean, boolean, boolean, boolean, boolean, boolean][] = [
  [false, false, false, false, false, false, false],
  [true, false, false, false, false, false, true],
  [true, true, false, false, false, false, false],
  [true, true, false, false, false, true, true],
  [false, true, false, false, false, true, false],
  [false, false, true, false, false, false, true],
  [false, false, true, true, false, false, false],
  [true, false, true, true, false, false, true],
  [true, true, true, false, false, false, true],
  [false, false, false, false, true, false, true],
  [true, true, false, true, true, false, true],
];
for (const [missing, failed, doubt, allMoved, again, retryFailed, due] of TABLE) {
  const words = Object.entries({ missing, failed, doubt, allMoved, again, retryFailed });
  const what = words.filter(([, is]) => is).map(([word]) => word).join(", ") || "measured";
  Deno.test(`a shot that is ${what} is ${due ? "" : "not "}due`, () => {
    const session = {
      missing: () => missing ? ["proj"] : [],
      hasFailed: () => failed,
      inDoubt: () => doubt,
      judge: { allMoved } as never,
    };
    assert.equal(isDue(SHOT, { session, again, retryFailed }), due);
    if (!again && !retryFailed) assert.equal(isDue(SHOT, { session }), due);
  });
}

Deno.test("a lasting load is due of shots that have times and of which it is not known", () => {
  const { shots } = denseSweep([1, 2, 3, 4]);
  const among = (tokens: readonly number[]) => (shot: Shot): boolean => tokens.includes(shotKey(shot)[0]!);
  const [isMissing, hasSustained] = [among([3, 4]), among([2, 4])];
  const session = { missing: (shot: Shot) => isMissing(shot) ? ["proj"] : [], hasSustained };
  assert.deepEqual(dueSustained(shots, session).map(idOf), [idOf(shots[0]!)]);
});

/** Four decodes, one of them longer; a and b share the batch at the longest. */
const A = [4, 1, 0, 0, 128, 512];
const B = [4, 2, 0, 0, 128, 512];
const C = [4, 1, 0, 0, 256, 1024];
const caseOf = (key: readonly number[]): SkewShot => ({
  category: "skew",
  tp: 1,
  ...skewCaseOf(key),
  tier: 1,
  parts: ["t_mean", "t_max", "t_skew"],
});
type SkewDue = Parameters<typeof dueSkew>[1];
const skews: [
  string,
  Partial<SkewDue> & { rows?: string[]; measured?: string[]; failed?: number[][]; doubt?: number[][] },
  [key: number[], parts: SkewPart[]][],
][] = [
  ["interpolated ends", { mode: "interpolated" }, [[A, ["t_skew"]], [B, ["t_skew"]], [C, ["t_skew"]]]],
  [
    "exact ends, each batch once",
    {},
    [[A, ["t_mean", "t_max", "t_skew"]], [B, ["t_mean", "t_skew"]], [C, ["t_mean", "t_max", "t_skew"]]],
  ],
  [
    "ends that attention.csv has, or will have",
    { rows: ["0,0,4,512"], promised: (batch) => batch.join() === "0,0,4,1024" },
    [[A, ["t_mean", "t_skew"]], [B, ["t_mean", "t_skew"]], [C, ["t_mean", "t_skew"]]],
  ],
  ["a case that was measured", { mode: "interpolated", measured: ["t_skew"] }, []],
  ["all again", { mode: "interpolated", measured: ["t_skew"], again: true }, [
    [A, ["t_skew"]],
    [B, ["t_skew"]],
    [C, ["t_skew"]],
  ]],
  ["a case in doubt", { mode: "interpolated", measured: ["t_skew"], doubt: [B] }, [[B, ["t_skew"]]]],
  ["a case that failed", { failed: [A] }, [
    [B, ["t_mean", "t_max", "t_skew"]],
    [C, ["t_mean", "t_max", "t_skew"]],
  ]],
  ["a case that failed, again", { mode: "interpolated", failed: [A], again: true }, [
    [A, ["t_skew"]],
    [B, ["t_skew"]],
    [C, ["t_skew"]],
  ]],
  ["what failed, on request", { mode: "interpolated", failed: [A], retryFailed: true }, [
    [A, ["t_skew"]],
    [B, ["t_skew"]],
    [C, ["t_skew"]],
  ]],
];
for (const [what, { rows = [], measured = [], failed = [], doubt = [], ...options }, due] of skews) {
  Deno.test(`skew cases that are due: ${what}`, () => {
    const isOneOf = (keys: readonly number[][], shot: Shot): boolean =>
      keys.some((key) => key.join() === idOf(shot).key.join());
    const session: SkewDue["session"] = {
      timed: (shot) => [...(shot as SkewShot).parts],
      missing: (shot) =>
        shot.category === "skew"
          ? shot.parts.filter((part) => !measured.includes(part))
          : rows.includes(idOf(shot).key.join())
          ? []
          : ["attn"],
      hasFailed: (shot) => isOneOf(failed, shot),
      inDoubt: (shot) => isOneOf(doubt, shot),
      judge: { allMoved: false } as never,
    };
    const all = { session, mode: "exact" as const, again: false, retryFailed: false, promised: () => false };
    assert.deepEqual(
      dueSkew([A, B, C].map(caseOf), { ...all, ...options }).map((shot) => [[...idOf(shot).key], shot.parts]),
      due,
    );
    assert.deepEqual(dueSkew([], { ...all, ...options }), []);
  });
}

const SETTINGS: FiringSettings = {
  measurementIterations: 5,
  precision: null,
  seed: 7,
  parity: false,
  sentinelS: 30,
  sustainS: 0.5,
  driftShare: null,
};

const watches: [Partial<FiringSettings>, Parameters<typeof watchOf>[1], ReturnType<typeof watchOf>][] = [
  [{}, "kernel", { every_s: 30, share: 0.03 }],
  [{}, "event", { every_s: 30, share: 0.03 }],
  [{}, "wall", { every_s: 30, share: 0.25 }],
  [{ driftShare: 0.1 }, "wall", { every_s: 30, share: 0.1 }],
  [{ sentinelS: 0.5 }, "kernel", { every_s: 0.5, share: 0.03 }],
  [{ sentinelS: 0 }, "kernel", null],
  [{}, "estimate", null],
];
for (const [settings, quantity, watch] of watches) {
  Deno.test(`${quantity} times with ${JSON.stringify(settings)} are watched so: ${JSON.stringify(watch)}`, () => {
    assert.deepEqual(watchOf({ ...SETTINGS, ...settings }, quantity), watch);
  });
}

const ATTENTION = attentionSweep([1, 2, 4]);
const MIDDLE = ATTENTION.shots[1] as AttentionShot;
const OTHER = ATTENTION.shots[2] as AttentionShot;
const sentinel = { shot: MIDDLE, everyS: 30, share: 0.03 };
const options: [
  string,
  Partial<FiringSettings>,
  Parameters<typeof firingOptions>[3],
  Partial<ReturnType<typeof firingOptions>>,
][] = [
  ["the usual", {}, {}, { sentinel }],
  ["parity, which keeps the plan's order", { parity: true }, {}, { seed: null, sentinel }],
  ["a rule of precision", { precision: { relative: 0.01, min: 3, max: 30 } }, {}, {
    precision: { relative: 0.01, min: 3, max: 30 },
    sentinel,
  }],
  ["a sentinel of before", {}, { named: OTHER }, { sentinel: { ...sentinel, shot: OTHER } }],
  ["nothing that watches", { sentinelS: 0 }, { named: OTHER }, {}],
  ["a lasting load", {}, { lasting: [SHOT] }, { sentinel, sustain: { shots: [SHOT], seconds: 0.5 } }],
  ["a load of no time", { sustainS: 0 }, { lasting: [SHOT] }, { sentinel }],
  ["a load of nothing", {}, { lasting: [] }, { sentinel }],
];
for (const [what, settings, chosen, expected] of options) {
  Deno.test(`how shots are fired with ${what}`, () => {
    assert.deepEqual(
      firingOptions({ ...SETTINGS, ...settings }, "kernel", [denseSweep([1]), ATTENTION], chosen),
      {
        iterations: 5,
        quantity: "kernel",
        seed: 7,
        ...expected,
      },
    );
  });
}

Deno.test("an engine without attention shots has no sentinel of its own", () => {
  const fired = firingOptions(SETTINGS, "kernel", [denseSweep([1])]);
  assert.ok(!("sentinel" in fired));
});

Deno.test("the sentinel of a journal is fired where the engine can", () => {
  const limits: Limits = {
    max_num_batched_tokens: 64,
    max_num_seqs: 8,
    num_cache_tokens: 1024,
    max_model_len: 512,
    num_experts: null,
    top_k: null,
    block_size: 16,
  };
  const keys = new Map([[1, [16, 32, 4, 64]], [2, [16, 600, 4, 64]]]);
  const judge = { sentinelKey: (tp: number): readonly number[] | null => keys.get(tp) ?? null };
  const shot = journalSentinel(judge, 1, limits);
  assert.equal(shotText(idOf(shot!)), "attention tp1 16,32,4,64");
  assert.equal(journalSentinel(judge, 2, limits), null);
  assert.equal(journalSentinel(judge, 4, limits), null);
});
