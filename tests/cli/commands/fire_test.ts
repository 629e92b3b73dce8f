import assert from "node:assert/strict";
import { lockFile } from "../../../src/files/lock.ts";
import { type Outcome, runMain, TINY } from "../run_main.ts";

const LIMITS = JSON.stringify({
  max_num_batched_tokens: 32,
  max_num_seqs: 2,
  num_cache_tokens: 4096,
  max_model_len: 1024,
});

async function withPlan(action: (dir: string, plan: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "shotlab-" });
  try {
    await Deno.writeTextFile(`${dir}/limits.json`, LIMITS);
    const plan = `${dir}/plan.jsonl`;
    const { status } = await runMain(["plan", ...TINY, "--limits", `${dir}/limits.json`, "--out", plan]);
    assert.equal(status, 0);
    await action(dir, plan);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Lines of a file that have a field, of a value where one is given. */
async function countLines(path: string, name: string, value?: string): Promise<number> {
  const lines = (await Deno.readTextFile(path)).trim().split("\n").map((line) => JSON.parse(line));
  return lines.filter((line) => value === undefined ? name in line : line[name] === value).length;
}

Deno.test("shotlab fire and ingest: a plan becomes results, these become the bundle of a live run", () =>
  withPlan(async (dir, plan) => {
    const out = `${dir}/results.jsonl`;
    const fired = await runMain(["fire", plan, "--harness", "roofline:H100", "--out", out]);
    assert.equal(fired.status, 0);
    const planned = await countLines(plan, "tp");
    assert.equal(await countLines(out, "type", "shot"), planned);
    assert.ok(fired.out.startsWith(`The results are in ${out}; ${planned} shots measured in `), fired.out);
    const again = await runMain(["fire", plan, "--harness", "roofline:H100", "--out", out]);
    assert.match(again.out, /; 0 shots measured in /);

    const perfDir = `${dir}/perf`;
    const ingested = await runMain(["ingest", out, "--hardware", "MINE", "--perf-dir", perfDir]);
    assert.deepEqual([ingested.status, ingested.err], [0, ""]);
    const bundle = `${perfDir}/MINE/Qwen/Qwen3-0.6B/bf16`;
    assert.ok(ingested.out.startsWith(`The bundle is in ${bundle}; `));
    assert.match(
      (await runMain(["ingest", out, out, "--hardware", "MINE", "--perf-dir", perfDir])).out,
      new RegExp(`; 0 shots taken in, ${2 * planned} results were known already\n`),
    );

    await runMain(["profile", ...TINY, "--harness", "roofline:H100", "--perf-dir", `${dir}/live`]);
    const live = `${dir}/live/H100/Qwen/Qwen3-0.6B/bf16`;
    for (const table of ["tp1/dense.csv", "tp1/attention.csv", "tp2/per_sequence.csv"]) {
      assert.equal(
        await Deno.readTextFile(`${bundle}/${table}`),
        await Deno.readTextFile(`${live}/${table}`),
      );
    }
    assert.equal((await runMain(["validate", bundle])).status, 0);
  }));

Deno.test("shotlab fire: a second one on the same results file is refused and told who has it", () =>
  withPlan(async (dir, plan) => {
    const out = `${dir}/results.jsonl`;
    const args = ["fire", plan, "--harness", "roofline:H100", "--out", out];
    {
      using _lock = await lockFile(out);
      const second = await runMain(args);
      assert.equal(second.status, 2);
      assert.match(
        second.err,
        /results\.jsonl: it is being written by process \d+ on \S+ since \S+; wait for it or stop it\n$/,
      );
    }
    assert.equal((await runMain(args)).status, 0);
    const names = [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
    assert.deepEqual(names, ["limits.json", "plan.jsonl", "results.jsonl"]);
  }));

Deno.test("shotlab fire and ingest: failed shots exit with 1", () =>
  withPlan(async (dir, plan) => {
    await runMain(["profile", ...TINY, "--harness", "roofline:H100", "--perf-dir", dir]);
    const out = `${dir}/results.jsonl`;
    const replay = `replay:${dir}/H100/Qwen/Qwen3-0.6B/bf16?fail=1`;
    const fired = await runMain(["fire", plan, "--harness", replay, "--out", out]);
    assert.equal(fired.status, 1);
    const failed = await countLines(out, "type", "failed");
    assert.equal(failed, await countLines(plan, "tp"));
    assert.ok(fired.err.endsWith(`\n${failed} shots failed; --retry-failed fires them again\n`), fired.err);
    assert.ok(fired.out.includes("; 0 shots measured in "), fired.out);
    const ingested = await runMain(["ingest", out, "--hardware", "MINE", "--perf-dir", `${dir}/perf`]);
    assert.equal(ingested.status, 1);
    assert.ok(ingested.err.endsWith(`${failed} shots failed and have no row\n`), ingested.err);
  }));

Deno.test("shotlab fire and ingest: what failed and what was known is counted, from none on", () =>
  withPlan(async (dir, plan) => {
    const out = `${dir}/results.jsonl`;
    const fire = ["fire", plan, "--harness", "roofline:H100", "--out", out];
    const ingest = (name: string): Promise<Outcome> =>
      runMain(["ingest", out, "--hardware", name, "--perf-dir", `${dir}/perf`]);
    assert.doesNotMatch((await runMain(fire)).err, /failed/);
    const whole = await Deno.readTextFile(out);
    /** A line that says of a shot that it failed. */
    const failed = (line: string): string => {
      const { samples: _, ...shot } = JSON.parse(line);
      return JSON.stringify({ ...shot, type: "failed", kind: "out_of_memory", message: "no room" });
    };
    for (
      const [count, told, again, taken] of [
        [1, "1 shot failed; ", "it", "1 shot failed and has no row\n"],
        [2, "2 shots failed; ", "them", "2 shots failed and have no row\n"],
      ] as const
    ) {
      let left: number = count;
      const text = whole.replaceAll(/^\{"type":"shot".*$/gm, (line) => left-- > 0 ? failed(line) : line);
      await Deno.writeTextFile(out, text);
      const fired = await runMain(fire);
      assert.equal(fired.status, 1);
      assert.ok(fired.err.endsWith(`\n${told}--retry-failed fires ${again} again\n`), fired.err);
      const ingested = await ingest(`FAILED${count}`);
      assert.deepEqual([ingested.status, ingested.err], [1, taken]);
    }
    await Deno.writeTextFile(out, whole.slice(0, whole.indexOf("\n", whole.indexOf('{"type":"shot"')) + 1));
    assert.match((await ingest("ONE")).out, /; 1 shot taken in\n/);
    assert.match((await ingest("ONE")).out, /; 0 shots taken in, 1 result was known already\n/);
  }));

Deno.test("shotlab fire and ingest: wrong use exits with 2", async () => {
  const cases: [string[], RegExp][] = [
    [["fire", "--out", "x"], /^error: missing required argument 'plan'\n/],
    [["fire", "none", "--out", "x"], /^error: Cannot read none: No such file/],
    [["fire", "none"], /^error: required option '--out <file>' not specified\n/],
    [["ingest"], /^error: missing required argument 'results'\n/],
    [["ingest", "none"], /^error: Cannot read none: No such file/],
  ];
  for (const [args, err] of cases) {
    const outcome = await runMain(args);
    assert.equal(outcome.status, 2, args.join(" "));
    assert.match(outcome.err, err);
  }
});
