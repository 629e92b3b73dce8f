import assert from "node:assert/strict";
import type { ExecuteOptions } from "../../src/run/execute.ts";
import { runSweeps } from "../../src/run/run_sweeps.ts";
import type { Step, SweepTask } from "../../src/run/sweep_task.ts";
import type { LaneStep } from "../../src/workers/lane.ts";
import { attentionSweep, only } from "./tiny_run.ts";

/** For how long each of two rounds is thought about, in seconds. */
const THOUGHT_S = 0.03;

function think(): void {
  const end = performance.now() + 1000 * THOUGHT_S;
  while (performance.now() < end);
}

Deno.test("runSweeps: a sweep's seconds have the choosing in them, those that are recorded have not", async () => {
  const sweep = attentionSweep([1, 2]);
  const spent: { seconds: number; deviceBusyS: number | null }[] = [];
  const session = {
    inDoubt: () => false,
    note: () => {},
    save: () => Promise.resolve(),
    spend: (tp: number, category: string, time: { seconds: number; deviceBusyS: number | null }) => {
      assert.deepEqual([tp, category], [1, "attention"]);
      spent.push(time);
    },
  };
  const cost = { type: "cost", device_busy_us: 500_000, wall_us: 1 } as const;
  const lane = {
    async *fire(): AsyncGenerator<LaneStep> {
      yield await Promise.resolve({ type: "fact", fact: cost } as const);
    },
  };
  const task: SweepTask = {
    sweep,
    extent: () => ({ planned: 2, done: 0 }),
    problem: () => null,
    gain: 0,
    *steps(): Generator<Step> {
      for (const shot of sweep.shots) {
        think();
        yield { type: "fire", shots: [shot] };
      }
    },
  };
  const options = { session, lane } as unknown as ExecuteOptions;
  const [finished] = only(
    await Array.fromAsync(
      runSweeps([task], options, { timeMoved: false, atPowerLimit: false, againInVain: false }),
    ),
    "sweep-finished",
  );
  const firingS = spent.reduce((sum, { seconds }) => sum + seconds, 0);
  assert.ok(finished!.seconds - firingS >= 2 * THOUGHT_S, `${finished!.seconds} and ${firingS}`);
  assert.deepEqual([finished!.deviceBusyS, ...spent.map(({ deviceBusyS }) => deviceBusyS)], [1, 0.5, 0.5]);
});
