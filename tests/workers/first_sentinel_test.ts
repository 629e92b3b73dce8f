/** The first sentinel of an engine is fired until two in a row agree; later ones once. */
import assert from "node:assert/strict";
import type { ShotOutcome } from "../../src/harness/harness.ts";
import type { LaneStep } from "../../src/workers/lane.ts";
import { fireSentinel, sentinelWatch } from "../../src/workers/sentinel_watch.ts";
import { attentionSweep } from "../run/tiny_run.ts";

const shot = attentionSweep([1]).shots[0]! as Parameters<typeof fireSentinel>[1]["shot"];
const STATE = {
  type: "state",
  sm_clock_mhz: 1980,
  memory_clock_mhz: null,
  temperature_c: 38,
  power_w: 90,
  throttle: [],
} as const;

/** Fires sentinels that take so many microseconds, null for one that fails; gives the times that were fired. */
async function fired(
  timesUs: (number | null)[],
  first = true,
  share = 0.03,
): Promise<[fired: number, told: unknown, due: boolean]> {
  const watch = sentinelWatch(() => 0);
  if (!first) watch.fired(true);
  let count = 0;
  async function* fire(): AsyncGenerator<LaneStep> {
    const timeUs = timesUs[count++]!;
    const outcome: ShotOutcome = timeUs === null
      ? { status: "failed", index: 0, kind: "infeasible", message: "no room" }
      : { status: "measured", index: 0, samples: { attn: [timeUs - 1, timeUs, timeUs + 1], other: [0.001] } };
    yield await Promise.resolve({ type: "fact", fact: STATE });
    yield { type: "outcome", shot, outcome };
  }
  const steps = await Array.fromAsync(fireSentinel(watch, { shot, everyS: 30, share }, fire));
  assert.equal(steps.filter(({ type }) => type === "fact").length, count);
  const last = steps.at(-1)!;
  assert.ok(last.type === "sentinel" && steps.filter(({ type }) => type === "sentinel").length === 1);
  const told = last.outcome.status === "measured" ? last.outcome.samples["attn"]![1] : last.outcome.kind;
  return [count, told, watch.isDue(30)];
}

const firsts: [(number | null)[], number, number | string][] = [
  [[100, 100], 2, 100],
  [[100, 103], 2, 103],
  [[100, 104, 104], 3, 104],
  [[100, 97.1], 2, 97.1],
  [[100, 96, 97], 3, 97],
  [[100, 110, 120, 121], 4, 121],
  [[null], 1, "infeasible"],
  [[100, null], 2, "infeasible"],
];
for (const [timesUs, count, told] of firsts) {
  Deno.test(`a first sentinel that takes ${timesUs.join(", ")} us is fired ${count} times`, async () => {
    const [times, last, isDue] = await fired([...timesUs, ...new Array(20).fill(timesUs.at(-1))]);
    assert.deepEqual([times, last, isDue], [count, told, false]);
  });
}

Deno.test("two first sentinels agree that differ by just the share", async () => {
  assert.deepEqual(await fired([99.999, 124.999, 124.999], true, 0.25), [2, 124.999, false]);
});

Deno.test("a first sentinel that never agrees is fired so often and no more; a later one once", async () => {
  const doubling = Array.from({ length: 20 }, (_, n) => 100 * 2 ** n);
  const [times, last] = await fired(doubling);
  assert.equal(last, doubling[times - 1]);
  assert.equal(times, 5);
  assert.deepEqual(await fired([100], false), [1, 100, false]);
});

Deno.test("a sentinel that cannot be fired is due no more, however much time passes, before the next boot", async () => {
  const watch = sentinelWatch(() => 0);
  async function* fire(): AsyncGenerator<LaneStep> {
    const outcome = { status: "failed", index: 0, kind: "infeasible", message: "no room" } as const;
    yield await Promise.resolve({ type: "outcome", shot, outcome });
  }
  await Array.fromAsync(fireSentinel(watch, { shot, everyS: 0, share: 0.03 }, fire));
  assert.equal(watch.isDue(0), false);
  watch.restart();
  assert.equal(watch.isDue(0), true);
});
