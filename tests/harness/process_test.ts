import assert from "node:assert/strict";
import { HarnessError, type HarnessErrorDetails } from "../../src/errors.ts";
import type { BootRequest, FireRequest, Harness, ShotOutcome } from "../../src/harness/harness.ts";
import { type ProcessOptions, startProcessHarness } from "../../src/harness/process.ts";
import type { Shot } from "../../src/sweep/shot.ts";
import { skewCaseOf } from "../../src/sweep/skew_cases.ts";

const worker = new URL("fakes/worker.ts", import.meta.url).pathname;
const argv = (fault: string): string[] => [Deno.execPath(), "run", "--no-check", "-A", worker, fault];
const start = (fault: string, options: ProcessOptions = {}): Promise<Harness> =>
  startProcessHarness(argv(fault), { name: "fake", ...options });

const bootRequest: BootRequest = {
  config: {},
  architecture: {
    modelType: "toy",
    sequence: { pre_attn: ["attention"] },
    catalog: { dense: { embedding: { vllm: ["E"] } }, per_sequence: {}, attention: {}, moe: {} },
    sha256: "00",
  },
  tp: 1,
  dtype: "auto",
  kv_cache_dtype: "auto",
  block_size: null,
  max_num_batched_tokens: 64,
  max_num_seqs: 8,
};
const fireRequest: FireRequest = {
  shots: [1, 2, 3].map((tokens) => ({ category: "dense", tp: 1, tokens })),
  iterations: 2,
  quantity: "wall",
};
const measured = (index: number): ShotOutcome => ({
  status: "measured",
  index,
  samples: { embedding: [1.5, 1.5] },
});

/** Starts, boots and fires; returns the outcomes and the error that ended it. */
async function run(
  fault: string,
  options: ProcessOptions & { call?: AbortSignal } = {},
): Promise<{ outcomes: ShotOutcome[]; error: unknown }> {
  const outcomes: ShotOutcome[] = [];
  try {
    await using harness = await start(fault, options);
    const call = options.call === undefined ? {} : { signal: options.call };
    await harness.boot(bootRequest, call);
    for await (const outcome of harness.fire(fireRequest, call)) outcomes.push(outcome);
  } catch (error) {
    return { outcomes, error };
  }
  return { outcomes, error: undefined };
}

const test = (name: string, fn: () => Promise<void>): void =>
  Deno.test({ name, fn, sanitizeOps: true, sanitizeResources: true });

test("fire passes on what the harness tells beside the outcomes, in its order", async () => {
  await using harness = await start("talkative");
  await harness.boot(bootRequest);
  const told: string[] = [];
  const request: FireRequest = { ...fireRequest, precision: { relative: 0.01, min: 2, max: 5 } };
  for await (const outcome of harness.fire(request, { onFact: (fact) => told.push(JSON.stringify(fact)) })) {
    told.push(JSON.stringify(outcome));
  }
  const samples = '"samples":{"embedding":[2,2,2]},"stop":"precision","kernels":{"embedding":["ab"]}';
  assert.deepEqual(told, [
    '{"type":"state","sm_clock_mhz":1980,"memory_clock_mhz":null,"temperature_c":38,"power_w":90.5,"throttle":[]}',
    '{"type":"kernels","names":{"ab":"gather"}}',
    ...[0, 1, 2].map((index) => `{"status":"measured","index":${index},${samples}}`),
    '{"type":"cost","device_busy_us":18,"wall_us":900}',
  ]);
});

test("startProcessHarness says hello, boots, fires twice and closes", async () => {
  const logs: string[] = [];
  const harness = await start("ok", { onLog: (line) => logs.push(line) });
  assert.equal(harness.info.harness, "fake");
  assert.deepEqual(harness.info.quantities, ["wall"]);
  const booted = await harness.boot(bootRequest);
  assert.equal(booted.limits.max_num_batched_tokens, 64);
  assert.deepEqual(booted.layers, { embedding: { class: "Fake", modules: 1 } });
  for (let round = 0; round < 2; round++) {
    const outcomes = await Array.fromAsync(harness.fire(fireRequest));
    assert.deepEqual(outcomes, [measured(0), measured(1), measured(2)]);
  }
  await harness.close();
  await harness.close();
  assert.deepEqual(logs, []);
});

