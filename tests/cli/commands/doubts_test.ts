import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { withFolder } from "../../run/tiny_run.ts";
import { type Outcome, runMain, TINY } from "../run_main.ts";

const WORKER = fileURLToPath(new URL("../slow_worker.ts", import.meta.url));
const harness = (factor: number): string[] => [
  "--harness",
  `cmd:${Deno.execPath()} run --no-check -A ${WORKER} ${factor}`,
];
/** The last line that a command wrote to standard error. */
const lastOf = ({ err }: Outcome): string => err.trimEnd().split("\n").at(-1)!;

Deno.test("shotlab profile: shots in doubt end in 1, a warning of validate, and 0 once the speed is accepted", () =>
  withFolder(async (dir) => {
    const profile = (factor: number, ...more: string[]): Promise<Outcome> =>
      runMain(["profile", ...TINY, "--perf-dir", dir, ...harness(factor), ...more]);
    const bundle = `${dir}/H100/Qwen/Qwen3-0.6B/bf16`;
    assert.equal((await profile(1, "--tp-degrees", "1")).status, 0);
    // The second degree was never measured at another speed; the first one was, and needs a shot to be seen.
    await Deno.remove(`${bundle}/tp1/dense.csv`);
    const slow = await profile(1.19, "--max-num-seqs", "4", "--tp-degrees", "1");
    assert.equal(slow.status, 1);
    assert.match(
      lastOf(slow),
      /^\d+ shots are in doubt: the device drifted, or nothing says that it did not; the same command measures them again when it is back, --accept-speed takes its present speed for the right one$/,
    );
    const shots = lastOf(slow).split(" ")[0];
    const [, model, ...flags] = TINY;
    const all = ["profile-all", "--models", model, ...flags, "--perf-dir", dir, ...harness(1.19)];
    const several = await runMain([...all, "--max-num-seqs", "4", "--tp-degrees", "1"]);
    assert.deepEqual([several.status, lastOf(several)], [1, lastOf(slow)]);
    assert.ok(several.err.startsWith("Qwen/Qwen3-0.6B (1 of 1)\nstarting the harness "), several.err);
    const loud = await runMain([...all, "--max-num-seqs", "4", "--tp-degrees", "1", "--verbose"]);
    assert.match(loud.err, /^at work$/m);
    assert.match(several.out, /^\nmodel +tp +measured +failed +time +bundle\nQwen/);
    const doubtful = await runMain(["validate", bundle]);
    assert.equal(doubtful.status, 0);
    assert.ok(
      doubtful.out.includes(
        "meta.yaml:\n  warning: key noise.in_doubt: Shots are in doubt: the device drifted while they were " +
          "measured, or no sentinel says that it did not; the run that measured them measures them again, " +
          `readEvidence() names them; expected 0, found ${shots}\n`,
      ),
      doubtful.out,
    );
    const accepted = await profile(1.19, "--max-num-seqs", "4", "--tp-degrees", "1", "--accept-speed");
    assert.deepEqual([accepted.status, lastOf(accepted).includes("in doubt:")], [0, false]);
    assert.ok(!(await runMain(["validate", bundle])).out.includes("in_doubt"));
  }));

Deno.test("shotlab fire and ingest: shots in doubt end in 1", () =>
  withFolder(async (dir) => {
    const limits = `${dir}/limits.json`;
    await Deno.writeTextFile(
      limits,
      JSON.stringify({
        ...{ max_num_batched_tokens: 32, max_num_seqs: 2, num_cache_tokens: 4096, max_model_len: 1024 },
      }),
    );
    const plan = ["plan", ...TINY, "--limits", limits, "--out", `${dir}/plan.jsonl`, "--split", "2"];
    assert.equal((await runMain(plan)).status, 0);
    assert.equal((await runMain(plan.slice(0, -2))).status, 0);
    for (const [piece, factor] of [[1, 1], [2, 1.5]] as const) {
      const out = ["--out", `${dir}/journal-${piece}.jsonl`];
      const fired = await runMain(["fire", `${dir}/plan-${piece}.jsonl`, ...out, ...harness(factor)]);
      assert.equal(fired.status, 0, "each machine for itself has not moved");
    }
    const whole = ["fire", `${dir}/plan.jsonl`, "--out", `${dir}/drifted.jsonl`];
    await Deno.copyFile(`${dir}/journal-1.jsonl`, `${dir}/drifted.jsonl`);
    const drifted = await runMain([...whole, ...harness(1.5)]);
    assert.equal(drifted.status, 1);
    assert.ok(!drifted.err.includes("at work"));
    assert.match((await runMain([...whole, ...harness(1.5), "--verbose"])).err, /^at work$/m);
    assert.match(
      lastOf(drifted),
      /^\d+ shots are in doubt: the device drifted, .* --accept-speed takes its present speed for the right one$/,
    );
    const journals = [`${dir}/journal-1.jsonl`, `${dir}/journal-2.jsonl`];
    const ingested = await runMain(["ingest", ...journals, "--perf-dir", `${dir}/perf`]);
    assert.equal(ingested.status, 1);
    assert.match(ingested.err, /journal-2.jsonl: The device is slower than what was measured before at tp 1/);
    assert.match(
      lastOf(ingested),
      /^\d+ shots are in doubt: a device drifted, or nothing says that it did not; /,
    );
  }));
