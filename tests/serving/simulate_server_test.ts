import assert from "node:assert/strict";
import { generateLoad } from "../../src/serving/generate_load.ts";
import type { Load, LoadRequest } from "../../src/serving/load.ts";
import { simulateServer } from "../../src/serving/simulate_server.ts";
import { madeUpModel, SERVER } from "./made_up_model.ts";

const load = (requests: readonly LoadRequest[], concurrency: number | null = null): Load => ({
  name: "test",
  requests,
  concurrency,
});
const request = (arrivalS: number, inputTokens: number, outputTokens: number): LoadRequest => ({
  arrivalS,
  inputTokens,
  outputTokens,
});
const latencies = (...args: Parameters<typeof simulateServer>): number[][] =>
  simulateServer(...args).requests.map(({ ttftMs, e2eMs }) =>
    [ttftMs, e2eMs].map((ms) => Math.round(ms * 1e3) / 1e3)
  );

Deno.test("simulateServer prefills, then decodes: times by hand", () => {
  const table: [name: string, load: Load, server: Partial<typeof SERVER>, expected: number[][]][] = [
    ["one request: 50 tokens of prompt, then 3 decodes", load([request(0, 50, 4)]), {}, [[0.5, 3.5]]],
    ["an answer of one token ends with the prefill", load([request(1, 50, 1)]), {}, [[0.5, 0.5]]],
    [
      "a prompt longer than a step is cut into chunks",
      load([request(0, 250, 1)]),
      {},
      [[2.5, 2.5]],
    ],
    [
      "two at once share a step; the second's chunk gets what the first leaves",
      load([request(0, 60, 2), request(0, 60, 2)]),
      {},
      // 100 tokens, 1 ms; then a decode beside 20 tokens, 1.2 ms; then a decode.
      [[1, 2.2], [2.2, 3.2]],
    ],
    [
      "who runs goes before who waits",
      load([request(0, 10, 3), request(0.0005, 100, 1)]),
      {},
      // 0.1; a decode until 1.1; one beside 99 of 100 tokens until 3.09; the prompt's last token is one like a decode.
      [[0.1, 3.09], [3.59, 3.59]],
    ],
    [
      "no more requests than the limit",
      load([request(0, 10, 2), request(0, 10, 2)]),
      { maxNumSeqs: 1 },
      [[0.1, 1.1], [1.2, 2.2]],
    ],
  ];
  for (const [name, requests, server, expected] of table) {
    assert.deepEqual(latencies(requests, madeUpModel(), { ...SERVER, ...server }), expected, name);
  }
});

Deno.test("simulateServer schedules a step ahead: a request that comes meanwhile waits for the step after", () => {
  const terms = { hostUs: { graph: 100, pieces: 100, kernels: 100 } };
  const requests = load([request(0, 10, 4), request(0.00015, 20, 1)]);
  // Ahead: the prefill of 100 µs, the decode launched behind it at 100, scheduled before the second arrives; it joins
  // the step that is scheduled when the first decode runs.
  const ahead = simulateServer(requests, madeUpModel(terms), { ...SERVER, asyncScheduling: true });
  const behind = simulateServer(requests, madeUpModel(terms), SERVER);
  assert.deepEqual([ahead.steps, behind.steps], [4, 4]);
  assert.ok(ahead.requests[1]!.ttftMs > behind.requests[1]!.ttftMs - 1e-9);
  // The host's 100 µs of each decode are hidden behind the device when it schedules ahead.
  assert.ok(ahead.requests[0]!.e2eMs < behind.requests[0]!.e2eMs);
});

Deno.test("simulateServer preempts the last request where blocks run out, and computes it again", () => {
  // 4 blocks of 10: two prompts of 10 take 1 each, with their first decodes 2 each; a third block is for the first.
  const requests = load([request(0, 10, 15), request(0, 10, 15)]);
  const { requests: done, preemptions, occupancy } = simulateServer(requests, madeUpModel(), {
    ...SERVER,
    numBlocks: 5,
  });
  assert.equal(preemptions, 1);
  assert.deepEqual(done.map((one) => one.preemptions), [0, 1]);
  assert.ok(done[0]!.e2eMs < done[1]!.e2eMs);
  assert.equal(occupancy.kvSharePeak, 1);
});

Deno.test("simulateServer finishes every request with its tokens, whatever the pool and the rule", () => {
  for (const seed of Array.from({ length: 30 }, (_, at) => at)) {
    const lengths = { median: 30, sigma: 0.8, max: 150 };
    const made = generateLoad({ requests: 60, ratePerS: 300, input: lengths, output: lengths, seed });
    const shared = made.requests.map((one, at) =>
      at % 3 === 0 ? { ...one, prefix: { name: `p${at % 2}`, tokens: Math.min(20, one.inputTokens) } } : one
    );
    const server = {
      ...SERVER,
      maxNumSeqs: 8,
      numBlocks: 33 + seed * 3,
      asyncScheduling: seed % 2 === 0,
      prefixCaching: seed % 3 === 0,
    };
    const result = simulateServer({ ...made, requests: shared }, madeUpModel(), server);
    assert.deepEqual(result.refused, [], `seed ${seed}`);
    assert.equal(result.requests.length, 60, `seed ${seed}`);
    for (const one of result.requests) {
      const stepsMs = one.outputTokens - 1;
      assert.ok(one.ttftMs > 0 && one.e2eMs >= one.ttftMs + stepsMs - 1e-6, `seed ${seed}`);
    }
    assert.ok(result.occupancy.kvSharePeak <= 1 && result.busyShare <= 1 + 1e-9, `seed ${seed}`);
  }
});

