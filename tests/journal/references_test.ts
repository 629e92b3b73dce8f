/** What sentinels are held against: the first of their lane, of lanes before, the faster ones and the accepted ones. */
import assert from "node:assert/strict";
import { newJudge } from "../../src/journal/judge.ts";
import type { JournalLine, SentinelLine, SessionLine } from "../../src/journal/line.ts";
import { newReferences, type References } from "../../src/journal/references.ts";
import type { Reading } from "../../src/journal/sentinel.ts";
import { shotText } from "../../src/shots/shot_id.ts";

const KEY = [16, 0, 2, 128];
const SESSION = {
  ...{
    type: "session",
    format: 2,
    started: "",
    identity: {},
    settings: {},
    watch: { every_s: 30, share: 0.03 },
  },
} as unknown as SessionLine;
const lineOf = (more: Partial<SentinelLine> = {}): SentinelLine => ({
  ...{ type: "sentinel", category: "attention", tp: 1, key: KEY, samples: {}, clock_mhz: null },
  ...more,
});
const TEXT = shotText(lineOf());
const readingOf = (
  timeUs: number,
  clockMhz?: number | null,
  moved?: boolean,
  beganMhz: number | null = null,
): Reading => ({
  ...{ timeUs, clockMhz: clockMhz ?? null, lowMhz: clockMhz ?? null, highMhz: clockMhz ?? null },
  ...{ atS: null, beganMhz, moved },
});

/** References with a share of 3%; sentinels are taken by lane and time. */
function begun(): References & { see(lane: string, timeUs: number, more?: Partial<SentinelLine>): string } {
  const references = newReferences(() => 0.03);
  references.begin(SESSION);
  return {
    ...references,
    get epoch(): number {
      return references.epoch;
    },
    see: (lane, timeUs, more = {}) =>
      references.take(lineOf(more), lane, readingOf(timeUs, more.clock_mhz ?? null, more.moved), false) ?? "",
  };
}
const nearestUs = (references: References, lane: string, timeUs: number): number | undefined =>
  references.nearest(TEXT, lane, readingOf(timeUs))?.timeUs;

Deno.test("a lane is held against its own first sentinel, a new one against the nearest of all others", () => {
  for (const lanes of [["a", "b"], ["b", "a"]]) {
    const references = begun();
    for (const lane of lanes) references.see(lane, lane === "a" ? 100 : 110);
    assert.deepEqual([103, 108, 90, 200].map((us) => nearestUs(references, "c", us)), [100, 110, 100, 110]);
    assert.deepEqual([nearestUs(references, "a", 110), nearestUs(references, "b", 100)], [100, 110]);
    assert.equal(references.isOld(TEXT, "a"), false);
  }
  const none = begun();
  assert.deepEqual([none.nearest(TEXT, "a", readingOf(1)), none.has(1), none.isOld(TEXT, "a")], [
    null,
    false,
    false,
  ]);
});

Deno.test("a new lane agrees with any of the others, and its shots may begin at the lowest of their clocks", () => {
  const references = begun();
  references.take(lineOf(), "a", readingOf(100, null, undefined, 2000), false);
  references.take(lineOf(), "b", readingOf(110, null, undefined, 1000), false);
  const agrees = (timeUs: number, beganMhz: number): boolean[] => {
    const reading = readingOf(timeUs, null, undefined, beganMhz);
    return [
      !references.hasMoved(TEXT, "c", reading),
      !references.isOff(TEXT, "c", reading, [null]),
      !references.isUnexplained(TEXT, "c", reading),
    ];
  };
  assert.deepEqual([agrees(100, 2000), agrees(110, 1000), agrees(120, 500)], [
    [true, true, true],
    [true, true, true],
    [false, false, true],
  ]);
  assert.deepEqual(["a", "b", "c"].map((lane) => references.leastMhz(TEXT, lane)), [1900, 950, 950]);
});

Deno.test("the first sentinel of a writer is told to be slower or faster than the journal's, later ones are not", () => {
  const references = begun();
  assert.deepEqual([references.see("a", 100), references.see("a", 110), references.see("b", 150)], [
    "",
    "",
    "",
  ]);
  references.begin(SESSION);
  assert.deepEqual(["a", "a", "c", "c"].map((lane) => references.see(lane, 300)), [
    "slower",
    "",
    "slower",
    "",
  ]);
  references.begin(SESSION);
  assert.deepEqual([references.see("a", 102), references.see("b", 90)], ["", "faster"]);
});

