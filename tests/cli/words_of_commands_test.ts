/** What commands make of flags, and in which words they say what they found. */
import assert from "node:assert/strict";
import { InvalidArgumentError } from "commander";
import { settingsAmong } from "../../src/cli/flags.ts";
import { above0, degrees, loadOf, whole } from "../../src/cli/load_flags.ts";
import { settingFlags } from "../../src/cli/serve_flags.ts";
import { heldOutLines, latencyTable, signed, stepsText, termsText } from "../../src/cli/serving_text.ts";
import type { Served } from "../../src/serving/served.ts";
import type { StepModel } from "../../src/serving/step_model.ts";

const numbers: [(text: string) => unknown, string, unknown][] = [
  ...["1", "0.5", " 2 ", "1e3"].map((text): typeof numbers[number] => [above0, text, Number(text)]),
  ...["0", "-1", "", " ", "Infinity", "NaN", "x"].map((text): typeof numbers[number] => [above0, text, null]),
  ...["0", "7", "007"].map((text): typeof numbers[number] => [whole, text, Number(text)]),
  ...["-1", "1.5", "", "1e3", "x"].map((text): typeof numbers[number] => [whole, text, null]),
  [degrees, "1,2,8", [1, 2, 8]],
  [degrees, "4", [4]],
  ...["1,", "0", "1;2", "1.5"].map((text): typeof numbers[number] => [degrees, text, null]),
];
for (const [read, text, value] of numbers) {
  Deno.test(`${read.name} reads '${text}' as ${JSON.stringify(value)}`, () => {
    if (value === null) assert.throws(() => read(text), InvalidArgumentError);
    else assert.deepEqual(read(text), value);
  });
}

const FLAGS = { requests: 3, burstiness: 1, seed: 7 };
Deno.test("a load is drawn by rate or concurrency, or read", async () => {
  const byRate = await loadOf({ ...FLAGS, rate: 4 });
  assert.deepEqual([byRate.requests.length, byRate.concurrency], [3, null]);
  assert.ok(byRate.requests[2]!.arrivalS > 0);
  assert.notDeepEqual(await loadOf({ ...FLAGS, rate: 4, burstiness: 3 }), byRate);
  assert.notDeepEqual(await loadOf({ ...FLAGS, rate: 4, seed: 8 }), byRate);
  assert.equal((await loadOf({ ...FLAGS, concurrency: 2 })).concurrency, 2);
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, '{"input_toks": 3, "output_toks": 2, "arrival_time_ns": 0}\n');
  assert.deepEqual((await loadOf({ ...FLAGS, load: file, concurrency: 2 })).concurrency, 2);
  await Deno.remove(file);
});
const loads: [object, string][] = [
  [{}, "name a file with --load, or --rate or --concurrency to draw one"],
  [{ rate: 1, concurrency: 1 }, "--rate and --concurrency exclude each other"],
];
for (const [flags, message] of loads) {
  Deno.test(`no load can be made of ${JSON.stringify(flags)}`, async () => {
    await assert.rejects(loadOf({ ...FLAGS, ...flags }), {
      name: "UsageError",
      message: `Cannot make a load: ${message}`,
    });
  });
}

Deno.test("the settings among flags; silence and talk are one of them", () => {
  const flags = { model: "a/b", preset: "quick", parity: true, out: "x.jsonl" };
  const settings = { model: "a/b", preset: "quick", parity: true };
  assert.deepEqual(settingsAmong(flags), { ...settings, verbosity: undefined });
  assert.equal(settingsAmong({ ...flags, silent: true })["verbosity"], "silent");
  assert.equal(settingsAmong({ ...flags, verbose: true })["verbosity"], "verbose");
  assert.equal(settingsAmong({ ...flags, silent: false, verbose: false })["verbosity"], undefined);
  const served = { model: "a/b", tp: 2, maxNumSeqs: 8, eager: true } as never;
  assert.deepEqual(settingFlags(served), { model: "a/b", eager: true });
});

const TERMS = {
  gapUs: 123.4,
  hostUs: { graph: 2000, pieces: 3456, kernels: 10_000 },
  requestUs: 12,
  clock: null,
};
const model = (more: object = {}, terms: object = {}): StepModel =>
  ({ basis: "rows and served steps", terms: { ...TERMS, ...terms }, heldOut: [], ...more }) as never;