/** What goes wrong, how many outcomes come before, and the whole error. */
const faults: [string, number, string, Partial<HarnessErrorDetails>, ProcessOptions?][] = [
  [
    "garbage-at-hello",
    0,
    'broke the protocol while saying hello: expected one JSON object a line, got "Welcome to the engine"',
    { stage: "hello", kind: "protocol" },
  ],
  [
    "other-version",
    0,
    "broke the protocol while saying hello: it speaks version 2, expected 1",
    { stage: "hello", kind: "protocol" },
  ],
  [
    "exit-at-hello",
    0,
    "exited with 1 while saying hello; its last words: ImportError: no module named torch",
    { stage: "hello", kind: "engine_dead", exitCode: 1, stderrTail: "ImportError: no module named torch" },
  ],
  [
    "garbage-at-boot",
    0,
    'broke the protocol while booting tp 1: expected one JSON object a line, got "INFO loading weights"',
    { stage: "boot", kind: "protocol" },
  ],
  [
    "exit-at-boot",
    0,
    "exited with 3 while booting tp 1; its last words: RuntimeError: no device",
    { stage: "boot", kind: "engine_dead", exitCode: 3, stderrTail: "loading\nRuntimeError: no device" },
  ],
  [
    "hang-at-boot",
    0,
    "gave no answer within 0.5 s while booting tp 1 and was killed; raise bootTimeoutS if it needs longer",
    { stage: "boot", kind: "timeout", signal: "SIGKILL" },
    { bootTimeoutS: 0.5 },
  ],
  [
    "exit-mid-chunk",
    1,
    "exited with 9 while firing shot 2 of 3",
    { stage: "fire", kind: "engine_dead", exitCode: 9 },
  ],
  [
    "killed-mid-chunk",
    1,
    "was ended by SIGKILL while firing shot 2 of 3",
    { stage: "fire", kind: "engine_dead", signal: "SIGKILL" },
  ],
  ["cut-line", 1, "exited with 9 while firing shot 2 of 3", { stage: "fire", kind: "engine_dead" }],
  [
    "hang-mid-chunk",
    1,
    "gave no answer within 0.5 s while firing shot 2 of 3 and was killed; raise shotTimeoutS if it needs longer",
    { stage: "fire", kind: "timeout", signal: "SIGKILL" },
    { shotTimeoutS: 0.5 },
  ],
  [
    "stubborn",
    0,
    "gave no answer within 0.5 s while firing shot 1 of 3 and was killed; raise shotTimeoutS if it needs longer",
    { stage: "fire", kind: "timeout", signal: "SIGKILL" },
    { shotTimeoutS: 0.5 },
  ],
  [
    "endless-line",
    0,
    `broke the protocol while firing shot 1 of 3: a line may have 1048576 characters, got more: "${
      "x".repeat(80)
    }"`,
    { stage: "fire", kind: "protocol" },
  ],
  [
    "wrong-order",
    0,
    "broke the protocol while firing shot 1 of 3: expected an answer to seq 1 index 0, got seq 1 index 1",
    { stage: "fire", kind: "protocol" },
  ],
  [
    "wrong-seq",
    0,
    "broke the protocol while firing shot 1 of 3: expected an answer to seq 1 index 0, got seq 0 index 0",
    { stage: "fire", kind: "protocol" },
  ],
  [
    "wrong-type",
    0,
    "broke the protocol while firing shot 1 of 3: expected result or failed or state or kernels, got bye",
    { stage: "fire", kind: "protocol" },
  ],
  [
    "one-sample",
    0,
    "broke the protocol while firing shot 1 of 3: expected 2 samples of layer 'embedding', got 1",
    { stage: "fire", kind: "protocol" },
  ],
  [
    "no-samples",
    0,
    "broke the protocol while firing shot 1 of 3: expected samples of one layer or more, got none",
    { stage: "fire", kind: "protocol" },
  ],
  [
    "other-layer",
    0,
    "broke the protocol while firing shot 1 of 3: got samples of layer 'x', which its boot did not find",
    { stage: "fire", kind: "protocol" },
  ],
  [
    "negative",
    0,
    "broke the protocol while firing shot 1 of 3: field samples.embedding.0 breaks the protocol (Too small: " +
    'expected number to be >0) in "{\\"type\\":\\"result\\",\\"seq\\":1,\\"index\\":0,\\"samples\\":{\\"embedding\\":[-1,-1]}}"',
    { stage: "fire", kind: "protocol" },
  ],
  ["fatal-device-error", 1, "exited with 1 while firing shot 2 of 3", { stage: "fire", kind: "engine_dead" }],
];
for (const [fault, outcomesBefore, message, details, options] of faults) {
  test(`startProcessHarness reports a worker's fault: ${fault}`, async () => {
    const { outcomes, error } = await run(fault, options);
    assert(error instanceof HarnessError, String(error));
    assert.equal(error.message, `Harness 'fake' ${message}`);
    assert.equal(outcomes.length, outcomesBefore);
    assert.deepEqual({ ...error.details, ...details }, error.details);
  });
}

