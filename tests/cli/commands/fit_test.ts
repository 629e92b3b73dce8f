import assert from "node:assert/strict";
import { runMain } from "../run_main.ts";

Deno.test("shotlab fit and predict: alphas of a bundle's skew cases, and answers that use them", async () => {
  const perfDir = await Deno.makeTempDir();
  const dir = `${perfDir}/H100/Qwen/Qwen3-0.6B/bf16`;
  const grid = ["--max-num-batched-tokens", "32", "--max-num-seqs", "4", "--attention-max-kv", "512"];
  const args = [
    "profile",
    "--model",
    "Qwen/Qwen3-0.6B",
    "--hardware",
    "H100",
    ...grid,
    "--tp-degrees",
    "1",
    "--harness",
    "roofline:H100",
  ];
  const profiled = await runMain([...args, "--perf-dir", perfDir]);
  assert.equal(profiled.status, 0, profiled.err);
  assert.match(
    profiled.err,
    /^alphas fitted by shrinkage; tp 1: \d+ cases, [\d.]+ \/ [\d.]+ \/ [\d.]+% off/m,
  );
  const shrunk = await Deno.readTextFile(`${dir}/tp1/skew_fit.csv`);

  const byReference = await runMain(["fit", dir, "--method", "reference"]);
  assert.equal(byReference.status, 0, byReference.err);
  assert.match(byReference.out, /^Relative errors of per_bucket_wls_5axis in %.*^tp 1 +\d+ {2}all /ms);
  assert.notEqual(await Deno.readTextFile(`${dir}/tp1/skew_fit.csv`), shrunk);
  await runMain(["fit", dir]);
  assert.equal(await Deno.readTextFile(`${dir}/tp1/skew_fit.csv`), shrunk);
  assert.deepEqual((await runMain(["validate", dir])).status, 0);

  const queries = `${perfDir}/q.jsonl`;
  await Deno.writeTextFile(
    queries,
    `{"kind":"dense","tp":1,"layer":"qkv_proj","tokens":16}

{"kind":"dense","tp":2,"layer":"qkv_proj","tokens":16}
{"kind":"batch","tp":1,"prefills":[[16,0]],"decodes":[[128,3],[512,1]]}
{"kind":"batch","tp":1,"prefills":[],"decodes":[[128,1]]}
{"kind":"batch","tp":1,"prefills":[],"decodes":[[128,0]]}
{"kind":"moe","tokens":16,"activated_experts":8}
`,
  );
  const { status, out, err } = await runMain(["predict", dir, "--queries", queries]);
  assert.deepEqual([status, err], [0, ""]);
  const [dense, missing, mixed, single, empty, moe] = out.trimEnd().split("\n").map((line) =>
    JSON.parse(line)
  );
  assert.ok(dense.ns > 1000 && Number.isInteger(dense.ns));
  assert.deepEqual(missing, { error: "Cannot look up dense at tp 2: the bundle holds tp 1" });
  const { ns, t_mean, t_max, alpha } = mixed;
  assert.equal(ns, Math.round(t_mean + alpha * (t_max - t_mean)));
  assert.equal(mixed.bucket, "pc=16|n<=4|sr<=40%|kvB<=1k|kp=0");
  assert.equal(mixed.skew_rate, 0.25);
  assert.deepEqual(single, {
    ns: single.ns,
    t_mean: single.ns,
    t_max: null,
    skew_rate: 0,
    bucket: null,
    alpha: null,
    place: "exact",
  });
  assert.deepEqual(empty, {
    error: "Cannot answer the query: decodes.0.1 must be a whole number above 0, got 0",
  });
  assert.match(moe.error, /^Cannot look up moe at tp 1: tp1\/moe\.csv has no rows$/);
  await Deno.remove(perfDir, { recursive: true });
});

Deno.test("shotlab fit: what it cannot fit is wrong use", async () => {
  const dir = await Deno.makeTempDir();
  const none = `${dir}/none`;
  assert.deepEqual(await runMain(["fit", none]), {
    status: 2,
    out: "",
    err: `error: Cannot fit ${none}: there is no such folder\n`,
  });
  await Deno.writeTextFile(`${dir}/meta.yaml`, "hardware: H100\n");
  assert.deepEqual(await runMain(["fit", dir]), {
    status: 2,
    out: "",
    err: `error: Cannot fit ${dir}: it has no skew cases (tp<N>/skew.csv); run the skew sweep first\n`,
  });
  assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name), ["meta.yaml"]);
  await Deno.symlink("/etc", `${dir}/tp1`);
  for (const command of ["fit", "pack"]) {
    const { status, err } = await runMain([command, dir]);
    assert.equal(status, 2, command);
    assert.ok(err.startsWith(`error: Cannot write to ${dir}/tp1: it is a link to /etc, and `), err);
  }
  await Deno.remove(dir, { recursive: true });
});
