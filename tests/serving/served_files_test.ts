/** What is read of a served engine's lines, and written into a bundle. */
import assert from "node:assert/strict";
import {
  parseServed,
  type ServedHead,
  type ServedRequest,
  type ServedStep,
} from "../../src/serving/served.ts";
import {
  formatServedRequests,
  formatServedSteps,
  latenciesOf,
  parseServedSteps,
  readServedSteps,
  writeServed,
} from "../../src/serving/served_files.ts";
import { withFolder } from "../harness/toy.ts";

const HEAD: ServedHead = {
  ...{
    format: 1,
    model: "o/x",
    hardware: "BOX",
    variant: "bf16",
    tp: 2,
    engine: "vllm",
    engine_version: "0.26.0",
  },
  ...{ device: "Box", driver: "1", runtime: "torch", host: { processor: "Abacus", cores: 2 }, memory: {} },
  settings: {
    ...{
      max_num_batched_tokens: 64,
      max_num_seqs: 8,
      max_model_len: 512,
      block_size: 16,
      num_gpu_blocks: 100,
    },
    ...{
      dtype: "bfloat16",
      kv_cache_dtype: "auto",
      enforce_eager: false,
      graphs: "none",
      captured_sizes: [],
    },
    ...{ async_scheduling: true, prefix_caching: false },
  },
} as ServedHead;
const STEP: ServedStep = {
  part: "load: a",
  groups: [{ tokens: 1, history: 7, count: 2 }, { tokens: 64, history: 0, count: 1 }],
  ...{ scheduledS: 0.5, outputS: 0.75, launchUs: 10, hostUs: 20, spanUs: 30.5, kernelUs: 40.25 },
  probeUs: 50.5,
};
const NOTHING: ServedStep = {
  ...STEP,
  ...{ scheduledS: 0, outputS: null, launchUs: null, hostUs: null, spanUs: null, kernelUs: null },
  probeUs: null,
};
const REQUEST: ServedRequest = {
  ...{
    part: "load: a",
    arrivalS: 1,
    inputTokens: 64,
    outputTokens: 5,
    firstS: 1.25,
    lastS: 2.25,
    itlUs: [250_000],
  },
};

Deno.test("steps are written and read with each of their times, a comma in a part's name as a blank", () => {
  const text = formatServedSteps({ head: HEAD, steps: [{ ...STEP, part: 'load: a,"b"' }, NOTHING] });
  assert.deepEqual(text.split("\n").slice(1), [
    "part,batch,scheduled_s,output_s,launch_us,host_us,span_us,kernel_us,probe_us",
    "load: a  b ,1@7x2 64@0,0.5,0.75,10,20,30.5,40.25,50.5",
    "load: a,1@7x2 64@0,0,,,,,,",
    "",
  ]);
  assert.deepEqual(parseServedSteps(text, "s.csv").steps, [{ ...STEP, part: "load: a  b " }, NOTHING]);
  const [head] = text.split("\n");
  assert.deepEqual(parseServedSteps(head!, "s.csv"), { head: HEAD, steps: [] });
  assert.deepEqual(parseServedSteps(`${head}\n`, "s.csv"), { head: HEAD, steps: [] });
});

const broken: [string, string][] = [
  ["load: a,1@7,,0.1,,,,,", "scheduled_s must be a number"],
  ["load: a,1@7,0,0.1,,,x,,", "span_us must be a number or empty, got x"],
  ["load: a,,0,0.1,,,,,", "batch must be requests such as 1@722x3 512@0, got nothing"],
  ["load: a,0@7,0,0.1,,,,,", "batch must be requests such as 1@722x3 512@0, got 0@7"],
  ["load: a,1@7x0,0,0.1,,,,,", "batch must be requests such as 1@722x3 512@0, got 1@7x0"],
];
for (const [line, rule] of broken) {
  Deno.test(`steps are refused: ${rule}`, () => {
    const text = `${formatServedSteps({ head: HEAD, steps: [STEP] })}${line}\n`;
    assert.throws(() => parseServedSteps(text, "s.csv"), {
      name: "UsageError",
      message: `Cannot read s.csv, line 4: ${rule}`,
    });
  });
}

