import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { startProcessHarness } from "../../src/harness/process.ts";
import { argv, bootRequest, fireRequest, run, start, test } from "./fake_worker.ts";

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

test("a worker that ignores its standard input ends when we exit", async () => {
  const script = fileURLToPath(new URL("fakes/parent_exits.ts", import.meta.url));
  const args = ["run", "--no-check", "-A", script, "sh", "-c", "echo $$ >&2; sleep 1000"];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
  const pid = new TextDecoder().decode(stdout).trim();
  assert.match(pid, /^\d+$/);
  assert.equal(await alive(pid), false);
});

test("a worker ends when we are killed", async () => {
  const script = fileURLToPath(new URL("fakes/parent.ts", import.meta.url));
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
