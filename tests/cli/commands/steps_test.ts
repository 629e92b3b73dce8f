import assert from "node:assert/strict";
import { parseServedSteps } from "../../../src/serving/served_files.ts";
import { runMain } from "../run_main.ts";

const FAKE = `cmd:"${Deno.execPath()}" run -A tests/serving/fake_served.ts`;
const MODEL = ["--model", "Qwen/Qwen3-0.6B", "--hardware", "H100"] as const;

/** Makes a bundle of estimates, to put steps into. */
async function withBundle(use: (perfDir: string, dir: string) => Promise<void>): Promise<void> {
  const perfDir = await Deno.makeTempDir();
  try {
    const limits = ["--max-num-batched-tokens", "64", "--max-num-seqs", "4", "--attention-max-kv", "64"];
    const estimate = [
      "--harness",
      "roofline:H100",
      "--tp-degrees",
      "1",
      "--skip-skew",
      "--perf-dir",
      perfDir,
    ];
    assert.equal((await runMain(["profile", ...MODEL, ...limits, ...estimate, "--silent"])).status, 0);
    await use(perfDir, `${perfDir}/H100/Qwen/Qwen3-0.6B/bf16`);
  } finally {
    await Deno.remove(perfDir, { recursive: true });
  }
}

const small = (perfDir: string): string[] => [
  ...["--perf-dir", perfDir, "--max-num-batched-tokens", "64", "--max-num-seqs", "4", "--seconds", "1"],
  ...["--eager", "--silent", "--allow-mixed"],
];

Deno.test("steps writes what a whole engine took into the bundle, and says what failed", async () => {
  await withBundle(async (perfDir, dir) => {
    const { status, out, err } = await runMain(["steps", ...MODEL, ...small(perfDir), "--harness", FAKE]);
    assert.equal(status, 1, err);
    assert.match(
      out,
      /^Qwen\/Qwen3-0\.6B on made-up \(made-up\), vllm 0\.26\.0, eager, 1,000 KV blocks of 16\n/,
    );
    assert.match(out, /Steps are sums of layers and [\d.]+ µs of gaps; the host takes 0 ms for a graph/);
    assert.match(out, /Steps of the load busy, which no term was learned from: busy time/);
    assert.match(err, /^1 decode at 16 failed: it does not fit the engine$/m);
    const path = `${dir}/tp1/served_steps.csv`;
    const { head, steps } = parseServedSteps(await Deno.readTextFile(path), path);
    assert.equal(head.settings.max_num_batched_tokens, 64);
    assert.equal(steps.length, 4 + 12 + 6);
    const requests = await Deno.readTextFile(`${dir}/tp1/served_requests.csv`);
    assert.match(requests, /^part,arrival_s,input_tokens,output_tokens,ttft_ms,tpot_ms,e2e_ms\nload: light,/);
    assert.equal((await runMain(["validate", dir])).status, 0);
    // The simulated server takes the engine's limits from the file.
    const simulated = await runMain(["simulate", dir, "--rate", "2", "--requests", "5", "--json"]);
    assert.equal(JSON.parse(simulated.out).server.numBlocks, 1000, simulated.err);
  });
});

Deno.test("steps keeps the lines of an engine that ended early, and takes them up from the file", async () => {
  await withBundle(async (perfDir, dir) => {
    const early = await runMain([
      "steps",
      ...MODEL,
      ...small(perfDir),
      "--harness",
      `${FAKE} --end-early`,
    ]);
    assert.equal(early.status, 1);
    assert.match(early.err, /The engine ended before it had served all \(status 3\): the device is gone/);
    const path = `${dir}/tp1/served.jsonl`;
    const taken = await runMain(["steps", ...MODEL, ...small(perfDir), "--results", path]);
    assert.equal(taken.status, 1);
    assert.match(taken.err, /served\.jsonl is cut: 22 steps of it are taken/);
  });
});

