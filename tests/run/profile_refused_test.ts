import assert from "node:assert/strict";
import { openBundle } from "../../src/bundle/open.ts";
import { HarnessError } from "../../src/errors.ts";
import { profileEvents } from "../../src/run/profile_events.ts";
import { resolveSettings, type SettingsInput } from "../../src/settings.ts";
import { fakeHarness } from "./fakes.ts";
import { SMALL, smallBundle } from "./small_model.ts";
import { withFolder } from "./tiny_run.ts";
import { told } from "./told.ts";

const REFUSED: Record<string, [Partial<SettingsInput>, string]> = {
  "a degree that does not divide the model": [
    { tpDegrees: [1, 3] },
    "Cannot shard the model to tp 3: num_attention_heads must be divisible by it, got 16; leave this degree out",
  ],
  "a quantity that the harness does not measure": [
    { quantity: "kernel" },
    "Cannot time kernel: the harness fake measures wall; choose one of these as quantity",
  ],
};
for (const [name, [input, message]] of Object.entries(REFUSED)) {
  Deno.test(`profile refuses ${name}, and writes nothing`, () =>
    withFolder(async (dir) => {
      await assert.rejects(told(dir, input), { name: "UsageError", message });
      assert.deepEqual([...Deno.readDirSync(dir)], []);
    }));
}

Deno.test("profile with a harness that cannot be opened or booted leaves nothing behind", () =>
  withFolder(async (dir) => {
    const failure = new HarnessError("Cannot start the harness program 'abacus'", { stage: "spawn" });
    await assert.rejects(told(dir, {}, {}, { open: () => Promise.reject(failure) }), failure);
    await assert.rejects(told(dir, {}, { bootFails: () => true }), { message: "Cannot boot: out of beads" });
    assert.deepEqual([...Deno.readDirSync(dir)], []);
  }));

Deno.test("profile refuses a bundle of another device before it boots", () =>
  withFolder(async (dir) => {
    await told(dir);
    const booted: number[] = [];
    await assert.rejects(told(dir, {}, { booted, info: { device: "Slide rule" } }), /device Abacus there/);
    assert.deepEqual(booted, []);
    await told(dir, { allowMixed: true, retryFailed: true, tpDegrees: [1, 2, 4] }, {
      info: { device: "Slide rule" },
    });
    const { meta } = await openBundle(smallBundle(dir));
    assert.deepEqual(meta.devices, ["Abacus", "Slide rule"]);
    assert.deepEqual(meta.mixed, ["device Abacus there, Slide rule now"]);
    assert.deepEqual(meta.tp_degrees, [1, 2, 4]);
  }));

Deno.test("profile refuses a bundle that another run is writing", () =>
  withFolder(async (dir) => {
    const settings = resolveSettings({ ...SMALL, perfDir: dir });
    for await (const event of profileEvents(settings, { harness: fakeHarness() })) {
      if (event.type !== "shot") continue;
      await assert.rejects(told(dir), /it is being written by process \d+ on /);
      break;
    }
    await told(dir);
  }));
