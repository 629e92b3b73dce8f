/** What commands print of a bundle with served steps, word by word. */
import assert from "node:assert/strict";
import { formatMeta, type Meta } from "../../../src/bundle/meta.ts";
import { type Files, withBundle } from "../../bundle/with_bundle.ts";
import { runMain } from "../run_main.ts";

const LAYERS = [
  ...["embedding", "layernorm", "qkv_proj", "qk_norm", "rotary_emb", "o_proj"],
  ...["gate_up_proj", "act_fn", "down_proj", "final_layernorm"],
];
const META: Meta = {
  ...{ model: "Qwen/Qwen3-0.6B", architecture: "qwen3", hardware: "ABACUS", tp_degrees: [1] },
  engine_effective: { max_num_batched_tokens: 99, max_num_seqs: 9 },
};
const DIR = "perf/ABACUS/Qwen/Qwen3-0.6B/bf16";
const bundle = (dir: string, meta: Meta): Files => ({
  [`${dir}/meta.yaml`]: formatMeta(meta),
  [`${dir}/tp1/dense.csv`]: `layer,tokens,time_us\n${
    LAYERS.map((layer) => `${layer},1,10\n${layer},64,10\n`).join("")
  }`,
  [`${dir}/tp1/per_sequence.csv`]:
    "layer,sequences,time_us\nlm_head,1,10\nlm_head,8,10\nsampler,1,10\nsampler,8,10\n",
  [`${dir}/tp1/attention.csv`]: "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n" +
    "0,0,1,16,10\n0,0,1,64,10\n16,0,0,0,10\n64,0,0,0,10\n",
});
const PLAIN_DIR = "perf/LOOM/Qwen/Qwen3-0.6B/bf16";
const FILES: Files = {
  ...bundle(DIR, META),
  ...bundle(PLAIN_DIR, { ...META, hardware: "LOOM" }),
  "load.jsonl": [0, 1e9].map((at) => `{"input_toks":32,"output_toks":3,"arrival_time_ns":${at}}\n`).join(""),
};
const FAKE = `cmd:"${Deno.execPath()}" run -A tests/serving/fake_served.ts`;
const ENGINE =
  "--model Qwen/Qwen3-0.6B --hardware ABACUS --perf-dir @/perf --max-num-batched-tokens 64 --max-num-seqs 4 --silent";

const SERVED = `ms          mean  p50  p90  p99
TTFT          10   10   10   10
TPOT           2    2    2    2
ITL            2    2    2    2
end to end    14   14   14   14
`;
// 28 blocks of 10 layers and 4 around them: 2.84 ms a step.
const SIMULATED = `ms          mean   p50   p90   p99
TTFT        2.84  2.84  2.84  2.84
TPOT        2.84  2.84  2.84  2.84
ITL         2.84  2.84  2.84  2.84
end to end  8.52  8.52  8.52  8.52
`;
const PLAIN = "Steps are sums of layers, without the host and the gaps between kernels.";
const LEARNED =
  "Steps are sums of layers and 0 µs of gaps; the host takes 0 ms for a graph, 0 for graphs in pieces, 0.5 for " +
  "single kernels, 0 more a request; the device keeps its full clock.";
const compared = (terms: string): string =>
  `Served on made-up:\n\n${SERVED}\nSimulated with @/${DIR}:\n${terms}\n\n${SIMULATED}\n` +
  "Simulated against served: TTFT -71.6%, TPOT +42.0% (means)\nRequests and steps are in @/o.jsonl\n";
const HELD_OUT = ["light", "busy", "long"].map((load) =>
  `Steps of the load ${load}, which no term was learned from: busy time -71.6%, too few for windows of 25 steps\n`
).join("");
const RATES = "1.98 requests/s, 63.5 tokens/s in, 5.95 out; busy 1.7%, 1 requests a step, KV cache";

