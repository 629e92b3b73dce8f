import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Harness } from "../../src/harness/harness.ts";
import type { RunEvent } from "../../src/events.ts";
import { profile } from "../../src/run/profile.ts";
import { fakeHarness } from "../run/fakes.ts";
import { journaledShots, rowsOfBundle, SMALL, smallBundle } from "../run/small_model.ts";
import { only, withFolder } from "../run/tiny_run.ts";

Deno.test("profile on several devices opens a harness for each, and ends as on one", () =>
  withFolder(async (dir) => {
    const opened: (readonly number[])[] = [];
    const fired: string[][] = [];
    const open = (devices: readonly number[]): Promise<Harness> => {
      opened.push(devices);
      const own: string[] = [];
      fired.push(own);
      return Promise.resolve(fakeHarness({ fired: own }));
    };
    await profile({ ...SMALL, perfDir: `${dir}/one` }, { open });
    const events: RunEvent[] = [];
    const onEvent = (event: RunEvent): void => void events.push(event);
    await profile({ ...SMALL, perfDir: `${dir}/two`, devices: [0, 3] }, { open, onEvent });
    assert.deepEqual(opened, [[], [0], [3]]);
    assert.deepEqual(
      await rowsOfBundle(smallBundle(`${dir}/two`)),
      await rowsOfBundle(smallBundle(`${dir}/one`)),
    );
    assert.ok(fired[1]!.length > 20 && fired[2]!.length > 20);
    const counts = await journaledShots(smallBundle(`${dir}/two`));
    assert.deepEqual([...counts].filter(([, count]) => count > 1), []);
    assert.equal(only(events, "connected")[0]?.info.lanes, 2);
  }));

Deno.test({
  name: "profile on two worker processes of which some are killed measures every shot once",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (dir) => {
      const mark = `mark-${crypto.randomUUID()}`;
      const example = fileURLToPath(new URL("../../examples/harness.py", import.meta.url));
      const events: RunEvent[] = [];
      const onEvent = (event: RunEvent): void => {
        events.push(event);
        if (event.type === "shot" && [20, 60, 100].includes(only(events, "shot").length)) killOne(mark);
      };
      const harness = `cmd:python3 "${example}" ${mark}`;
      const input = { ...SMALL, perfDir: dir, tpDegrees: [1], skipSkew: true, devices: [0, 1], harness };
      await profile(input, { onEvent });
      const counts = await journaledShots(smallBundle(dir));
      assert.deepEqual([...counts].filter(([, count]) => count > 1), []);
      const finished = only(events, "finished").map(({ measured, failed }) => [measured, failed]);
      assert.deepEqual(finished, [[counts.size, []]]);
      assert.ok(
        only(events, "notice").some(({ message }) => /^device [01]: The harness broke/.test(message)),
      );
    }),
});

/** Kills a process that has a word in its command line. */
function killOne(mark: string): void {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (!Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(mark)) continue;
      return Deno.kill(Number(name), "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
}

Deno.test("profile refuses devices that differ, and records them when they are allowed", () =>
  withFolder(async (dir) => {
    const open = ([device]: readonly number[]): Promise<Harness> =>
      Promise.resolve(fakeHarness({ info: { device: `Abacus ${device}` } }));
    const input = { ...SMALL, perfDir: dir, devices: [0, 1] };
    await assert.rejects(profile(input, { open }), {
      name: "UsageError",
      message: "Cannot measure one bundle on lanes that differ (device Abacus 0 on device 0, " +
        "Abacus 1 on device 1); choose devices that are equal, or pass allowMixed (--allow-mixed), " +
        "which is recorded",
    });
    const { meta } = await profile({ ...input, allowMixed: true }, { open });
    assert.deepEqual(meta.devices, ["Abacus 0 + Abacus 1"]);
  }));
