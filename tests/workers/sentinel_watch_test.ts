import assert from "node:assert/strict";
import { shuffled } from "../../src/run/firing_order.ts";
import { firingOptions, watchOf } from "../../src/run/firing_options.ts";
import { sentinelShot, sentinelsOf } from "../../src/shots/sentinel_shot.ts";
import { sentinelWatch } from "../../src/workers/sentinel_watch.ts";
import { attentionSweep, denseSweep } from "../run/tiny_run.ts";

Deno.test("sentinelShot is the attention shot in the middle by the tokens attended to", () => {
  assert.equal(sentinelShot([denseSweep([1, 2, 3])]), null);
  assert.equal(sentinelShot([denseSweep([1]), attentionSweep([8, 1, 4, 2, 6])])?.n_decode, 4);
  const sweep = attentionSweep([1, 2, 4, 8]);
  assert.deepEqual(sentinelShot([sweep]), sentinelShot([{ ...sweep, shots: [...sweep.shots].reverse() }]));
});

Deno.test("sentinelsOf names the sentinel of every degree that has attention shots", () => {
  const sweeps = [attentionSweep([1, 2, 4]), denseSweep([1], 2), attentionSweep([8], 4)];
  const chosen = Object.entries(sentinelsOf(sweeps)).map(([tp, shot]) => [tp, shot.tp, shot.n_decode]);
  assert.deepEqual(chosen, [["1", 1, 2], ["4", 4, 8]]);
});

Deno.test("a sentinel is due after a boot, after its time, and at once when the clock has moved", () => {
  let now = 0;
  const watch = sentinelWatch(() => now);
  const state = { memory_clock_mhz: null, temperature_c: null, power_w: null, throttle: [] };
  const see = (sm_clock_mhz: number): void => watch.see({ type: "state", sm_clock_mhz, ...state });
  assert.ok(watch.isDue(30) && watch.isFirst);
  see(1200);
  assert.deepEqual(watch.fired(false), { latest: 1200, clocks_mhz: [1200, 1200] });
  assert.ok(watch.isFirst, "the device was cold, the first one is fired once more");
  see(1980);
  assert.deepEqual(watch.fired(true), { latest: 1980, clocks_mhz: [1980, 1980] });
  now = 29_999;
  assert.ok(!watch.isDue(30));
  see(1300);
  assert.ok(watch.isDue(30));
  see(1980);
  assert.deepEqual(watch.fired(true), { latest: 1980, clocks_mhz: [1300, 1980] });
  now = 59_999;
  assert.ok(watch.isDue(30));
  watch.restart();
  assert.ok(watch.isFirst);
});

Deno.test("shuffled gives one order per seed, whatever of the sweep is left", () => {
  const { shots } = denseSweep(Array.from({ length: 40 }, (_, i) => i + 1));
  assert.deepEqual(shuffled(shots, 1), shuffled([...shots].reverse(), 1));
  assert.notDeepEqual(shuffled(shots, 1), shuffled(shots, 2));
  const left = shots.slice(10);
  assert.deepEqual(shuffled(left, 1), shuffled(shots, 1).filter((shot) => left.includes(shot)));
});

Deno.test("firingOptions: estimates have no sentinel, parity keeps the plan's order, wall times may move further", () => {
  const settings = {
    measurementIterations: 3,
    precision: null,
    seed: 7,
    parity: false,
    sentinelS: 30,
    sustainS: 0.5,
    driftShare: null,
  };
  const planned = [attentionSweep([1, 2, 4])];
  const named = attentionSweep([3]).shots[0] as NonNullable<ReturnType<typeof sentinelShot>>;
  assert.equal(firingOptions(settings, "estimate", planned).sentinel, undefined);
  assert.equal(watchOf(settings, "estimate"), null);
  assert.equal(firingOptions({ ...settings, sentinelS: 0 }, "kernel", planned).sentinel, undefined);
  assert.equal(firingOptions(settings, "kernel", [denseSweep([1])]).sentinel, undefined);
  assert.equal(firingOptions(settings, "kernel", planned).sentinel?.share, 0.03);
  assert.equal(firingOptions(settings, "wall", planned).sentinel?.share, 0.25);
  assert.equal(firingOptions({ ...settings, driftShare: 0.1 }, "wall", planned).sentinel?.share, 0.1);
  assert.deepEqual(watchOf({ ...settings, driftShare: 0.1 }, "wall"), { every_s: 30, share: 0.1 });
  assert.equal(firingOptions(settings, "kernel", planned, { named }).sentinel?.shot, named);
  assert.equal(firingOptions(settings, "kernel", planned).sustain, undefined);
  const lasting = [named];
  const sustain = { shots: lasting, seconds: 0.5 };
  assert.deepEqual(firingOptions(settings, "kernel", planned, { lasting }).sustain, sustain);
  assert.equal(
    firingOptions({ ...settings, sustainS: 0 }, "kernel", planned, { lasting }).sustain,
    undefined,
  );
  assert.deepEqual([
    firingOptions(settings, "wall", []).seed,
    firingOptions({ ...settings, parity: true }, "wall", []).seed,
  ], [
    7,
    null,
  ]);
  const precision = { relative: 0.01, min: 3, max: 30 };
  assert.deepEqual(firingOptions({ ...settings, precision }, "kernel", []).precision, precision);
});