Deno.test("simulateServer refuses requests that can never fit, and serves the others", () => {
  const requests = load([request(0, 500, 600), request(0, 10, 1), request(0, 90, 20), request(0, 90, 10)]);
  const { refused, requests: done } = simulateServer(requests, madeUpModel(), {
    ...SERVER,
    maxModelLen: 100,
  });
  assert.deepEqual(refused, [
    { place: 0, reason: "1,100 tokens exceed the maxModelLen 100" },
    { place: 2, reason: "110 tokens exceed the maxModelLen 100" },
  ]);
  assert.deepEqual(done.map(({ inputTokens, outputTokens }) => inputTokens + outputTokens), [11, 100]);
  const small = simulateServer(requests, madeUpModel(), { ...SERVER, numBlocks: 2 });
  assert.equal(small.refused[0]!.reason, "1,100 tokens exceed the 10 of all KV blocks");
});

const GROUPS = [
  { kind: "full", block_size: 10, span: null },
  { kind: "sliding", block_size: 10, span: 20 },
  { kind: "state", block_size: 10, span: null },
] as const;

Deno.test("simulateServer gives a request blocks of each group: all tokens, a window's, a state", () => {
  const server = { ...SERVER, groups: GROUPS, numBlocks: 101 };
  const peak = (input: number, output: number): number =>
    Math.round(
      100 * simulateServer(load([request(0, input, output)]), madeUpModel(), server).occupancy.kvSharePeak,
    );
  const table: [input: number, output: number, blocks: number][] = [
    [5, 1, 1 + 1 + 1],
    [90, 1, 9 + 9 + 1], // Its tokens are computed at once: each of the window's blocks is needed.
    [300, 1, 30 + 12 + 1], // Chunks of 100: the last two blocks of what was before, and the chunk's own.
  ];
  for (const [input, output, blocks] of table) {
    assert.equal(peak(input, output), blocks, `${input} ${output}`);
  }
  const many = simulateServer(load(Array(20).fill(request(0, 30, 20))), madeUpModel(), {
    ...server,
    numBlocks: 31,
  });
  assert.equal(many.requests.length, 20);
  assert.ok(many.occupancy.kvSharePeak <= 1);
  const states = simulateServer(load(Array(20).fill(request(0, 1, 2))), madeUpModel(), {
    ...server,
    groups: [GROUPS[2], GROUPS[2]],
    numBlocks: 7,
  });
  assert.equal(states.occupancy.kvSharePeak, 1, "three requests of two states each");
  assert.ok(states.occupancy.requests <= 3);
});

Deno.test("simulateServer refuses what groups can never hold, and prefixes where they share the blocks", () => {
  const server = { ...SERVER, groups: GROUPS, numBlocks: 21 };
  const { refused } = simulateServer(load([request(0, 90, 5), request(0, 180, 5)]), madeUpModel(), server);
  assert.deepEqual(refused, [{ place: 1, reason: "185 tokens take 31 KV blocks, there are 20" }]);
  assert.throws(() => simulateServer(load([]), madeUpModel(), { ...server, prefixCaching: true }), {
    name: "UsageError",
    message:
      "Cannot simulate the server: prefixCaching must be off where 3 groups of layers share the KV blocks; how " +
      "they keep prefixes is not simulated",
  });
});

Deno.test("simulateServer shares the blocks of a prefix: the second prompt computes the rest alone", () => {
  const prefix = { name: "system", tokens: 80 };
  const requests = load([
    { ...request(0, 90, 1), prefix },
    { ...request(1, 90, 1), prefix },
    request(2, 90, 1),
  ]);
  const cached = { ...SERVER, prefixCaching: true };
  assert.deepEqual(latencies(requests, madeUpModel(), cached), [[0.9, 0.9], [0.1, 0.1], [0.9, 0.9]]);
  assert.deepEqual(latencies(requests, madeUpModel(), SERVER), [[0.9, 0.9], [0.9, 0.9], [0.9, 0.9]]);
});

Deno.test("simulateServer keeps so many requests at any time, and calls of a session in turn", () => {
  const constant = simulateServer(load(Array(6).fill(request(0, 10, 2)), 2), madeUpModel(), SERVER);
  assert.equal(constant.requests.length, 6);
  assert.ok(constant.requests.every(({ arrivalS }, at) => at < 2 ? arrivalS === 0 : arrivalS > 0));
  const session = load([request(0, 10, 1), { ...request(0.5, 10, 1), after: 0 }]);
  const { requests } = simulateServer(session, madeUpModel(), SERVER);
  assert.ok(Math.abs(requests[1]!.arrivalS - 0.5001) < 1e-9);
});

Deno.test("simulateServer gives rates, occupancy and intervals of a load", () => {
  const { throughput, busyShare, occupancy, itlMs, durationS, latencies: all } = simulateServer(
    load([request(0, 10, 11), request(0, 10, 11)]),
    madeUpModel(),
    SERVER,
  );
  // Both prefilled in 0.2 ms, then ten decodes of 1 ms.
  assert.ok(Math.abs(durationS - 0.0102) < 1e-9);
  assert.ok(Math.abs(throughput.outputTokensPerS - 22 / 0.0102) < 1e-6);
  assert.ok(Math.abs(busyShare - 1) < 1e-9 && Math.abs(occupancy.requests - 2) < 1e-9);
  assert.ok(Math.abs(all.tpotMs.mean - 1) < 1e-9 && Math.abs(itlMs.p50 - 1) < 0.006);
});

Deno.test("simulateServer refuses limits that no server has", () => {
  assert.throws(() => simulateServer(load([request(0, 1, 1)]), madeUpModel(), { ...SERVER, numBlocks: 1 }), {
    name: "UsageError",
    message: "Cannot simulate the server: numBlocks must be a whole number from 2, got 1",
  });
});
