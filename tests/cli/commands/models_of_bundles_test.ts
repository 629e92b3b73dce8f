/** What `validate`, `fit` and `predict` make of a bundle whose model is here, is not, or has no name. */
import assert from "node:assert/strict";
import { formatMeta, type Meta } from "../../../src/bundle/meta.ts";
import { type Files, withBundle } from "../../bundle/with_bundle.ts";
import { main } from "../../../src/cli/main.ts";
import { type Outcome, runMain } from "../run_main.ts";
const META: Meta = { model: "o/x", architecture: "llama", hardware: "ABACUS", tp_degrees: [1] };
const FILES: Files = {
  "nameless/meta.yaml": "hardware: H100\n",
  "nameless/tp1/dense.csv": "layer,tokens,time_us\no_proj,16,5\n",
  "named/meta.yaml": formatMeta(META),
  "named/tp1/dense.csv": "layer,tokens,time_us\no_proj,16,5\n",
  "named/tp1/skew.csv":
    "regime,n,nb,ratio,skew,pc,kp,kvs,kv_big,kv_mean,t_mean_us,t_max_us,t_skew_us,alpha\n" +
    "pure,4,1,4,4,0,0,128,512,224,5,10,7.5,0.5\npure,8,1,4,4,0,0,128,512,224,5,10,7.5,0.5\n",
  "device/meta.yaml": formatMeta({
    ...{ ...META, model: "Qwen/Qwen3-0.6B", architecture: "qwen3", hardware: "H100", variant: "bf16" },
    gpu: "NVIDIA H100 80GB HBM3",
  }),
  "device/tp1/dense.csv": "layer,tokens,time_us\no_proj,16,5\n",
  "configs/model/o/x.json": JSON.stringify({
    ...{ model_type: "llama", num_hidden_layers: 8, hidden_size: 64, intermediate_size: 128 },
    ...{ num_attention_heads: 4, num_key_value_heads: 4, vocab_size: 256, torch_dtype: "bfloat16" },
  }),
  "configs/architecture/llama.yaml": await Deno.readTextFile("configs/architecture/llama.yaml"),
  "queries.jsonl": '{"kind":"dense","tp":1,"layer":"o_proj","tokens":16}\n',
  "broken/architecture/llama.yaml": "[",
};
async function told(line: string): Promise<Outcome> {
  let outcome: Outcome | undefined;
  await withBundle(FILES, async (dir) => {
    outcome = await runMain(line.split(" ").map((word) => word.replace("@", dir)));
    const { status, out, err } = outcome;
    outcome = { status, out: out.replaceAll(dir, "@"), err: err.replaceAll(dir, "@") };
  });
  return outcome!;
}

Deno.test("shotlab validate: v1.2 is asked about all layers of a model that is here", async () => {
  const { status, out } = await told("validate @/named --simulator v1.2 --config-dir @/configs");
  const [meta, tables] = out.split("tp1/per_sequence.csv:\n");
  assert.equal(meta!.split("\n").filter((line) => line.startsWith("  warning: key ")).length, 12);
  const lacks = (layer: string): string =>
    `  warning: A simulator leaves out the layer with a warning; expected rows of ${layer}`;
  const fails = (layer: string): string =>
    `  error: v1.2 fails at the layers before and after the blocks; expected rows of ${layer}`;
  assert.deepEqual([status, tables!.split("\n")], [1, [
    "  error: v1.2 fails at the layers before and after the blocks; expected a table with rows, found no file",
    "tp1/attention.csv:",
    "  error: A simulator finds no attention time; expected a table with rows, found no file",
    "tp1/dense.csv:",
    fails("embedding"),
    ...["layernorm", "qkv_proj", "rotary_emb", "gate_up_proj", "act_fn", "down_proj"].map(lacks),
    fails("final_layernorm"),
    "@/named: 4 errors, 18 warnings",
    "",
  ]]);
});

const COUNTS: [line: string, counts: string][] = [
  ["validate @/named --simulator v1.2", "@/named: 2 errors, 12 warnings"],
  ["validate @/named --config-dir @/configs", "@/named: 1 error, 13 warnings"],
  ["validate @/nameless", "@/nameless: 1 error, 16 warnings"],
];
for (const [line, counts] of COUNTS) {
  Deno.test(`shotlab ${line}: no layer is asked for`, async () => {
    const { status, out } = await told(line);
    assert.deepEqual([status, out.trimEnd().split("\n").at(-1)], [1, counts]);
    assert.ok(!out.includes("tp1/dense.csv"), out);
  });
}

