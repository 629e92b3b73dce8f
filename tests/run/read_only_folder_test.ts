import assert from "node:assert/strict";
import process from "node:process";
import type { Harness } from "../../src/harness/harness.ts";
import { fakeHarness } from "./fakes.ts";
import { smallBundle } from "./small_model.ts";
import { withFolder } from "./tiny_run.ts";
import { told } from "./told.ts";

Deno.test("profile says before it opens a harness that the perf folder cannot be written", {
  ignore: Deno.build.os === "windows",
}, () =>
  withFolder(async (dir) => {
    await Deno.chmod(dir, 0o555);
    const root = Deno.uid() === 0;
    if (root) process.seteuid!(65_534);
    let opened = 0;
    const open = (): Promise<Harness> => Promise.resolve(fakeHarness({ booted: [opened++] }));
    try {
      await assert.rejects(told(dir, {}, {}, { open }), {
        name: "UsageError",
        message: `Cannot write ${smallBundle(dir)}: the folder may not be written to; ` +
          "change its permissions or choose another folder",
      });
    } finally {
      if (root) process.seteuid!(0);
      await Deno.chmod(dir, 0o755);
    }
    assert.equal(opened, 0);
  }));