Deno.test("a sentinel of another shot tells that speeds cannot be compared, at its degree and of a writer before alone", () => {
  const references = begun();
  references.see("a", 100);
  assert.equal(references.see("a", 50, { key: [8, 0, 2, 128] }), "", "the same writer");
  references.begin(SESSION);
  const other = { key: [4, 0, 2, 128] };
  assert.deepEqual([references.see("a", 50, { ...other, tp: 2 }), references.see("a", 50, other)], [
    "",
    "unlike",
  ]);
  assert.deepEqual([references.see("b", 50, other), references.has(2), references.has(4)], ["", true, false]);
});

Deno.test("a device that had moved when its degree before ended sets no reference", () => {
  const references = begun();
  assert.equal(references.take(lineOf(), "a", readingOf(100), true), undefined);
  assert.equal(references.has(1), false);
  references.take(lineOf(), "a", readingOf(100), false);
  assert.equal(references.has(1), true);
});

Deno.test("a clock is the same thing at every degree: that of the lane's first sentinel", () => {
  const references = begun();
  references.see("a", 100, { clock_mhz: 1500 });
  references.see("a", 60, { tp: 2, clock_mhz: 1400 });
  references.see("b", 60, { tp: 2, clock_mhz: 1300 });
  references.see("c", 100);
  references.see("c", 60, { tp: 2, clock_mhz: 1200 });
  const clocks = ["a", "b", "c"].map((lane) =>
    references.nearest(shotText(lineOf({ tp: 2 })), lane, readingOf(60))?.clockMhz
  );
  assert.deepEqual(clocks, [1500, 1300, 1200]);
});

Deno.test("two fast sentinels that agree, one after the other, take the reference's place; an outlier does not", () => {
  const after = (...times: number[]): number | undefined => {
    const references = begun();
    references.see("a", 100);
    for (const timeUs of times) references.see("a", timeUs);
    return nearestUs(references, "a", 100);
  };
  assert.deepEqual(
    [
      after(90),
      after(90, 90),
      after(90, 100, 90),
      after(90, 91),
      after(90, 80),
      after(90, 80, 81),
      after(98, 98),
    ],
    [100, 90, 100, 90, 100, 80, 100],
  );
  assert.equal(after(110, 110), 100, "a slower one never does");
  assert.equal(after(90, 120, 90), 100);
});

Deno.test("a speed that the user accepts is the reference of its lane; other shots and lanes that are not there are void", () => {
  const references = begun();
  const other = { key: [8, 0, 2, 128] };
  references.see("a", 100);
  references.see("b", 100);
  references.see("a", 40, other);
  references.begin({ ...SESSION, accept_speed: true });
  assert.deepEqual([references.see("a", 120), references.see("a", 130), references.epoch], [
    "accepted",
    "",
    1,
  ]);
  assert.deepEqual([nearestUs(references, "a", 100), nearestUs(references, "b", 100)], [120, 120]);
  const text = shotText(lineOf(other));
  assert.equal(references.nearest(text, "a", readingOf(40)), null);
  assert.equal(references.isOff(text, "a", readingOf(40), []), true, "there is nothing that it agrees with");
  references.see("a", 50, other);
  assert.equal(references.nearest(text, "b", readingOf(40))?.timeUs, 50);
  references.see("b", 70, other);
  assert.deepEqual(
    ["b", "c"].map((lane) => references.nearest(text, lane, readingOf(70))?.timeUs),
    [70, 50],
    "lanes that are not there are held against the first",
  );
  assert.equal(references.isOff(TEXT, "a", readingOf(121), [null]), false);
  assert.equal(references.isOff(TEXT, "a", readingOf(125), [null]), true);
});

Deno.test("what format 1 says of its sentinels stands: they are held against the time without their drift", () => {
  const references = begun();
  references.see("a", 100, { moved: false, clock_mhz: 1500 });
  assert.deepEqual([nearestUs(references, "a", 1), references.isOld(TEXT, "a")], [100, true]);
  references.see("a", 110, { moved: true, drift: 0.1, clock_mhz: 1400 });
  const { timeUs, clockMhz } = references.nearest(TEXT, "a", readingOf(1))!;
  assert.ok(Math.abs(timeUs - 100) < 1e-9);
  assert.equal(clockMhz, 1500, "a drift leaves the clock of before");
  references.see("a", 100, { moved: false, drift: 0, clock_mhz: 1450 });
  assert.equal(references.nearest(TEXT, "a", readingOf(1))!.clockMhz, 1450);
  assert.equal(references.isOff(TEXT, "a", readingOf(500, null, false), [null]), false);
  assert.equal(references.isOff(TEXT, "a", readingOf(100, null, true), [null]), true);
  assert.equal(references.isOff(TEXT, "a", readingOf(500), [null]), true, "today's are judged by their time");
});

