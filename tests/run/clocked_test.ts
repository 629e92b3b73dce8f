/** How long a run says that it and its parts took, by a clock that passes with boots and shots alone. */
import assert from "node:assert/strict";
import { openBundle } from "../../src/bundle/open.ts";
import type { RunEvent } from "../../src/events.ts";
import { firePlan } from "../../src/run/fire_plan.ts";
import { profile } from "../../src/run/profile.ts";
import { resolveSettings } from "../../src/settings.ts";
import { parsePlan } from "../../src/shots/plan_file.ts";
import { BOOT_S, clocked } from "./clock.ts";
import { tinyArchitecture } from "./fakes.ts";
import { planLines } from "./results_files.ts";
import { SMALL, smallBundle } from "./small_model.ts";
import { denseSweep, only, perSequenceSweep, tinyRun, withFolder } from "./tiny_run.ts";

/** Seconds of boots, of sweeps with their shots, and of the end. */
function times(
  events: readonly RunEvent[],
): [boots: number[], sweeps: [shots: number, seconds: number][], end: number] {
  return [
    only(events, "booted").map(({ seconds }) => seconds),
    only(events, "sweep-finished").map(({ measured, failed, seconds }) => [measured + failed, seconds]),
    only(events, "finished")[0]?.seconds ?? NaN,
  ];
}

Deno.test("a profile: boots, sweeps and the whole, and what meta.yaml keeps of it", () =>
  withFolder(async (perfDir) => {
    const events: RunEvent[] = [];
    const input = { ...SMALL, perfDir, skipSkew: true, sustainS: 0 };
    await clocked((open) => profile(input, { open, onEvent: (event) => void events.push(event) }));
    const [boots, sweeps, end] = times(events);
    assert.deepEqual(boots, [BOOT_S, BOOT_S]);
    assert.ok(sweeps.length > 4);
    for (const [shots, seconds] of sweeps) assert.equal(seconds, shots);
    assert.equal(end, 2 * BOOT_S + sweeps.reduce((sum, [shots]) => sum + shots, 0));
    const { meta } = await openBundle(smallBundle(perfDir));
    const kept = Object.values(meta.duration_s ?? {}).flatMap((of) =>
      Object.values(of as Record<string, number>)
    );
    assert.equal(kept.reduce((sum, seconds) => sum + seconds, 0), end - 2 * BOOT_S);
    assert.ok(Object.keys(meta.device_busy_s ?? {}).length > 0);
  }));

Deno.test("a sweep: its seconds and those in which the device worked", () =>
  withFolder(async (dir) => {
    const sweeps = [denseSweep([1, 2, 3]), perSequenceSweep([1, 2])];
    const events = await clocked(async (open) =>
      await tinyRun(dir, sweeps, {
        source: { harness: await open() },
        architecture: tinyArchitecture(),
        chunk: 1,
      })
    );
    assert.deepEqual(
      only(events, "sweep-finished").map(({ category, measured, seconds, deviceBusyS }) => [
        ...[category, measured, seconds, deviceBusyS],
      ]),
      [["dense", 3, 3, 0.75], ["per_sequence", 2, 2, 0.5]],
    );
  }));

Deno.test("a fired plan: boots, sweeps and the whole", () =>
  withFolder(async (dir) => {
    const plan = parsePlan(await planLines({ skipSkew: true }));
    const settings = resolveSettings({ ...SMALL, sustainS: 0 });
    const events = await clocked((open) =>
      Array.fromAsync(firePlan(plan, `${dir}/out.jsonl`, settings, { open }))
    );
    const [boots, sweeps, end] = times(events);
    assert.deepEqual(boots, [BOOT_S, BOOT_S]);
    for (const [shots, seconds] of sweeps) assert.equal(seconds, shots);
    assert.equal(end, 2 * BOOT_S + sweeps.reduce((sum, [shots]) => sum + shots, 0));
  }));
