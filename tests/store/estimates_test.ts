import assert from "node:assert/strict";
import { type Estimate, estimateLists, type Estimates, setEstimates } from "../../src/store/estimates.ts";
import { putFile, withFolder } from "../run/tiny_run.ts";

const estimate = (n: number): Estimate => ({
  key: [0, 0, n, 16],
  expectedError: 0.1,
  rows: [{ layer: null, key: [0, 0, n, 16], timeUs: 5 }],
});

Deno.test("a list names whatever is predicted in the old table or the new one while the table is written", () =>
  withFolder(async (dir) => {
    await putFile(dir, "tp1/estimated.csv", "");
    const written: string[] = [];
    const estimates: Estimates = new Map();
    const write = (_: string, text: string): Promise<void> => {
      written.push(text.trimEnd().split("\n").slice(1).map((line) => line.split(",")[3]).join(" "));
      return Promise.resolve();
    };
    const writeTable = (): Promise<void> => write("attention.csv", "\n0,0,0.0,table,16,1");
    const lists = estimateLists(dir, estimates, new Map([[1, [estimate(1), estimate(2)]]]), write);
    const shown: string[][] = [];
    for (const now of [[2, 3], [2, 3, 4], [3], [3], []]) {
      setEstimates(estimates, 1, now.map(estimate));
      await lists.around(1, writeTable);
      shown.push(written.splice(0));
    }
    assert.deepEqual(shown, [
      ["1 2 3", "table", "2 3"],
      ["2 3 4", "table"],
      ["table", "3"],
      ["table"],
      ["table"],
    ]);
    await assert.rejects(Deno.stat(`${dir}/tp1/estimated.csv`), Deno.errors.NotFound);
  }));
