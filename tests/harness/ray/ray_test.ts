import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { validate } from "../../../src/check/validate.ts";
import { harnessCommand, openHarness } from "../../../src/harness/open.ts";
import type { RunEvent } from "../../../src/events.ts";
import { profile } from "../../../src/run/profile.ts";
import { journaledShots, SMALL, smallBundle } from "../../run/small_model.ts";
import { only, withFolder } from "../../run/tiny_run.ts";
import { type Cluster, isRayInstalled, startCluster } from "./cluster.ts";

const EXAMPLES = fileURLToPath(new URL("../../../examples", import.meta.url));
const MISSING = isRayInstalled() ? "" : " (skipped: there is no Ray here; run: deno task setup --ray)";

/** The example harness on a cluster, as the settings name it. */
async function example({ address }: Cluster): Promise<string> {
  const { argv } = await harnessCommand(`ray:${address}`);
  return `cmd:${
    [...argv, "--files", EXAMPLES, "--", "python3", "harness.py"].map((word) => `"${word}"`).join(" ")
  }`;
}

const actors = (cluster: Cluster): number[] =>
  cluster.processes().filter(({ command }) => command.startsWith("ray::Program")).map(({ pid }) => pid);

async function holdEmpty(cluster: Cluster): Promise<void> {
  const begun = performance.now();
  while (cluster.processes().some(({ command }) => /ray::Program|harness\.py/.test(command))) {
    assert.ok(performance.now() - begun < 600_000, "actors and their programs end with the run");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

Deno.test(`a real Ray cluster${MISSING}`, { ignore: MISSING !== "" }, async (test) => {
  await using cluster = await startCluster();

  await test.step("an actor of two is killed: another takes its place, and every shot is measured once", () =>
    withFolder(async (dir) => {
      const events: RunEvent[] = [];
      await profile({
        ...SMALL,
        perfDir: dir,
        tpDegrees: [1],
        harness: await example(cluster),
        devices: [0, 1],
      }, {
        onEvent(event): void {
          events.push(event);
          if (event.type !== "shot" || only(events, "shot").length !== 60) return;
          assert.equal(actors(cluster).length, 2);
          Deno.kill(actors(cluster)[0]!, "SIGKILL");
        },
      });
      const counts = await journaledShots(smallBundle(dir));
      assert.deepEqual([...counts].filter(([, count]) => count > 1), []);
      const ends = only(events, "finished").map(({ measured, failed }) => ({ measured, failed }));
      assert.deepEqual(ends, [{ measured: counts.size, failed: [] }]);
      const issues = await validate(smallBundle(dir));
      assert.deepEqual(issues.filter(({ severity }) => severity === "error"), []);
      const broken = only(events, "notice").filter(({ message }) => message.includes("The harness broke"));
      assert.equal(broken.length, 1);
      assert.match(broken[0]!.message, /The actor on the Ray cluster died/);
      await holdEmpty(cluster);
    }));

  await test.step("a run that is cancelled leaves nothing in the cluster", () =>
    withFolder(async (dir) => {
      const cancel = new AbortController();
      const run = profile({ ...SMALL, perfDir: dir, tpDegrees: [1], harness: await example(cluster) }, {
        signal: cancel.signal,
        onEvent(event): void {
          if (event.type === "shot") cancel.abort();
        },
      });
      await assert.rejects(run, { name: "AbortError" });
      await holdEmpty(cluster);
    }));

  await test.step("the vLLM worker is copied to its node, which may lack what it needs", async () => {
    await assert.rejects(openHarness(`ray:${cluster.address}`), {
      message: "Harness 'ray': vLLM and torch must be installed: see harness/vllm/requirements-cpu.txt",
    });
  });

  await test.step("a cluster's address that is none is refused", async () => {
    await assert.rejects(openHarness("ray:nowhere"), {
      message: "Harness 'ray' exited with 1 while saying hello; its last words: " +
        "Cannot join the Ray cluster nowhere: Invalid address format: nowhere",
    });
  });
});
