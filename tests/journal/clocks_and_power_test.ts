/** Clocks of a lane, the clock of a sentinel, and what a device draws at rest and at work. */
import assert from "node:assert/strict";
import type { Sustained } from "../../src/bundle/meta_blocks.ts";
import { clockRange } from "../../src/journal/clock_range.ts";
import { readDevicePower } from "../../src/journal/device_power.ts";
import { type Identity, identityDifferences } from "../../src/journal/identity.ts";
import { clockMoved, farthestClock } from "../../src/journal/sentinel.ts";
import { withFolder } from "../run/tiny_run.ts";

Deno.test("a lane's clocks are the last one, and the range since it was asked before", () => {
  const clocks = clockRange();
  assert.deepEqual([clocks.latest, clocks.take()], [null, { latest: null }]);
  for (const mhz of [1500, null, 1900, 1400, 1600]) clocks.see(mhz);
  assert.equal(clocks.latest, 1600);
  assert.deepEqual(clocks.take(), { latest: 1600, clocks_mhz: [1400, 1900] });
  assert.deepEqual(clocks.take(), { latest: 1600 });
  clocks.see(1700);
  assert.deepEqual(clocks.take(), { latest: 1700, clocks_mhz: [1700, 1700] });
});

const farthest: [
  low: number | null,
  high: number | null,
  last: number | null,
  usual: number | null,
  mhz: number | null,
][] = [
  [null, null, 1500, 1900, 1500],
  [1400, null, 1500, 1900, 1500],
  [1400, 1900, 1500, 1800, 1400],
  [1400, 1900, 1500, 1500, 1900],
  [1400, 1900, 1500, null, 1900],
  [1400, 1900, 1800, null, 1400],
  [1400, 1900, null, null, 1900],
  [1400, 1600, 1500, 1500, 1400], // both as far: the lower one
  [1500, 1500, 1500, 1500, 1500],
];
for (const [lowMhz, highMhz, clockMhz, usual, mhz] of farthest) {
  Deno.test(`of ${lowMhz} to ${highMhz} MHz, ${clockMhz} at last, ${mhz} is farthest from ${usual ?? "no usual one"}`, () => {
    assert.equal(
      farthestClock(
        { timeUs: 1, clockMhz, lowMhz, highMhz, atS: null, beganMhz: null, moved: undefined },
        usual,
      ),
      mhz,
    );
  });
}

const moves: [first: number | null, now: number | null, moved: boolean][] = [
  [1000, 1000, false],
  [1000, 1099, false],
  [1000, 1101, true],
  [1000, 901, false],
  [1000, 899, true],
  [null, 1000, false],
  [1000, null, false],
];
for (const [first, now, moved] of moves) {
  Deno.test(`a clock of ${first} that is ${now} has ${moved ? "" : "not "}moved`, () => {
    assert.equal(clockMoved(first, now), moved);
  });
}

const lasting = (
  tokens: number,
  time_us: number | null,
  power_w: number | null,
  category: Sustained["category"] = "dense",
): Sustained => ({ category, tp: 1, key: [tokens], layer: "proj", time_us, power_w, sm_clock_mhz: null });
const powers: [what: string, idle: (number | null)[], sustained: Sustained[], power: unknown][] = [
  ["the lowest reading at rest, the mean of the largest batches by time at work", [120, 110.06, 130], [
    ...[lasting(2048, 300, 700), lasting(2048, 100, 500), lasting(64, 1000, 200)],
    ...[lasting(4096, 100, 900, "per_sequence")],
  ], { idleW: 110.1, busyW: 650, readings: 3 }],
  ["readings that tell nothing left out", [null, 100], [
    lasting(1, 2, 300),
    lasting(1, 2, null),
    lasting(9, null, 5),
  ], {
    ...{ idleW: 100, busyW: 300, readings: 1 },
  }],
  ["no reading", [null], [lasting(1, 2, 300)], null],
  ["no lasting load", [100], [], null],
  ["loads that tell nothing", [100], [lasting(1, null, 300), lasting(1, 2, null)], null],
  ["loads of another table alone", [100], [lasting(1, 2, 300, "moe")], null],
];
for (const [what, idle, sustained, power] of powers) {
  Deno.test(`a device's power: ${what}`, () =>
    withFolder(async (dir) => {
      const state = {
        type: "state",
        sm_clock_mhz: null,
        memory_clock_mhz: null,
        temperature_c: null,
        throttle: [],
      };
      const lines = idle.map((power_w) => JSON.stringify({ ...state, power_w }) + "\n");
      await Deno.writeTextFile(`${dir}/journal.jsonl`, lines.join(""));
      assert.deepEqual(await readDevicePower(dir, { sustained }), power);
    }));
}

Deno.test("a bundle without sustained shots tells no power", () =>
  withFolder(async (dir) => assert.equal(await readDevicePower(dir, {}), null)));

const NOW = {
  ...{ harness: "vllm", harness_version: "1", engine: "vllm", engine_version: "0.32.0", device: "H100" },
  ...{ driver: "550", runtime: "torch", dtype: "bfloat16", kv_cache_dtype: "auto", quantity: "kernel" },
} as Identity;
const identities: [recorded: Partial<Identity>, differences: string[]][] = [
  [{}, []],
  [NOW, []],
  [{ harness_version: "2" }, []],
  [{ device: "H200", driver: "550" }, ["device H200 there, H100 now"]],
  [{ device: "H200", dtype: "float16" }, [
    "device H200 there, H100 now",
    "dtype float16 there, bfloat16 now",
  ]],
  [{ clock_mhz: 1500 }, ["clock 1500 MHz there, unlocked now"]],
];
for (const [recorded, differences] of identities) {
  Deno.test(`who measured ${JSON.stringify(recorded).slice(0, 60)}: ${differences.join("; ") || "alike"}`, () => {
    assert.deepEqual(identityDifferences(recorded, NOW), differences);
  });
}

Deno.test("a clock is compared where neither names one, one does, or both do", () => {
  const between = (there?: number, now?: number): string[] =>
    identityDifferences(
      there === undefined ? NOW : { ...NOW, clock_mhz: there },
      now === undefined ? NOW : {
        ...NOW,
        clock_mhz: now,
      },
    );
  assert.deepEqual([between(), between(1500, 1500)], [[], []]);
  assert.deepEqual(between(undefined, 1500), ["clock unlocked there, 1500 MHz now"]);
  assert.deepEqual(between(1500, 1400), ["clock 1500 MHz there, 1400 MHz now"]);
});