Deno.test("latencies of a request, in milliseconds", () => {
  assert.deepEqual(latenciesOf(REQUEST), { outputTokens: 5, ttftMs: 250, tpotMs: 250, e2eMs: 1250 });
  assert.equal(latenciesOf({ ...REQUEST, outputTokens: 2 }).tpotMs, 1000);
  assert.equal(latenciesOf({ ...REQUEST, outputTokens: 1 }).tpotMs, 0);
  assert.deepEqual(
    formatServedRequests([{ ...REQUEST, part: "load: a,b", firstS: 1.123456789 }]).split("\n"),
    [
      "part,arrival_s,input_tokens,output_tokens,ttft_ms,tpot_ms,e2e_ms",
      "load: a b,1,64,5,123.4568,281.6358,1250",
      "",
    ],
  );
});

Deno.test("steps and requests are written beside their degree's tables, requests where there are some", () =>
  withFolder({ "tp2/keep": "" }, async (dir) => {
    const served = { head: HEAD, steps: [STEP], requests: [], failed: [], whole: true };
    assert.deepEqual(await writeServed(dir, served), [`${dir}/tp2/served_steps.csv`]);
    await assert.rejects(Deno.stat(`${dir}/tp2/served_requests.csv`), Deno.errors.NotFound);
    assert.deepEqual(await writeServed(dir, { ...served, requests: [REQUEST] }), [
      `${dir}/tp2/served_steps.csv`,
      `${dir}/tp2/served_requests.csv`,
    ]);
    assert.equal(await Deno.readTextFile(`${dir}/tp2/served_requests.csv`), formatServedRequests([REQUEST]));
    assert.deepEqual(await readServedSteps(dir, 2), { head: HEAD, steps: [STEP] });
    assert.equal(await readServedSteps(dir, 1), null);
  }));

const head = JSON.stringify({ type: "served", ...HEAD });
const step = (part: string): string =>
  JSON.stringify({
    ...{ type: "step", part, batch: [[1, 7, 2]], scheduled_s: 0, output_s: 0.2 },
    ...{ launch_us: 1, host_us: 2, span_us: 3, kernel_us: 4 },
  });
const parts = (...lines: string[]): [string[], boolean] => {
  const { steps, whole } = parseServed([head, ...lines].join("\n"), "served.jsonl");
  return [steps.map(({ part }) => part), whole];
};

Deno.test("lines of a served engine: empty ones are passed over, the last one when it is cut", () => {
  const done = '{"type":"done","seconds":1}';
  assert.deepEqual(parts(step("a"), "", step("b"), done, ""), [["a", "b"], true]);
  assert.deepEqual(parts(step("a"), step("b")), [["a", "b"], false]);
  assert.deepEqual(parts(step("a"), step("b").slice(0, -1)), [["a"], false]);
  assert.deepEqual(parseServed(`${head}\n${step("a")}`, "s").steps[0], {
    part: "a",
    groups: [{ tokens: 1, history: 7, count: 2 }],
    ...{ scheduledS: 0, outputS: 0.2, launchUs: 1, hostUs: 2, spanUs: 3, kernelUs: 4, probeUs: null },
  });
  const probed = step("a").replace("}", ',"probe_us":5}');
  assert.equal(parseServed(`${head}\n${probed}`, "s").steps[0]!.probeUs, 5);
  assert.throws(() => parts(step("a"), step("b").slice(0, -1), step("c")), {
    name: "UsageError",
    message: /^Cannot read served.jsonl, line 3: /,
  });
  assert.throws(() => parseServed("{}\n", "served.jsonl"), /^UsageError: Cannot read served.jsonl, line 1: /);
});
