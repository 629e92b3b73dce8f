import assert from "node:assert/strict";
import { UsageError } from "../../../src/errors.ts";
import { setup } from "../../../tasks/setup.ts";

Deno.test("elsewhere than on Linux the set-up says what works there and what does not", async () => {
  for (
    const [os, name, end] of [["darwin", "macOS", ""], [
      "windows",
      "Windows",
      ", or in WSL on this one",
    ]] as const
  ) {
    await assert.rejects(
      setup({ os, say: () => {} }),
      new UsageError(
        `Cannot set up here: vLLM's wheels are for Linux alone. On ${name} the SDK, the command line with the ` +
          "roofline and replay harnesses, and harnesses on remote Linux machines (docs/remote.md) work; " +
          `measuring this machine itself and the whole test suite do not. Run this again on Linux${end}, or try: deno task quickstart --harness roofline:H100`,
      ),
    );
  }
});
