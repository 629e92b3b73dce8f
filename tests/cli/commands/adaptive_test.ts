import assert from "node:assert/strict";
import { openBundle } from "../../../src/bundle/open.ts";
import { runMain } from "../run_main.ts";

const ARGS = [
  ...["profile", "--model", "Qwen/Qwen3-0.6B", "--hardware", "H100", "--harness", "roofline:H100"],
  ...[
    "--tp-degrees",
    "1",
    "--max-num-batched-tokens",
    "64",
    "--max-num-seqs",
    "16",
    "--attention-max-kv",
    "1024",
  ],
];

Deno.test("shotlab profile --adaptive: says what is predicted and how well; validate, coverage and fit know it", async () => {
  const perfDir = await Deno.makeTempDir();
  const dir = `${perfDir}/H100/Qwen/Qwen3-0.6B/bf16`;
  const profiled = await runMain([...ARGS, "--perf-dir", perfDir, "--adaptive", "20%"]);
  assert.equal(profiled.status, 0, profiled.err);
  const bundle = await openBundle(dir);
  const [rows, predicted] = [bundle.table(1, "attention").length, bundle.estimated(1).length];
  assert.ok(predicted > 0 && predicted < rows);
  assert.match(
    profiled.err,
    new RegExp(
      `^tp 1 attention: ${rows - predicted} rows measured, ${predicted} predicted; ` +
        "90% of all within [\\d.]+%, with 95% confidence [\\d.]+%$",
      "m",
    ),
  );
  assert.match(
    profiled.out,
    new RegExp(`shots measured in [^,]+, ${predicted} rows of attention are predicted$`, "m"),
  );
  const validated = await runMain(["validate", dir]);
  assert.equal(validated.status, 0);
  assert.match(
    validated.out,
    new RegExp(`^tp1/attention.csv:\n {2}warning: ${predicted} of ${rows} rows are predictions`, "m"),
  );
  assert.match(validated.out, /^tp1\/skew.csv:\n {2}warning: \d+ of \d+ cases were measured/m);
  assert.match((await runMain(["coverage", dir])).out, /on predicted rows/);
  assert.match((await runMain(["fit", dir])).out, /this one has the measured cases alone/);
  assert.doesNotMatch((await runMain(["validate", dir])).out, /n_samples/);
  await runMain([...ARGS, "--perf-dir", perfDir]);
  assert.doesNotMatch((await runMain(["validate", dir])).out, /predict/);
  await Deno.remove(perfDir, { recursive: true });
});

Deno.test("shotlab profile --prior alone is of no use, and says so; one that is not there is refused", async () => {
  const perfDir = await Deno.makeTempDir();
  const { err } = await runMain([...ARGS, "--perf-dir", perfDir, "--skip-skew", "--prior", "perf/NOWHERE"]);
  assert.match(err, /^Note: The prior \(--prior\) is of no use here/m);
  const refused = await runMain([
    ...ARGS,
    ...["--perf-dir", perfDir, "--adaptive", "error=5%", "--prior", `${perfDir}/NOWHERE`],
  ]);
  assert.deepEqual([refused.status, refused.err], [
    2,
    `error: Cannot read ${perfDir}/NOWHERE: it does not exist\n`,
  ]);
  await Deno.remove(perfDir, { recursive: true });
});