Deno.test("serve-load, steps, simulate and recommend: what they say before and after steps were served", () =>
  withBundle(FILES, async (dir) => {
    const holds = async (line: string, harness: string[], out: string, err = ""): Promise<void> => {
      const found = await runMain([...line.split(" ").map((word) => word.replace("@", dir)), ...harness]);
      assert.equal(found.err.replaceAll(dir, "@"), err, line);
      assert.equal(found.out.replaceAll(dir, "@"), out, line);
      assert.equal(found.status, 0, line);
    };
    const serve = `serve-load ${ENGINE} --load @/load.jsonl --out @/o.jsonl`;
    const fake = ["--harness", FAKE];
    await holds(serve, fake, compared(PLAIN));
    await holds(
      `${serve} --tp 2`,
      fake,
      `Served on made-up:\n\n${SERVED}\nThere is no bundle at @/${DIR} to simulate the load with.\n` +
        "Requests and steps are in @/o.jsonl\n",
    );
    await holds(
      `steps ${ENGINE} --seconds 1`,
      ["--harness", `${FAKE} --well`],
      "Qwen/Qwen3-0.6B on made-up (made-up), vllm 0.26.0, graphs none up to 0 tokens, 1,000 KV blocks of 16\n" +
        `22 steps, 22 requests\n${LEARNED}\n${HELD_OUT}` +
        `Written: @/${DIR}/tp1/served_steps.csv, @/${DIR}/tp1/served_requests.csv\n`,
    );
    await holds(serve, fake, compared(LEARNED));
    const head = (limits: string): string =>
      `load: 2 requests in 1.01 s, 6 steps, at most ${limits} KV blocks\n`;
    await holds(
      `simulate @/${DIR} --load @/load.jsonl`,
      [],
      `${head("4 requests and 64 tokens a step, 1,000")}${LEARNED}\n\n${SIMULATED}\n` +
        `${RATES} 0.3% (peak 0.3%), 0 preemptions\n${HELD_OUT}`,
    );
    await holds(
      `simulate @/${DIR} --load @/load.jsonl --plain --num-blocks 100`,
      [],
      `${head("9 requests and 99 tokens a step, 100")}${PLAIN}\n\n${SIMULATED}\n` +
        `${RATES} 2.7% (peak 3%), 0 preemptions\n`,
      "Without served steps a step is the sum of its layers: gaps between kernels and the host are left out\n",
    );
    await holds(
      `recommend @/${DIR} --load @/load.jsonl --ttft-ms 9000 --tpot-ms 9000`,
      [],
      "Qwen/Qwen3-0.6B, TTFT 9,000 ms and TPOT 9,000 ms at p99, load load of 2 requests\n" +
        "ABACUS, tp 1 serves 686 requests/s a server within the targets.\nLatencies in ms at p99:\n" +
        "candidate     req/s   TTFT  TPOT  tok/s/GPU  front  rests on\n" +
        "ABACUS, tp 1    686  8,896  2.84      1,056  yes    measurements\n",
    );
    await holds(
      `recommend @/${DIR} @/${PLAIN_DIR} --load @/load.jsonl --ttft-ms 9000 --tpot-ms 9000 --rate 1000 --price LOOM=2`,
      [],
      "Qwen/Qwen3-0.6B, TTFT 9,000 ms and TPOT 9,000 ms at p99, load load of 2 requests\n" +
        "2 GPUs: ABACUS, tp 1 serves 686 requests/s a server, 1,000 are asked.\n" +
        "Candidates with steps without host and gaps look faster than they are, the others do not (docs/serving.md); " +
        "measure theirs with shotlab steps to compare.\nLatencies in ms at p99, price of 10⁶ tokens:\n" +
        "candidate     req/s   TTFT  TPOT  tok/s/GPU  GPUs  price/M  front  rests on\n" +
        "ABACUS, tp 1    686  8,896  2.84      1,056     2        -         measurements\n" +
        "LOOM, tp 1    1,000   8.48  2.84      1,999     1    0.278  yes    steps without\n" +
        ["host and", "gaps, memory", "without a", "limit, no", "rate above", "1000/s tried"].map((word) =>
          `${" ".repeat(67)}${word}\n`
        ).join(""),
    );
  }));
