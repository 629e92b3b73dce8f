/** What `models`, `hardware` and `fits` print of a small folder of configurations, word by word. */
import assert from "node:assert/strict";
import { type Files, withBundle } from "../../bundle/with_bundle.ts";
import { type Outcome, runMain } from "../run_main.ts";

const DENSE = {
  ...{ model_type: "llama", num_hidden_layers: 8, hidden_size: 64, intermediate_size: 128 },
  ...{ num_attention_heads: 4, num_key_value_heads: 4, vocab_size: 256, torch_dtype: "bfloat16" },
  max_position_embeddings: 4096,
};
const LONG = "x".repeat(39);
const sheet = (device: string, more = ""): string =>
  `device: ${device}\nmultiprocessors: 10\nmemory_gib: 16\nbandwidth_gb_s: 1234\nl2_mib: 6\npeak_tflops:\n  bfloat16: 123.4\n${more}launch_us: 3\n`;
const FILES: Files = {
  "configs/model/o/small.json": JSON.stringify(DENSE),
  "configs/model/o/wide.json": JSON.stringify({ ...DENSE, model_type: "unheard_of" }),
  [`configs/model/o/${LONG}.json`]: JSON.stringify(DENSE),
  "configs/model/o/8b.json": await Deno.readTextFile("configs/model/meta-llama/Llama-3.1-8B.json"),
  "configs/model/o/70b.json": await Deno.readTextFile("configs/model/meta-llama/Llama-3.1-70B.json"),
  "configs/model/o/experts.json": await Deno.readTextFile("configs/model/mistralai/Mixtral-8x7B-v0.1.json"),
  "configs/model/o/small@old.json": JSON.stringify(DENSE),
  "configs/architecture/llama.yaml": await Deno.readTextFile("configs/architecture/llama.yaml"),
  "configs/hardware/ABACUS.yaml": sheet("Abacus"),
  "configs/hardware/LOOM.yaml": sheet("Loom", "  fp8: 2000\n"),
  "perf/ABACUS/o/small/bf16/meta.yaml": "hardware: ABACUS\n",
  "perf/ABACUS/o/small/fp8/meta.yaml": "hardware: ABACUS\n",
  "perf/LOOM/o/small/bf16/meta.yaml": "hardware: LOOM\n",
  [`perf/ABACUS/o/${LONG}/bf16/meta.yaml`]: "hardware: ABACUS\n",
};
async function told(line: string, columns?: number): Promise<Outcome> {
  let outcome: Outcome | undefined;
  await withBundle(FILES, async (dir) => {
    const words = line.split(" ").map((word) => word.replace("@", dir));
    outcome = await runMain(
      [...words, "--config-dir", `${dir}/configs`],
      columns ? { COLUMNS: `${columns}` } : {},
    );
  });
  return outcome!;
}
const FOOT = ["", "params, B: parameters in 10⁹, in brackets those that a token uses", ""];
const spaces = (n: number): string => " ".repeat(n);
/** A name that fills 81 columns is broken on a line of 80, where nothing says how long a line is too. */
const NARROW = (pad: number): string[] => [
  `model${spaces(36 + pad)}params, B  layers         measured`,
  `o/70b${spaces(36 + pad)}71         80 full/dense  -`,
  `o/8b${spaces(37 + pad)}8.0        32 full/dense  -`,
  `o/experts${spaces(32 + pad)}47 (13)    32 full/moe    -`,
  `o/small${spaces(34 + pad)}0.0        8 full/dense   ABACUS, LOOM`,
  `o/wide${spaces(35 + pad)}0.0        8 full/dense   -`,
];
const MODELS: [columns: number | undefined, lines: string[]][] = [
  [undefined, [...NARROW(1), `o/${spaces(40)}0.0        8 full/dense   ABACUS`, LONG, ...FOOT]],
  [81, [...NARROW(2), `o/${LONG}  0.0        8 full/dense   ABACUS`, ...FOOT]],
  [109, [...NARROW(2), `o/${LONG}  0.0        8 full/dense   ABACUS`, ...FOOT]],
];
for (const [columns, lines] of MODELS) {
  Deno.test(`shotlab models on a line of ${columns} characters`, async () => {
    const { status, out, err } = await told("models --perf-dir @/perf", columns);
    assert.deepEqual([status, err], [0, ""]);
    assert.deepEqual(out.replaceAll("\u00a0", " ").split("\n").map((line) => line.trimEnd()), lines);
  });
}