const sentinelLine = (timeUs: number, at_s?: number): JournalLine => ({
  ...lineOf({ samples: { attention: [timeUs] } }),
  ...at_s !== undefined && { at_s },
});
const shotLine = (tokens: number): JournalLine => ({
  ...{ type: "shot", category: "dense", tp: 1, key: [tokens], samples: { proj: [1] } },
});
const doubtedOf = (...lines: JournalLine[]): [doubted: string, standing: number] => {
  const judge = newJudge();
  for (const line of [SESSION, ...lines]) judge.take(line);
  judge.end();
  return [judge.doubted().map((text) => text.split(" ").at(-1)).join(), judge.standing];
};
const DENSE = { category: "dense", tp: 1, key: [1] } as const;
const archived = { type: "archived", ...DENSE } as JournalLine;
const restored = { type: "restored", ...DENSE } as JournalLine;
const failed = (sentinel: boolean): JournalLine =>
  ({
    ...{ ...(sentinel ? lineOf() : DENSE), type: "failed", kind: "timeout", message: "late" },
    ...sentinel && { sentinel },
  }) as unknown as JournalLine;

const journals: [what: string, lines: JournalLine[], doubted: string, standing: number][] = [
  ["a shot between sentinels", [sentinelLine(100), shotLine(1), sentinelLine(100)], "", 0],
  [
    "shots before one that has moved",
    [sentinelLine(100), shotLine(1), shotLine(2), sentinelLine(120)],
    "1,2",
    2,
  ],
  [
    "a shot that is archived",
    [sentinelLine(100), shotLine(1), shotLine(2), sentinelLine(120), archived],
    "2",
    1,
  ],
  ["one that is taken back", [sentinelLine(100), shotLine(1), sentinelLine(120), archived, restored], "1", 1],
  ["one that was never archived, taken back", [sentinelLine(100), sentinelLine(120), restored], "", 0],
  [
    "one that was archived without being there",
    [sentinelLine(100), archived, shotLine(1), sentinelLine(100)],
    "",
    0,
  ],
  [
    "a shot that was measured again",
    [
      ...[
        sentinelLine(100),
        shotLine(1),
        sentinelLine(120),
        sentinelLine(100),
        shotLine(1),
        sentinelLine(100),
      ],
    ],
    "",
    0,
  ],
  ["a failed shot in between", [sentinelLine(100), shotLine(1), failed(false), sentinelLine(100)], "", 0],
  ["a failed sentinel in between", [sentinelLine(100), shotLine(1), failed(true), sentinelLine(100)], "1", 1],
  [
    "a failed sentinel, and another soon",
    [
      ...[sentinelLine(100, 10), shotLine(1), failed(true), sentinelLine(100, 20)],
    ],
    "",
    0,
  ],
  [
    "a failed sentinel, and another late",
    [
      ...[sentinelLine(100, 10), shotLine(1), failed(true), sentinelLine(100, 1000)],
    ],
    "1",
    1,
  ],
  [
    "a failed sentinel, and another of before",
    [
      ...[sentinelLine(100, 10), shotLine(1), failed(true), sentinelLine(100, 5)],
    ],
    "1",
    1,
  ],
  ["no sentinel behind", [sentinelLine(100), shotLine(1)], "1", 1],
  ["none before", [shotLine(1), sentinelLine(100)], "", 0],
];
for (const [what, lines, doubted, standing] of journals) {
  Deno.test(`in doubt of a journal with ${what}: ${doubted || "nothing"}`, () => {
    assert.deepEqual(doubtedOf(...lines), [doubted, standing]);
  });
}

Deno.test("a shot that a sentinel may still come after is not in doubt", () => {
  const judge = newJudge();
  for (const line of [SESSION, sentinelLine(100), shotLine(1)]) judge.take(line);
  assert.deepEqual(judge.doubted(), []);
});

Deno.test("a shot that was archived in doubt and is measured anew has its turns again", () => {
  const judge = newJudge();
  const moved = [sentinelLine(100), shotLine(1), sentinelLine(120)];
  const dueBehind = (...lines: JournalLine[]): boolean => {
    for (const line of lines) judge.take(line);
    return judge.isDue("dense tp1 1");
  };
  const due = [dueBehind(SESSION, ...moved), dueBehind(...moved), dueBehind(...moved)];
  assert.deepEqual([...due, dueBehind(archived, ...moved)], [true, true, false, true]);
});

Deno.test("a lane is waited for while it has shots that no sentinel came after", () => {
  const judge = newJudge();
  const awaits: boolean[] = [];
  for (
    const line of [SESSION, sentinelLine(100), shotLine(1), failed(true), sentinelLine(100), shotLine(2)]
  ) {
    judge.take(line);
    awaits.push(judge.awaits(undefined, undefined));
  }
  assert.deepEqual(awaits, [false, false, true, true, false, true]);
  assert.equal(judge.awaits("nobody", undefined), false);
});
