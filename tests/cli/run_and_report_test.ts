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
  const { setInterval, clearInterval } = globalThis;
  const open = new Set<unknown>();
  try {
    globalThis.setInterval = (() => (open.add(open.size), open.size - 1)) as never;
    globalThis.clearInterval = (id): void => void open.delete(id);
    await reported(0, 0);
  } finally {
    Object.assign(globalThis, { setInterval, clearInterval });
  }
  assert.equal(open.size, 0, "what shows the run is closed");
  assert.deepEqual([(await reported(1, 0)).status, (await reported(0, 1)).status], [1, 1]);
  assert.equal(
    (await reported(1, 0)).err,
    "1 shot failed and has no row; --retry-failed fires it again\n",
  );
  assert.equal(
    (await reported(0, 1)).err,
    "1 shot is in doubt: the device drifted, or nothing says that it did not; the same command measures " +
      "it again when it is back, --accept-speed takes its present speed for the right one\n",
  );
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

/** Runs a measurement of a bundle of two degrees; returns what it was given and what is told of it. */
async function told(
  verbosity: "silent" | "info" | "verbose",
  confirm?: (question: string) => boolean,
  predicted: readonly [tp1: number, tp2: number] = [2, 1],
): Promise<{ given: string[]; out: string; err: string; status: number }> {
  let [out, err] = ["", ""];
  let given: string[] = [];
  let status = NaN;
  const attention = "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,1,16,10\n0,0,1,33,10\n";
  const files = {
    "meta.yaml": "hardware: H100\nmodel: a/b\ntp_degrees: [1, 2]\n",
    "tp1/attention.csv": attention,
    "tp2/attention.csv": attention,
  };
  await withBundle(files, async (dir) => {
    const bundle = await openBundle(dir);
    const estimated = (tp: number): ReturnType<typeof bundle.estimated> =>
      new Array(predicted[tp - 1]).fill({ key: [0, 0, 1, 32] });
    const { signal } = new AbortController();
    status = await runAndReport(
      (options) => {
        assert.equal(options.signal, signal);
        given = Object.keys(options).sort();
        options.onLog?.("the engine says so");
        options.onEvent?.({ type: "booting", tp: 1 });
        const end = { type: "finished", measured: 9, seconds: 61, failed: [], inDoubt: 0 };
        options.onEvent?.(end as unknown as RunEvent);
        return Promise.resolve({ ...bundle, estimated });
      },
      verbosity,
      {
        out: (text) => void (out += text.replaceAll(dir, "@")),
        err: (text) => void (err += text),
        errStream: null,
        env: {},
        signal,
        ...confirm && { confirm },
      },
    );
  });
  return { given, out, err, status };
}

const REPORT = `
The bundle is in @; 9 shots measured in 1 min 01 s, 3 rows of attention are predicted

a/b on H100, tp 1 (of 1, 2), microseconds (quantity ?)

sequences            1
attention, kv 33  10.0

Next, check it:  deno task shotlab validate @
`;
Deno.test("a run is shown, its bundle summed up, and the next step named; silent tells nothing of it", async () => {
  const given = ["onEvent", "signal"];
  assert.deepEqual(await told("info"), { given, out: REPORT, err: "tp 1: booting the engine\n", status: 0 });
  assert.deepEqual(await told("verbose", () => true), {
    given: ["confirm", "onEvent", "onLog", "signal"],
    out: REPORT,
    err: "the engine says so\ntp 1: booting the engine\n",
    status: 0,
  });
  assert.deepEqual(await told("silent"), { given, out: "", err: "", status: 0 });
  const words = async (...predicted: [number, number]): Promise<string> =>
    (await told("info", undefined, predicted)).out.split("\n")[1]!;
  assert.equal(await words(0, 0), "The bundle is in @; 9 shots measured in 1 min 01 s");
  assert.equal(
    await words(0, 1),
    "The bundle is in @; 9 shots measured in 1 min 01 s, 1 row of attention is predicted",
  );
});
