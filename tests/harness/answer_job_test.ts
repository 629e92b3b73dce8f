import assert from "node:assert/strict";
import { HarnessError } from "../../src/errors.ts";
import { answerJob, type AnswerJobOptions, SERVED, startProgram } from "../../src/harness/answer_job.ts";
import type { Ending } from "../../src/harness/child.ts";
import { scriptedChild } from "./scripted_child.ts";
import { withFolder } from "./toy.ts";

const quote = (script: string): string => `cmd:sh -c '${script}' sh`;
const DONE = '{"type":"done","requests":2}';

/** Serves a job with a shell script in place of an engine; gives what was written, logged, and the error. */
async function serve(
  options: Partial<AnswerJobOptions>,
): Promise<{ written: string; logged: string[]; error: Error | null }> {
  let found: { written: string; logged: string[]; error: Error | null } | undefined;
  await withFolder({ "out.jsonl": "older than this\n" }, async (dir) => {
    const logged: string[] = [];
    const out = `${dir}/out.jsonl`;
    const onLog = (line: string): void => void logged.push(line);
    const error = await answerJob(SERVED, '{"job":1}', {
      harness: quote("cat"),
      transport: [],
      devices: [],
      out,
      onLog,
      ...options,
    }).then(() => null, (thrown: Error) => thrown);
    found = { written: await Deno.readTextFile(out), logged, error };
  });
  return found!;
}

Deno.test("a job is sent as one line, and the lines that come are kept as they are", async () => {
  const { written, error } = await serve({
    harness: quote(`read job; printf "%s\\n" "{\\"got\\":$job}" "µs"; printf "%s\\n" '\\''${DONE}'\\''`),
  });
  assert.equal(error, null);
  assert.equal(written, `{"got":{"job":1}}\nµs\n${DONE}\n`);
});

Deno.test("the program is carried by the transport, told its devices, and asked for lines", async () => {
  const tell = `echo "$CUDA_VISIBLE_DEVICES: $*" >&2; printf "%s\\n" '\\''${DONE}'\\''`;
  const plain = await serve({ harness: quote(tell) });
  assert.match(plain.logged[0]!, /: --job - --out -$/);
  assert.doesNotMatch(plain.logged[0]!, /2,3/);
  assert.deepEqual((await serve({ harness: quote(tell), devices: [2, 3] })).logged, ["2,3: --job - --out -"]);
  const carried = await serve({
    harness: "vllm",
    devices: [1],
    transport: ["sh", "-c", `echo "$*" >&2; printf "%s\\n" '${DONE}'`, "there"],
  });
  assert.equal(carried.error, null);
  assert.deepEqual(carried.logged, [
    "env CUDA_VISIBLE_DEVICES=1 python3 harness/vllm/served.py --job - --out -",
  ]);
});

Deno.test("a program that was started before waits for its job, and is not started twice", async () => {
  const logged: string[] = [];
  const started = startProgram(SERVED, {
    harness: quote(`echo waits >&2; read job; echo "got $job" >&2; printf "%s\\n" '\\''${DONE}'\\''`),
    transport: [],
    devices: [],
    onLog: (line) => void logged.push(line),
  });
  const { written, error } = await serve({ harness: quote("exit 3"), started });
  assert.equal(error, null);
  assert.equal(written, `${DONE}\n`);
  assert.deepEqual(logged, ["waits", 'got {"job":1}']);
});

Deno.test("a program that cannot be started before is told by its job", async () => {
  const started = startProgram(SERVED, { harness: "roofline:H100", transport: [], devices: [] });
  started.catch(() => {});
  const { error } = await serve({ started });
  assert.match(String(error), /Cannot serve with the harness 'roofline:H100'/);
});

const endings: [string, string, string, Record<string, unknown>][] = [
  ["ends early", "echo {}; echo loading >&2; echo no beads >&2; exit 3", "status 3): no beads", {
    exitCode: 3,
  }],
  ["says nothing", "echo {}; exit 0", "status 0)", { exitCode: 0 }],
  ["is killed", "echo {}; kill -KILL $$", "SIGKILL)", { signal: "SIGKILL" }],
];
for (const [what, script, message, details] of endings) {
  Deno.test(`an engine that ${what} is an error, and its lines are kept`, async () => {
    const { written, logged, error } = await serve({ harness: quote(script) });
    assert.equal(written, "{}\n");
    assert.ok(error instanceof HarnessError, String(error));
    assert.equal(error.message, `The engine ended before it had served all (${message}`);
    assert.deepEqual({ ...error.details }, { stage: "fire", stderrTail: logged.join("\n"), ...details });
  });
}

