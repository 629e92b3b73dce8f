import assert from "node:assert/strict";
import { moreWouldBuy, notEnough, openBudget } from "../../src/run/budget.ts";
import { adaptiveRun } from "../../src/run/adaptive_session.ts";
import { resolveSettings } from "../../src/settings.ts";
import type { Session } from "../../src/store/session.ts";
import { SMALL } from "./small_model.ts";

Deno.test("a budget affords what its time is enough for, at the pace of each category", () => {
  let now = 0;
  const budget = openBudget(100, () => now);
  assert.equal(budget.affords("attention"), Infinity);
  now = 20_000;
  budget.spend("attention", { seconds: 10, shots: 100 });
  budget.spend("skew", { seconds: 10, shots: 20 });
  budget.spend("skew", { seconds: 3, shots: 0 });
  assert.deepEqual([budget.affords("attention"), budget.affords("skew")], [800, 160]);
  now = 120_000;
  assert.equal(budget.affords("attention"), 0);
});

Deno.test("moreWouldBuy goes on along the errors of the rounds, up to the end of a sweep", () => {
  const budget = openBudget(100, () => 0);
  budget.spend("attention", { seconds: 10, shots: 100 });
  budget.spend("skew", { seconds: 10, shots: 100 });
  const curve = [{ fired: 100, error: 0.16 }, { fired: 400, error: 0.08 }];
  const attention = { category: "attention", fired: 1000, left: 7000, error: 0.06, curve } as const;
  const skew = { ...attention, category: "skew", left: 500 } as const;
  assert.equal(
    moreWouldBuy(budget, 2, [attention, skew]),
    "As much time again, 100 s at tp 2, would bring the error that 90% of the rows stay within down: " +
      "attention from 6.0% to about 4.2% (1,000 of the 7,000 other shots), or " +
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
  budget.spend("attention", { seconds: 25, shots: 50 });
  assert.equal(notEnough(budget, sweep, 120), null);
  assert.equal(
    notEnough(budget, sweep, 285),
    "tp 1 attention: the 285 other shots would take about 2 min 23 s, of the budget 1 min 00 s are left: " +
      "a part of them is fired, the others are predicted",
  );
});

Deno.test("a budget keeps what is reserved for the last predictions of each category, and counts choosing", () => {
  let now = 0;
  const budget = openBudget(100, () => now);
  now = 10_000;
  budget.reserve("attention", 20);
  budget.reserve("skew", 5);
  assert.equal(budget.leftS(), 65);
  budget.reserve("attention", 30);
  assert.equal(budget.leftS(), 55);
  budget.reserve("attention", 0);
  assert.equal(budget.leftS(), 85);
  budget.reserve("skew", 1000);
  assert.equal(budget.leftS(), 0);
  budget.think(2);
  budget.think(0.5);
  assert.equal(budget.thoughtS, 2.5);
});

const ARCHITECTURE = {
  modelType: "tiny",
  sequence: {},
  sha256: "00",
  catalog: { dense: {}, per_sequence: {}, attention: { attention: { vllm: [] } }, moe: {} },
};
const CONFIG = { hidden_size: 64, num_attention_heads: 4, vocab_size: 100 };

Deno.test("a budget is the whole wait, shared by the degrees: what one has spent, the next ones do not have", async () => {
  const settings = resolveSettings({ ...SMALL, adaptive: null, budget: 60 });
  let nowMs = 1_000;
  const run = (await adaptiveRun(settings, {} as Session, { nowMs: () => nowMs, begunMs: 0 }))!;
  nowMs = 6_000; // connecting
  run.begin(3);
  nowMs += 5_000; // booting
  const first = run.booted(1, CONFIG, ARCHITECTURE, 2).budget!;
  assert.deepEqual([first.seconds, first.leftS()], [18, 11]);
  nowMs += 13_000;
  first.think(4);
  run.end();
  run.begin(2);
  nowMs += 1_000;
  const second = run.booted(2, CONFIG, ARCHITECTURE, 0).budget!;
  assert.deepEqual([second.seconds, second.leftS()], [18, 17]);
  nowMs += 30_000;
  run.end();
  assert.equal(
    run.shortFor([4]),
    "tp 4 is left out: the degree before took 31 s of the budget, of which 5.0 s are left",
  );
  assert.equal(
    run.account(),
    "The budget was 1 min 00 s, and the run took 55 s: booting 6.0 s, firing 39 s, choosing and predicting 4.0 s",
  );
});

Deno.test("a run without a budget has no account of one", async () => {
  const settings = resolveSettings({ ...SMALL, adaptive: { shots: 0.5 } });
  const run = (await adaptiveRun(settings, {} as Session))!;
  run.begin(1);
  const { budget } = run.booted(1, CONFIG, ARCHITECTURE, 0);
  run.end();
  assert.deepEqual([budget, run.account(), run.shortFor([2])], [undefined, null, null]);
});
