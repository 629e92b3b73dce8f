import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { renderIssue } from "../../src/bundle/issue.ts";
import { CONTRACT_KEYS, formatMeta, parseMeta } from "../../src/bundle/meta.ts";
import { validate } from "../../src/check/validate.ts";

/** A meta.yaml as the reference writes it. */
const PUBLISHED = `profiler_version: 1.0.0
vllm_version: 0.19.0
cuda_version: '13.0'
gpu: NVIDIA RTX PRO 6000 Blackwell Server Edition
hardware: RTXPRO6000
profiled_at: '2026-04-24T12:44:06+00:00'
architecture: qwen3_moe
architecture_sha256: 784ed86cdd6b8a71c1c8cc82a5af96e49a70607e40ac8570b7b9341eb3dc5800
model: Qwen/Qwen3-30B-A3B-Instruct-2507
variant: bf16
tp_degrees: [1, 2]
engine_effective:
  load_format: dummy
  enforce_eager: true
  block_size: 16
  gpu_memory_utilization: 0.9
  max_num_batched_tokens: 2048
  max_num_seqs: 256
  hf_overrides:
    num_hidden_layers: 1
    num_attention_heads: 16
attention_grid:
  max_kv: 16384
  chunk_factor: 2.0
  kv_factor: 2.0
  chunks: 0, 16-2048 x2
  n_decode: 0, 1-256 x2
  kv: 0, 16-16384 x2
measurement_iterations: 3
skew_profile:
  enabled: true
  factors:
    n: 2.0
    pc: 2.0
  grid:
    n: 2-256 x2
    ratio: [0.0625, 0.125, 0.25, 0.5, 0.75, 0.9]
    skew_rep: 4.0
skew_fit:
  enabled: true
  bucket_axes:
    pc: raw pc value (profiled grid point)
    n_bins: [0, 2, 4, 1000000]
    n_labels: [n<=2, n<=4, n>4]
    skew_rate_bins: [-0.01, 0.05, 0.15, 0.4, 0.7, 1.01]
    skew_rate_labels: [sr<=5%, sr<=15%, sr<=40%, sr<=70%, sr>70%]
    kv_big_bins: [0, 1024, 1000000000]
    kv_big_labels: [kvB<=1k, kvB>1k]
    kp_bins: [-1, 0, 2048, 1000000000]
    kp_labels: [kp=0, kp<=2k, kp>2k]
  per_tp:
    1:
      method: per_bucket_wls_5axis
      n_samples: 12964
      alpha_default: 0.0
      bucket_table: tp1/skew_fit.csv
      rel_err_p50: 0.0123
    2:
      method: per_bucket_wls_5axis
      n_samples: 12764
      alpha_default: 1.0
      bucket_table: tp2/skew_fit.csv
      rel_err_p50: 1.0e-07
`;

Deno.test("formatMeta writes what parseMeta read, to the byte", () => {
  assert.equal(formatMeta(parseMeta(PUBLISHED, "meta.yaml")), PUBLISHED);
});

Deno.test("formatMeta puts the contract's keys first in their order, then ours, then others", () => {
  const text = `zebra: 1
mixed: ['driver 550 there, 560 now']
duration_s:
  1:
    dense: 2.0
harness: vllm
quantity: wall
skew_fit:
  enabled: false
hardware: H100
`;
  assert.equal(
    formatMeta(parseMeta(text, "meta.yaml")),
    `hardware: H100
skew_fit:
  enabled: false
harness: vllm
quantity: wall
duration_s:
  1:
    dense: 2.0
mixed: ['driver 550 there, 560 now']
zebra: 1
`,
  );
});

Deno.test("parseMeta keeps keys that it does not know", () => {
  const meta = parseMeta("hardware: H100\nsite: {rack: 3}\n", "meta.yaml");
  assert.deepEqual({ ...meta }, { hardware: "H100", site: { rack: 3 } });
  assert.equal(formatMeta({ ...meta, gpu: "none" }), "gpu: none\nhardware: H100\nsite:\n  rack: 3\n");
});

Deno.test("parseMeta takes null where there is no CUDA and no vLLM", () => {
  const meta = parseMeta("vllm_version: null\ncuda_version: null\n", "meta.yaml");
  assert.equal(meta.cuda_version, null);
  assert.equal(formatMeta(meta), "vllm_version: null\ncuda_version: null\n");
});

