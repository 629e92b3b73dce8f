import assert from "node:assert/strict";
import { run } from "../../cli/run_process.ts";

Deno.test("task quickstart: help shows its defaults and an example, and sets nothing up", async () => {
  const { code, out, err } = await run(["tasks/quickstart.ts", "--help"]);
  assert.deepEqual([code, err], [0, ""]);
  assert.match(
    out.replaceAll("\n", " "),
    /with the defaults --model Qwen\/Qwen3-0\.6B --hardware MYBOX --preset quick --budget 140, /,
  );
  assert.match(out, /\nExample: deno task quickstart --dtype float32 --hardware MYBOX --budget 5min\n/);
});

Deno.test("task quickstart: wrong use ends with 2 before anything is set up", async () => {
  assert.deepEqual(await run(["tasks/quickstart.ts", "--budget", "soon"]), {
    code: 2,
    out: "",
    err:
      "error: Cannot use --budget soon: expected a time above 0 such as 90s, 5min or 1h30min, or a number of seconds\n",
  });
});

Deno.test("task quickstart: a first bundle of another harness needs no vLLM; without a terminal there are lines alone", async () => {
  const perfDir = await Deno.makeTempDir();
  const roofline = [
    "--harness",
    "roofline:H100",
    "--hardware",
    "H100",
    "--tp-degrees",
    "1",
    "--perf-dir",
    perfDir,
  ];
  const { code, out, err } = await run(["tasks/quickstart.ts", ...roofline]);
  assert.equal(code, 0, err);
  const bundle = `${perfDir}/H100/Qwen/Qwen3-0.6B/bf16`;
  assert.ok(
    out.endsWith(`\nThe first figure is ${bundle}/layer_times.png\n${bundle}: 0 errors, 0 warnings\n`),
    out,
  );
  assert.ok(!err.includes("\x1b"), err);
  await Deno.remove(perfDir, { recursive: true });
});
