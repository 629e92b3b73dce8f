/** Designed batches and short loads, in full. */
import assert from "node:assert/strict";
import { designScenes, shortLoads } from "../../src/serving/serve_job.ts";

type Told = [name: string, decodes: string, steps: number, beside: number[], queue: number[]];
const told = (tokens: number, requests: number): Told[] =>
  designScenes({ max_num_batched_tokens: tokens, max_num_seqs: requests }).map((
    { name, decodes, steps, beside, queue },
  ) => [
    name,
    decodes.map(({ count, promptTokens }) => `${count}x${promptTokens}`).join(),
    steps,
    [...beside],
    [...queue],
  ]);

const ALONE = [16, 64, 256, 512, 1024, 2048];
Deno.test("the designed batches of an engine of 2048 tokens", () => {
  assert.deepEqual(told(2048, 256), [
    ["1 decode at 512", "1x512", 30, [], []],
    ["1 decode at 8192", "1x8192", 30, [], []],
    ["8 decodes at 2048", "8x2048", 30, [64, 256, 500, 1024, 1946, 6144], []],
    ["20 decodes at 1024", "20x1024", 30, [], []],
    ["32 decodes at 2048", "32x2048", 30, [], []],
    ["64 decodes at 1024", "64x1024", 30, [256, 1843], []],
    ["100 decodes at 512", "100x512", 30, [], []],
    ["200 decodes at 512", "200x512", 30, [], []],
    ["prompts alone", "", 0, [...ALONE, ...ALONE], []],
    ["prompts in a queue", "", 0, [], new Array(16).fill(2048)],
    ["long prompts in a queue", "", 0, [], new Array(4).fill(8192)],
  ]);
});

Deno.test("decodes stay below the requests of a step, and prompts have two tokens at least", () => {
  const names = (requests: number): string[] => told(64, requests).map(([name]) => name).slice(3, -3);
  assert.deepEqual(names(20), []);
  assert.deepEqual(names(21), ["20 decodes at 32"]);
  assert.deepEqual(names(65), ["20 decodes at 32", "32 decodes at 64", "64 decodes at 32"]);
  assert.deepEqual(told(64, 8).find(([name]) => name === "prompts alone")![3].slice(0, 6), [
    2,
    2,
    8,
    16,
    32,
    64,
  ]);
});

Deno.test("short loads arrive for as long as they are asked for, each by its own draws", () => {
  const loads = shortLoads(20, 4096, 7);
  assert.deepEqual(loads.map(({ name, concurrency }) => [name, concurrency]), [
    ["light", null],
    ["busy", null],
    ["long", null],
  ]);
  for (const { requests } of loads) {
    assert.ok(requests.every(({ inputTokens, outputTokens }) => inputTokens <= 4096 && outputTokens <= 400));
    assert.ok(requests.at(-1)!.arrivalS > 5 && requests.at(-1)!.arrivalS < 60);
  }
  const firsts = (seed: number): number[] =>
    shortLoads(20, 4096, seed).map(({ requests }) => requests[0]!.inputTokens);
  assert.equal(new Set([...firsts(7), ...firsts(8)]).size, 6);
  assert.deepEqual(firsts(7), firsts(7));
  assert.deepEqual(loads.map(({ requests }) => requests.length), [4 * 20, 12 * 20, 6 * 20]);
  const medians = shortLoads(200, 1e6, 7).map(({ requests }) =>
    (["inputTokens", "outputTokens"] as const).map((name) =>
      requests.map((request) => request[name]).sort((a, b) => a - b)[requests.length >> 1]!
    )
  );
  for (const [i, [input, output]] of [[300, 100], [300, 100], [1200, 100]].entries()) {
    assert.ok(
      Math.abs(medians[i]![0]! / input! - 1) < 0.15 && Math.abs(medians[i]![1]! / output! - 1) < 0.15,
      `${medians[i]}`,
    );
  }
  assert.deepEqual(shortLoads(0, 4096, 7).map(({ requests }) => requests.length), [1, 1, 1]);
});
