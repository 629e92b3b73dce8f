/** What a lane tells between the outcomes: facts in their order, and sentinels when the clock moves. */
import assert from "node:assert/strict";
import type { FireFact } from "../../src/harness/harness.ts";
import { openLane } from "../../src/workers/lane.ts";
import { fakeHarness } from "../run/fakes.ts";
import { TINY_BOOT } from "../run/tiny_boot.ts";
import { attentionSweep, denseSweep } from "../run/tiny_run.ts";

const state = (sm_clock_mhz: number): FireFact => ({
  type: "state",
  ...{ sm_clock_mhz, memory_clock_mhz: null, temperature_c: null, power_w: null, throttle: [] },
});
const COST: FireFact = { type: "cost", device_busy_us: null, wall_us: 1 };
const [sentinelShot] = attentionSweep([1]).shots;

/** Fires four shots, one a chunk, with what each chunk tells; the first two chunks are the first sentinel's. */
async function told(chunks: readonly (readonly FireFact[])[]): Promise<string[]> {
  const left = [[state(1980)], [state(1980)], ...chunks];
  await using lane = await openLane({ harness: fakeHarness({ facts: () => [...left.shift() ?? []] }) });
  await lane.boot(TINY_BOOT);
  const sentinel = { shot: sentinelShot!, everyS: 1000, share: 0.03 };
  const how = { iterations: 1, quantity: "wall", chunk: 1, sentinel } as const;
  const steps = await Array.fromAsync(lane.fire(denseSweep([1, 2, 3, 4]).shots, how));
  return steps.flatMap((step) => {
    if (step.type === "outcome") return [`${(step.shot as { tokens: number }).tokens}`];
    return step.type === "sentinel" ? [`sentinel ${step.clocks.latest}`] : [];
  });
}

const FIRST = "sentinel 1980";
const cases: [string, FireFact[][], string[]][] = [
  ["a clock that stays", [[state(1980)], [state(1980)], [state(1980)]], [FIRST, "1", "2", "3", "4"]],
  [
    "a clock that has moved in the second chunk, and is back in the sentinel",
    [[state(1980)], [state(1300)], [state(1980)]],
    [FIRST, "1", "2", FIRST, "3", "4"],
  ],
  [
    "a clock that had moved and is back at the chunk's end",
    [[state(1300), state(1980)], [], []],
    [FIRST, "1", "2", "3", "4"],
  ],
  [
    "a clock that has moved, told before other facts",
    [[state(1300), COST], [state(1980)]],
    [FIRST, "1", FIRST, "2", "3", "4"],
  ],
  [
    "a clock that stays where it has moved to",
    [[], [], [state(1300)]],
    [FIRST, "1", "2", "3", "sentinel 1300", "4", "sentinel 1300"],
  ],
  ["no word of the clock", [[COST], [COST], [COST]], [FIRST, "1", "2", "3", "4"]],
];
for (const [what, chunks, expected] of cases) {
  Deno.test(`${what}: ${expected.join(", ")}`, async () => assert.deepEqual(await told(chunks), expected));
}

Deno.test("a sentinel every 0 seconds is fired before each chunk, and behind the last", async () => {
  await using lane = await openLane({ harness: fakeHarness() });
  await lane.boot(TINY_BOOT);
  const sentinel = { shot: sentinelShot!, everyS: 0, share: 0.03 };
  const how = { iterations: 1, quantity: "wall", chunk: 2, sentinel } as const;
  const steps = await Array.fromAsync(lane.fire(denseSweep([1, 2, 3, 4, 5]).shots, how));
  assert.deepEqual(steps.flatMap(({ type }) => type === "engine" ? [] : [type]), [
    ...["sentinel", "outcome", "outcome", "sentinel", "outcome", "outcome"],
    ...["sentinel", "outcome", "sentinel"],
  ]);
});

Deno.test("what a harness tells among the outcomes is passed on in its order, each once", async () => {
  const harness = fakeHarness();
  const facts = [1, 2, 3, 4].map(state);
  await using lane = await openLane({
    harness: {
      ...harness,
      async *fire(request, { onFact } = {}): ReturnType<typeof harness.fire> & AsyncGenerator {
        onFact!(facts[0]!);
        let at = 0;
        for await (const outcome of harness.fire(request)) {
          yield outcome;
          if (at++ === 0) { for (const fact of facts.slice(1, 3)) onFact!(fact); }
        }
        onFact!(facts[3]!);
      },
    },
  });
  await lane.boot(TINY_BOOT);
  const steps = await Array.fromAsync(
    lane.fire(denseSweep([1, 2]).shots, { iterations: 1, quantity: "wall" }),
  );
  assert.deepEqual(
    steps.map((step) =>
      step.type === "fact" && step.fact.type === "state" ? step.fact.sm_clock_mhz : step.type
    ),
    ["engine", 1, "outcome", 2, 3, "outcome", 4],
  );
});

Deno.test("shots that are aborted before they begin are not fired", async () => {
  const reason = new Error("enough");
  const fired: string[] = [];
  const harness = fakeHarness({ fired });
  // A harness that hears no signal.
  await using lane = await openLane({ harness: { ...harness, fire: (request) => harness.fire(request) } });
  await lane.boot(TINY_BOOT);
  const how = { iterations: 1, quantity: "wall", signal: AbortSignal.abort(reason) } as const;
  await assert.rejects(Array.fromAsync(lane.fire(denseSweep([1]).shots, how)), (error) => error === reason);
  assert.deepEqual(fired, []);
});
