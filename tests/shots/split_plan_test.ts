import assert from "node:assert/strict";
import type { Sweep } from "../../src/shots/plan_sweeps.ts";
import { splitPlan } from "../../src/shots/split_plan.ts";

const sweep = (category: "dense" | "per_sequence", tp: number, count: number): Sweep => ({
  category,
  tp,
  shots: Array.from(
    { length: count },
    (_, index) =>
      category === "dense" ? { category, tp, tokens: index + 1 } : { category, tp, sequences: index + 1 },
  ),
});
const PLAN = [sweep("dense", 1, 7), sweep("per_sequence", 1, 2), sweep("dense", 2, 5)];
const shotsOf = (sweeps: readonly Sweep[]): string[] =>
  sweeps.flatMap(({ shots }) => shots.map((shot) => JSON.stringify(shot)));

for (const pieces of [1, 2, 3, 5, 14, 20]) {
  Deno.test(`splitPlan: ${pieces} pieces have every shot once, and about as many each`, () => {
    const hands = splitPlan(PLAN, pieces);
    assert.equal(hands.length, pieces);
    assert.deepEqual(hands.flatMap(shotsOf).sort(), shotsOf(PLAN).sort());
    const sizes = hands.map((hand) => shotsOf(hand).length);
    assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, String(sizes));
    for (const { category, tp, shots } of hands.flat()) {
      assert.ok(shots.every((shot) => shot.category === category && shot.tp === tp));
    }
  });
}

Deno.test("splitPlan keeps the order of sweeps and shots", () => {
  assert.deepEqual(splitPlan(PLAN, 1), [PLAN]);
  const [hand] = splitPlan(PLAN, 2);
  assert.deepEqual(hand!.map(({ category, tp }) => [category, tp]), [["dense", 1], ["per_sequence", 1], [
    "dense",
    2,
  ]]);
});
