import assert from "node:assert/strict";
import { communicationUs, compareRanks, parseRanks } from "./compare_tensor_parallel.ts";

const HEADER = {
  type: "tensor_parallel",
  model: "made/up",
  tp: 2,
  device: "GPU",
  driver: "1",
  engine: "vllm 0.26.0",
  quantity: "kernel",
};

function shot(rank: number | null, round: number, tokens: number, layers_us: object): object {
  return { type: "shot", rank, round, shot: { category: "dense", tp: 2, tokens }, layers_us };
}

Deno.test("real ranks and the emulated one's second round are compared with its first", () => {
  const lines = [
    HEADER,
    shot(null, 0, 16, { o_proj: [10, 10, 40], elsewhere: [1, 1, 1] }),
    shot(null, 0, 32, { o_proj: [20] }),
    shot(null, 1, 16, { o_proj: [10.5] }),
    shot(0, 0, 16, { o_proj: [11], communication: [7], elsewhere: [9] }),
    { ...shot(1, 0, 32, {}), failed: "out of memory", layers_us: undefined },
    shot(1, 1, 32, { o_proj: [18] }),
    shot(1, 1, 64, { o_proj: [30] }),
  ];
  const { shots } = parseRanks(lines.map((line) => `${JSON.stringify(line)}\n`).join(""), "ranks.jsonl");
  const { real, noise } = compareRanks(shots);
  const rounded = (differences: ReadonlyMap<string, readonly number[]>): unknown =>
    [...differences].map(([layer, values]) => [layer, values.map((value) => Math.round(1000 * value))]);
  assert.deepEqual(rounded(real), [["o_proj", [100, -100]]]);
  assert.deepEqual(rounded(noise), [["o_proj", [50]]]);
  assert.deepEqual(communicationUs(shots), [{ tokens: 16, us: 7 }]);
});
