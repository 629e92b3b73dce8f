import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import vectors from "../../data/shots-v1.2.json" with { type: "json" };
import { journaledShots, rowsOfBundle } from "../../run/small_model.ts";
import { withFolder } from "../../run/tiny_run.ts";
import { runMain } from "../run_main.ts";

const MODEL = ["--model", "Qwen/Qwen3-0.6B", "--hardware", "H100", "--tp-degrees", "1", "--grid", "v1.2"];
const SMALL = ["--max-num-batched-tokens", "64", "--max-num-seqs", "4", "--attention-max-kv", "64"];
const BUNDLE = "H100/Qwen/Qwen3-0.6B/bf16";

/** Writes limits and plans within them; returns the plan's attention lines. */
async function plan(dir: string, limits: object, flags: readonly string[]): Promise<string[]> {
  await Deno.writeTextFile(`${dir}/limits.json`, JSON.stringify(limits));
  const files = ["--limits", `${dir}/limits.json`, "--out", `${dir}/plan.jsonl`];
  const { status, err } = await runMain(["plan", ...MODEL, ...flags, ...files]);
  assert.equal(status, 0, err);
  return (await Deno.readTextFile(`${dir}/plan.jsonl`)).split("\n")
    .filter((line) => line.startsWith('{"category":"attention"'));
}

Deno.test("shotlab plan --grid v1.2: the lines of the simulator's own grid, steps of √2 by default", () =>
  withFolder(async (dir) => {
    const { grid, limits, attention } = vectors.find(({ name }) => name === "small")!;
    const { max_num_batched_tokens: tokens, max_num_seqs: requests } = limits;
    const lines = await plan(dir, limits, [
      ...["--max-num-batched-tokens", String(tokens), "--max-num-seqs", String(requests), "--skip-skew"],
      ...["--attention-max-kv", String(grid.attentionMaxKv)],
    ]);
    assert.equal(
      lines.find((line) => line.includes("],[")),
      '{"category":"attention","tp":1,"prefills":[[23,4],[22,5]],"prefill_key":15.744444444444444,"n_decode":0,"kv_decode":0,"decode_q_len":1}',
    );
    const listed = lines.map((line) => {
      const { prefills, n_decode: n, kv_decode: kv, decode_q_len: q } = JSON.parse(line);
      const key = /"prefill_key":([\d.]+),/.exec(line)![1];
      return `${prefills.map((pair: number[]) => pair.join(":")).join()}|${n}|${kv}|${q}|${key}`;
    });
    const sha256 = createHash("sha256").update(listed.join("\n")).digest("hex");
    assert.deepEqual([listed.length, sha256], [attention.count, attention.sha256]);
  }));

Deno.test("shotlab plan --grid v1.2: the whole grid of a model is one plan", () =>
  withFolder(async (dir) => {
    const { limits, attention } = vectors.find(({ name }) => name === "default-llama")!;
    const lines = await plan(dir, limits, ["--skip-skew"]);
    assert.equal(lines.length, attention.count);
  }));

Deno.test("shotlab profile --grid v1.2: fired once, checked, and made again from a plan", () =>
  withFolder(async (dir) => {
    const harness = ["--harness", "roofline:H100"];
    const profile = ["profile", ...MODEL, ...SMALL, ...harness, "--perf-dir", `${dir}/whole`];
    const { status, err } = await runMain(profile);
    assert.equal(status, 0, err);
    const bundle = `${dir}/whole/${BUNDLE}`;
    const rows = await rowsOfBundle(bundle);
    const checked = await runMain(["validate", bundle, "--simulator", "v1.2"]);
    assert.equal(checked.out, `${bundle}: 0 errors, 0 warnings\n`);

    const again = await runMain(profile);
    assert.equal(again.status, 0, again.err);
    assert.deepEqual([...new Set((await journaledShots(bundle)).values())], [1]);
    assert.deepEqual(await rowsOfBundle(bundle), rows);

    const limits = {
      num_cache_tokens: 1e6,
      max_model_len: 40_960,
      num_experts: null,
      top_k: null,
      block_size: 16,
    };
    await plan(dir, { max_num_batched_tokens: 64, max_num_seqs: 4, ...limits }, SMALL);
    const fired = await runMain(["fire", `${dir}/plan.jsonl`, "--out", `${dir}/results.jsonl`, ...harness]);
    assert.equal(fired.status, 0, fired.err);
    const ingested = await runMain(["ingest", `${dir}/results.jsonl`, "--perf-dir", `${dir}/apart`]);
    assert.equal(ingested.status, 0, ingested.err);
    assert.deepEqual(await rowsOfBundle(`${dir}/apart/${BUNDLE}`), rows);
  }));

Deno.test("--grid v1.2 is refused where shots are predicted instead of fired", async () => {
  const { status, err } = await runMain([
    "profile",
    ...MODEL,
    "--adaptive",
    "50%",
    "--harness",
    "roofline:H100",
  ]);
  assert.equal(status, 2, err);
  assert.match(
    err,
    /Cannot use --adaptive 50% with --grid v1\.2: predictions are made for shots of August's grid/,
  );
});
