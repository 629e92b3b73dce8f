/** Small parts of a run at their edges: order, quantity, budget, the hash of the source. */
import assert from "node:assert/strict";
import type { HarnessInfo } from "../../src/harness/harness.ts";
import { type CutSweep, moreWouldBuy, notEnough, openBudget } from "../../src/run/budget.ts";
import { shuffled } from "../../src/run/firing_order.ts";
import { chosenQuantity } from "../../src/run/quantity.ts";
import { sourceSha256 } from "../../src/run/source_hash.ts";
import { denseSweep, withFolder } from "./tiny_run.ts";

Deno.test("a seed fires the same order in every version, whatever is left", () => {
  const { shots } = denseSweep([1, 2, 3, 4, 5, 6, 7, 8]);
  const tokens = (seed: number, of = shots): string =>
    shuffled(of, seed).map((shot) => shot.category === "dense" ? shot.tokens : "").join("");
  assert.equal(tokens(0), "54816732");
  assert.equal(tokens(7), "56831427");
  assert.equal(tokens(7, shots.slice(2)), "56831427".replace(/[12]/g, ""));
});

Deno.test("what is timed is what was asked for, else the best that the harness gives", () => {
  const info: HarnessInfo = {
    harness: "toy",
    harness_version: "1",
    engine: "toy",
    engine_version: "1",
    device: "toy",
    driver: "1",
    runtime: "1",
    quantities: ["kernel", "event", "wall"],
    lanes: 1,
  };
  assert.equal(chosenQuantity(null, info), "kernel");
  assert.equal(chosenQuantity("wall", info), "wall");
  assert.throws(() => chosenQuantity("estimate", info), (error: Error) => {
    assert.equal(error.name, "UsageError");
    assert.match(error.message, /kernel, event, wall/);
    assert.match(error.message, /estimate/);
    return true;
  });
});

Deno.test("a budget's pace is that of all shots of its category, and its end is its end", () => {
  let now = 5000;
  const budget = openBudget(10, () => now);
  assert.deepEqual([budget.seconds, budget.leftS(), budget.pace("skew"), budget.affords("skew")], [
    10,
    10,
    null,
    Infinity,
  ]);
  budget.spend("skew", { seconds: 1, shots: 10 });
  budget.spend("skew", { seconds: 5, shots: 20 });
  budget.spend("attention", { seconds: 9, shots: 0 });
  assert.deepEqual([budget.pace("skew"), budget.pace("attention")], [0.2, null]);
  assert.equal(budget.affords("skew"), 50);
  now = 14_900;
  assert.deepEqual([Math.round(budget.leftS() * 1000), budget.affords("skew")], [100, 0]);
  now = 20_000;
  assert.deepEqual([budget.leftS(), budget.affords("skew")], [0, 0]);
});

Deno.test("a budget is not enough for one shot more than it affords", () => {
  const budget = openBudget(10, () => 0);
  budget.spend("attention", { seconds: 1, shots: 10 });
  const sweep = { category: "attention", tp: 2 } as const;
  assert.equal(notEnough(budget, sweep, 100), null);
  assert.match(
    notEnough(budget, sweep, 101)!,
    /^tp 2 attention: the 101 other shots would take about 10 s, /,
  );
  assert.equal(notEnough(budget, { category: "skew", tp: 2 }, 1000), null);
});

const CUT: CutSweep = {
  category: "attention",
  fired: 400,
  left: 1000,
  error: 0.08,
  curve: [{ fired: 100, error: 0.16 }, { fired: 400, error: 0.08 }],
};
const promises: readonly [string, Partial<CutSweep>, RegExp | null][] = [
  [
    "errors that halve with four times the shots",
    {},
    /attention from 8\.0% to about 5\.1% \(600 of the 1,000 other shots\)$/,
  ],
  [
    "errors that do not fall",
    { curve: [{ fired: 100, error: 0.08 }, { fired: 400, error: 0.09 }] },
    /to about 8\.0% /,
  ],
  ["all that is left", { left: 600 }, /from 8\.0% to 0 \(600 of the 600 other shots\)$/],
  ["one round", { curve: [{ fired: 100, error: 0.08 }] }, null],
  ["no round", { curve: [] }, null],
  ["a sweep of unknown pace", { category: "skew" }, null],
];
for (const [what, cut, promise] of promises) {
  Deno.test(`what as much time again would buy: ${what}`, () => {
    const budget = openBudget(60, () => 0);
    budget.spend("attention", { seconds: 10, shots: 100 });
    const told = moreWouldBuy(budget, 2, [{ ...CUT, ...cut }]);
    if (promise === null) return assert.equal(told, null);
    assert.match(told!, promise);
    assert.match(told!, /^As much time again, 60 s at tp 2, /);
  });
}

Deno.test("the hash of the source is that of its TypeScript and Python, wherever it lies", async () => {
  const files = { "src/a.ts": "1", "src/deep/b.ts": "2", "harness/c.py": "3" };
  const hashOf = async (more: Readonly<Record<string, string>>): Promise<string> => {
    let hash = "";
    await withFolder(async (dir) => {
      for (const [path, text] of Object.entries({ ...files, ...more })) {
        await Deno.mkdir(`${dir}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
        await Deno.writeTextFile(`${dir}/${path}`, text);
      }
      hash = await sourceSha256(dir);
    });
    return hash;
  };
  const hash = await hashOf({});
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.equal(await hashOf({ "src/notes.md": "x", "docs/d.ts": "y", "harness/deep/e.txt": "z" }), hash);
  for (
    const changed of [{ "src/a.ts": "9" }, { "harness/c.py": "9" }, { "src/deep/d.ts": "" }, {
      "harness/deep/e.py": "",
    }]
  ) {
    assert.notEqual(await hashOf(changed), hash);
  }
});
