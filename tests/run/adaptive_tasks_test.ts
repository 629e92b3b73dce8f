/** Which sweeps of a degree are fired together. */
import assert from "node:assert/strict";
import { adaptiveTasks } from "../../src/run/adaptive_sweeps.ts";
import { openBudget } from "../../src/run/budget.ts";
import type { ExecuteOptions } from "../../src/run/execute.ts";
import type { AdaptiveOptions } from "../../src/run/round_sweep.ts";
import type { Sweep } from "../../src/shots/plan_sweeps.ts";
import { attentionSweep, denseSweep } from "./tiny_run.ts";

const SKEW: Sweep = { category: "skew", tp: 1, shots: [] };
const groups: [what: string, sweeps: Sweep[], budget: boolean, together: string[]][] = [
  ["one behind the other, small sweeps first", [attentionSweep([1]), SKEW, denseSweep([1])], false, [
    "dense",
    "attention",
    "skew",
  ]],
  ["attention and skew side by side", [denseSweep([1]), SKEW, attentionSweep([1])], true, [
    "dense",
    "attention skew",
  ]],
  ["small sweeps alone", [denseSweep([1]), denseSweep([2])], true, ["dense", "dense"]],
  ["nothing", [], true, []],
];
for (const [what, sweeps, hasBudget, together] of groups) {
  Deno.test(`with${hasBudget ? "" : "out"} a budget sweeps are fired: ${what}`, () => {
    const budget = hasBudget ? openBudget(10, () => 0) : undefined;
    const adaptive = { target: null, budget, session: {}, layers: [], onEstimate: () => {} };
    const { tasks, conclusion } = adaptiveTasks(
      { sweeps, session: {} } as unknown as ExecuteOptions,
      adaptive as unknown as AdaptiveOptions,
    );
    assert.deepEqual(tasks.map((group) => group.map(({ sweep }) => sweep.category).join(" ")), together);
    assert.equal(conclusion(), null);
  });
}
