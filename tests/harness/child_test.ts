/** A child process by itself: what is kept of its output, where it starts, who is told that it lives, how it ends. */
import assert from "node:assert/strict";
import { type Child, startChild, watchChildren } from "../../src/harness/child.ts";

const sh = (script: string, options: Parameters<typeof startChild>[1] = {}): Promise<Child> =>
  startChild(["sh", "-c", script], options);

Deno.test("output of any length is passed on and not kept", async () => {
  const child = await sh("head -c 101000000 /dev/zero >&2; echo done");
  assert.equal(await child.receive(), "done");
  assert.deepEqual(await child.stop(10_000), { exitCode: 0, signal: null, killed: false });
  assert.equal(child.log().length, 2000);
});

Deno.test("of a log the last 40 lines are kept, and all are passed on", async () => {
  const heard: string[] = [];
  const child = await sh("seq 1 41 >&2", { onLog: (line) => heard.push(line) });
  assert.equal(await child.receive(), undefined);
  await child.stop(10_000);
  const lines = Array.from({ length: 41 }, (_, i) => String(i + 1));
  assert.deepEqual(heard, lines);
  assert.equal(child.log(), lines.slice(1).join("\n"));
});

Deno.test("a child starts in the folder and with the variables that are named, beside ours", async () => {
  const dir = await Deno.realPath(await Deno.makeTempDir());
  const script = 'pwd; echo "$SHOTLAB_TOY-${PATH:+path}"';
  for (
    const [options, lines] of [
      [{ cwd: dir, env: { SHOTLAB_TOY: "toy" } }, [dir, "toy-path"]],
      [{}, [Deno.cwd(), "-path"]],
    ] as const
  ) {
    const child = await sh(script, options);
    assert.deepEqual([await child.receive(), await child.receive(), await child.receive()], [
      ...lines,
      undefined,
    ]);
    await child.stop(10_000);
  }
  await Deno.remove(dir);
});

Deno.test("what it is sent is its standard input, which ends when it is stopped", async () => {
  const child = await sh('read -r line; echo "got $line"; cat; exit 3');
  child.send("beads\n");
  assert.equal(await child.receive(), "got beads");
  assert.deepEqual(await child.stop(10_000), { exitCode: 3, signal: null, killed: false });
});

Deno.test("one that does not end within its grace is killed", async () => {
  const child = await sh("exec sleep 1000");
  assert.deepEqual(await child.stop(20), { exitCode: null, signal: "SIGKILL", killed: true });
});

Deno.test("who watches is told which groups live: at once, at each start and at each end", async () => {
  const told: (readonly number[])[] = [];
  watchChildren((groups) => told.push(groups));
  const first = await sh("cat");
  const second = await sh("cat");
  await first.stop(10_000);
  await second.stop(10_000);
  watchChildren(() => {});
  assert.deepEqual(told, [[], [first.pid], [first.pid, second.pid], [second.pid], []]);
});

Deno.test("one that lives is killed when the program is unloaded; of one that has ended nothing is left", async () => {
  const { addEventListener, removeEventListener } = globalThis;
  const unloads = new Set<unknown>();
  globalThis.addEventListener =
    ((type: string, listener: unknown): void =>
      void (type === "unload" && unloads.add(listener))) as typeof addEventListener;
  globalThis.removeEventListener =
    ((type: string, listener: unknown): void =>
      void (type === "unload" && unloads.delete(listener))) as typeof removeEventListener;
  try {
    const stopped = await sh("cat");
    const killed = await sh("exec sleep 1000");
    assert.equal(unloads.size, 2);
    assert.equal((await stopped.stop(10_000)).exitCode, 0);
    assert.equal(unloads.size, 1);
    for (const unload of unloads) (unload as () => void)();
    assert.equal((await killed.stop(10_000)).signal, "SIGKILL");
    assert.equal(unloads.size, 0);
  } finally {
    Object.assign(globalThis, { addEventListener, removeEventListener });
  }
});

for (
  const [program, reason] of [
    ["no-such-program", "there is no such program on the PATH"],
    ["/dev/null", "spawn /dev/null EACCES"],
  ] as const
) {
  Deno.test(`${program} cannot be started`, async () => {
    await assert.rejects(startChild([program]), {
      name: "HarnessError",
      message: `Cannot start the harness program '${program}': ${reason}`,
      details: { stage: "spawn" },
    });
  });
}
