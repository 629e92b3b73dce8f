import assert from "node:assert/strict";
import type { Sustained } from "../../src/bundle/meta_blocks.ts";
import type { Row } from "../../src/bundle/tables.ts";
import { rowEnergies } from "../../src/predict/energy.ts";
import type { PredictorSource } from "../../src/predict/source.ts";

const row = (layer: string | null, key: number[], timeUs: number): Row => ({ layer, key, timeUs });
const entry = (
  layer: string,
  key: number[],
  time_us: number | null,
  power_w: number | null,
  sm_clock_mhz = 1980,
  tp = 1,
): Sustained => ({
  ...{ category: layer === "attention" ? "attention" : "dense", tp, key, layer },
  ...{ time_us, power_w, sm_clock_mhz },
});

function energies(rows: Row[], sustained: Sustained[], tp = 1): unknown[] {
  const source: PredictorSource = {
    tps: [1, 2],
    meta: { sustained },
    table: (_, category) =>
      category === "dense"
        ? rows.filter(({ layer }) => layer !== null)
        : category === "attention"
        ? rows.filter(({ layer }) => layer === null)
        : [],
    skewFit: () => [],
  };
  return rowEnergies(source, tp).map((
    { energyMj, measured, clocksDown },
  ) => [energyMj, measured, clocksDown]);
}

const AT_REST = entry("norm", [64], null, null);
const CASES: Record<string, [rows: Row[], sustained: Sustained[], expected: unknown[], tp?: number]> = {
  "a row that was repeated takes its power for its time at work": [
    [row("up", [2048], 600)],
    [AT_REST, entry("up", [2048], 660, 700, 1800)],
    [[462, true, true]],
  ],
  "shots whose clock the power limit took down have one power, the mean of theirs": [
    [row("up", [2048], 600), row("norm", [64], 10)],
    [entry("norm", [64], 10, 300), entry("up", [2048], 600, 600, 1500), entry("up", [1024], 300, 800, 1930)],
    [[420, true, false], [3, true, false]],
  ],
  "a call shorter than its launch takes its power for the row's time": [
    [row("norm", [2048], 10)],
    [entry("norm", [2048], null, 300)],
    [[3, true, false]],
  ],
  "other rows have the power between those of their neighbours, an estimate": [
    [row("up", [1024], 100), row("up", [2048], 200), row("up", [4096], 400)],
    [entry("up", [1024], 100, 500), entry("up", [3072], 300, 700)],
    [[50, true, false], [120, false, false], [280, false, false]],
  ],
  "attention is placed by how many queries read a key": [
    [row(null, [512, 0, 0, 0], 10), row(null, [1024, 0, 0, 0], 20)],
    [entry("attention", [512, 0, 0, 0], 10, 400), entry("attention", [2048, 0, 0, 0], 100, 600)],
    [[4, true, false], [10, false, false]],
  ],
  "a degree of which nothing was repeated has the power of the nearest, an estimate": [
    [row("up", [2048], 300)],
    [entry("up", [2048], 600, 700)],
    [[210, false, false]],
    2,
  ],
  "of several degrees the one that is nearest by ratio counts": [
    [row("up", [2048], 300)],
    [entry("up", [2048], 600, 700, 1980, 1), entry("up", [2048], 600, 500, 1980, 4)],
    [[150, false, false]],
    8,
  ],
  "shots count by their place, whatever their order": [
    [row("up", [1024], 100), row("up", [2048], 100), row("up", [4096], 100)],
    [entry("up", [3072], 300, 700), entry("up", [1024], 100, 500)],
    [[50, true, false], [60, false, false], [70, false, false]],
  ],
  "a layer of that name in another table tells nothing": [
    [row("up", [2048], 300)],
    [entry("up", [2048], 600, 700), { ...entry("up", [2048], 600, 900), category: "per_sequence" }],
    [[210, true, false]],
  ],
  "a layer of which nothing was repeated has none": [
    [row("down", [2048], 300)],
    [entry("up", [2048], 600, 700)],
    [[null, false, false]],
  ],
  "a device that does not tell its power has none": [
    [row("up", [2048], 600)],
    [entry("up", [2048], 660, null, 1800), AT_REST],
    [[null, false, true]],
  ],
  "a clock 2% below that at rest is not the limit's, one below that is": [
    [row("up", [64], 100), row("up", [128], 100), row("up", [256], 100)],
    [
      entry("norm", [64], 10, 300, 1000),
      entry("up", [64], 100, 500, 980),
      entry("up", [128], 100, 600, 979),
      entry("up", [256], 100, 800, 900),
    ],
    [[50, true, false], [70, true, false], [70, true, false]],
  ],
  "shots without a time or a clock are not at the limit": [
    [row("up", [64], 100), row("norm", [64], 10), row("down", [64], 10)],
    [
      AT_REST,
      entry("up", [64], 100, 700, 1500),
      entry("norm", [64], null, 300, 1500),
      { ...entry("down", [64], 10, 200), sm_clock_mhz: null },
    ],
    [[70, true, false], [3, true, false], [2, true, false]],
  ],
  "a bundle without lasting loads has no rows": [[row("up", [2048], 600)], [], []],
};
for (const [what, [rows, sustained, expected, tp]] of Object.entries(CASES)) {
  Deno.test(`energy: ${what}`, () => assert.deepEqual(energies(rows, sustained, tp), expected));
}

Deno.test("a bundle that says nothing of lasting loads has no energies", () => {
  const source: PredictorSource = {
    tps: [1],
    meta: {},
    table: () => [row("up", [64], 1)],
    skewFit: () => [],
  };
  assert.deepEqual(rowEnergies(source, 1), []);
});
