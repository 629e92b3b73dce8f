import assert from "node:assert/strict";
import { moreWouldBuy, notEnough, openBudget } from "../../src/run/budget.ts";

Deno.test("a budget affords what its time is enough for, at the pace of each category", () => {
  let now = 0;
  const budget = openBudget(100, () => now);
  assert.equal(budget.affords("attention"), Infinity);
  now = 20_000;
  budget.spend("attention", 10, 100);
  budget.spend("skew", 10, 20);
  budget.spend("skew", 3, 0);
  assert.deepEqual([budget.affords("attention"), budget.affords("skew")], [800, 160]);
  now = 120_000;
  assert.equal(budget.affords("attention"), 0);
});

Deno.test("moreWouldBuy goes on along the errors of the rounds, up to the end of a sweep", () => {
  const budget = openBudget(100, () => 0);
  budget.spend("attention", 10, 100);
  budget.spend("skew", 10, 100);
  const curve = [{ fired: 100, error: 0.16 }, { fired: 400, error: 0.08 }];
  const attention = { category: "attention", fired: 1000, left: 7000, error: 0.06, curve } as const;
  const skew = { ...attention, category: "skew", left: 500 } as const;
  assert.equal(
    moreWouldBuy(budget, 2, [attention, skew]),
    "As much time again, 100 s at tp 2, would bring the error that 90% of the rows stay within down: " +
      "attention from 6.0% to about 4.2% (1000 of the 7000 other shots), or " +
      "skew from 6.0% to 0 (500 of the 500 other shots)",
  );
  assert.equal(moreWouldBuy(budget, 1, []), null);
});

Deno.test("notEnough says what becomes of the shots that a budget has no time for, once their pace is known", () => {
  let now = 0;
  const budget = openBudget(100, () => now);
  const sweep = { category: "attention", tp: 1 } as const;
  assert.equal(notEnough(budget, sweep, 1000), null);
  now = 40_000;
  budget.spend("attention", 25, 50);
  assert.equal(notEnough(budget, sweep, 120), null);
  assert.equal(
    notEnough(budget, sweep, 285),
    "tp 1 attention: the 285 other shots would take about 2 min 23 s, of the budget 1 min 00 s are left: " +
      "a part of them is fired, the others are predicted",
  );
});