Deno.test("shotlab validate: errors are red and warnings yellow where colours are seen", () =>
  withBundle(FILES, async (dir) => {
    let out = "";
    const terminal = { out: (text: string) => void (out += text), err: () => {}, errStream: null, env: {} };
    const { signal } = new AbortController();
    await main(["validate", `${dir}/named`], { ...terminal, signal, colors: { out: true, err: false } });
    assert.equal(out.split("\x1b[33mwarning\x1b[39m: ").length, 14);
    assert.equal(out.split("\x1b[31merror\x1b[39m: ").length, 2);
  }));

const FITTED = `Relative errors of per_bucket_wls_5axis in %, median/90%/99%:

fit   cases  regime  in sample       k-fold  one pc left out
tp 1      2  all     0.00/0.00/0.00       -                -
             pure    0.00/0.00/0.00       -                -

The fit is kept and off: v1.2 refuses a fit in the form of August; shotlab fit --simulator august or v1.2 turns one on
`;
const FITS: [flags: string, outcome: Outcome][] = [
  ["--simulator none --config-dir @/configs", { status: 0, out: FITTED, err: "" }],
  ["--simulator none", { status: 0, out: FITTED, err: "" }],
  ["", { status: 0, out: FITTED, err: "" }],
  ["--simulator v1.2", {
    status: 2,
    out: "",
    err:
      "error: Cannot load model 'o/x': configs/model does not have it (the command models lists what it has); save " +
      "its config.json from the hub as configs/model/o/x.json\n",
  }],
  ["--simulator v1.2 --config-dir @/configs", {
    status: 2,
    out: "",
    err:
      "error: Cannot calibrate @/named: its meta.yaml must name hardware, model and variant, which v1.2 compares\n",
  }],
];
for (const [flags, outcome] of FITS) {
  Deno.test(`shotlab fit ${flags}: the model counts for v1.2 alone`, async () => {
    assert.deepEqual(await told(`fit @/named --method reference ${flags}`.trim()), outcome);
  });
}

Deno.test("shotlab predict: a bundle of no known architecture is read as it is, a broken file of one is refused", async () => {
  const line = (bundle: string): string => `predict @/${bundle} --queries @/queries.jsonl`;
  const answered = { status: 0, out: '{"ns":5000,"place":"exact"}\n', err: "" };
  assert.deepEqual(await told(line("nameless")), answered);
  assert.deepEqual(await told(`${line("named")} --config-dir @/configs`), answered);
  assert.deepEqual(await told(`${line("named")} --config-dir @/broken`), {
    status: 2,
    out: "",
    err:
      "error: Cannot read @/broken/architecture/llama.yaml: Flow sequence must end with a ] at line 1, column 2\n",
  });
});

const EXPORTED = (files: number, command: string): string =>
  `@/x: ${files} files
- tp 1: mem_util 0.877879 of 80 GiB leaves 40,439 KV blocks, an estimate of vLLM's num_gpu_blocks (docs/serving.md)
- The power block is left out: the bundle's journal has no readings of the device's power
- cpu_mem of the cluster files is an assumption; it counts when KV blocks are moved to the host alone

${command}
`;
const COMMAND = `python -m serving \\
  --cluster-config configs/cluster/H100_Qwen_Qwen3-0.6B_tp1.json \\
  --dataset workloads/shotlab_example.jsonl --num-reqs 10 \\
  --no-enable-prefix-caching`;
const LACKS = (table: string, fault: string): string =>
  `error: @/x/profiler/perf/H100/Qwen/Qwen3-0.6B/bf16/tp1/${table}.csv: ${fault}; expected a table with rows, found no file\n`;
const NO_ATTENTION = LACKS("attention", "A simulator finds no attention time");
const FAILS = LACKS("per_sequence", "v1.2 fails at the layers before and after the blocks");
for (
  const [simulator, files, errors] of [["august", 7, NO_ATTENTION], [
    "v1.2",
    8,
    FAILS + NO_ATTENTION,
  ]] as const
) {
  Deno.test(`shotlab export for ${simulator}: what is in it, how it is run, and what the simulator will fail at`, async () => {
    assert.deepEqual(await told(`export @/device --simulator ${simulator} --to @/x`), {
      status: 1,
      out: EXPORTED(files, COMMAND) + errors,
      err: "",
    });
  });
}

for (
  const line of ["predict @/device --queries @/queries.jsonl", "export @/device --simulator august --to @/x"]
) {
  Deno.test(`shotlab ${line} --state sustained: a bundle without such shots is refused`, async () => {
    const { status, out, err } = await told(`${line} --state sustained`);
    assert.deepEqual([status, out], [2, ""]);
    assert.match(
      err,
      /^error: Cannot \w+ the sustained state: the bundle has no sustained shots in its meta\.yaml; /,
    );
  });
}
