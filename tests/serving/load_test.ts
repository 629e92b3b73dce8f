import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { generateLoad } from "../../src/serving/generate_load.ts";
import { atRate, formatLoad, lasting, parseLoad } from "../../src/serving/load.ts";

Deno.test("parseLoad reads what the simulator and vLLM's benchmark write", () => {
  const table: [name: string, text: string, expected: unknown][] = [
    [
      "requests of the simulator, token ids left alone",
      '{"input_toks":3,"output_toks":2,"arrival_time_ns":4059740,"input_tok_ids":[1,2,3]}\n\n' +
      '{"input_toks":5,"output_toks":1,"arrival_time_ns":5000000}\n',
      [
        { arrivalS: 0.00405974, inputTokens: 3, outputTokens: 2 },
        { arrivalS: 0.005, inputTokens: 5, outputTokens: 1 },
      ],
    ],
    [
      "sessions: a call waits for the one before and its tool",
      '{"session_id":"a","arrival_time_ns":1000000000,"sub_requests":[' +
      '{"input_toks":10,"output_toks":2,"tool_duration_ns":500000000},{"input_toks":20,"output_toks":3}]}',
      [
        { arrivalS: 1, inputTokens: 10, outputTokens: 2 },
        { arrivalS: 0.5, inputTokens: 20, outputTokens: 3, after: 0 },
      ],
    ],
    [
      "the simulator's benchmark of a server, by the clock",
      '{"request_id":"b","input_toks":7,"output_toks":2,"arrival_time":1777142838.5}\n' +
      '{"request_id":"c","input_toks":8,"output_toks":2,"arrival_time":1777142838.25}',
      [
        { arrivalS: 0, inputTokens: 8, outputTokens: 2 },
        { arrivalS: 0.25, inputTokens: 7, outputTokens: 2 },
      ],
    ],
    [
      "a timed trace of vLLM",
      '{"timestamp":2,"input_length":6,"output_length":4,"hash_ids":[1]}',
      [{ arrivalS: 2, inputTokens: 6, outputTokens: 4 }],
    ],
    [
      "a detailed result of vLLM, a request that failed left out",
      '{"input_lens":[4,5,6],"output_lens":[2,0,3],"start_times":[10,11,12.5],"ttfts":[]}',
      [
        { arrivalS: 0, inputTokens: 4, outputTokens: 2 },
        { arrivalS: 2.5, inputTokens: 6, outputTokens: 3 },
      ],
    ],
    [
      "a shared prefix, no longer than the prompt",
      '{"input_toks":9,"output_toks":1,"arrival_time_ns":0,"prefix_name":"system","prefix_toks":12}',
      [{ arrivalS: 0, inputTokens: 9, outputTokens: 1, prefix: { name: "system", tokens: 9 } }],
    ],
  ];
  for (const [name, text, expected] of table) assert.deepEqual(parseLoad(text).requests, expected, name);
});

Deno.test("parseLoad orders requests by arrival; calls of a session keep pointing at theirs", () => {
  const { requests } = parseLoad(
    '{"arrival_time_ns":2000000000,"sub_requests":[{"input_toks":1,"output_toks":1},{"input_toks":2,"output_toks":1}]}\n' +
      '{"input_toks":3,"output_toks":1,"arrival_time_ns":0}',
  );
  assert.deepEqual(requests.map(({ inputTokens, after }) => [inputTokens, after]), [
    [3, undefined],
    [1, undefined],
    [2, 1],
  ]);
});