test("boot reports the worker's error, and the worker goes on", async () => {
  await using harness = await start("error-at-boot");
  for (let round = 0; round < 2; round++) {
    await assert.rejects(harness.boot(bootRequest), {
      name: "HarnessError",
      message: "Harness 'fake': cannot boot tp 1: layer 'rotary_emb' matches no module",
      details: { stage: "boot", kind: "unsupported", stderrTail: "", detail: "modules found: Attention" },
    });
  }
  await assert.rejects(Array.fromAsync(harness.fire(fireRequest)), {
    name: "UsageError",
    message: "Cannot fire on harness 'fake': no engine is booted",
  });
});

test("fire reports a refused request, and the worker goes on", async () => {
  await using harness = await start("refuse");
  await harness.boot(bootRequest);
  for (let round = 0; round < 2; round++) {
    await assert.rejects(Array.fromAsync(harness.fire(fireRequest)), {
      message: "Harness 'fake': shots must be a list",
    });
  }
});

test("fire yields failed shots among the measured", async () => {
  const { outcomes, error } = await run("one-fails");
  assert.equal(error, undefined);
  assert.deepEqual(outcomes, [
    measured(0),
    { status: "failed", index: 1, kind: "out_of_memory", message: "no room" },
    measured(2),
  ]);
});

test("fire's time limit starts again with each shot", async () => {
  const { outcomes, error } = await run("slow", { shotTimeoutS: 0.8 });
  assert.equal(error, undefined);
  assert.equal(outcomes.length, 3);
});

for (const fault of ["hang-mid-chunk", "stubborn", "slow", "hang-at-boot"]) {
  test(`an abort ends the worker and rejects with the signal's reason: ${fault}`, async () => {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(new Error("enough")), 400);
    const { error } = await run(fault, { call: abort.signal });
    clearTimeout(timer);
    assert.equal((error as Error).message, "enough");
  });
}

test("an aborted start leaves nothing behind", async () => {
  await assert.rejects(start("ok", { signal: AbortSignal.abort(new Error("enough")) }), {
    message: "enough",
  });
  const abort = new AbortController();
  const starting = start("ok", { signal: abort.signal });
  abort.abort(new Error("enough"));
  await assert.rejects(starting, { message: "enough" });
});

test("leaving the loop early ends the worker", async () => {
  const harness = await start("slow");
  await harness.boot(bootRequest);
  for await (const _ of harness.fire(fireRequest)) break;
  await assert.rejects(harness.boot(bootRequest), {
    name: "HarnessError",
    message: "Harness 'fake' has ended: open it again",
  });
});