Deno.test("shotlab models on a line of 110 characters has room for architectures and variants", async () => {
  const { out } = await told("models --perf-dir @/perf", 110);
  assert.match(out, /^model +architecture +params, B +layers +measured$/m);
  assert.match(out, /^o\/8b +llama +8\.0 +32\u00a0full\/dense +-$/m);
  assert.match(out, /^o\/wide +unheard_of: none yet +0\.0 /m);
  assert.match(out, /^o\/small .* ABACUS\/bf16, ABACUS\/\n +fp8, LOOM\/bf16$/m);
  const { out: json } = await told("models --json --perf-dir @/perf");
  const names = JSON.parse(json).map(({ model }: { model: string }) => model);
  assert.deepEqual(names, ["o/70b", "o/8b", "o/experts", "o/small", "o/wide", `o/${LONG}`]);
});

Deno.test("shotlab hardware: every sheet, with a blank where it has no rate", async () => {
  assert.deepEqual(await told("hardware"), {
    status: 0,
    out: "hardware  memory, GiB  TB/s  bf16 TFLOP/s  fp8 TFLOP/s  cache, MiB\n" +
      "ABACUS             16  1.23           123                        6\n" +
      "LOOM               16  1.23           123        2,000           6\n",
    err: "",
  });
  const sheets = JSON.parse((await told("hardware --json")).out);
  assert.deepEqual(sheets.map((one: { name: string; device: string }) => [one.name, one.device]), [
    ["ABACUS", "Abacus"],
    ["LOOM", "Loom"],
  ]);
});

const FITS: [flags: string, lines: string[]][] = [
  ["--hardware ABACUS,LOOM --tp-degrees 1,2", [
    "o/small, a request of 4,096 tokens, blocks of 16; estimated, a GPU each",
    "GiB of each GPU's memory (activ: activations, KV: KV cache):",
    "hardware  tp  fits  usable  weights  activ  graphs    KV   blocks      tokens",
    "ABACUS     1  yes     13.9      0.0    0.0     0.1  13.5  443,549   7,096,784",
    "ABACUS     2  yes     13.9      0.0    0.0     0.1  13.5  887,296  14,196,736",
    "LOOM       1  yes     13.9      0.0    0.0     0.1  13.5  443,549   7,096,784",
    "LOOM       2  yes     13.9      0.0    0.0     0.1  13.5  887,296  14,196,736",
  ]],
  [
    "--hardware ABACUS, --max-model-len 512 --block-size 32 --max-num-batched-tokens 64 --max-num-seqs 4 " +
    "--gpu-memory-utilization 0.5 --eager --dtype float32 --kv-cache-dtype fp8",
    [
      "o/small, a request of 512 tokens, blocks of 32; estimated, a GPU each",
      "GiB of each GPU's memory (activ: activations, KV: KV cache):",
      "hardware  tp  fits  usable  weights  activ  graphs   KV   blocks     tokens",
      "ABACUS     1  yes      7.7      0.0    0.0     0.0  7.5  244,631  7,828,192",
    ],
  ],
  ["--hardware ABACUS --max-num-batched-tokens 65536 --max-num-seqs 2048", [
    "o/small, a request of 4,096 tokens, blocks of 16; estimated, a GPU each",
    "GiB of each GPU's memory (activ: activations, KV: KV cache):",
    "hardware  tp  fits  usable  weights  activ  graphs    KV   blocks     tokens",
    "ABACUS     1  yes     13.9      0.0    0.1     0.1  13.4  438,855  7,021,680",
  ]],
];
for (const [flags, lines] of FITS) {
  Deno.test(`shotlab fits ${flags}`, async () => {
    const { status, out, err } = await told(`fits --model o/small ${flags}`);
    assert.deepEqual([status, err], [0, ""]);
    assert.deepEqual(out.split("\n"), [...lines, ""]);
  });
}

Deno.test("shotlab fits needs the name of a sheet", async () => {
  assert.deepEqual(await told("fits --model o/small --hardware ,"), {
    status: 2,
    out: "",
    err: "error: Cannot say whether the model fits: name a data sheet with --hardware\n",
  });
});
