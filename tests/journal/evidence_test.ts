import assert from "node:assert/strict";
import { evidenceOf, readEvidence } from "../../src/journal/evidence.ts";
import { readJournal } from "../../src/journal/file.ts";
import type { JournalLine } from "../../src/journal/line.ts";
import { profile } from "../../src/run/profile.ts";
import { readClocks } from "../../src/view/timeline.ts";
import { fakeHarness } from "../run/fakes.ts";
import { SMALL, smallBundle } from "../run/small_model.ts";
import { relativeSpread } from "../../src/stats.ts";
import { withFolder } from "../run/tiny_run.ts";

const STATE = { memory_clock_mhz: null, temperature_c: null, power_w: null, throttle: [] };

Deno.test("evidence: a shot's clock is that of the lane that fired it", () => {
  const state = (mhz: number, lane?: string): JournalLine => ({
    ...{ type: "state", sm_clock_mhz: mhz, ...STATE },
    ...lane !== undefined && { lane },
  });
  const shot = (tokens: number, lane?: string): JournalLine => ({
    ...{ type: "shot", category: "dense", tp: 1, key: [tokens], samples: { proj: [1] } },
    ...lane !== undefined && { lane },
  });
  const lines = [
    ...[state(1980, "device 0"), state(1410, "device 1"), shot(1, "device 0"), shot(2, "device 1")],
    ...[state(1965, "device 0"), shot(3, "device 1"), shot(4, "device 0"), shot(5, "device 2")],
    ...[state(1755), shot(6)],
  ];
  const clocks = evidenceOf(lines).map(({ rows }) => rows["proj"]!.clockMhz);
  assert.deepEqual(clocks, [1980, 1410, 1410, 1965, null, 1755]);
});

Deno.test("evidence: a pool's states are journaled with their lanes", () =>
  withFolder(async (perfDir) => {
    const mhz = (device: number): number => 1500 + 100 * device;
    await profile({ ...SMALL, perfDir, devices: [0, 1] }, {
      open: ([device]) => {
        const state = { type: "state", sm_clock_mhz: mhz(device!), ...STATE } as const;
        return Promise.resolve(fakeHarness({ facts: () => [state] }));
      },
    });
    const dir = smallBundle(perfDir);
    const lanes = new Map<string, string | undefined>();
    await readJournal(`${dir}/journal.jsonl`, (line) => {
      if (line.type === "shot") lanes.set(`${line.category} ${line.tp} ${line.key}`, line.lane);
    });
    assert.deepEqual([...new Set(lanes.values())].sort(), ["device 0", "device 1"]);
    const told = (await readEvidence(dir)).flatMap(({ category, tp, key, rows }) =>
      Object.values(rows).map(({ clockMhz }) => `${lanes.get(`${category} ${tp} ${key}`)} ${clockMhz}`)
    );
    assert.deepEqual([...new Set(told)].filter((text) => !text.endsWith("null")).sort(), [
      "device 0 1500",
      "device 1 1600",
    ]);
    const clocks = (await readClocks(dir)).map(({ lane, mhz }) => `${lane} ${mhz}`);
    assert.deepEqual(new Set(clocks), new Set(["device 0 1500", "device 1 1600"]));
  }));

Deno.test("evidence: a layer's samples, spread, kernels by name and sums, of the last time that it was measured", () => {
  const shot = (samples: Record<string, number[]>, more: object = {}): JournalLine => ({
    ...{ type: "shot", category: "dense", tp: 1, key: [16], samples },
    ...more,
  });
  const found = evidenceOf([
    { type: "kernels", names: { ab: "gemm", cd: "copy" } },
    shot({ proj: [1, 2], norm: [4] }),
    shot({ proj: [9, 10, 12] }, {
      ...{ stop: "precision", recordings: 2, kernels: { proj: ["ab", "ef"] } },
      shot_clocks_mhz: [1929, 1384],
      kernel_sums: { proj: [7, 9, 8] },
    }),
    { ...shot({ proj: [1] }), key: [32] } as JournalLine,
  ]);
  const norm = {
    samples: 1,
    spread: null,
    stop: null,
    clockMhz: null,
    kernels: null,
    kernelSumUs: null,
    recordings: 1,
  };
  assert.deepEqual(found, [
    {
      ...{ category: "dense", tp: 1, key: [16], measured: 2, inDoubt: false, lowersClock: false },
      clocksMhz: { before: 1929, behind: 1384 },
      rows: {
        proj: {
          ...{ samples: 3, spread: relativeSpread([9, 10, 12]), stop: "precision", clockMhz: null },
          ...{ kernels: ["gemm", "ef"], kernelSumUs: 8, recordings: 2 },
        },
        norm,
      },
    },
    {
      ...{ category: "dense", tp: 1, key: [32], measured: 1, inDoubt: false, lowersClock: false },
      ...{ clocksMhz: null, rows: { proj: norm } },
    },
  ]);
});

Deno.test("evidence: what lies before a sentinel that moved is in doubt, what no sentinel came after too", () => {
  const watch = { every_s: 30, share: 0.03 };
  const sentinel = (timeUs: number): JournalLine => ({
    ...{ type: "sentinel", category: "attention", tp: 1, key: [16, 0, 2, 128], clock_mhz: null },
    samples: { attention: [timeUs] },
  });
  const shot = (tokens: number): JournalLine => ({
    ...{ type: "shot", category: "dense", tp: 1, key: [tokens], samples: { proj: [1] } },
  });
  const session = { type: "session", format: 2, started: "", identity: {}, settings: {}, watch } as unknown;
  const found = evidenceOf([
    ...[session as JournalLine, sentinel(100), shot(1), sentinel(100), shot(2), sentinel(120), shot(3)],
  ]);
  assert.deepEqual(found.map(({ key, inDoubt }) => [key[0], inDoubt]), [[1, false], [2, true], [3, true]]);
  assert.deepEqual(evidenceOf([]), []);
});
