import assert from "node:assert/strict";
import type { FireRequest } from "../../src/harness/harness.ts";
import { startProcessHarness } from "../../src/harness/process.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { skewCaseOf } from "../../src/shots/skew_cases.ts";
import { bootRequest, fireRequest, measured, run, start, test } from "./fake_worker.ts";
import { watchTimers } from "./timers.ts";

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

test("a worker that answers hello with an error is ended", async () => {
  await assert.rejects(start("error-at-hello"), {
    name: "HarnessError",
    message: "Harness 'fake': torch must be installed",
  });
});

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
  const { outcomes, error } = await run("slow", { shotTimeoutS: 2 });
  assert.equal(error, undefined);
  assert.equal(outcomes.length, 3);
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

test("a walk's requests go out as PROTOCOL.md writes them: pairs of new tokens and history", async () => {
  const versions =
    '"harness_version":"1","engine":"toy","engine_version":"1","driver":"none","runtime":"none"';
  const hello =
    `{"type":"hello","protocol":1,"harness":"toy",${versions},"device":"a","quantities":["wall"],"lanes":1}`;
  const told = await Deno.makeTempFile();
  const walked = '{"type":"walked","decoders":[],"caches":[],"batches":{}}';
  await using harness = await startProcessHarness([
    "sh",
    "-c",
    `read -r line; echo '${hello}'; read -r line; printf %s "$line" > '${told}'; echo '${walked}'; read -r line`,
  ]);
  await harness.walk!({ decode: [{ newTokens: 1, history: 1023 }, { newTokens: 4, history: 0 }] });
  assert.equal(await Deno.readTextFile(told), '{"type":"walk","batches":{"decode":[[1,1023],[4,0]]}}');
});

const LIMITS = { max_num_batched_tokens: 64, max_num_seqs: 8, num_cache_tokens: 64, max_model_len: 64 };
const TIMES = { time_us: 1, power_w: null, sm_clock_mhz: null };
/** What a worker answers to each request in turn. */
const ANSWERS: readonly (readonly object[])[] = [
  [{
    ...{
      type: "hello",
      protocol: 1,
      harness: "toy",
      harness_version: "1",
      engine: "toy",
      engine_version: "1",
    },
    ...{ device: "a", driver: "none", runtime: "none", quantities: ["wall"], lanes: 1 },
  }],
  [{
    ...{ type: "booted", tp: 1, num_gpu_blocks: 1, engine_args: {}, sustains: true },
    limits: { ...LIMITS, num_experts: null, top_k: null, block_size: 16 },
    layers: { embedding: { class: "E", modules: 1 } },
  }],
  [{ type: "result", seq: 1, index: 0, samples: { embedding: [1] } }, { type: "done", seq: 1 }],
  [{ type: "sustained", seq: 2, index: 0, layers: { embedding: TIMES } }, { type: "done", seq: 2 }],
  [{ type: "walked", decoders: [], caches: [], batches: {} }],
  [{ type: "bye" }],
];
for (
  const [options, hello, boot, shot] of [
    [{}, 120, 600, 120],
    [{ helloTimeoutS: 31, bootTimeoutS: 32.5, shotTimeoutS: 33 }, 31, 32.5, 33],
  ] as const
) {
  test(`how long answers are awaited where ${JSON.stringify(options)} is said: ${hello}, ${boot}, ${shot} s`, async () => {
    using timers = watchTimers();
    const script = ANSWERS.map((answers) =>
      `read -r line; ${answers.map((answer) => `echo '${JSON.stringify(answer)}'`).join("; ")}`
    );
    const harness = await startProcessHarness(["sh", "-c", script.join("; ")], options);
    await harness.boot(bootRequest);
    const shots = fireRequest.shots.slice(0, 1);
    await Array.fromAsync(harness.fire({ ...fireRequest, shots, iterations: 1 }));
    const sustained = await Array.fromAsync(harness.sustain!({ shots, seconds: 1 }));
    assert.deepEqual(sustained, [{ type: "sustained", shot: shots[0], layers: { embedding: TIMES } }]);
    await harness.walk!({});
    await harness.close();
    const seconds = timers.set.filter((ms) => ms >= 10_000).map((ms) => ms / 1000);
    assert.deepEqual(seconds, [hello, boot, shot, shot, shot, shot, boot, 10]);
    assert.deepEqual([...timers.left.values()].filter((ms) => ms >= 10_000), []);
  });
}

test("a worker whose boot does not say that it sustains is not asked to", async () => {
  await using harness = await start("ok");
  const sustain = (): Promise<unknown[]> =>
    Array.fromAsync(harness.sustain!({ shots: fireRequest.shots, seconds: 1 }));
  assert.deepEqual(await sustain(), [], "before a boot");
  await harness.boot(bootRequest);
  assert.deepEqual(await sustain(), []);
});