Deno.test("steps writes the job for a machine without this program", async () => {
  await withBundle(async (perfDir) => {
    const path = `${perfDir}/job.json`;
    const { status, out } = await runMain(["steps", ...MODEL, ...small(perfDir), "--job", path]);
    assert.equal(status, 0);
    assert.match(out, /^The job is in .*job\.json: python3 harness\/vllm\/served\.py --job /);
    const job = JSON.parse(await Deno.readTextFile(path));
    assert.deepEqual(
      [job.model, job.variant, job.tp, job.config.num_hidden_layers, job.engine.enforce_eager],
      ["Qwen/Qwen3-0.6B", "bf16", 1, 28, true],
    );
    assert.deepEqual(job.loads.map(({ name }: { name: string }) => name), ["light", "busy", "long"]);
  });
});

Deno.test("steps serves on as many devices as the degree, or one rank's share on one", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const job = async (...flags: string[]): Promise<[devices: number | undefined, heads: number]> => {
      const path = `${dir}/job.json`;
      const done = await runMain(["steps", ...MODEL, "--tp", "2", ...flags, "--job", path]);
      assert.equal(done.status, 0, done.err);
      const { engine, config } = JSON.parse(await Deno.readTextFile(path));
      return [engine.tensor_parallel_size, config.num_attention_heads];
    };
    assert.deepEqual(await job(), [undefined, 8]);
    assert.deepEqual(await job("--devices", "1"), [undefined, 8]);
    assert.deepEqual(await job("--devices", "0,1"), [2, 16]);
    const three = await runMain(["steps", ...MODEL, "--tp", "2", "--devices", "0,1,2", "--job", `${dir}/j`]);
    assert.equal(three.status, 2);
    assert.match(
      three.err,
      /Cannot serve tp 2 on devices 0,1,2: name 2 of them, or one for a rank's share/,
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("steps refuses what would mix devices, and what is no whole engine", async () => {
  await withBundle(async (perfDir) => {
    const args = ["steps", ...MODEL, ...small(perfDir).filter((flag) => flag !== "--allow-mixed")];
    const table: [harness: string, message: RegExp][] = [
      [
        FAKE,
        /its device is made-up, that of the rows NVIDIA H100 80GB HBM3 \(roofline estimate\); measure both alike, or/,
      ],
      [
        "roofline:H100",
        /Cannot serve with the harness 'roofline:H100': a whole engine is vllm, or cmd:<command>/,
      ],
    ];
    for (const [harness, message] of table) {
      const { status, err } = await runMain([...args, "--harness", harness]);
      assert.equal(status, 2, err);
      assert.match(err, message);
    }
    const other = await runMain([...args, "--allow-mixed", "--tp", "2", "--harness", FAKE]);
    assert.equal(other.status, 2);
    assert.match(
      other.err,
      /^error: Cannot write served steps: .*\/bf16 has no tp2; profile that degree first\n$/,
    );
    const session = `${perfDir}/session.jsonl`;
    await Deno.writeTextFile(
      session,
      '{"arrival_time_ns":0,"sub_requests":[{"input_toks":4,"output_toks":1},{"input_toks":4,"output_toks":1}]}',
    );
    const served = ["serve-load", ...args.slice(1).filter((flag) => !["--seconds", "1"].includes(flag))];
    const odd = await runMain([
      ...served,
      "--load",
      session,
      "--out",
      `${perfDir}/o.jsonl`,
      "--harness",
      FAKE,
    ]);
    assert.equal(odd.status, 2, odd.out);
    assert.match(
      odd.err,
      /its requests must be independent, got one that waits for another; simulate it instead/,
    );
    const elsewhere = await runMain(["steps", ...MODEL, "--perf-dir", `${perfDir}/none`, "--harness", FAKE]);
    assert.equal(elsewhere.status, 2);
  });
});

Deno.test("serve-load serves a load and compares it with the simulated one", async () => {
  await withBundle(async (perfDir) => {
    const out = `${perfDir}/served.jsonl`;
    const load = ["--requests", "6", "--rate", "3", "--out", out];
    const args = ["serve-load", ...MODEL, ...small(perfDir).filter((_, at) => at < 6), "--silent"];
    const { status, out: text, err } = await runMain([...args, ...load, "--harness", FAKE]);
    assert.equal(status, 0, err);
    assert.match(text, /^Served on made-up:\n\nms +mean/);
    assert.match(text, /TTFT +10 +10 +10 +10\nTPOT +2 +2 +2 +2\n/);
    assert.match(text, /Simulated against served: TTFT [+-][\d.]+%, TPOT [+-][\d.]+% \(means\)/);
    assert.equal((await Deno.readTextFile(out)).split("\n").length, 1 + 12 + 1 + 1);
    const partly = await runMain([...args, ...load, "--harness", `${FAKE} --fail-load`]);
    assert.deepEqual([partly.status, partly.err], [1, "load: late failed: out of memory\n"]);
    const alone = await runMain([...args, ...load, "--harness", FAKE, "--perf-dir", `${perfDir}/none`]);
    assert.match(alone.out, /There is no bundle at .*none.* to simulate the load with/);
  });
});

Deno.test("profile serves steps after the rows, once, and says before it starts what collectives need", async () => {
  const perfDir = await Deno.makeTempDir();
  try {
    const limits = ["--max-num-batched-tokens", "64", "--max-num-seqs", "4", "--attention-max-kv", "64"];
    const sweep = "--tp-degrees 1 --skip-skew --sentinel-s 0 --silent --allow-mixed".split(" ");
    const args = ["profile", ...MODEL, ...limits, ...sweep, "--perf-dir", perfDir, "--harness"];
    const rows = `cmd:"${Deno.execPath()}" run -A tests/serving/fake_both.ts`;
    const first = await runMain([...args, rows, "--steps", "1"]);
    assert.equal(first.status, 1, first.err);
    assert.match(first.out, /Written: .*served_steps\.csv/);
    assert.match(first.err, /^1 decode at 16 failed: it does not fit the engine$/m);
    const again = await runMain([...args, rows, "--steps"]);
    assert.equal(again.status, 0, again.err);
    assert.match(again.out, /^The bundle has served steps at tp 1; the command steps measures them again\n/);
    const lonely = await runMain([...args, rows, "--collectives", "--devices", "0"]);
    assert.equal(lonely.status, 2);
    assert.match(
      lonely.err,
      /^error: Cannot measure collectives between 1 device: name two or more with --devices/,
    );
    const unnamed = await runMain([...args, rows, "--collectives"]);
    assert.equal(
      unnamed.err,
      "error: Cannot measure collectives between unnamed devices: name two or more with --devices\n",
    );
    const odd = await runMain([...args, rows, "--steps", "none"]);
    assert.match(odd.err, /'none' is invalid.*Expected an integer of at least 1\./);
  } finally {
    await Deno.remove(perfDir, { recursive: true });
  }
});

Deno.test("profile on several devices has the last one serve steps once tp 1 is measured", async () => {
  const perfDir = await Deno.makeTempDir();
  try {
    const limits = ["--max-num-batched-tokens", "64", "--max-num-seqs", "4", "--attention-max-kv", "64"];
    const sweep = "--tp-degrees 1,2 --devices 0,3 --skip-skew --sentinel-s 0 --allow-mixed".split(" ");
    const rows = `cmd:"${Deno.execPath()}" run -A tests/serving/fake_both.ts --log`;
    const args = ["profile", ...MODEL, ...limits, ...sweep, "--perf-dir", perfDir, "--harness", rows];
    const { status, out, err } = await runMain([...args, "--steps", "1"]);
    assert.equal(status, 1, err);
    assert.match(err, /\ntp 2 attention: .*\ncapturing graphs\n1 decode at 16 failed: /);
    assert.match(err, /device 3 serves steps of the whole engine; the others go on with the rows\n/);
    assert.match(err, /^1 decode at 16 failed: it does not fit the engine$/m);
    assert.match(out, /Written: .*served_steps\.csv/);
    const journal = await Deno.readTextFile(`${perfDir}/H100/Qwen/Qwen3-0.6B/bf16/journal.jsonl`);
    const engines = journal.split("\n").filter((line) => line.startsWith('{"type":"engine"'))
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      engines.map(({ tp, lane }) => `${tp} ${lane}`).sort(),
      ["1 device 0", "1 device 3", "2 device 0"],
    );
  } finally {
    await Deno.remove(perfDir, { recursive: true });
  }
});

Deno.test("an engine that ends early beside the rows leaves them whole", async () => {
  const perfDir = await Deno.makeTempDir();
  try {
    const limits = ["--max-num-batched-tokens", "64", "--max-num-seqs", "4", "--attention-max-kv", "64"];
    const sweep = "--tp-degrees 1,2 --devices 0,3 --skip-skew --sentinel-s 0 --allow-mixed --silent".split(
      " ",
    );
    const rows = `cmd:"${Deno.execPath()}" run -A tests/serving/fake_both.ts --end-early`;
    const args = ["profile", ...MODEL, ...limits, ...sweep, "--perf-dir", perfDir, "--harness", rows];
    const { status, err } = await runMain([...args, "--steps", "1"]);
    assert.equal(status, 1);
    assert.match(err, /The engine ended before it had served all \(status 3\): the device is gone/);
    const bundle = `${perfDir}/H100/Qwen/Qwen3-0.6B/bf16`;
    for (const tp of [1, 2]) assert.ok((await Deno.stat(`${bundle}/tp${tp}/attention.csv`)).size > 500);
    assert.match(await Deno.readTextFile(`${bundle}/tp1/served.jsonl`), /"type":"request"/);
  } finally {
    await Deno.remove(perfDir, { recursive: true });
  }
});

Deno.test("profile measures collectives after the rows, and ends with 1 where a group failed", async () => {
  const perfDir = await Deno.makeTempDir();
  try {
    const limits = ["--max-num-batched-tokens", "32", "--max-num-seqs", "2", "--attention-max-kv", "32"];
    const sweep = "--tp-degrees 1 --skip-skew --sentinel-s 0 --devices 0,1 --collectives".split(" ");
    const args = ["profile", ...MODEL, ...limits, ...sweep, "--perf-dir", perfDir, "--harness"];
    const fake = `cmd:"${Deno.execPath()}" run -A tests/serving/fake_both.ts --ranks`;
    const early = await runMain([...args, `${fake} --end-early`]);
    assert.equal(early.status, 1);
    assert.match(
      early.err,
      /\nthe device is gone\nerror: The program ended before it had measured all \(status 3\): the device is gone\n$/,
    );
    const silent = await runMain([...args, `${fake} --end-early`, "--silent"]);
    assert.equal(
      silent.err,
      "error: The program ended before it had measured all (status 3): the device is gone\n",
    );
    const half = await runMain([...args, `${fake} --fail-group`, "--silent"]);
    assert.deepEqual([half.status, half.err], [1, "vllm, 2 ranks: rank 1 ended with status -9\n"]);
    const whole = await runMain([...args, fake]);
    assert.equal(whole.status, 0, whole.err);
    const [bundle, told, next] = whole.out.split(/\n(?=made-up, torch)|(?<=\n)(?=Next)/);
    assert.match(bundle!, /^\nThe bundle is in .*; 0 shots measured in /);
    assert.match(told!, /^2 ranks, bytes +all_reduce vllm +all_reduce nccl /m);
    assert.ok(told!.endsWith(`\nWritten: ${perfDir}/H100/collectives.csv\n`), whole.out);
    assert.match(next!, /^Next, check it: {2}deno task shotlab validate /);
  } finally {
    await Deno.remove(perfDir, { recursive: true });
  }
});
