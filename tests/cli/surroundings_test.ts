/** What the command line makes of the process that it runs in: streams, environment, signals. */
import assert from "node:assert/strict";
import { abortOnInterrupt, CANCELLED, type WatchMessage } from "../../src/cli/interrupt.ts";
import { processTerminal, type Surroundings, type Terminal } from "../../src/cli/terminal.ts";

const { signal } = new AbortController();
/** Streams that take so many bytes at a time, and what they were given. */
function surroundings(
  tty: string,
  { env = {}, columns, bytes = 3, fail }: {
    env?: Record<string, string>;
    columns?: number;
    bytes?: number;
    fail?: Error;
  } = {},
): { around: Surroundings; told: Record<"stdout" | "stderr", string> } {
  const told = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr"): Surroundings["stdout"] => ({
    isTerminal: () => tty.includes(name),
    writeSync(given): number {
      if (fail !== undefined) throw fail;
      const part = given.subarray(0, bytes);
      told[name] += new TextDecoder().decode(part);
      return part.length;
    },
  });
  const stdin = { isTerminal: () => tty.includes("stdin") };
  return { around: { stdin, stdout: stream("stdout"), stderr: stream("stderr"), columns, env }, told };
}
const terminalOf = (...given: Parameters<typeof surroundings>): Terminal =>
  processTerminal(signal, surroundings(...given).around);

Deno.test("a terminal writes all of a text, however little a stream takes at a time", () => {
  const { around, told } = surroundings("");
  const { out, err, env, signal: own } = processTerminal(signal, around);
  out("measured\n");
  err("failed\n");
  out("");
  assert.deepEqual(told, { stdout: "measured\n", stderr: "failed\n" });
  assert.deepEqual([env, own], [{}, signal]);
});

Deno.test("a reader that has left wants no more; any other failure of a stream is told", () => {
  terminalOf("", { fail: new Deno.errors.BrokenPipe() }).out("text");
  assert.throws(() => terminalOf("", { fail: new Deno.errors.Interrupted("no") }).out("text"), {
    message: "no",
  });
});

const WIDTHS: [env: string, columns: number | undefined, width: number][] = [
  ["", undefined, 80],
  ["", 132, 132],
  ["100", 132, 100],
  ["100", undefined, 100],
  ["wide", 132, 132],
  ["0", undefined, 80],
];
for (const [given, columns, width] of WIDTHS) {
  Deno.test(`a line of COLUMNS='${given}' where the terminal has ${columns}: ${width} characters`, () => {
    assert.equal(terminalOf("", { env: { COLUMNS: given }, ...columns && { columns } }).columns, width);
  });
}

Deno.test("questions are asked where somebody reads and answers", () => {
  const asked = ["stdin stdout", "stdin", "stdout", "stderr", ""].map((tty) =>
    terminalOf(tty).confirm !== undefined
  );
  assert.deepEqual(asked, [true, false, false, false, false]);
});

const COLORS: [env: Record<string, string>, tty: string, out: boolean, err: boolean][] = [
  [{}, "stdout stderr", true, true],
  [{}, "stderr", false, true],
  [{}, "stdout", true, false],
  [{ NO_COLOR: "1" }, "stdout stderr", false, false],
  [{ NO_COLOR: "" }, "stdout stderr", true, true],
  [{ TERM: "dumb" }, "stdout stderr", false, false],
  [{ TERM: "xterm" }, "stdout", true, false],
  [{ FORCE_COLOR: "1" }, "", true, true],
  [{ FORCE_COLOR: "0" }, "stdout stderr", false, false],
  [{ FORCE_COLOR: "", NO_COLOR: "1" }, "stdout", false, false],
  [{ FORCE_COLOR: "1", NO_COLOR: "1", TERM: "dumb" }, "", true, true],
];
for (const [env, tty, out, err] of COLORS) {
  Deno.test(`colours with ${JSON.stringify(env)} where '${tty}' are terminals: ${out}, ${err}`, () => {
    assert.deepEqual(terminalOf(tty, { env }).colors, { out, err });
  });
}

Deno.test("a signal is heard, told and aborts; a second one ends the process; a question is answered alone", async () => {
  const sent: unknown[] = [];
  const said: string[] = [];
  const exits: number[] = [];
  const watch: Pick<Worker, "postMessage" | "onmessage"> = {
    postMessage: (message: unknown) => void sent.push(message),
    onmessage: null,
  };
  const tell = (data: WatchMessage): void =>
    watch.onmessage!.call(watch as Worker, new MessageEvent("message", { data }));
  const given: AbortSignal[] = [];
  const started = abortOnInterrupt((text) => said.push(text), watch, (status) => exits.push(status))
    .then((signal) => void given.push(signal));
  await Promise.resolve();
  assert.equal(given.length, 0, "a signal is not heard before the thread listens");
  tell("listening");
  await started;
  const children = {
    groups: [],
    lastWords: "Cancelled; the same command resumes from what was measured\n",
  };
  assert.deepEqual(sent.splice(0), [children]);
  tell("ask");
  assert.deepEqual([sent.splice(0), said, given[0]!.aborted], [["heard"], [], false]);
  tell("stop");
  assert.deepEqual([sent.splice(0), given[0]!.aborted, exits], [["heard"], true, []]);
  assert.deepEqual(said, [
    "\nStopping; what was measured is being saved. Once more to leave at once.\n",
  ]);
  tell("leave");
  assert.deepEqual([exits, said.length], [[CANCELLED], 1]);
});
