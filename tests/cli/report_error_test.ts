import assert from "node:assert/strict";
import { CommanderError } from "commander";
import { withLastWords } from "../../src/cli/interrupt.ts";
import { reportError } from "../../src/cli/report_error.ts";
import { HarnessError, UsageError } from "../../src/errors.ts";
import { runMain } from "./run_main.ts";

const QUIET = { cancelled: false, verbose: false };

Deno.test("reportError: the status and one or two lines", () => {
  const cases: readonly (readonly [unknown, number, string])[] = [
    [
      new UsageError("Cannot use --seed x: expected an integer"),
      2,
      "error: Cannot use --seed x: expected an integer\n",
    ],
    [
      new HarnessError("Cannot boot tp 1: too large", { stage: "boot", stderrTail: "loading\nCUDA error\n" }),
      1,
      "error: Cannot boot tp 1: too large\n  CUDA error\n",
    ],
    [
      new HarnessError("Cannot boot tp 1", { stage: "boot", detail: "ValueError: x", stderrTail: "y" }),
      1,
      "error: Cannot boot tp 1\n  ValueError: x\n",
    ],
    [new HarnessError("Cannot start", { stage: "spawn" }), 1, "error: Cannot start\n"],
    [
      new HarnessError("It died: CUDA error", { stage: "fire", detail: "CUDA error" }),
      1,
      "error: It died: CUDA error\n",
    ],
    ["no error at all", 1, "error: no error at all\n--verbose shows where it comes from\n"],
    [
      new TypeError("x is undefined"),
      1,
      "error: TypeError: x is undefined\n--verbose shows where it comes from\n",
    ],
    [new CommanderError(0, "commander.version", "0.1.0"), 0, ""],
    [new CommanderError(1, "commander.unknownOption", "told already"), 2, ""],
  ];
  for (const [error, status, text] of cases) assert.deepEqual(reportError(error, QUIET), { status, text });
});

Deno.test("reportError: a cancelled command says so, whatever it threw", () => {
  assert.deepEqual(reportError(new DOMException("aborted", "AbortError"), { ...QUIET, cancelled: true }), {
    status: 130,
    text: "Cancelled; the same command resumes from what was measured\n",
  });
});

Deno.test("a command that does not resume says what is left of it when it is cancelled, and else what it threw", async () => {
  const thrown = new DOMException("aborted", "AbortError");
  const fails = (): Promise<never> => Promise.reject(thrown);
  const said = await withLastWords(AbortSignal.abort(), "a.csv has it", fails).catch((error: unknown) =>
    error
  );
  assert.deepEqual(reportError(said, { ...QUIET, cancelled: true }), {
    status: 130,
    text: "Cancelled; a.csv has it\n",
  });
  const { signal } = new AbortController();
  assert.equal(await withLastWords(signal, "a.csv has it", fails).catch((error: unknown) => error), thrown);
  assert.equal(await withLastWords(signal, "a.csv has it", () => Promise.resolve(5)), 5);
});

Deno.test("shotlab collectives: cancelled, it says that the same command measures the rest", async () => {
  const perfDir = await Deno.makeTempDir();
  const args = [
    "collectives",
    "--hardware",
    "my-cpu",
    "--backend",
    "gloo",
    "--silent",
    "--perf-dir",
    perfDir,
  ];
  const { status, err } = await runMain(args, {}, AbortSignal.abort());
  assert.equal(status, 130);
  assert.equal(
    err,
    `Cancelled; what was measured by then is kept in ${perfDir}/my-cpu/collectives.csv; the same command measures the rest\n`,
  );
  await Deno.remove(perfDir, { recursive: true });
});

Deno.test("reportError: the stack is shown when asked for", () => {
  assert.equal(reportError("odd", { ...QUIET, verbose: true }).text, "error: odd\n");
  for (const error of [new UsageError("a"), new HarnessError("b", { stage: "fire" }), new Error("c")]) {
    assert(reportError(error, { ...QUIET, verbose: true }).text.endsWith(`${error.stack}\n`));
    assert(!reportError(error, QUIET).text.includes("report_error_test"));
  }
});
