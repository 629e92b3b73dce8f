import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { openBundle } from "../../../src/bundle/open.ts";
import { quantile } from "../../../src/stats.ts";
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

/** An attention line of a plan as the simulator's list of shots has it; its key as it is written. */
function listed(line: string): string {
  const { prefills, n_decode: n, kv_decode: kv, decode_q_len: q } = JSON.parse(line);
  const key = /"prefill_key":([\d.]+),/.exec(line)![1];
  return `${prefills.map((pair: number[]) => pair.join(":")).join()}|${n}|${kv}|${q}|${key}`;
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
    const sha256 = createHash("sha256").update(lines.map(listed).join("\n")).digest("hex");
    assert.deepEqual([lines.length, sha256], [attention.count, attention.sha256]);
  }));

Deno.test("shotlab plan --decode-q-lens: each decode with a token and with drafts, as the simulator lists them", () =>
  withFolder(async (dir) => {
    const { grid, limits, attention } = vectors.find(({ name }) => name === "speculative-q1-q4")!;
    const { max_num_batched_tokens: tokens, max_num_seqs: requests } = limits;
    const lines = await plan(dir, limits, [
      ...["--max-num-batched-tokens", String(tokens), "--max-num-seqs", String(requests), "--skip-skew"],
      ...["--attention-max-kv", String(grid.attentionMaxKv), "--decode-q-lens", "1,4"],
      ...["--attention-chunk-factor", "2", "--attention-kv-factor", "2", "--attention-n-factor", "2"],
    ]);
    const sha256 = createHash("sha256").update(lines.map(listed).join("\n")).digest("hex");
    assert.deepEqual([lines.length, sha256], [attention.count, attention.sha256]);
  }));

Deno.test("shotlab plan --grid v1.2: the whole grid of a model is one plan", () =>
  withFolder(async (dir) => {
    const { limits, attention } = vectors.find(({ name }) => name === "default-llama")!;
    const lines = await plan(dir, limits, ["--skip-skew"]);
    assert.equal(lines.length, attention.count);
  }));

for (const drafts of [[], ["--decode-q-lens", "1,4"]]) {
  Deno.test(`shotlab profile --grid v1.2 ${drafts.join(" ")}: fired once, checked, made again from a plan`, () =>
    withFolder(async (dir) => {
      const harness = ["--harness", "roofline:H100"];
      const profile = ["profile", ...MODEL, ...SMALL, ...drafts, ...harness, "--perf-dir", `${dir}/whole`];
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
      await plan(dir, { max_num_batched_tokens: 64, max_num_seqs: 4, ...limits }, [...SMALL, ...drafts]);
      const fired = await runMain(["fire", `${dir}/plan.jsonl`, "--out", `${dir}/results.jsonl`, ...harness]);
      assert.equal(fired.status, 0, fired.err);
      const ingested = await runMain(["ingest", `${dir}/results.jsonl`, "--perf-dir", `${dir}/apart`]);
      assert.equal(ingested.status, 0, ingested.err);
      assert.deepEqual(await rowsOfBundle(`${dir}/apart/${BUNDLE}`), rows);

      const replayed = ["--harness", `replay:${bundle}`, "--perf-dir", `${dir}/replayed`];
      const told = await runMain(["profile", ...MODEL, ...SMALL, ...drafts, ...replayed]);
      assert.equal(told.status, 0, told.err);
      assert.deepEqual(await rowsOfBundle(`${dir}/replayed/${BUNDLE}`), rows);
    }));
}

