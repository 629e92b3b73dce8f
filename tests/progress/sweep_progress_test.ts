import assert from "node:assert/strict";
import { describe, follow, newTracks, type Track } from "../../src/progress/sweep_progress.ts";
import { EVENTS } from "../cli/events.ts";

const TRACK: Track = {
  label: "dense",
  planned: 100,
  done: 40,
  fired: 0,
  failed: 0,
  startMs: null,
  endMs: null,
};

Deno.test("describe: how many, how fast, how long to go", () => {
  const cases: readonly (readonly [Partial<Track>, string])[] = [
    [{}, "40/100"],
    [{ startMs: 10_000 }, "40/100"],
    [{ startMs: 10_000, fired: 30 }, "40/100, 3.0 shots/s, 20 s left"],
    [{ startMs: 19_000, fired: 30, failed: 2 }, "40/100, 30 shots/s, 2.0 s left, 2 failed"],
    [{ startMs: 20_000, fired: 30 }, "40/100"],
    [{ fired: 30 }, "40/100"],
    [{ startMs: 5_000, endMs: 15_000, done: 100, fired: 60 }, "100/100, 6.0 shots/s, took 10 s"],
    [{ done: 100 }, "100/100"],
    [{ failed: 1 }, "40/100, 1 failed"],
    [{ startMs: 10_050, done: 0, fired: 99 }, "0/100, 9.9 shots/s, 10 s left"],
    [{ startMs: 10_000, done: 100, fired: 150 }, "100/100, 15 shots/s, 0.0 s left"],
    [{ startMs: 0, done: 0, fired: 199 }, "0/100, 10 shots/s, 10 s left"],
    [{ startMs: 10_050, endMs: 20_000, fired: 1 }, "40/100, 0.1 shots/s, took 10 s"],
  ];
  for (const [change, text] of cases) assert.equal(describe({ ...TRACK, ...change }, 20_000), text);
});

Deno.test("follow: shots count in their sweep and in the total of their degree", () => {
  const tracks = newTracks();
  for (const [i, event] of EVENTS.entries()) follow(tracks, event, i * 1000);
  const dense = { label: "dense", planned: 2, done: 2, fired: 1, failed: 0, startMs: 4000, endMs: 6000 };
  const attention = {
    label: "attention",
    planned: 3,
    done: 3,
    fired: 3,
    failed: 1,
    startMs: 7000,
    endMs: 12000,
  };
  assert.deepEqual([...tracks.sweeps.values()], [dense, attention]);
  assert.deepEqual(tracks.total, {
    label: "all",
    planned: 5,
    done: 5,
    fired: 4,
    failed: 1,
    startMs: 4000,
    endMs: 11000,
  });
});

Deno.test("follow: shots that are measured again count as planned once more", () => {
  const tracks = newTracks();
  for (const event of EVENTS.slice(0, 7)) follow(tracks, event, 0);
  follow(tracks, { type: "measuring-again", category: "dense", tp: 1, shots: 1 }, 7000);
  assert.equal(describe(tracks.sweeps.get("dense")!, 8000), "2/3, 0.1 shots/s, 8.0 s left");
});

Deno.test("follow: a degree that boots again keeps its counts, the next one starts anew", () => {
  const tracks = newTracks();
  for (const event of EVENTS.slice(0, 6)) follow(tracks, event, 0);
  follow(tracks, { type: "booting", tp: 1 }, 7000);
  assert.equal(tracks.bootMs, 7000);
  assert.equal(tracks.total?.done, 2);
  follow(tracks, { type: "booting", tp: 2 }, 8000);
  assert.deepEqual(tracks, { ...newTracks(), tp: 2, bootMs: 8000 });
});

Deno.test("follow: a sweep that starts with more shots done than were planned has them in both counts", () => {
  const tracks = newTracks();
  for (const event of EVENTS.slice(0, 4)) follow(tracks, event, 0);
  follow(tracks, { type: "sweep-started", category: "attention", tp: 1, planned: 3, done: 2 }, 1000);
  follow(tracks, { type: "sweep-started", category: "dense", tp: 1, planned: 2, done: 1 }, 2000);
  assert.deepEqual(
    [...tracks.sweeps.values(), tracks.total!].map(({ done, startMs }) => [done, startMs]),
    [[1, 2000], [2, 1000], [3, 1000]],
  );
});

Deno.test("follow: shots of a sweep that nobody planned count in the total alone, before a plan nowhere", () => {
  const tracks = newTracks();
  const shot = { type: "shot", category: "moe", tp: 1, key: [1, 8], timesUs: { moe: 1 } } as const;
  follow(tracks, EVENTS[1]!, 0);
  follow(tracks, shot, 1000);
  assert.deepEqual([tracks.total, tracks.sweeps.size], [null, 0]);
  follow(tracks, EVENTS[3]!, 2000);
  follow(tracks, shot, 3000);
  assert.deepEqual([tracks.total!.done, [...tracks.sweeps.keys()]], [2, ["dense", "attention"]]);
});

Deno.test("follow: a boot lasts from its beginning to its end, each degree's anew", () => {
  const tracks = newTracks();
  const [boot, booted] = [EVENTS[1]!, EVENTS[2]!];
  const boots = [boot, booted, boot, { ...boot, tp: 2 } as typeof boot].map((event, at) => {
    follow(tracks, event, 1000 + at);
    return [tracks.tp, tracks.bootMs];
  });
  assert.deepEqual(boots, [[1, 1000], [1, null], [1, 1002], [2, 1003]]);
});
