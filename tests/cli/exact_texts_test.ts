/** What commands print, word by word, for bundles that are made by hand. */
import assert from "node:assert/strict";
import { Command } from "commander";
import { formatMeta, type Meta } from "../../src/bundle/meta.ts";
import { examples, jsonText } from "../../src/cli/command.ts";
import { COMMANDS } from "../../src/cli/main.ts";
import { type Files, withBundle } from "../bundle/with_bundle.ts";
import { runMain } from "./run_main.ts";

const LAYERS = [
  "embedding",
  "layernorm",
  "qkv_proj",
  "qk_norm",
  "rotary_emb",
  "o_proj",
  "gate_up_proj",
  "act_fn",
  "down_proj",
  "final_layernorm",
];
const META: Meta = {
  model: "Qwen/Qwen3-0.6B",
  architecture: "qwen3",
  hardware: "ABACUS",
  tp_degrees: [1],
  engine_effective: { max_num_batched_tokens: 64, max_num_seqs: 8 },
  attention_grid: { max_kv: 64, chunk_factor: 2, kv_factor: 2, chunks: [], n_decode: [], kv: [] },
};
/** A layer takes a time, whatever its size; so does attention. */
function bundle(name: string, timeUs: number, meta: Meta = META): Files {
  const line = (...cells: (string | number)[]): string => `${cells.join(",")}\n`;
  const rows = {
    "meta.yaml": formatMeta(meta),
    "tp1/dense.csv": `layer,tokens,time_us\n${
      LAYERS.map((layer) => line(layer, 1, timeUs) + line(layer, 32, timeUs)).join("")
    }`,
    "tp1/per_sequence.csv": `layer,sequences,time_us\n${
      ["lm_head", "sampler"].map((layer) => line(layer, 1, timeUs) + line(layer, 8, timeUs)).join("")
    }`,
    "tp1/attention.csv": "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n" +
      [[0, 0, 1, 16], [0, 0, 1, 64], [16, 0, 0, 0], [64, 0, 0, 0]].map((key) => line(...key, timeUs)).join(
        "",
      ),
  };
  return Object.fromEntries(Object.entries(rows).map(([path, text]) => [`${name}/${path}`, text]));
}

