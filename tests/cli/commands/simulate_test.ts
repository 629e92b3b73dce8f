import assert from "node:assert/strict";
import { runMain } from "../run_main.ts";

const BUNDLE = "perf/H100/meta-llama/Llama-3.1-8B/bf16";

async function withLoad(text: string, use: (path: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/two.jsonl`, text);
    await use(`${dir}/two.jsonl`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("simulate serves a file's load on a bundle and says what steps are made of", async () => {
  const text =
    '{"input_toks":512,"output_toks":3,"arrival_time_ns":0}\n{"input_toks":16,"output_toks":1,"arrival_time_ns":0}\n';
  await withLoad(text, async (path) => {
    const { status, out, err } = await runMain(["simulate", BUNDLE, "--load", path, "--num-blocks", "1000"]);
    assert.equal(status, 0);
    const [first, second, , head, ttft] = out.split("\n");
    assert.match(
      first!,
      /^two: 2 requests in 0\.0\d+ s, 3 steps, at most 256 requests and 2,048 tokens a step, 1,000 KV blocks$/,
    );
    assert.equal(second, "Steps are sums of layers, without the host and the gaps between kernels.");
    assert.match(head!, /^ms +mean +p50 +p90 +p99$/);
    assert.match(ttft!, /^TTFT( +[\d.]+){4}$/);
    assert.match(out, /busy 100%, 1\.\d+ requests a step, KV cache 3\.\d% \(peak 3\.\d%\), 0 preemptions/);
    assert.match(err, /Without served steps a step is the sum of its layers/);
    const json = await runMain(["simulate", BUNDLE, "--load", path, "--num-blocks", "1000", "--json"]);
    const { requests, server, basis } = JSON.parse(json.out);
    assert.deepEqual([requests.length, server.numBlocks, server.maxNumSeqs, basis], [2, 1000, 256, "rows"]);
  });
});

Deno.test("simulate ends with 1 when requests can never fit", async () => {
  await withLoad('{"input_toks":512,"output_toks":3,"arrival_time_ns":0}', async (path) => {
    const { status, out } = await runMain(["simulate", BUNDLE, "--load", path, "--num-blocks", "20"]);
    assert.equal(status, 1);
    assert.match(out, /1 request refused, the first: 515 tokens exceed the 304 of all KV blocks/);
  });
});

Deno.test("simulate takes KV blocks that are estimated by the device's sheet, and refuses what does not fit", async () => {
  const args = ["--rate", "5", "--requests", "3"];
  const { out } = await runMain(["simulate", BUNDLE, ...args]);
  assert.match(out, /^generated: 3 requests in .*, 28,111 KV blocks\n/);
  const large = await runMain(["simulate", "perf/H100/mistralai/Mixtral-8x7B-v0.1/bf16", ...args]);
  assert.equal(large.status, 2);
  assert.match(
    large.err,
    /mistralai\/Mixtral-8x7B-v0\.1 at tp 1 does not fit NVIDIA H100 80GB HBM3: 87\.0 GiB of weights, 71\.5 GiB usable/,
  );
});

Deno.test("simulate refuses what it cannot do", async () => {
  const table: [args: string[], message: RegExp][] = [
    [[BUNDLE, "--num-blocks", "9"], /name a file with --load, or --rate or --concurrency to draw one/],
    [[BUNDLE, "--num-blocks", "9", "--rate", "1", "--concurrency", "2"], /--rate and --concurrency exclude/],
    [[BUNDLE, "--load", "none.jsonl", "--num-blocks", "9"], /Cannot read none\.jsonl/],
    [[BUNDLE, "--rate", "0", "--num-blocks", "9"], /Expected a number above 0/],
    [["perf/none", "--rate", "1", "--num-blocks", "9"], /Cannot read perf\/none/],
  ];
  for (const [args, message] of table) {
    const { status, err } = await runMain(["simulate", ...args]);
    assert.equal(status, 2, args.join(" "));
    assert.match(err, message);
  }
});
