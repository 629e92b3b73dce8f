import assert from "node:assert/strict";
import { HarnessError, type HarnessErrorDetails } from "../../src/errors.ts";
import { type ProcessOptions, startProcessHarness } from "../../src/harness/process.ts";
import { run, test } from "./fake_worker.ts";

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
    "gave no answer within 2 s while booting tp 1 and was killed; raise bootTimeoutS (--boot-timeout-s) if it needs longer",
    { stage: "boot", kind: "timeout", signal: "SIGKILL" },
    { bootTimeoutS: 2 },
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
    "gave no answer within 2 s while firing shot 2 of 3 and was killed; raise shotTimeoutS (--shot-timeout-s) if it needs longer",
    { stage: "fire", kind: "timeout", signal: "SIGKILL" },
    { shotTimeoutS: 2 },
  ],
  [
    "stubborn",
    0,
    "gave no answer within 2 s while firing shot 1 of 3 and was killed; raise shotTimeoutS (--shot-timeout-s) if it needs longer",
    { stage: "fire", kind: "timeout", signal: "SIGKILL" },
    { shotTimeoutS: 2 },
  ],
  [
    "endless-line",
    0,
    `broke the protocol while firing shot 1 of 3: a line may have 1,048,576 characters, got more: "${
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

Deno.test("the log of a worker is bounded: an error carries its last 40 lines", async () => {
  const talk = "for i in $(seq 100); do echo line $i >&2; done; exit 1";
  await assert.rejects(startProcessHarness(["sh", "-c", talk]), (error) => {
    assert.ok(error instanceof HarnessError);
    assert.deepEqual(
      error.details.stderrTail?.split("\n"),
      Array.from({ length: 40 }, (_, i) => `line ${i + 61}`),
    );
    return true;
  });
});