test("a second request before the answer to the first is refused", async () => {
  await using harness = await start("slow");
  const booting = harness.boot(bootRequest);
  await assert.rejects(harness.boot(bootRequest), {
    name: "UsageError",
    message: "Harness 'fake' answers one request at a time: await the one before first",
  });
  await booting;
});

test("close ends a worker that is busy, hangs or is gone", async () => {
  const busy = await start("hang-at-boot");
  const booting = busy.boot(bootRequest);
  await Promise.all([
    assert.rejects(booting, { message: "Harness 'fake' was closed while booting tp 1" }),
    busy.close(),
  ]);
  const gone = await start("exit-at-boot");
  await assert.rejects(gone.boot(bootRequest));
  await gone.close();
});

test("a worker that closes its standard output is ended", async () => {
  await assert.rejects(startProcessHarness(["sh", "-c", "exec 1>&-; sleep 1000"]), {
    message: "Harness 'sh' closed its standard output while saying hello",
  });
});

const alive = async (pid: string): Promise<boolean> => {
  for (let tries = 0; tries < 100; tries++) {
    const state = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
    if (!/\) [^Z]/.test(state)) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
};

test("close also ends what the worker has started", async () => {
  let pid = "";
  const harness = await startProcessHarness([
    "sh",
    "-c",
    'sleep 1000 & echo $! >&2; "$@"',
    "sh",
    ...argv("ok"),
  ], {
    onLog: (line) => pid = line,
  });
  await harness.boot(bootRequest);
  await harness.close();
  assert.match(pid, /^\d+$/);
  assert.equal(await alive(pid), false);
});

test("a worker ends when we are killed", async () => {
  const script = new URL("fakes/parent.ts", import.meta.url).pathname;
  const parent = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", script, "sh", "-c", 'echo $$ >&2; exec "$@"', "sh", ...argv("ok")],
    stdout: "piped",
  }).spawn();
  const { value: pid } = await parent.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]()
    .next();
  parent.kill("SIGKILL");
  await parent.status;
  assert.match(pid, /^\d+\n$/);
  assert.equal(await alive(pid.trim()), false);
});

test("the environment of the worker is ours and what is given", async () => {
  const script = 'echo "$SHOTLAB_TEST $HOME" >&2; exit 4';
  await assert.rejects(startProcessHarness(["sh", "-c", script], { env: { SHOTLAB_TEST: "given" } }), {
    message: `Harness 'sh' exited with 4 while saying hello; its last words: given ${Deno.env.get("HOME")}`,
  });
});

const unstartable: [string[], string][] = [
  [[], "Cannot start a harness: its command must name a program, got none"],
  [
    ["no-such-program"],
    "Cannot start the harness program 'no-such-program': there is no such program on the PATH",
  ],
];
for (const [command, message] of unstartable) {
  test(`startProcessHarness refuses the command [${command}]`, async () => {
    await assert.rejects(startProcessHarness(command), { message });
  });
}

for (
  const [fault, expected] of [
    ["ok", "t_mean, t_skew"],
    [
      "other-parts",
      "broke the protocol while firing shot 1 of 1: expected samples of t_mean, t_skew, got them of " +
      "t_skew, embedding",
    ],
  ] as const
) {
  test(`fire takes a skew case with its parts alone: ${fault}`, async () => {
    await using harness = await start(fault);
    await harness.boot(bootRequest);
    const skewCase = skewCaseOf([4, 1, 0, 0, 128, 512]);
    const shots: Shot[] = [{ category: "skew", tp: 1, ...skewCase, tier: 1, parts: ["t_mean", "t_skew"] }];
    const fired = Array.fromAsync(harness.fire({ ...fireRequest, shots }));
    if (fault !== "ok") return await assert.rejects(fired, { message: `Harness 'fake' ${expected}` });
    const [outcome] = await fired;
    assert.ok(outcome?.status === "measured");
    assert.equal(Object.keys(outcome.samples).join(", "), expected);
  });
}