Deno.test("an engine that has served all may end as it likes", async () => {
  assert.equal((await serve({ harness: quote(`printf "%s\\n" '\\''${DONE}'\\''; exit 3`) })).error, null);
});

Deno.test("an abort ends the engine with the signal's reason, what has come is kept", async () => {
  const reason = new Error("enough");
  const abort = new AbortController();
  const { written, error } = await serve({
    harness: quote("echo {}; echo up >&2; exec sleep 1000"),
    signal: abort.signal,
    onLog: () => setTimeout(() => abort.abort(reason), 50),
  });
  assert.equal(error, reason);
  assert.equal(written, "{}\n");
  const before = await serve({ harness: quote("exec sleep 1000"), signal: AbortSignal.abort(reason) });
  assert.equal(before.error, reason);
});

for (const [append, before] of [[undefined, ""], [false, ""], [true, "older than this\n"]] as const) {
  Deno.test(`lines come ${before === "" ? "into an empty file" : "behind those there are"} (append ${append})`, async () => {
    const child = scriptedChild([{ n: 1 }, JSON.parse(DONE), undefined]);
    const { written } = await serve({
      started: Promise.resolve(child),
      ...append !== undefined && { append },
    });
    assert.equal(written, `${before}{"n":1}\n${DONE}\n`);
    assert.deepEqual([child.sent, child.stops], [[{ job: 1 }], [2000]], "it has 2 s to end by itself");
  });
}

Deno.test("an abort stops the engine at once, and is not heard of after its end", async () => {
  const abort = new AbortController();
  const child = scriptedChild([{ n: 1 }, "never"]);
  setTimeout(() => abort.abort(new Error("enough")), 10);
  const { error } = await serve({ started: Promise.resolve(child), signal: abort.signal });
  assert.deepEqual([error?.message, child.stops], ["enough", [0, 2000]]);
  const late = new AbortController();
  const done = scriptedChild([JSON.parse(DONE), undefined]);
  await serve({ started: Promise.resolve(done), signal: late.signal });
  late.abort();
  assert.deepEqual(done.stops, [2000]);
});

const words: [log: string, ending: Partial<Ending>, error: string][] = [
  ["loading\nno such model", { exitCode: 2 }, "UsageError: Cannot serve: no such model"],
  ["", { exitCode: 2 }, "HarnessError: The engine ended before it had served all (status 2)"],
  ["no room", { exitCode: 1 }, "HarnessError: The engine ended before it had served all (status 1): no room"],
  [
    "no room",
    { exitCode: null, signal: "SIGKILL" },
    "HarnessError: The engine ended before it had served all (SIGKILL): no room",
  ],
];
for (const [log, ending, expected] of words) {
  Deno.test(`an engine that ends as ${JSON.stringify(ending)} after '${log.replace("\n", " / ")}'`, async () => {
    const { error } = await serve({ started: Promise.resolve(scriptedChild([undefined], ending, log)) });
    assert.equal(`${error?.name}: ${error?.message}`, expected);
  });
}

for (const harness of ["roofline:H100", "cmd:", "cmd: ", "cmd:sh 'open", "vllm:x"]) {
  Deno.test(`answerJob refuses the harness '${harness}'`, async () => {
    const { error, written } = await serve({ harness });
    assert.equal(error?.name, "UsageError");
    assert.equal(
      error?.message,
      `Cannot serve with the harness '${harness}': a whole engine is vllm, or cmd:<command> that serves jobs`,
    );
    assert.equal(written, "older than this\n");
  });
}

Deno.test("a file that cannot be written is refused before anything starts", () =>
  withFolder({}, async (dir) => {
    const out = `${dir}/none/out.jsonl`;
    const options = { harness: quote(`touch ${dir}/started`), transport: [], devices: [], out };
    await assert.rejects(answerJob(SERVED, "{}", options), (error: Error) => {
      assert.equal(error.name, "UsageError");
      assert.ok(error.message.startsWith(`Cannot write ${out}: No such file`), error.message);
      return true;
    });
    await assert.rejects(Deno.stat(`${dir}/started`), Deno.errors.NotFound);
  }));
