import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { openBundle } from "../../src/bundle/open.ts";
import { startProcessHarness } from "../../src/harness/process.ts";
import type { RunEvent } from "../../src/events.ts";
import { profile } from "../../src/run/profile.ts";
import { journaledShots, SMALL, smallBundle } from "../run/small_model.ts";
import { only, withFolder } from "../run/tiny_run.ts";

const WORKER = fileURLToPath(new URL("../harness/fakes/worker.ts", import.meta.url));

/** Profiles a handful of shots with a worker process that has a fault. */
async function told(perfDir: string, fault: string): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  const input = {
    ...SMALL,
    perfDir,
    tpDegrees: [1],
    maxNumBatchedTokens: 4,
    maxNumSeqs: 1,
    attentionMaxKv: 16,
    measurementIterations: 1,
  };
  const argv = [Deno.execPath(), "run", "--quiet", "--no-check", "-A", WORKER, fault];
  await profile(input, {
    open: () => startProcessHarness(argv, { name: "fake", shotTimeoutS: 0.5 }),
    onEvent: (event) => void events.push(event),
  });
  return events;
}

for (const fault of ["exit-mid-chunk", "killed-mid-chunk", "cut-line", "hang-mid-chunk"]) {
  Deno.test(`a worker that answers one shot and then breaks (${fault}) is replaced until all are measured`, () =>
    withFolder(async (dir) => {
      const events = await told(dir, fault);
      const [finished] = only(events, "finished");
      assert.deepEqual(finished?.failed, []);
      const counts = [...(await journaledShots(smallBundle(dir))).values()];
      assert.equal(counts.length, finished?.measured);
      assert.ok(counts.every((count) => count === 1));
      for (const { message } of only(events, "notice")) {
        assert.match(message, /^The harness broke and is replaced: Harness 'fake' /);
      }
    }));
}

Deno.test("a worker that breaks on every shot ends the run after six times; the shots it broke on are recorded", () =>
  withFolder(async (dir) => {
    await assert.rejects(told(dir, "fatal-device-error"), {
      name: "HarnessError",
      message: "Cannot go on: the harness broke 6 times without a measured shot between, " +
        "at last: The engine died: illegal access",
    });
    assert.equal((await openBundle(smallBundle(dir))).meta.failed_shots, 2);
  }));

Deno.test("a worker that exits at boot ends the run, and nothing is written", () =>
  withFolder(async (dir) => {
    await assert.rejects(told(dir, "exit-at-boot"), {
      name: "HarnessError",
      message: "Harness 'fake' exited with 3 while booting tp 1; its last words: RuntimeError: no device",
    });
    assert.deepEqual([...Deno.readDirSync(dir)], []);
  }));