Deno.test("rows of several new tokens a decode answer for such decodes, and stay when a run asks for none", () =>
  withFolder(async (dir) => {
    const profile = [
      "profile",
      ...MODEL,
      ...SMALL,
      "--harness",
      "roofline:H100",
      "--perf-dir",
      dir,
      "--skip-skew",
    ];
    assert.equal((await runMain([...profile, "--decode-q-lens", "1,4"])).status, 0);
    const bundle = `${dir}/${BUNDLE}`;
    const grid = await Deno.readTextFile(`${bundle}/meta.yaml`);
    assert.match(grid, /\n {2}decode_q_lens: \[1, 4\]\n/);
    const table = await Deno.readTextFile(`${bundle}/tp1/attention.csv`);
    const timeOf = (q: number): number =>
      Number(new RegExp(`attention,0,0,0.0,4,64,${q},(.*)`).exec(table)![1]);
    assert.ok(timeOf(4) > timeOf(1));
    const asked = { kind: "attention", tp: 1, prefill_chunk: 0, prefill_key: 0, n_decode: 4, kv_decode: 64 };
    const queries = [1, 4, 3].map((q) => JSON.stringify({ ...asked, decode_q_len: q }));
    await Deno.writeTextFile(`${dir}/q.jsonl`, queries.join("\n"));
    const { out } = await runMain(["predict", bundle, "--queries", `${dir}/q.jsonl`]);
    assert.deepEqual(
      out.trimEnd().split("\n").map((line) => JSON.parse(line).ns),
      [timeOf(1), timeOf(4), timeOf(4)].map((timeUs) => Math.round(timeUs * 1000)),
    );

    const without = await runMain(profile);
    assert.equal(without.status, 0, without.err);
    assert.match(
      without.err + without.out,
      /keys of another grid are kept, as further points of this one \(decode_q_len 4\)/,
    );
    assert.equal(await Deno.readTextFile(`${bundle}/tp1/attention.csv`), table);
    assert.equal((await runMain([...profile, "--exact-grid"])).status, 0);
    const plain = table.split("\n").filter((line) => !/,4,[\d.]+$/.test(line));
    assert.deepEqual((await Deno.readTextFile(`${bundle}/tp1/attention.csv`)).split("\n"), plain);
    const archived = await Deno.readTextFile(`${bundle}/archive/tp1/attention.csv`);
    assert.equal(archived.split("\n").length + plain.length, table.split("\n").length + 2);
  }));

Deno.test("--grid v1.2 --adaptive: a part is fired, the rest predicted within what is said, and none of it twice", () =>
  withFolder(async (dir) => {
    const grid = [
      ...MODEL,
      "--max-num-batched-tokens",
      "128",
      "--max-num-seqs",
      "8",
      "--attention-max-kv",
      "512",
    ];
    const drafts = ["--decode-q-lens", "1,4", "--skip-skew"];
    const profile = ["profile", ...grid, ...drafts, "--harness", "roofline:H100", "--perf-dir"];
    assert.equal((await runMain([...profile, `${dir}/whole`])).status, 0);
    const { status, err } = await runMain([...profile, `${dir}/part`, "--adaptive", "10%"]);
    assert.equal(status, 0, err);
    const bundle = `${dir}/part/${BUNDLE}`;
    const [truth, part] = await Promise.all([openBundle(`${dir}/whole/${BUNDLE}`), openBundle(bundle)]);
    const times = new Map(truth.shots(1, "attention").map(({ key, timeUs }) => [key.join(), timeUs]));
    const rows = part.shots(1, "attention");
    assert.equal(rows.length, times.size);
    assert.equal(part.estimated(1).length, rows.length - Math.round(rows.length / 10));
    const errors = Float64Array.from(rows, ({ key, timeUs }) => Math.abs(timeUs / times.get(key.join())! - 1))
      .sort();
    const { rel_err_p90: said, upper_p90: bound } = part.meta.adaptive!.per_tp[1]!.attention!;
    assert.ok(
      quantile(errors, 0.9) <= bound! && said! <= bound!,
      `${quantile(errors, 0.9)} ${said} ${bound}`,
    );
    const checked = await runMain(["validate", bundle, "--simulator", "v1.2"]);
    assert.match(
      checked.out,
      /rows are predictions, which estimated\.csv lists; .*\n.*: 0 errors, 1 warning\n$/,
    );

    const rest = await runMain([...profile, `${dir}/part`]);
    assert.equal(rest.status, 0, rest.err);
    assert.deepEqual([...new Set((await journaledShots(bundle)).values())], [1]);
    assert.deepEqual(await rowsOfBundle(bundle), await rowsOfBundle(`${dir}/whole/${BUNDLE}`));
  }));