Deno.test("parseLoad names line, field and rule of what it cannot read", () => {
  const table: [text: string, message: string][] = [
    ["", "Cannot read the load a.jsonl: it must have a request, got none"],
    ["nonsense", "Cannot read the load a.jsonl, line 1: it must be JSON, got nonsense"],
    [
      '{"input_toks":1,"output_toks":1,"arrival_time_ns":0}\n{"input_toks":0,"output_toks":1,"arrival_time_ns":0}',
      "Cannot read the load a.jsonl, line 2: input_toks must be at least 1, got 0",
    ],
    [
      '{"prompt":"hello","output_tokens":4}',
      "Cannot read the load a.jsonl, line 1: it must have arrival_time_ns, sub_requests, arrival_time, timestamp " +
      "or input_lens, got prompt, output_tokens",
    ],
    [
      '{"input_lens":[1,2],"output_lens":[1]}',
      "Cannot read the load a.jsonl, line 1: input_lens, output_lens and start_times must be equally long",
    ],
  ];
  for (const [text, message] of table) {
    assert.throws(() => parseLoad(text, { path: "a.jsonl" }), { name: "UsageError", message });
  }
});

Deno.test("formatLoad writes what parseLoad reads, and refuses sessions", () => {
  const load = generateLoad({ requests: 20, ratePerS: 3, seed: 5 });
  const again = parseLoad(formatLoad(load)).requests;
  for (const [at, one] of load.requests.entries()) {
    assert.ok(Math.abs(again[at]!.arrivalS - one.arrivalS) < 1e-9);
    assert.deepEqual({ ...again[at]!, arrivalS: 0 }, { ...one, arrivalS: 0 });
  }
  const session = { arrivalS: 0, inputTokens: 1, outputTokens: 1, after: 0 };
  assert.throws(() => formatLoad({ name: "s", requests: [session], concurrency: null }), UsageError);
});

Deno.test("atRate presses arrivals together and leaves tools alone", () => {
  const request = { arrivalS: 3, inputTokens: 1, outputTokens: 1 };
  const load = { name: "l", requests: [request, { ...request, after: 0 }], concurrency: null };
  assert.deepEqual(atRate(load, 2).requests.map(({ arrivalS }) => arrivalS), [1.5, 3]);
});

Deno.test("lasting repeats a load until it arrives for long enough", () => {
  const load = {
    name: "l",
    requests: [{ arrivalS: 1, inputTokens: 1, outputTokens: 1 }, {
      arrivalS: 0.5,
      inputTokens: 2,
      outputTokens: 1,
      after: 0,
    }],
    concurrency: null,
  };
  const { requests } = lasting(load, 4);
  assert.deepEqual(requests.map(({ arrivalS, after }) => [arrivalS, after]), [
    [1, undefined],
    [0.5, 0],
    [2.5, undefined],
    [0.5, 2],
    [4, undefined],
    [0.5, 4],
  ]);
});

Deno.test("generateLoad draws the lengths and arrivals that it was asked for", () => {
  const of = (burstiness: number): number[] => {
    const { requests } = generateLoad({ requests: 20_000, ratePerS: 10, burstiness, seed: 3 });
    return requests.map(({ arrivalS }, at) => arrivalS - (requests[at - 1]?.arrivalS ?? 0));
  };
  for (const burstiness of [0.25, 1, 4]) {
    const gaps = of(burstiness);
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
    assert.ok(Math.abs(mean - 0.1) < 0.004, `mean ${mean} at burstiness ${burstiness}`);
    // A gamma distribution of that shape: variance over squared mean is 1 / shape.
    const ratio = variance / mean ** 2 * burstiness;
    assert.ok(Math.abs(ratio - 1) < 0.1, `variance ${ratio} at burstiness ${burstiness}`);
  }
  const input = { median: 300, sigma: 0.5, max: 800 };
  const lengths = generateLoad({ requests: 20_001, ratePerS: 1, input, seed: 1 }).requests
    .map(({ inputTokens }) => inputTokens).sort((a, b) => a - b);
  assert.ok(Math.abs(lengths[10_000]! - 300) < 8);
  assert.ok(Math.abs(lengths[3174]! / (300 * Math.exp(-0.5)) - 1) < 0.03);
  assert.equal(lengths.at(-1), 800);
});

