import assert from "node:assert/strict";
import { type Judge, newJudge } from "../../src/journal/judge.ts";
import { usualDriftShare } from "../../src/journal/sentinel.ts";
import type { JournalLine, SentinelLine } from "../../src/journal/line.ts";

const IDENTITY = {} as Extract<JournalLine, { type: "session" }>["identity"];
const WATCH = { every_s: 30, share: 0.03 };
const SENTINEL = { category: "attention", tp: 1, key: [16, 0, 2, 128] } as const;

/** Writes into a journal, and reads it back as a judge does. */
function writer(judge: Judge): {
  session(more?: { accept_speed?: boolean; origin?: string }): void;
  sentinel(timeUs: number, lane?: string, more?: Partial<SentinelLine>): string;
  shot(tokens: number, lane?: string): void;
} {
  const laneOf = (lane: string | undefined): { lane?: string } => lane === undefined ? {} : { lane };
  return {
    session: (more = {}) =>
      judge.take({
        ...{ type: "session", format: 2, started: "", identity: IDENTITY, settings: {}, watch: WATCH },
        ...more,
      }),
    sentinel(timeUs, lane, more = {}): string {
      judge.take({
        ...{ type: "sentinel", ...SENTINEL, samples: { attention: [timeUs] }, clock_mhz: null },
        ...laneOf(lane),
        ...more,
      });
      const { moved, drift, news = "" } = judge.verdict!;
      return `${moved ? "moved " : ""}${(100 * drift).toFixed(0)}% ${news}`.trim();
    },
    shot: (tokens, lane) =>
      judge.take({
        ...{ type: "shot", category: "dense", tp: 1, key: [tokens], samples: { proj: [1, 2] } },
        ...laneOf(lane),
      }),
  };
}

Deno.test("judge: a device that is steadily slower than its fellows has not moved", () => {
  const judge = newJudge();
  const { session, sentinel, shot } = writer(judge);
  session();
  const verdicts = [100, 110, 101, 109].map((timeUs, i) => {
    const said = sentinel(timeUs, `device ${i % 2}`);
    shot(i, `device ${i % 2}`);
    return said;
  });
  sentinel(100, "device 0");
  sentinel(110, "device 1");
  assert.deepEqual(verdicts, ["0%", "0%", "1%", "-1%"]);
  assert.deepEqual([judge.doubted(), judge.movedLanes], [[], []]);
});

Deno.test("judge: a sentinel judges its own lane, and only all lanes together are all", () => {
  const judge = newJudge();
  const { session, sentinel, shot } = writer(judge);
  session();
  sentinel(100, "device 0");
  sentinel(100, "device 1");
  shot(1, "device 0");
  shot(2, "device 1");
  sentinel(100, "device 0");
  assert.equal(sentinel(119, "device 1"), "moved 19%");
  assert.deepEqual([judge.doubted(), judge.movedLanes, judge.allMoved], [
    ["dense tp1 2"],
    ["device 1"],
    false,
  ]);
  sentinel(119, "device 0");
  assert.ok(judge.allMoved);
  session();
  assert.deepEqual([judge.movedLanes, judge.allMoved], [[], false], "a new writer has seen nothing yet");
});

Deno.test("judge: a lane that is new to a journal is held against those of the writers before", () => {
  const judge = newJudge();
  const { session, sentinel, shot } = writer(judge);
  session();
  sentinel(100);
  shot(1);
  sentinel(100);
  session();
  assert.equal(sentinel(101, "device 0"), "1%");
  assert.equal(sentinel(119, "device 1"), "moved 19% slower");
  shot(2, "device 0");
  shot(3, "device 1");
  sentinel(100, "device 0");
  sentinel(119, "device 1");
  assert.deepEqual(judge.doubted(), ["dense tp1 3"]);
  session();
  assert.equal(sentinel(80, "device 0"), "moved -20% faster");
});

Deno.test("judge: an accepted speed is that of its lane; lanes that are gone are held against it", () => {
  const judge = newJudge();
  const { session, sentinel, shot } = writer(judge);
  session();
  sentinel(100);
  shot(1);
  sentinel(100);
  shot(2);
  sentinel(119);
  shot(3);
  sentinel(119);
  session({ accept_speed: true });
  assert.equal(sentinel(119, "device 0"), "0% accepted");
  assert.equal(sentinel(100, "device 1"), "0%");
  assert.deepEqual(judge.doubted(), ["dense tp1 1", "dense tp1 2"]);
});

Deno.test("judge: two files whose lanes have the same name are two devices", () => {
  const judge = newJudge();
  const { session, sentinel, shot } = writer(judge);
  session({ origin: "a" });
  sentinel(100, undefined, { at_s: 0 });
  shot(1);
  session({ origin: "b" });
  assert.equal(judge.awaits(undefined, "a"), true);
  assert.equal(judge.awaits(undefined, "b"), false);
  assert.equal(sentinel(100, undefined, { at_s: 5 }), "0%");
  assert.deepEqual(judge.doubted(), ["dense tp1 1"], "the sentinel of another device vouches for nothing");
  session({ origin: "a" });
  sentinel(100, undefined, { at_s: 9 });
  assert.deepEqual(judge.doubted(), []);
});

Deno.test("judge: a sentinel that is another shot than before says that speeds cannot be compared", () => {
  const judge = newJudge();
  const { session, sentinel } = writer(judge);
  session();
  assert.equal(sentinel(100), "0%");
  assert.deepEqual([judge.sentinelKey(1), judge.sentinelKey(2)], [[16, 0, 2, 128], null]);
  session();
  assert.equal(sentinel(50, undefined, { key: [32, 0, 2, 128] }), "0% unlike");
  assert.equal(sentinel(50, undefined, { key: [32, 0, 2, 128] }), "0%");
});

Deno.test("judge: what format 1 says of itself stands, and its reference holds for who goes on", () => {
  const judge = newJudge();
  const { session, sentinel, shot } = writer(judge);
  judge.take({ type: "session", format: 1, started: "", identity: IDENTITY, settings: {} });
  const old = (timeUs: number, drift: number, moved: boolean): string =>
    sentinel(timeUs, undefined, { drift, moved, clock_mhz: 1980 });
  old(100, 0, false);
  shot(1);
  old(104, 0.04, true);
  shot(2);
  old(100, 0, false);
  shot(3);
  judge.end();
  assert.deepEqual(judge.doubted(), ["dense tp1 1"], "only what lies before one that has moved");
  session();
  assert.equal(sentinel(119), "moved 19% slower");
  assert.deepEqual(judge.doubted(), ["dense tp1 1"]);
  session({ accept_speed: true });
  assert.equal(sentinel(119), "0% accepted");
  assert.deepEqual(judge.doubted(), ["dense tp1 1", "dense tp1 2", "dense tp1 3"]);
});

Deno.test("judge: a shot whose rows are archived is not in doubt", () => {
  const judge = newJudge();
  const { session, sentinel, shot } = writer(judge);
  session();
  sentinel(100);
  shot(1);
  sentinel(119);
  judge.take({ type: "archived", category: "dense", tp: 1, key: [1] });
  assert.deepEqual([judge.doubted(), judge.standing], [[], 0]);
});

Deno.test("the usual share is below the steps of a GPU, and wide for wall times", () => {
  assert.deepEqual(["kernel", "event", "wall"].map((quantity) => usualDriftShare(quantity as "wall")), [
    0.03,
    0.03,
    0.25,
  ]);
});
