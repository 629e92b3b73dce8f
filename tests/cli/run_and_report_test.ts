import assert from "node:assert/strict";
import { openBundle } from "../../src/bundle/open.ts";
import { runAndReport } from "../../src/cli/run_and_report.ts";
import type { RunEvent } from "../../src/events.ts";
import { withBundle } from "../bundle/with_bundle.ts";

/** Reports a run that ends with so many shots failed and in doubt; returns the exit status and standard error. */
async function reported(
  failed: number,
  inDoubt: number,
  options?: { doubtFails: boolean },
): Promise<{ status: number; err: string }> {
  let err = "";
  let status = NaN;
  await withBundle({ "meta.yaml": "hardware: H100\n" }, async (dir) => {
    const end = { type: "finished", measured: 9, seconds: 1, failed: Array(failed).fill({}), inDoubt };
    status = await runAndReport(
      async ({ onEvent }) => {
        onEvent?.(end as unknown as RunEvent);
        return await openBundle(dir);
      },
      "info",
      {
        out: () => {},
        err: (text) => void (err += text),
        errStream: null,
        env: {},
        signal: new AbortController().signal,
      },
      () => Promise.resolve(0),
      options,
    );
  });
  return { status, err };
}

Deno.test("a run ends with 1 when shots failed or are in doubt; one that only shows a machine ends with its doubts told", async () => {
  assert.deepEqual(await reported(0, 0), { status: 0, err: "" });
  assert.deepEqual(await reported(2, 0), {
    status: 1,
    err: "2 shots failed and have no row; --retry-failed fires them again\n",
  });
  const doubt =
    "3 shots are in doubt: the device drifted, or nothing says that it did not; the same command measures " +
    "them again when it is back, --accept-speed takes its present speed for the right one\n";
  assert.deepEqual(await reported(0, 3), { status: 1, err: doubt });
  assert.deepEqual(await reported(0, 3, { doubtFails: false }), { status: 0, err: doubt });
  assert.equal((await reported(1, 3, { doubtFails: false })).status, 1);
});
