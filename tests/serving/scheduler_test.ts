/** What a server takes into each step, request by request. */
import assert from "node:assert/strict";
import { type RunningRequest, scheduler } from "../../src/serving/scheduler.ts";
import { checkServer, type ServerSettings } from "../../src/serving/server.ts";

const SERVER: ServerSettings = { maxNumBatchedTokens: 32, maxNumSeqs: 2, blockSize: 16, numBlocks: 100 };
const GROUP = { kind: "full", block_size: 16, span: null } as const;
function request(
  inputTokens: number,
  outputTokens: number,
  shares: RunningRequest["shares"] = null,
): RunningRequest {
  const begun = { computed: 0, made: 0, goal: inputTokens, preemptions: 0 };
  return { place: 0, inputTokens, outputTokens, shares, ...begun, blocks: 0, prefix: null };
}
/** The batches of so many steps: prefills as `chunk@history`, decodes as `kv`; requests leave when they are done. */
function steps(settings: Partial<ServerSettings>, requests: readonly RunningRequest[], most = 20): string[] {
  const server = scheduler({ ...SERVER, ...settings });
  for (const each of requests) server.add(each);
  const batches: string[] = [];
  for (let step = server.schedule(); step !== null && batches.length < most; step = server.schedule()) {
    const { prefills, decodes } = step.batch;
    batches.push([
      ...prefills.map(({ chunk, history }) => `${chunk}@${history}`),
      ...decodes.map(({ kv, count }) => (assert.equal(count, 1), `${kv}`)),
    ].join(" "));
    assert.equal(step.requests, prefills.length + decodes.length);
    for (const each of step.makers) if (each.made === each.outputTokens) server.finish(each);
  }
  return batches;
}

const cases: [what: string, Partial<ServerSettings>, [number, number][], string[]][] = [
  ["a prompt and its answer", {}, [[20, 3]], ["20@0", "20", "21"]],
  ["a prompt in chunks", {}, [[70, 2]], ["32@0", "32@32", "6@64", "70"]],
  ["a prompt of one token", {}, [[1, 2]], ["1@0", "1"]],
  ["a chunk beside a decode", {}, [[8, 3], [40, 1]], ["8@0 24@0", "16@24 8", "9"]],
  ["two of three at a time", {}, [[4, 2], [4, 1], [4, 1]], ["4@0 4@0", "4@0 4"]],
  ["a step that is full to the token", {}, [[16, 1], [16, 1], [16, 1]], ["16@0 16@0", "16@0"]],
  // Of 3 blocks one holds nothing: 2 hold 32 tokens. Both fill one; the 17th token of the first drives the second out.
  ["blocks that run out", { numBlocks: 3 }, [[16, 3], [16, 2]], ["16@0 16@0", "16", "17", "17@0"]],
  ["a prompt that waits for room", { numBlocks: 3 }, [[20, 2], [16, 1]], ["20@0", "20", "16@0"]],
  ["one that has room to the block", { numBlocks: 4 }, [[20, 2], [16, 1]], ["20@0 12@0", "4@12 20"]],
];
for (const [what, settings, requests, batches] of cases) {
  Deno.test(`scheduler: ${what}`, () => {
    assert.deepEqual(steps(settings, requests.map(([input, output]) => request(input, output))), batches);
  });
}

Deno.test("scheduler: a request that was driven out computes its answer so far again, before others that wait", () => {
  const requests = [request(16, 4), request(16, 4), request(5, 1)];
  const batches = ["16@0 16@0", "16", "17", "18", "17@0", "17", "18", "5@0"];
  assert.deepEqual(steps({ numBlocks: 3 }, requests), batches);
  assert.deepEqual(requests.map(({ preemptions }) => preemptions), [0, 1, 0]);
});

Deno.test("scheduler: blocks of a common prefix are computed once, whole ones", () => {
  const shares = { name: "system", tokens: 40 };
  const both = [request(48, 1, shares), request(48, 1, shares)];
  assert.deepEqual(
    steps({ prefixCaching: true, maxNumBatchedTokens: 64 }, both.map((each) => ({ ...each }))),
    ["48@0 16@32"],
  );
  assert.deepEqual(
    steps({ prefixCaching: true, maxNumBatchedTokens: 48 }, both.map((each) => ({ ...each }))),
    ["48@0", "16@32"],
  );
  const longer = [33, 34].map((tokens) => request(tokens, 1, { name: "a", tokens: 32 }));
  assert.deepEqual(steps({ prefixCaching: true, maxNumBatchedTokens: 33 }, longer), ["33@0", "2@32"]);
  // A prompt that is all prefix computes its last token itself: of 32 tokens it finds one block, not two.
  const whole = [request(40, 1, { name: "a", tokens: 32 }), request(32, 1, { name: "a", tokens: 32 })];
  assert.deepEqual(steps({ prefixCaching: true, maxNumBatchedTokens: 64 }, whole), ["40@0 16@16"]);
  // Blocks are found as soon as a chunk has them: the second prompt waits for none.
  const chunked = [request(40, 1, { name: "a", tokens: 40 }), request(36, 1, { name: "a", tokens: 40 })];
  assert.deepEqual(steps({ prefixCaching: true, maxNumBatchedTokens: 32 }, chunked), ["32@0", "8@32 4@32"]);
  // With 4 blocks two are the first one's prefix, one its own: the third's 33 tokens need one more than the prefix.
  const three = [33, 33, 33].map((tokens) => request(tokens, 2, { name: "a", tokens: 32 }));
  assert.deepEqual(
    steps({ prefixCaching: true, maxNumBatchedTokens: 64, maxNumSeqs: 3, numBlocks: 5 }, three),
    [
      "33@0 32",
      "33 33",
      "32",
      "33",
    ],
  );
  assert.deepEqual(steps({ prefixCaching: false, maxNumBatchedTokens: 48 }, both), ["48@0", "48@0"]);
});

