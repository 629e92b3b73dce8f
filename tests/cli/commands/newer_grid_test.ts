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

Deno.test("--ep-degrees: experts of one of several devices are planned, fired on engines of their own, and answer", () =>
  withFolder(async (dir) => {
    const what = ["--model", "Qwen/Qwen3-30B-A3B-Instruct-2507", "--hardware", "H100", "--tp-degrees", "1"];
    const grid = ["--grid", "v1.2", "--ep-degrees", "1,2,16", ...SMALL, "--skip-skew"];
    const harness = ["--harness", "roofline:H100"];
    const profile = ["profile", ...what, ...grid, ...harness, "--perf-dir", `${dir}/whole`];
    const { status, err } = await runMain(profile);
    assert.equal(status, 0, err);
    assert.match(err, /tp 1, experts of one of 16 devices: booting the engine/);
    const bundle = `${dir}/whole/H100/Qwen/Qwen3-30B-A3B-Instruct-2507/bf16`;
    const table = await Deno.readTextFile(`${bundle}/tp1/moe.csv`);
    const lines = table.trimEnd().split("\n");
    assert.equal(lines[0], "ep,tokens,activated_experts,time_us");
    // 8 local experts of 16 devices, one of the 8 experts of a token each: 1, 2, 4 and 8 of them.
    assert.deepEqual(
      lines.filter((line) => line.startsWith("16,3,")).map((line) => line.split(",")[2]),
      ["1", "2"],
    );
    const checked = await runMain(["validate", bundle, "--simulator", "v1.2"]);
    assert.equal(checked.out, `${bundle}: 0 errors, 0 warnings\n`);
    const asked = { kind: "moe", tp: 1, tokens: 64, activated_experts: 8 };
    await Deno.writeTextFile(
      `${dir}/q.jsonl`,
      [1, 2, 16].map((ep) => JSON.stringify({ ...asked, ep })).join("\n"),
    );
    const { out } = await runMain(["predict", bundle, "--queries", `${dir}/q.jsonl`]);
    const times = [1, 2, 16].map((ep) => Number(new RegExp(`\n${ep},64,8,(.*)`).exec(table)![1]));
    assert.deepEqual(
      out.trimEnd().split("\n").map((line) => JSON.parse(line).ns),
      times.map((timeUs) => Math.round(timeUs * 1000)),
    );
    assert.equal(new Set(times).size, 3);

    const again = await runMain(profile);
    assert.equal(again.status, 0, again.err);
    assert.doesNotMatch(again.err, /one of 16 devices/);
    assert.deepEqual([...new Set((await journaledShots(bundle)).values())], [1]);

    const limits = {
      ...{ max_num_batched_tokens: 64, max_num_seqs: 4, num_cache_tokens: 1e6, max_model_len: 262_144 },
      ...{ num_experts: 128, top_k: 8, block_size: 16 },
    };
    await Deno.writeTextFile(`${dir}/limits.json`, JSON.stringify(limits));
    const files = ["--limits", `${dir}/limits.json`, "--out", `${dir}/plan.jsonl`];
    assert.equal((await runMain(["plan", ...what, ...grid, ...files])).status, 0);
    const plan = (await Deno.readTextFile(`${dir}/plan.jsonl`)).trimEnd().split("\n");
    assert.equal(plan.at(-1), '{"category":"moe","tp":1,"tokens":64,"activated_experts":8,"ep":16}');
    const { expert_configs } = JSON.parse(plan[0]!);
    assert.deepEqual(
      Object.values<Record<string, number>>(expert_configs).map((config) => [
        config["num_experts"],
        config["num_experts_per_tok"],
      ]),
      [[64, 4], [8, 1]],
    );
    const fired = await runMain(["fire", `${dir}/plan.jsonl`, "--out", `${dir}/results.jsonl`, ...harness]);
    assert.equal(fired.status, 0, fired.err);
    const ingested = await runMain(["ingest", `${dir}/results.jsonl`, "--perf-dir", `${dir}/apart`]);
    assert.equal(ingested.status, 0, ingested.err);
    const apart = `${dir}/apart/H100/Qwen/Qwen3-30B-A3B-Instruct-2507/bf16`;
    assert.deepEqual(await rowsOfBundle(apart), await rowsOfBundle(bundle));
    const compared = await runMain(["diff", bundle, apart]);
    assert.equal(compared.status, 0, compared.out);
    const dense = await runMain(["plan", ...MODEL, "--ep-degrees", "1,2", ...SMALL, "--skip-skew", ...files]);
    assert.match(
      dense.out,
      /\nThe model has no experts that devices could share: --ep-degrees changes nothing\n/,
    );

    const refused = await runMain(["plan", ...what, ...grid.with(3, "1,3"), ...files]);
    assert.deepEqual([refused.status, refused.err.split("\n")[0]], [
      2,
      "error: Cannot share the experts among 3 devices: their number must be divisible by it, got 128; " +
      "leave this degree out",
    ]);
  }));

Deno.test("--grid both: one run serves either simulator without a warning", () =>
  withFolder(async (dir) => {
    const grid = ["profile", ...MODEL.slice(0, -2), ...SMALL, "--harness", "roofline:H100", "--perf-dir"];
    const { status, err } = await runMain([...grid, `${dir}/both`, "--grid", "both"]);
    assert.equal(status, 0, err);
    const bundle = `${dir}/both/${BUNDLE}`;
    for (const simulator of ["august", "v1.2"]) {
      const { out } = await runMain(["validate", bundle, "--simulator", simulator]);
      assert.equal(out, `${bundle}: 0 errors, 0 warnings\n`);
      const to = `${dir}/for-${simulator}`;
      assert.equal((await runMain(["export", bundle, "--simulator", simulator, "--to", to])).status, 0);
    }
    for (const one of ["august", "v1.2"]) {
      assert.equal((await runMain([...grid, `${dir}/${one}`, "--grid", one])).status, 0);
      const alone = await openBundle(`${dir}/${one}/${BUNDLE}`);
      const both = new Map(
        (await openBundle(bundle)).table(1, "attention").map(({ key, timeUs }) => [key.join(), timeUs]),
      );
      for (const { key } of alone.table(1, "attention")) assert.ok(both.has(key.join()), key.join());
    }
    assert.equal((await runMain([...grid, `${dir}/both`, "--grid", "both"])).status, 0);
    assert.deepEqual([...new Set((await journaledShots(bundle)).values())], [1]);
  }));
