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