async function printed(
  args: (dir: string) => readonly string[],
  files: Files,
): Promise<{ status: number; out: string; err: string }> {
  let outcome = { status: -1, out: "", err: "" };
  await withBundle(files, async (dir) => {
    const { status, out, err } = await runMain(args(dir));
    const plain = (text: string): string => text.replaceAll(`${dir}/`, "").replaceAll(/ +$/gm, "");
    outcome = { status, out: plain(out), err: plain(err) };
  });
  return outcome;
}
const [REQUESTS, APART] = [0, 1e9].map((last) =>
  `{"input_toks":32,"output_toks":3,"arrival_time_ns":0}\n{"input_toks":16,"output_toks":2,"arrival_time_ns":${last}}\n`
);
const DEVICE = { ...META, gpu: "NVIDIA H100 80GB HBM3" };
/** As the first, with one row more. */
const MORE = bundle("e", 10);
const FILES = {
  ...bundle("a", 10),
  ...bundle("b", 5, { ...META, hardware: "LOOM" }),
  ...bundle("c", 20_000, DEVICE),
  ...MORE,
  "e/tp1/dense.csv": `${MORE["e/tp1/dense.csv"]}final_layernorm,64,10\n`,
  "d/meta.yaml": formatMeta({ ...META, model: undefined as never }),
  "d/tp1": null,
  "load.jsonl": REQUESTS!,
  "apart.jsonl": APART!,
};
const SLOW = "recommend c --load apart.jsonl --tpot-ms 9000 --ttft-ms";
const half = "  0.500  0.500  0.500  0.500  0.500";
const same = half.replaceAll("0.500", "1.000");
const TEXTS: [args: string, status: number, out: readonly string[], err?: string][] = [
  ["diff a b", 0, [
    'hardware: "ABACUS" | "LOOM"',
    "",
    "tp 1, time of the second / time of the first",
    "table         layer            shots    min    10%    50%    90%    max",
    ...LAYERS.toSorted().map((layer) => `dense         ${layer.padEnd(21)}2${half}`),
    `per_sequence  lm_head              2${half}`,
    `per_sequence  sampler              2${half}`,
    `attention                          4${half}`,
  ]],
  ["diff a e", 0, [
    "tp 1, time of the second / time of the first",
    "table         layer            shots    min    10%    50%    90%    max",
    ...LAYERS.toSorted().map((layer) => `dense         ${layer.padEnd(21)}2${same}`),
    `per_sequence  lm_head              2${same}`,
    `per_sequence  sampler              2${same}`,
    `attention                          4${same}`,
    "Only the second has 1 of dense",
  ]],
  ["coverage a", 0, [
    "A run with up to 64 new tokens, 8 requests and 64 KV tokens",
    ...LAYERS.toSorted().map((layer) => `tp 1 dense ${layer}: extrapolated beyond 32 tokens`),
    "Attention lookups:",
    "tp  exact  between  clamped  neighbour  extrapolated",
    " 1   0.9%     1.2%     2.9%        23%           72%",
  ]],
  ["coverage a --max-num-batched-tokens 32 --max-num-seqs 1 --max-kv 16", 0, [
    "A run with up to 32 new tokens, 1 request and 16 KV tokens",
    "Attention lookups:",
    "tp  exact  between  clamped  neighbour  extrapolated",
    " 1    11%      11%      16%        63%            0%",
  ]],
  // 28 blocks of 10 layers and 4 around them: 2.84 ms a step.
  [
    "simulate a --load load.jsonl --num-blocks 9",
    0,
    [
      "load: 2 requests in 0.00852 s, 3 steps, at most 8 requests and 64 tokens a step, 9 KV blocks",
      "Steps are sums of layers, without the host and the gaps between kernels.",
      "",
      "ms          mean   p50   p90   p99",
      "TTFT        2.84  2.84  2.84  2.84",
      "TPOT        2.84  2.84  2.84  2.84",
      "ITL         2.84  2.84  2.84  2.84",
      "end to end   7.1   7.1  8.24  8.49",
      "",
      "235 requests/s, 5,634 tokens/s in, 587 out; busy 100%, 1.67 requests a step, KV cache 54% (peak 63%), 0 preemptions",
    ],
    "Without served steps a step is the sum of its layers: gaps between kernels and the host are left out\n",
  ],
  [
    "simulate a --rate 1",
    2,
    [],
    "error: Cannot simulate the server: its KV blocks are not known, and configs/hardware has no sheet of its device to " +
    "estimate them by; name them with --num-blocks\n",
  ],
  ["simulate d --rate 1", 2, [], "error: Cannot simulate d: its meta.yaml names no model\n"],
  [`${SLOW} 20000 --rate 100 --price ABACUS=2`, 0, [
    "Qwen/Qwen3-0.6B, TTFT 20,000 ms and TPOT 9,000 ms at p99, load apart of 2 requests",
    "5 GPUs: ABACUS, tp 1 serves 22.4 requests/s a server, 100 are asked; 10 an hour.",
    "Latencies in ms at p99, price of 10⁶ tokens:",
    "candidate     req/s    TTFT   TPOT  tok/s/GPU  GPUs  price/M  front  rests on",
    "ABACUS, tp 1   22.4  19,704  5,680       19.7     5     28.2  yes    steps",
    ...["without", "host and", "gaps"].map((word) => " ".repeat(69) + word),
  ]],
  [`${SLOW} 20000`, 0, [
    "Qwen/Qwen3-0.6B, TTFT 20,000 ms and TPOT 9,000 ms at p99, load apart of 2 requests",
    "ABACUS, tp 1 serves 22.4 requests/s a server within the targets.",
    "Latencies in ms at p99:",
    "candidate     req/s    TTFT   TPOT  tok/s/GPU  front  rests on",
    "ABACUS, tp 1   22.4  19,704  5,680       19.7  yes    steps without host and",
    " ".repeat(54) + "gaps",
  ]],
  [`${SLOW} 1`, 1, [
    "Qwen/Qwen3-0.6B, TTFT 1 ms and TPOT 9,000 ms at p99, load apart of 2 requests",
    "No candidate keeps the targets.",
    "Latencies in ms at p99:",
    "candidate     req/s  TTFT  TPOT  tok/s/GPU  front  rests on",
    "ABACUS, tp 1      -     -     -          -         keeps the targets at no rate",
  ]],
  [
    "recommend a d",
    2,
    [],
    "error: Cannot recommend: the bundles must be of one model, got Qwen/Qwen3-0.6B, no model\n",
  ],
  ["recommend d", 2, [], "error: Cannot recommend: the bundles must be of one model, got no model\n"],
];
for (const [args, status, out, err = ""] of TEXTS) {
  Deno.test(`shotlab ${args}: what it prints`, async () => {
    const words = args.split(" ");
    const found = await printed(
      (dir) => words.map((word) => /^[a-e]$|jsonl/.test(word) ? `${dir}/${word}` : word),
      FILES,
    );
    assert.equal(found.err, err);
    assert.deepEqual(found.out.trimEnd().split("\n"), out.length === 0 ? [""] : out);
    assert.equal(found.status, status);
  });
}