Deno.test("scheduler: requests whose last token is on its way make no more, the step's tokens go to the others", () => {
  const server = scheduler({ ...SERVER, maxNumBatchedTokens: 2, maxNumSeqs: 4 });
  const all = [request(1, 2), request(1, 1), request(1, 3), request(1, 2)];
  for (const each of all) server.add(each);
  const makers = (): number[] => server.schedule()?.makers.map((each) => all.indexOf(each)) ?? [];
  // Nobody is taken out: of two tokens a step, the second's only one is made at once.
  assert.deepEqual([makers(), server.waiting], [[0, 1], 2]);
  assert.deepEqual([makers(), server.waiting], [[0, 2], 1]);
  assert.deepEqual([makers(), server.waiting], [[2, 3], 0]);
  assert.deepEqual([makers(), makers()], [[2, 3], []]);
  assert.deepEqual(all.map(({ made, computed, goal }) => [made, computed, goal]), [
    [2, 2, 3],
    [1, 1, 2],
    [3, 3, 4],
    [2, 2, 3],
  ]);
  assert.deepEqual([server.schedule(), server.running.length, server.pool.held], [null, 4, 4]);
  server.finish(all[2]!);
  assert.deepEqual([server.running.map((each) => all.indexOf(each)), server.pool.held], [[0, 1, 3], 3]);
});

Deno.test("scheduler: who is driven out is the last with tokens to make, and is counted", () => {
  const server = scheduler({ ...SERVER, maxNumBatchedTokens: 64, maxNumSeqs: 4, numBlocks: 4 });
  const all = [request(16, 4), request(15, 4), request(16, 1)];
  for (const each of all) server.add(each);
  server.schedule();
  assert.deepEqual([server.running.length, server.pool.held, server.preemptions], [3, 3, 0]);
  // The first needs a second block: the third, whose token is on its way, keeps its own.
  const step = server.schedule();
  assert.deepEqual(step?.makers, [all[0]]);
  assert.deepEqual([server.preemptions, all[1]!.preemptions, all[1]!.goal, all[1]!.blocks], [1, 1, 16, 0]);
  assert.deepEqual([server.waiting, server.running.length], [1, 2]);
  server.finish(all[2]!);
  assert.deepEqual(server.schedule()?.batch.prefills, [{ chunk: 16, history: 0 }]);
  assert.deepEqual([server.waiting, all[1]!.made], [0, 2]);
});

Deno.test("scheduler: thousands that wait are served in their order, each once", () => {
  const server = scheduler({ ...SERVER, maxNumSeqs: 1 });
  const places: number[] = [];
  for (let place = 0; place < 2500; place++) server.add({ ...request(1, 1), place });
  for (let step = server.schedule(); step !== null; step = server.schedule()) {
    const [maker] = step.makers;
    places.push(maker!.place);
    assert.equal(server.waiting, 2500 - places.length);
    server.finish(maker!);
  }
  assert.deepEqual(places, Array.from({ length: 2500 }, (_, place) => place));
});

const unserved: [Partial<ServerSettings>, string | null][] = [
  [{ maxNumBatchedTokens: 1, maxNumSeqs: 1, blockSize: 1, numBlocks: 2 }, null],
  [{ maxNumBatchedTokens: 0 }, "maxNumBatchedTokens must be a whole number from 1, got 0"],
  [{ maxNumSeqs: 1.5 }, "maxNumSeqs must be a whole number from 1, got 1.5"],
  [{ blockSize: NaN }, "blockSize must be a whole number from 1, got NaN"],
  [{ numBlocks: 1 }, "numBlocks must be a whole number from 2, got 1"],
  [
    { prefixCaching: true, groups: [GROUP, GROUP] },
    "prefixCaching must be off where 2 groups of layers share the KV blocks; how they keep prefixes is not simulated",
  ],
  [{ prefixCaching: true, groups: [GROUP] }, null],
  [{ groups: [GROUP, GROUP] }, null],
];
for (const [settings, problem] of unserved) {
  Deno.test(`checkServer of ${JSON.stringify(settings)}: ${problem ?? "it can be served"}`, () => {
    const check = (): void => checkServer({ ...SERVER, ...settings });
    if (problem === null) check();
    else assert.throws(check, { name: "UsageError", message: `Cannot simulate the server: ${problem}` });
  });
}
