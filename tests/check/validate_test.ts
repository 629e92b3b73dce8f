import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { renderIssue } from "../../src/bundle/issue.ts";
import { CONTRACT_KEYS, formatMeta, type Meta } from "../../src/bundle/meta.ts";
import { validate, type ValidateOptions } from "../../src/check/validate.ts";
import { type Files, withBundle } from "../bundle/with_bundle.ts";

const META: Meta = {
  profiler_version: "0.1.0",
  vllm_version: null,
  cuda_version: null,
  gpu: "none",
  hardware: "H100",
  profiled_at: "2026-08-17T19:43:32+00:00",
  architecture: "llama",
  architecture_sha256: "00",
  model: "o/x",
  variant: "bf16",
  tp_degrees: [1],
  engine_effective: { max_num_batched_tokens: 16, max_num_seqs: 1 },
  attention_grid: {
    max_kv: 16,
    chunk_factor: 2,
    kv_factor: 2,
    chunks: [0, 16],
    n_decode: [0, 1],
    kv: [0, 16],
  },
  measurement_iterations: 3,
  skew_profile: { enabled: false },
  skew_fit: { enabled: false },
};

const TABLES = {
  "dense.csv": "layer,tokens,time_us\nlayernorm,16,1.5\no_proj,16,2.5\n",
  "per_sequence.csv": "layer,sequences,time_us\nsampler,1,2.5\n",
  "attention.csv":
    "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,1,16,2.5\n16,0,0,0,2.5\n16,16,0,0,2.5\n",
};

function at(tp: number, tables: Record<string, string> = TABLES): Files {
  return Object.fromEntries(Object.entries(tables).map(([name, text]) => [`tp${tp}/${name}`, text]));
}

async function findings(meta: Meta | string, files: Files, options?: ValidateOptions): Promise<string[]> {
  let lines: string[] = [];
  const text = typeof meta === "string" ? meta : formatMeta(meta);
  await withBundle({ "meta.yaml": text, ...files }, async (dir) => {
    lines = (await validate(dir, options)).map((issue) => renderIssue(issue).replaceAll(`${dir}/`, ""));
  });
  return lines;
}

Deno.test("validate has nothing to say about a bundle that meets the contract", async () => {
  assert.deepEqual(await findings(META, at(1)), []);
});

Deno.test("validate names the file and the row of a fault", async () => {
  const dense = `${TABLES["dense.csv"]}o_proj,32,0\n`;
  assert.deepEqual(await findings(META, at(1, { ...TABLES, "dense.csv": dense })), [
    "error: tp1/dense.csv, row 4, column time_us: The time is not above 0; " +
    'expected a time above 0 in microseconds, found "0"',
  ]);
});

Deno.test("validate holds tp_degrees against the folders", async () => {
  assert.deepEqual(await findings({ ...META, tp_degrees: [1, 4] }, { ...at(1), ...at(2) }), [
    "error: tp4: meta.yaml names this degree in tp_degrees, but the folder does not exist",
    "warning: tp2: meta.yaml does not name this degree in tp_degrees",
  ]);
});

Deno.test("validate names each of the contract's keys that meta.yaml lacks", async () => {
  assert.deepEqual(
    await findings("{}\n", at(1)),
    CONTRACT_KEYS.map((key) => `warning: meta.yaml, key ${key}: The file does not say it`),
  );
});

Deno.test("validate reports a meta.yaml that is no YAML", async () => {
  assert.deepEqual(await findings("a: 1\na: 2\n", at(1)), [
    "error: meta.yaml: Map keys must be unique at line 2, column 1",
  ]);
});

Deno.test("validate misses layers that another degree has", async () => {
  const dense = "layer,tokens,time_us\no_proj,16,2.5\n";
  const meta = { ...META, tp_degrees: [1, 2] };
  const tables = { ...at(1), ...at(2, { ...TABLES, "dense.csv": dense }) };
  assert.deepEqual(await findings(meta, tables), [
    "warning: tp2/dense.csv: A simulator leaves out the layer with a warning; expected rows of layernorm",
  ]);
  const catalog = {
    dense: { layernorm: { vllm: ["RMSNorm"], tp_stable: true }, o_proj: { vllm: ["RowParallelLinear"] } },
    per_sequence: { sampler: { vllm: ["Sampler"] }, lm_head: { vllm: ["LogitsProcessor"] } },
    attention: { attention: { vllm: ["Attention"] } },
    moe: {},
  };
  const architecture = { modelType: "llama", sequence: {}, catalog, sha256: "" };
  assert.deepEqual(await findings(meta, tables, { architecture }), [
    "warning: tp1/per_sequence.csv: A simulator leaves out the layer with a warning; expected rows of lm_head",
    "warning: tp2/per_sequence.csv: A simulator leaves out the layer with a warning; expected rows of lm_head",
  ]);
});