Deno.test("shotlab: what flags stand for where they are not given", async () => {
  const engine = { maxNumBatchedTokens: 2048, maxNumSeqs: 256, gpuMemoryUtilization: 0.9 };
  const load = { requests: 1000, burstiness: 1, seed: 0 };
  const defaults: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    "fit": { method: "shrinkage" },
    "export": { state: "cool" },
    "predict": { state: "cool" },
    "simulate": { ...load, tp: 1, clock: "measured" },
    "fits": { ...engine, tpDegrees: [1], blockSize: 16 },
    "recommend": { ...load, ttftMs: 1000, tpotMs: 50, percentile: "p99" },
    "steps": { ...engine, tp: 1, seconds: 13, loadSeed: 0 },
    "serve-load": { ...engine, ...load, tp: 1 },
    "collectives": { backend: "nccl", trials: 5 },
    "models": { perfDir: "perf" },
    "conformance": { model: "microsoft/Phi-mini-MoE-instruct" },
  };
  for (const { name, load } of COMMANDS) {
    const command = new Command(name);
    (await load()).declare(command, () => Promise.resolve());
    const given = command.opts();
    for (const [flag, value] of Object.entries(defaults[name] ?? {})) {
      assert.deepEqual(given[flag], value, `${name} ${flag}`);
    }
  }
});

Deno.test("programs read JSON of two spaces, whichever command prints it", async () => {
  assert.equal(jsonText({ tps: [1], other: null }), '{\n  "tps": [\n    1\n  ],\n  "other": null\n}\n');
  const whole = (status: number, out: string): [number, unknown] => {
    assert.equal(out, jsonText(JSON.parse(out)));
    return [status, JSON.parse(out)];
  };
  const run = async (...args: string[]): Promise<[number, unknown]> => {
    const { status, out } = await printed(
      (dir) => args.map((word) => /^[a-e]$|jsonl/.test(word) ? `${dir}/${word}` : word),
      FILES,
    );
    return whole(status, out);
  };
  const [, diff] = await run("diff", "a", "b", "--json") as [number, { tables: { common: number }[] }];
  assert.equal(diff.tables.length, 13);
  const [, coverage] = await run("coverage", "a", "--json", "--max-kv", "32") as [
    number,
    { need: { maxKv: number } },
  ];
  assert.equal(coverage.need.maxKv, 32);
  const [status, fits] = await run("fits", "--model", "Qwen/Qwen3-0.6B", "--hardware", "H100", "--json") as [
    number,
    { hardware: string; tp: number; capacity: { fits: boolean } }[],
  ];
  assert.deepEqual([status, fits.map(({ hardware, tp, capacity }) => [hardware, tp, capacity.fits])], [0, [[
    "H100",
    1,
    true,
  ]]]);
});

Deno.test("the overview and a command's help end with calls, which go on in the next line where they are long", async () => {
  assert.equal(
    examples("a", `long --first ${"x".repeat(50)} --second "two words" --third`),
    `\nExamples:\n  shotlab a\n  shotlab long --first ${"x".repeat(50)} \\\n    --second "two words" --third`,
  );
  // 78 characters and the two of the line's end.
  assert.equal(examples(`${"y".repeat(66)} z`).split("\n").length, 3);
  assert.equal(examples(`${"y".repeat(67)} z`).split("\n").length, 4);
  const { out } = await runMain(["--help"]);
  assert.ok(
    out.includes(
      "\nExamples:\n  shotlab profile --model meta-llama/Llama-3.1-8B --hardware H100\n  shotlab report perf\n",
    ),
    out,
  );
  assert.ok(out.endsWith("or are in doubt, or no answer), 2 wrong use, 130 cancelled.\n"), out);
  const asked = await runMain(["help", "fits"]);
  assert.ok(asked.out.startsWith("Usage: shotlab fits [options]\n"), asked.out);
  assert.deepEqual(asked, await runMain(["fits", "--help"]));
});