Deno.test("generateLoad gives the same load for the same seed, and refuses what cannot be drawn", () => {
  const options = { requests: 5, ratePerS: 2, seed: 9 };
  assert.deepEqual(generateLoad(options), generateLoad(options));
  assert.notDeepEqual(generateLoad(options), generateLoad({ ...options, seed: 10 }));
  const table: [options: Parameters<typeof generateLoad>[0], message: string][] = [
    [
      { requests: 0, ratePerS: 1 },
      "Cannot generate a load: requests must be a whole number from 1, got 0",
    ],
    [{ requests: 1, ratePerS: 0 }, "Cannot generate a load: ratePerS must be above 0, or null, got 0"],
    [{ requests: 1, ratePerS: null }, "Cannot generate a load: it has either ratePerS or concurrency"],
    [
      { requests: 1, ratePerS: 1, input: { median: 0, sigma: 1, max: 9 } },
      "Cannot generate a load: input.median must be at least 1, got 0",
    ],
  ];
  for (const [wrong, message] of table) {
    assert.throws(() => generateLoad(wrong), { name: "UsageError", message });
  }
});

Deno.test("a trace's unit of time is what its reader says; results without start times arrive at once", () => {
  const trace = '{"timestamp":500,"input_length":6,"output_length":4}';
  assert.equal(parseLoad(trace, { traceUnitS: 0.001 }).requests[0]!.arrivalS, 0.5);
  const result = '{"input_lens":[4,5],"output_lens":[2,3]}';
  assert.deepEqual(parseLoad(result).requests.map(({ arrivalS }) => arrivalS), [0, 0]);
  assert.equal(parseLoad(`  \n${trace}\n \n`).requests.length, 1);
});

const unread: [string, string][] = [
  ['{"input_lens":[4,5],"output_lens":[2]}', "input_lens, output_lens and start_times must be equally long"],
  [
    '{"input_lens":[4],"output_lens":[2],"start_times":[1,2]}',
    "input_lens, output_lens and start_times must be equally long",
  ],
  ["{}", "it must have arrival_time_ns, sub_requests, arrival_time, timestamp or input_lens, got no field"],
  [
    '{"a":1,"b":2}',
    "it must have arrival_time_ns, sub_requests, arrival_time, timestamp or input_lens, got a, b",
  ],
];
for (const [text, rule] of unread) {
  Deno.test(`parseLoad refuses ${text}`, () => {
    assert.throws(() => parseLoad(text, { path: "a.jsonl" }), {
      name: "UsageError",
      message: `Cannot read the load a.jsonl, line 1: ${rule}`,
    });
  });
}

Deno.test("a load is called as its file without folder and ending", () => {
  const names = ["a.jsonl", "loads/b.json", "C:\\loads\\c.jsonl", "d.txt", "json/e"];
  const line = '{"input_toks":1,"output_toks":1,"arrival_time_ns":0}';
  assert.deepEqual(names.map((path) => parseLoad(line, { path }).name), ["a", "b", "c", "d.txt", "e"]);
  assert.equal(parseLoad(line).name, "load");
});

Deno.test("requests that arrive at one moment keep the file's order", () => {
  const lines = [3, 1, 2].map((tokens) => `{"input_toks":${tokens},"output_toks":1,"arrival_time_ns":5}`);
  assert.deepEqual(parseLoad(lines.join("\n")).requests.map(({ inputTokens }) => inputTokens), [3, 1, 2]);
});

Deno.test("a load that is over at once is not repeated; a prefix is written with its tokens", () => {
  const one = { arrivalS: 0, inputTokens: 4, outputTokens: 1 };
  const load = { name: "l", requests: [one, one], concurrency: null };
  assert.deepEqual(lasting(load, 100).requests, [one, one]);
  assert.equal(
    formatLoad({ ...load, requests: [{ ...one, prefix: { name: "a", tokens: 3 } }] }),
    '{"input_toks":4,"output_toks":1,"arrival_time_ns":0,"prefix_name":"a","prefix_toks":3}\n',
  );
});
