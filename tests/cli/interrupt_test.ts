import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { openBundle } from "../../src/bundle/open.ts";
import { withFolder } from "../run/tiny_run.ts";
import { runMain, TINY } from "./run_main.ts";
import { run } from "./run_process.ts";

const DEAF = fileURLToPath(new URL("deaf_main.ts", import.meta.url));
const EXAMPLE = fileURLToPath(new URL("../../examples/harness.py", import.meta.url));

/** How many processes have a word in their command line. */
function count(word: string): number {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(word);
    } catch {
      return false;
    }
  }).length;
}

Deno.test({
  name:
    "shotlab profile: SIGINT twice leaves at once, the worker ends by itself, and the same command goes on",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (dir) => {
      const mark = `mark-${crypto.randomUUID()}`;
      const worker = `cmd:python3 "${EXAMPLE}" ${mark}`;
      // Times of a busy host move.
      const calm = ["--sentinel-s", "0", "--perf-dir", dir, "--harness", worker];
      const big = ["--max-num-batched-tokens", "2048", "--max-num-seqs", "64"];
      const command = ["profile", ...TINY, ...big, ...calm];
      const cut = await run(["src/cli.ts", ...command], [["shots planned", "SIGINT"], [
        "Stopping",
        "SIGINT",
      ]]);
      assert.equal(cut.code, 130, cut.err);
      const left = performance.now();
      while (count(mark) > 0) {
        assert.ok(performance.now() - left < 600_000, "the worker ends with its parent");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const small = ["profile", ...TINY, ...calm];
      const rest = await runMain(small);
      assert.equal(rest.status, 0, rest.err);
      assert.deepEqual((await openBundle(`${dir}/H100/Qwen/Qwen3-0.6B/bf16`)).issues, []);
    }),
});

for (const [times, signals] of [["once", ["SIGINT"]], ["twice", ["SIGINT", "SIGINT"]]] as const) {
  Deno.test({
    name:
      `abortOnInterrupt: SIGINT ${times} ends a computation that never listens, and a worker that ignores all`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      const mark = `mark-${crypto.randomUUID()}`;
      const { code, err } = await run([DEAF, mark], signals.map((signal) => ["computing", signal] as const));
      assert.equal(code, 130);
      assert.equal(err, "computing\nCancelled; the same command resumes from what was measured\n");
      assert.equal(count(mark), 0);
    },
  });
}
