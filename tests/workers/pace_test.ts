import assert from "node:assert/strict";
import type { Quantity } from "../../src/quantity.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { commonShots, slowLanes } from "../../src/workers/pace.ts";

const sweep = (count: number): Shot[] =>
  Array.from({ length: count }, (_, index) => ({ category: "dense", tp: 1, tokens: index + 1 }));

const common: [count: number, tokens: number[]][] = [
  [0, []],
  [49, []],
  [50, [26]],
  [100, [26, 76]],
  [249, [32, 94, 156, 218]],
  [250, [26, 76, 126, 176, 226]],
  [1000, [101, 301, 501, 701, 901]],
];
for (const [count, tokens] of common) {
  Deno.test(`of ${count} shots every lane fires ${tokens.join() || "none"}`, () => {
    assert.deepEqual(
      commonShots(sweep(count)).map((shot) => shot.category === "dense" && shot.tokens),
      tokens,
    );
  });
}

const slow: [string, number[][], Quantity, [lane: number, ratio: number][]][] = [
  ["up to 5% of a device's time", [[100], [105]], "kernel", []],
  ["more than that", [[100], [106]], "kernel", [[1, 1.06]]],
  ["events as kernels", [[106], [100]], "event", [[0, 1.06]]],
  ["up to a quarter of the host's clock", [[100], [125]], "wall", []],
  ["more than that", [[100], [126]], "wall", [[1, 1.26]]],
  ["nothing of an estimate", [[100], [101]], "estimate", [[1, 1.01]]],
  ["the median over the shots", [[100, 100, 100], [300, 110, 90]], "kernel", [[1, 1.1]]],
  ["the fastest of each shot", [[100, 200], [200, 100], [100, 100]], "kernel", [[0, 1.5], [1, 1.5]]],
  ["a shot that a lane lacks does not count for it", [[100, NaN], [110, 5]], "kernel", [[1, 1.1]]],
  [
    "nor where others have it",
    [[NaN, 150, 125], [100, 100, 100], [100, 100, 100]],
    "kernel",
    [[0, 1.375]],
  ],
  ["a shot that one lane alone has counts for none", [[NaN, 100], [50, NaN], [NaN, 110]], "kernel", [[
    2,
    1.1,
  ]]],
  ["a lane without shots is not slow", [[NaN], [100], [100]], "kernel", []],
  ["a lane alone is not slow", [[100]], "kernel", []],
];
for (const [what, times, quantity, lanes] of slow) {
  Deno.test(`slowLanes of ${quantity} times: ${what}`, () => {
    assert.deepEqual(slowLanes(times, quantity), lanes.map(([lane, ratio]) => ({ lane, ratio })));
  });
}
