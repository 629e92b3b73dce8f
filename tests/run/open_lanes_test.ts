import assert from "node:assert/strict";
import type { Harness } from "../../src/harness/harness.ts";
import type { RunEvent } from "../../src/run/events.ts";
import { profile } from "../../src/run/profile.ts";
import { fakeHarness } from "./fakes.ts";
import { journaledShots, rowsOfBundle, SMALL, smallBundle } from "./small_model.ts";
import { only, withFolder } from "./tiny_run.ts";

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
