import assert from "node:assert/strict";
import { rowsOfBundle } from "../../run/small_model.ts";
import { withFolder } from "../../run/tiny_run.ts";
import { runMain, TINY } from "../run_main.ts";

const LIMITS = {
  max_num_batched_tokens: 32,
  max_num_seqs: 2,
  num_cache_tokens: 1e6,
  max_model_len: 40_960,
  num_experts: null,
  top_k: null,
  block_size: 16,
};

Deno.test("shotlab plan --split: pieces that are fired apart make the bundle of the whole, in any order", () =>
  withFolder(async (dir) => {
    const harness = ["--harness", "roofline:H100"];
    await Deno.writeTextFile(`${dir}/limits.json`, JSON.stringify(LIMITS));
    const files = ["--limits", `${dir}/limits.json`, "--out", `${dir}/plan.jsonl`];
    const planned = await runMain(["plan", ...TINY, ...files, "--split", "3"]);
    assert.equal(planned.status, 0, planned.err);
    assert.match(planned.out, /plan-1\.jsonl to \S+plan-3\.jsonl, to be fired in any order and place\n$/);

    const results: string[] = [];
    for (const piece of [3, 1, 2]) {
      const out = `${dir}/results-${piece}.jsonl`;
      const fired = await runMain(["fire", `${dir}/plan-${piece}.jsonl`, "--out", out, ...harness]);
      assert.equal(fired.status, 0, fired.err);
      results.push(out);
    }
    const ingested = await runMain(["ingest", ...results, results[0]!, "--perf-dir", `${dir}/split`]);
    assert.equal(ingested.status, 0, ingested.err);
    await runMain(["profile", ...TINY, ...harness, "--perf-dir", `${dir}/whole`]);
    const bundle = "H100/Qwen/Qwen3-0.6B/bf16";
    assert.deepEqual(
      await rowsOfBundle(`${dir}/split/${bundle}`),
      await rowsOfBundle(`${dir}/whole/${bundle}`),
    );
  }));

Deno.test("shotlab plan refuses to split into no pieces", async () => {
  const args = ["plan", ...TINY, "--limits", "a", "--out", "b", "--split", "0"];
  const { status, err } = await runMain(args);
  assert.equal(status, 2);
  assert.match(err, /option '--split <n>' argument '0' is invalid\. Expected an integer of at least 1\./);
});

Deno.test("shotlab plan says behind the counts what a user should know of the model and of what is left out", () =>
  withFolder(async (dir) => {
    const limits = { ...LIMITS, max_num_batched_tokens: 64, max_num_seqs: 8, num_cache_tokens: 2000 };
    await Deno.writeTextFile(`${dir}/limits.json`, JSON.stringify({ ...limits, max_model_len: 8192 }));
    const { status, out, err } = await runMain([
      ...[
        "plan",
        "--model",
        "Qwen/Qwen3-0.6B",
        "--hardware",
        "X",
        "--dtype",
        "float16",
        "--tp-degrees",
        "1,16",
      ],
      ...["--attention-max-kv", "4096", "--limits", `${dir}/limits.json`, "--out", `${dir}/p.jsonl`],
    ]);
    assert.deepEqual([status, err], [0, ""]);
    const left = (tp: number): RegExp =>
      new RegExp(
        `^\\d+ of \\d+ skew cases at tp ${tp} are left out: a batch of theirs does not fit the engine`,
      );
    const lines = out.split("\n");
    assert.ok(lines.slice(0, 8).every((line) => /^tp (1|16) \w+: \d+ /.test(line)), out);
    assert.deepEqual(lines.slice(8, 10), [
      "The simulator takes this model for bfloat16 by its config: tell it float16 for the variant 'fp16'",
      "The model has 8 KV heads: at tp 16 each rank has a copy of one, as vLLM replicates them",
    ]);
    assert.match(lines[10]!, left(1));
    assert.match(lines[11]!, left(16));
    assert.deepEqual(lines.slice(12), [`The plan is in ${dir}/p.jsonl`, ""]);
  }));
