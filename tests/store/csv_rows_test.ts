import assert from "node:assert/strict";
import type { Row } from "../../src/bundle/tables.ts";
import { csvRows } from "../../src/store/csv_rows.ts";
import type { Estimates } from "../../src/store/estimates.ts";
import { type Rows, setRow, tableOf } from "../../src/store/rows.ts";
import { setPart, type SkewTimesByTp, skewTimesOf } from "../../src/store/skew_times.ts";

/** A case whose uniform batches have 4 decodes with a history of 224 and of 512. */
const KEY = [4, 1, 0, 0, 128, 512];

for (const mode of ["interpolated", "exact"] as const) {
  Deno.test(`of several attention kernels skew cases lie between times of the one over the whole history, ${mode}`, () => {
    const rows: Rows = new Map();
    const skew: SkewTimesByTp = new Map();
    const table = tableOf(rows, 1, "attention");
    for (const [kv, timeUs] of [[224, 10], [512, 20]] as const) {
      for (const [layer, factor] of [["a_kernel", 3], [null, 1], ["sliding_attention", 2]] as const) {
        setRow(table, { layer, key: [0, 0, 4, kv], timeUs: factor * timeUs });
      }
    }
    setPart(skewTimesOf(skew, 1), KEY, "t_skew", 15);
    const [row] = csvRows({ rows, estimates: new Map(), skew }, mode).skew(1);
    assert.deepEqual([row!.t_mean_us, row!.t_max_us, row!.alpha], [10, 20, 0.5]);
  });
}

Deno.test("attention.csv shows the rows of all kernels, predicted ones until they are measured", () => {
  const rows: Rows = new Map();
  const key = [0, 0, 4, 512];
  const row = (layer: string | null, timeUs: number): Row => ({ layer, key, timeUs });
  const estimates: Estimates = new Map([
    [1, new Map([["text", { key, expectedError: 0.1, rows: [row(null, 5), row("sliding_attention", 6)] }]])],
  ]);
  setRow(tableOf(rows, 1, "attention"), row(null, 7));
  const shown = csvRows({ rows, estimates, skew: new Map() }, "interpolated").attention(1);
  assert.deepEqual([...shown.values()], [row(null, 7), row("sliding_attention", 6)]);
});
