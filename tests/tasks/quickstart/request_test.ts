import assert from "node:assert/strict";
import { readRequest, wholeCommand } from "../../../tasks/quickstart/request.ts";

/** Reads a command line; what it prints is kept. */
function read(args: readonly string[], env: Record<string, string> = {}): ReturnType<typeof readRequest> {
  const { signal } = new AbortController();
  const silent = (): void => {};
  return readRequest(args, { out: silent, err: silent, errStream: null, env, signal });
}

Deno.test("readRequest: a small model on MYBOX with the quick preset and a budget, in a type that is left open", () => {
  const { settings, isHere } = read([]);
  const { model, hardware, tpDegrees, budget, dtype } = settings;
  assert.deepEqual([model, hardware, tpDegrees, budget, dtype, isHere], [
    "Qwen/Qwen3-0.6B",
    "MYBOX",
    [1, 2],
    140,
    null,
    true,
  ]);
});

Deno.test("readRequest: flags win over the environment, and this over the quickstart's defaults", () => {
  const env = { HARDWARE: "BOX2", DTYPE: "bfloat16", SHOTLAB_BUDGET: "", MODEL: "a/b" };
  const { settings } = read(["--dtype", "float32", "--tp-degrees", "1"], env);
  const { model, hardware, dtype, budget, tpDegrees } = settings;
  assert.deepEqual([model, hardware, dtype, budget, tpDegrees], ["a/b", "BOX2", "float32", 140, [1]]);
});

Deno.test("readRequest: another harness or another machine needs no vLLM here", () => {
  assert.equal(read(["--harness", "roofline:H100"]).isHere, false);
  assert.equal(read(["--transport", "ssh gpu1"]).isHere, false);
});

Deno.test("readRequest refuses what profile refuses", () => {
  assert.throws(() => read(["--tp-degrees", "2"]), { name: "UsageError" });
  assert.throws(() => read(["--nonsense"]), { name: "CommanderError" });
});

Deno.test("wholeCommand measures the same without a budget", () => {
  const { settings, flags } = read(["--perf-dir", "my perf", "--no-skip-skew", "--silent", "--budget", "5"]);
  assert.equal(
    wholeCommand({ settings: { ...settings, dtype: "float32" }, flags }),
    "deno task shotlab profile --perf-dir 'my perf' --no-skip-skew --silent --model Qwen/Qwen3-0.6B " +
      "--hardware MYBOX --preset quick --dtype float32",
  );
});
