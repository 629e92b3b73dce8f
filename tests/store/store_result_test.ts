import assert from "node:assert/strict";
import type { ShotOutcome } from "../../src/harness/harness.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { type RecordOptions, recordOutcome } from "../../src/store/store_result.ts";

const SHOT: Shot = { category: "dense", tp: 2, tokens: 16 };
type Stored = Parameters<typeof recordOutcome>[0];

/** Records an outcome where some layers are timed and some have no row; gives what was recorded and told. */
function record(
  outcome: ShotOutcome,
  { missing = ["norm", "proj"], inDoubt = false, ...options }: Partial<RecordOptions> & {
    missing?: string[];
    inDoubt?: boolean;
  },
): { recorded: unknown[]; told: unknown } {
  const recorded: unknown[] = [];
  const store: Stored = {
    timed: () => ["norm", "proj"],
    missing: () => missing,
    inDoubt: () => inDoubt,
    measured(_shot, samples, more): Record<string, number> {
      recorded.push(samples, more);
      return { norm: 1 };
    },
    fail(_shot, kind, message, more): ReturnType<Stored["fail"]> {
      recorded.push(kind, message, more);
      return { category: "dense", tp: 2, key: [16], kind, message };
    },
  };
  return { recorded, told: recordOutcome(store, SHOT, outcome, { again: false, ...options }) };
}
const measured = (samples: Record<string, number[]>, more = {}): ShotOutcome => ({
  status: "measured",
  index: 0,
  samples,
  ...more,
});
const BOTH = { norm: [1, 2], proj: [3, 4] };
const TOLD = { type: "shot", category: "dense", tp: 2, key: [16], timesUs: { norm: 1 } };

const layers: [string, Parameters<typeof record>[1], Record<string, number[]>][] = [
  ["those that have no row", { missing: ["proj"] }, { proj: [3, 4] }],
  ["all when the shot is measured again", { missing: ["proj"], again: true }, BOTH],
  ["all when the shot is in doubt", { missing: ["proj"], inDoubt: true }, BOTH],
  ["all when none is missing", { missing: [] }, BOTH],
];
for (const [what, options, samples] of layers) {
  Deno.test(`the samples of these layers are recorded: ${what}`, () => {
    assert.deepEqual(record(measured(BOTH), options), { recorded: [samples, {}], told: TOLD });
  });
}

Deno.test("what the harness tells of a shot is recorded beside its samples, with the lane", () => {
  const more = {
    ...{ stop: "precision", kernels: { norm: ["ab"] }, kernel_sums: { norm: [2, 2] }, recordings: 2 },
    shot_clocks_mhz: [1980, 1384],
  };
  assert.deepEqual(record(measured(BOTH, more), { lane: "device 1" }).recorded, [BOTH, {
    ...more,
    lane: "device 1",
  }]);
});

const unusable: [string, Record<string, number[]>, string][] = [
  ["no samples", { norm: [1] }, "layer 'proj' must have a median above 0 us, got []"],
  ["an empty list", { norm: [1], proj: [] }, "layer 'proj' must have a median above 0 us, got []"],
  [
    "a median of 0",
    { norm: [1], proj: [0, 0, 5] },
    "layer 'proj' must have a median above 0 us, got [0,0,5]",
  ],
  ["NaN", { norm: [NaN], proj: [1] }, "layer 'norm' must have a median above 0 us, got [null]"],
];
for (const [what, samples, message] of unusable) {
  Deno.test(`a shot of which a layer has ${what} has failed`, () => {
    const failed = ["unsupported", `The times of ${message}`] as const;
    assert.deepEqual(record(measured(samples), { lane: "device 1" }), {
      recorded: [...failed, { lane: "device 1" }],
      told: { type: "failed-shot", category: "dense", tp: 2, key: [16], kind: failed[0], message: failed[1] },
    });
    if (what !== "NaN") {
      assert.equal((record(measured(samples), { missing: ["norm"] }).told as typeof TOLD).type, "shot");
    }
  });
}

Deno.test("a shot that failed is recorded as it failed", () => {
  const outcome: ShotOutcome = { status: "failed", index: 3, kind: "timeout", message: "too late" };
  assert.deepEqual(record(outcome, { lane: "device 0" }), {
    recorded: ["timeout", "too late", { lane: "device 0" }],
    told: { type: "failed-shot", category: "dense", tp: 2, key: [16], kind: "timeout", message: "too late" },
  });
});