Deno.test("CONTRACT_KEYS are the reference's keys", () => {
  assert.deepEqual(Object.keys(parseMeta(PUBLISHED, "meta.yaml")), [...CONTRACT_KEYS]);
});

Deno.test("parseMeta refuses wrong types, naming the key", () => {
  const key = (name: string, expected: string, found: string): string =>
    `Cannot read meta.yaml, key ${name}: The value has a wrong type; expected ${expected}, found ${found}`;
  const text = "a text (in quotes when it looks like a number)";
  const cases: [string, string][] = [
    ["", "Cannot read meta.yaml: The file is empty; expected a mapping"],
    ["[1]", "Cannot read meta.yaml: The value has a wrong type; expected a mapping, found a list"],
    ["cuda_version: 12.8", key("cuda_version", text, "12.8")],
    ["skew_fit: {enabled: 'false'}", key("skew_fit.enabled", "true or false", '"false"')],
    ["skew_fit: {enabled: 1}", key("skew_fit.enabled", "true or false", "1")],
    [
      "skew_fit: {per_tp: {1: {alpha_default: null}}}",
      key("skew_fit.per_tp.1.alpha_default", "a number", "null"),
    ],
    ["tp_degrees: 1", key("tp_degrees", "a list", "1")],
    ["tp_degrees: [1, 1.5]", key("tp_degrees.1", "a whole number", "1.5")],
    ["tp_degrees: [0]", key("tp_degrees.0", "a number above 0", "0")],
    ["quantity: cycles", key("quantity", "one of kernel, event, wall, estimate", '"cycles"')],
    ["engine_effective: [1]", key("engine_effective", "a mapping", "[1]")],
    [
      "a: [",
      "Cannot read meta.yaml: Flow sequence in block collection must be sufficiently indented and end with a ] at line 1, column 5",
    ],
  ];
  for (const [yaml, message] of cases) {
    assert.throws(() => parseMeta(yaml, "meta.yaml"), new UsageError(message), yaml);
  }
});

Deno.test("formatMeta puts the keys of v1.2 behind those of August that they belong to, then ours, then others", () => {
  const keys = [
    "tp_degrees",
    "category_provenance",
    "engine_effective",
    "engine_resolved",
    "skew_fit",
    "moe_components",
    "harness",
    "zeta",
  ];
  const meta = Object.fromEntries(keys.toReversed().map((key) => [key, "x"])) as unknown as Parameters<
    typeof formatMeta
  >[0];
  assert.deepEqual([...formatMeta(meta).matchAll(/^(\w+):/gm)].map(([, key]) => key), keys);
});

Deno.test("what a finding shows of a file is short, and nothing of a file that is no meta.yaml or table at all", async () => {
  const dir = await Deno.makeTempDir();
  const found = async (): Promise<(string | undefined)[]> => (await validate(dir)).map(({ found }) => found);
  await Deno.writeTextFile(
    `${dir}/other`,
    "root:x:0:0:root:/root:/bin/bash\nbin:x:1:1:bin:/bin:/usr/sbin/nologin\n",
  );
  await Deno.symlink(`${dir}/other`, `${dir}/meta.yaml`);
  await Deno.mkdir(`${dir}/tp1`);
  for (const table of ["dense", "attention", "skew"]) {
    await Deno.symlink(`${dir}/other`, `${dir}/tp1/${table}.csv`);
  }
  const shown = (await validate(dir)).map(renderIssue).join("\n");
  assert.doesNotMatch(shown, /root|bin/);
  assert.match(shown, /meta.yaml: The value has a wrong type; expected a mapping, found a text/);
  assert.match(shown, /dense.csv, row 1: The header lacks layer, .*, found "few of them"/);
  await Deno.remove(`${dir}/meta.yaml`);
  await Deno.writeTextFile(`${dir}/meta.yaml`, `model: [${"x".repeat(4000)}]\n`);
  assert.ok((await found()).includes(`["${"x".repeat(158)}...`));
  assert.ok((await found()).every((text = "") => text.length <= 163));
  await Deno.remove(dir, { recursive: true });
});