Deno.test("validate doubts a window beyond which histories take another time", async () => {
  const rows = (beyondUs: number): string =>
    "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n" +
    `0,0,1,16,2.5\n0,0,1,64,9\n0,0,1,256,${beyondUs}\n16,0,0,0,2.5\n16,16,0,0,2.5\n16,64,0,0,9\n16,256,0,0,9\n`;
  const attention_grid = {
    ...META.attention_grid!,
    max_kv: 256,
    kv: [0, 16, 32, 64, 256],
    kv_factor: 4,
    window: 64,
  };
  const found = async (beyondUs: number): Promise<string[]> =>
    await findings({ ...META, attention_grid }, at(1, { ...TABLES, "attention.csv": rows(beyondUs) }));
  assert.deepEqual(await found(9.5), []);
  assert.deepEqual(await found(18), [
    "warning: tp1/attention.csv, key kv_decode: Histories beyond the window of 64 tokens take another time; those " +
    "between were not measured; expected 1, within 0.1, found 2.00 times at the median of 1 line",
  ]);
});

Deno.test("validate misses the table, or a layer, of a recurrent state at every degree", async () => {
  const catalog = {
    dense: { layernorm: { vllm: ["RMSNorm"] }, o_proj: { vllm: ["RowParallelLinear"] } },
    per_sequence: { sampler: { vllm: ["Sampler"] } },
    attention: { attention: { vllm: ["Attention"] } },
    linear_attention: { gdn: { vllm: ["ChunkGatedDeltaRule"] }, ssm: { vllm: ["MambaMixer2"] } },
    moe: {},
  };
  const architecture = { modelType: "qwen3_next", sequence: {}, catalog, sha256: "" };
  const rows = "layer,prefill_tokens,n_decode,time_us\ngdn,0,1,2.5\ngdn,16,0,9\n";
  const meta = { ...META, tp_degrees: [1, 2] };
  const tables = { ...at(1, { ...TABLES, "linear_attention.csv": rows }), ...at(2) };
  assert.deepEqual(await findings(meta, tables, { architecture, simulator: "august" }), [
    "warning: tp2/linear_attention.csv: A simulator takes the layers with a recurrent state for ones that do not " +
    "run; expected a table with rows, found no file",
    "warning: tp1/linear_attention.csv: A simulator takes the layer for one that does not run; expected rows of ssm",
  ]);
  const whole = `${rows}ssm,0,1,2.5\nssm,16,0,9\n`;
  const both = { ...at(1, { ...TABLES, "linear_attention.csv": whole }), ...at(2) };
  const newer = await findings(META, { ...both }, { architecture, simulator: "v1.2" });
  assert.deepEqual(newer.filter((line) => line.includes("linear_attention.csv")), [
    "warning: tp2/linear_attention.csv: A simulator takes the layers with a recurrent state for ones that do not " +
    "run; expected a table with rows, found no file",
  ]);
});

Deno.test("validate wants moe.csv at the lowest degree, and nowhere else", async () => {
  const moe = "tokens,activated_experts,time_us\n1,8,2.5\n";
  const meta = { ...META, tp_degrees: [1, 2] };
  assert.deepEqual(await findings(meta, { ...at(1), ...at(2), "tp2/moe.csv": moe }), [
    "error: tp1/moe.csv: A simulator finds no experts' time; expected a table with rows, found no file",
    "warning: tp2/moe.csv: Experts' times are read at the lowest degree only",
  ]);
});

Deno.test("validate wants the entry of a degree to name its own table", async () => {
  const fit =
    "pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha,n_samples\n16,n<=2,sr<=5%,kvB<=1k,kp=0,1.0,9\n";
  const bucket_axes = {
    n_bins: [0, 2, 1000000],
    n_labels: ["n<=2", "n>2"],
    skew_rate_bins: [-0.01, 1.01],
    skew_rate_labels: ["sr"],
    kv_big_bins: [0, 1000000000],
    kv_big_labels: ["kvB"],
    kp_bins: [-1, 1000000000],
    kp_labels: ["kp"],
  };
  const entry = { alpha_default: 0, bucket_table: "tp2/skew_fit.csv" };
  const skew_fit = { enabled: true, bucket_axes, per_tp: { 1: entry } };
  assert.deepEqual(await findings({ ...META, skew_fit }, { ...at(1), "tp1/skew_fit.csv": fit }), [
    "error: meta.yaml, key skew_fit.per_tp.1.bucket_table: The entry names another table, or none; " +
    "expected tp1/skew_fit.csv, found tp2/skew_fit.csv",
  ]);
  assert.deepEqual(await findings({ ...META, skew_fit: { ...skew_fit, per_tp: {} } }, at(1)), [
    "warning: meta.yaml, key skew_fit.per_tp.1: The degree has no fit; " +
    "a simulator takes the block's alpha_default, or 0",
  ]);
});

Deno.test("validate refuses a folder that does not exist", async () => {
  await assert.rejects(validate("perf/none"), new UsageError("Cannot read perf/none: it does not exist"));
});
