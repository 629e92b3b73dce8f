import assert from "node:assert/strict";
import { newDoubts } from "../../src/journal/suspects.ts";
import { shuffled } from "../../src/run/firing_order.ts";
import { howToFire } from "../../src/run/firing_options.ts";
import { sentinelJudge, sentinelShot } from "../../src/workers/sentinel.ts";
import { sentinelWatch } from "../../src/workers/sentinel_watch.ts";
import { attentionSweep, denseSweep } from "../run/tiny_run.ts";

const SAMPLES = { attn: [1, 2] };

Deno.test("sentinelShot is the attention shot in the middle by the tokens attended to", () => {
  assert.equal(sentinelShot([denseSweep([1, 2, 3])]), null);
  assert.equal(sentinelShot([denseSweep([1]), attentionSweep([8, 1, 4, 2, 6])])?.n_decode, 4);
  const sweep = attentionSweep([1, 2, 4, 8]);
  assert.deepEqual(sentinelShot([sweep]), sentinelShot([{ ...sweep, shots: [...sweep.shots].reverse() }]));
});

Deno.test("sentinelJudge holds time and clock against the first of the same shot, or a faster one since", () => {
  const cases: [timeUs: number, clockMhz: number | null, moved: boolean][] = [
    [100, 1980, false],
    [102.9, 1980, false],
    [103.1, 1980, true],
    [100, 1790, false],
    [100, 1780, true],
    [100, null, false],
    [97.1, 1980, false],
    [96.9, 1980, true],
    [96.9, 1980, false],
    [100, 1980, true],
  ];
  const judge = sentinelJudge(0.03);
  for (const [timeUs, clockMhz, moved] of cases) {
    assert.equal(judge("attention tp1", timeUs, clockMhz).moved, moved, `${timeUs} us, ${clockMhz} MHz`);
  }
  assert.deepEqual(judge("attention tp2", 500, 1980), { drift: 0, moved: false });
});

Deno.test("a sentinel is due after a boot, after its time, and at once when the clock has moved", () => {
  let now = 0;
  const watch = sentinelWatch(() => now);
  const state = { memory_clock_mhz: null, temperature_c: null, power_w: null, throttle: [] };
  const see = (sm_clock_mhz: number): void => watch.see({ type: "state", sm_clock_mhz, ...state });
  assert.ok(watch.isDue(30) && watch.isFirst);
  see(1980);
  assert.equal(watch.fired(), 1980);
  now = 29_999;
  assert.ok(!watch.isDue(30));
  see(1300);
  assert.ok(watch.isDue(30));
  see(1980);
  assert.equal(watch.fired(), 1300, "the clock that is judged is the farthest one");
  now = 59_999;
  assert.ok(watch.isDue(30));
  watch.restart();
  assert.ok(watch.isFirst);
});

Deno.test("what was measured between a sentinel and one that has moved is in doubt, and due twice at most", () => {
  const doubts = newDoubts();
  doubts.measured("before any sentinel", SAMPLES);
  doubts.sentinel(false);
  doubts.measured("a", SAMPLES);
  doubts.sentinel(true);
  doubts.measured("b", SAMPLES);
  doubts.sentinel(false);
  assert.deepEqual([doubts.has("a"), doubts.has("b"), doubts.has("before any sentinel")], [
    true,
    false,
    false,
  ]);
  for (const due of [true, false]) {
    doubts.measured("a", SAMPLES);
    assert.ok(!doubts.has("a"));
    doubts.sentinel(true);
    assert.deepEqual([doubts.has("a"), doubts.isDue("a")], [true, due]);
  }
  assert.deepEqual([doubts.standing, doubts.again], [1, 2]);
  assert.deepEqual([doubts.known("a", SAMPLES), doubts.known("a", { attn: [2] })], [3, 0]);
});

Deno.test("a sentinel judges its own lane, and a new writer judges only itself", () => {
  const doubts = newDoubts();
  doubts.sentinel(false, "device 0");
  doubts.sentinel(false, "device 1");
  doubts.measured("a", SAMPLES, "device 0");
  doubts.measured("b", SAMPLES, "device 1");
  doubts.sentinel(true, "device 1");
  assert.deepEqual([doubts.has("a"), doubts.has("b")], [false, true]);
  doubts.begin();
  doubts.sentinel(true, "device 0");
  assert.ok(!doubts.has("a"));
});

Deno.test("shuffled gives one order per seed, whatever of the sweep is left", () => {
  const { shots } = denseSweep(Array.from({ length: 40 }, (_, i) => i + 1));
  assert.deepEqual(shuffled(shots, 1), shuffled([...shots].reverse(), 1));
  assert.notDeepEqual(shuffled(shots, 1), shuffled(shots, 2));
  const left = shots.slice(10);
  assert.deepEqual(shuffled(left, 1), shuffled(shots, 1).filter((shot) => left.includes(shot)));
});

Deno.test("howToFire: estimates have no sentinel, parity keeps the plan's order, wall times may move further", () => {
  const settings = {
    measurementIterations: 3,
    precision: null,
    seed: 7,
    parity: false,
    sentinelS: 30,
    driftShare: null,
  };
  const planned = [attentionSweep([1, 2, 4])];
  assert.equal(howToFire(settings, "estimate", planned).sentinel, undefined);
  assert.equal(howToFire({ ...settings, sentinelS: 0 }, "kernel", planned).sentinel, undefined);
  assert.equal(howToFire(settings, "kernel", [denseSweep([1])]).sentinel, undefined);
  assert.equal(howToFire(settings, "kernel", planned).sentinel?.share, 0.03);
  assert.equal(howToFire(settings, "wall", planned).sentinel?.share, 0.25);
  assert.equal(howToFire({ ...settings, driftShare: 0.1 }, "wall", planned).sentinel?.share, 0.1);
  assert.deepEqual([
    howToFire(settings, "wall", []).seed,
    howToFire({ ...settings, parity: true }, "wall", []).seed,
  ], [
    7,
    null,
  ]);
  const precision = { relative: 0.01, min: 3, max: 30 };
  assert.deepEqual(howToFire({ ...settings, precision }, "kernel", []).precision, precision);
});