const SAID =
  "Steps are sums of layers and 123 µs of gaps; the host takes 2 ms for a graph, 3.46 for graphs in " +
  "pieces, 10 for single kernels, 0.012 more a request";

Deno.test("the terms of a step model in words", () => {
  assert.equal(
    termsText(model({ basis: "rows" })),
    "Steps are sums of layers, without the host and the gaps between kernels.",
  );
  assert.equal(termsText(model()), `${SAID}; the device keeps its full clock.`);
  assert.equal(
    termsText(model({}, { clock: { slowdown: 0.123, onsetUs: 5 } })),
    `${SAID}; prompts that follow each other take 12.3% longer at the power limit.`,
  );
});

Deno.test("how far off a step model is, a line a part", () => {
  const judged = (part: string, busyError: number): object => ({
    part,
    busyError,
    windowP50: 0.01,
    windowP90: 0.056,
    decodesP90: 0.03,
    promptsP90: 0.2,
  });
  assert.deepEqual(
    heldOutLines(model({ heldOut: [judged("load: light", -0.003), judged("designed: x", 0.012)] })),
    [
      "Steps of the load light, which no term was learned from: busy time -0.3%, windows of 25 steps 1.0% / 5.6%",
      "Steps of designed: x, which no term was learned from: busy time +1.2%, windows of 25 steps 1.0% / 5.6%",
    ],
  );
  assert.deepEqual(
    heldOutLines(model({ heldOut: [{ ...judged("load: brief", 0), windowP50: NaN, windowP90: NaN }] })),
    [
      "Steps of the load brief, which no term was learned from: busy time +0.0%, too few for windows of 25 steps",
    ],
  );
  assert.deepEqual([0, 0.01, -0.01].map(signed), ["+0.0%", "+1.0%", "-1.0%"]);
});

Deno.test("what was served in words: who, with which graphs and blocks, how much", () => {
  const settings = {
    enforce_eager: false,
    graphs: "full_and_piecewise",
    captured_sizes: [1, 2, 1024],
    num_gpu_blocks: 28_000,
    block_size: 16,
  };
  const served = (more: object, steps: number, requests: number): Served =>
    ({
      head: {
        model: "a/b",
        device: "Abacus",
        engine: "vllm",
        engine_version: "0.1",
        host: { processor: "Slide rule", cores: 1 },
        settings: { ...settings, ...more },
      },
      steps: new Array(steps),
      requests: new Array(requests),
    }) as never;
  assert.deepEqual(stepsText(served({}, 2048, 1), model()).split("\n"), [
    "a/b on Abacus (Slide rule), vllm 0.1, graphs full_and_piecewise up to 1,024 tokens, 28,000 KV blocks of 16",
    "2,048 steps, 1 request",
    `${SAID}; the device keeps its full clock.`,
    "",
  ]);
  assert.match(
    stepsText(served({ enforce_eager: true }, 1, 2), model()),
    /, eager, .*\n1 step, 2 requests\n/,
  );
  assert.match(stepsText(served({ captured_sizes: [] }, 1, 2), model()), /up to 0 tokens/);
});

Deno.test("latencies are a table in milliseconds, times between tokens where they are known", () => {
  const spread = (n: number): { mean: number; p50: number; p90: number; p99: number } => ({
    mean: n,
    p50: 2 * n,
    p90: 3 * n,
    p99: 4 * n,
  });
  const latencies = { ttftMs: spread(10), tpotMs: spread(1.5), e2eMs: spread(1000) };
  const rows = (text: string): string[][] => text.split("\n").map((line) => line.trim().split(/  +/));
  assert.deepEqual(rows(latencyTable(latencies)), [
    ["ms", "mean", "p50", "p90", "p99"],
    ["TTFT", "10", "20", "30", "40"],
    ["TPOT", "1.5", "3", "4.5", "6"],
    ["end to end", "1,000", "2,000", "3,000", "4,000"],
  ]);
  assert.deepEqual(rows(latencyTable(latencies, spread(2)))[3], ["ITL", "2", "4", "6", "8"]);
});
