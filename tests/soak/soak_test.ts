import assert from "node:assert/strict";
import { formatReport } from "./report.ts";
import { soak } from "./soak.ts";

Deno.test({
  name: "soak: 4,000 shots and more through random kills of workers and of the run end as an undisturbed run",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const report = await soak({ seconds: 30, shots: 4000, seed: 1 });
    assert.deepEqual(report.faults, [], formatReport(report));
    assert.ok(report.planned >= 4000);
    assert.ok(report.workersKilled >= 5 && report.parentsKilled >= 1, formatReport(report));
  },
});
