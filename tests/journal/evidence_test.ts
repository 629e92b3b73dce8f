import assert from "node:assert/strict";
import { evidenceOf, readEvidence } from "../../src/journal/evidence.ts";
import { readJournal } from "../../src/journal/file.ts";
import type { JournalLine } from "../../src/journal/line.ts";
import { profile } from "../../src/run/profile.ts";
import { readClocks } from "../../src/view/timeline.ts";
import { fakeHarness } from "../run/fakes.ts";
import { SMALL, smallBundle } from "../run/small_model.ts";
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
