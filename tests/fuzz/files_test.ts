import assert from "node:assert/strict";
import { formatMeta, parseMeta } from "../../src/bundle/meta.ts";
import { openBundle } from "../../src/bundle/open.ts";
import { renderIssue } from "../../src/bundle/issue.ts";
import { validate } from "../../src/check/validate.ts";
import { formatYaml, parseYaml } from "../../src/files/yaml.ts";
import { UsageError } from "../../src/errors.ts";
import { parseArchitecture } from "../../src/model/architecture.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { resolveSettings } from "../../src/settings.ts";
import { parseLimits } from "../../src/shots/limits_file.ts";
import { formatPlan, parsePlan, planHeader } from "../../src/shots/plan_file.ts";
import { withBundle } from "../bundle/with_bundle.ts";
import { anyValue, type Counts, fuzz, mutated, pick } from "./mutate.ts";

const META = `hardware: H100
cuda_version: '12.8'
vllm_version: null
tp_degrees: [1, 2]
engine_effective: {max_num_seqs: 256, hf_overrides: {num_hidden_layers: 1}}
skew_fit:
  enabled: true
  per_tp:
    1: {alpha_default: 0.5, bucket_table: tp1/skew_fit.csv}
quantity: kernel
duration_s:
  tp1: {dense: 2.0}
devices: &d [a, b]
more: *d
`;
const SMALL = `sequence:
  prologue: [embedding]
  pre_attn: [norm, attention]
  post_attn: [norm]
  mlp_dense: []
  mlp_moe: []
  head: [sampler]
catalog:
  dense:
    embedding: { vllm: VocabParallelEmbedding }
    norm: { vllm: [RMSNorm, LayerNorm], within: Decoder, tp_stable: true }
  per_sequence:
    sampler: { vllm: Sampler }
  attention:
    attention: { vllm: Attention }
  moe: {}
`;
const LIMITS = '{"max_num_batched_tokens":2048,"max_num_seqs":256,"num_cache_tokens":262144,' +
  '"max_model_len":40960,"num_experts":null,"top_k":null,"block_size":32}';

/** A value, or an error of ours with a message of one line. */
function outcome(read: () => void): string {
  try {
    read();
    return "read";
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    assert.match(error.message, /^Cannot (read|use) [^\n]*x\.file[^\n]*$/);
    return "refused";
  }
}

function bothWays(counts: Counts): void {
  assert.ok(counts.read! > 50 && counts.refused! > 50);
}

Deno.test("any YAML is read as plain data that is written the same, or refused", async () => {
  bothWays(
    await fuzz("YAML", 1500, (draw) => mutated(draw, [META, SMALL]), (text) =>
      outcome(() => {
        const data = parseYaml(text, "x.file");
        assert.deepEqual(parseYaml(formatYaml(data)), data);
      })),
  );
  assert.equal(Object.keys(Object.prototype).length, 0);
});

Deno.test("any plain data survives being written as YAML", async () => {
  await fuzz("data as YAML", 4000, (draw) => JSON.parse(JSON.stringify(anyValue(draw, 4)) ?? "0"), (data) => {
    assert.deepEqual(parseYaml(formatYaml(data)), data);
    return "kept";
  });
});

Deno.test("any meta.yaml is read and written the same, or refused", async () => {
  bothWays(
    await fuzz("meta.yaml", 1500, (draw) => mutated(draw, [META]), (text) =>
      outcome(() => {
        const written = formatMeta(parseMeta(text, "x.file"));
        assert.equal(formatMeta(parseMeta(written, "x.file")), written);
      })),
  );
});

Deno.test("any architecture file is read, or refused", async () => {
  bothWays(
    await fuzz(
      "architecture",
      2000,
      (draw) => mutated(draw, [SMALL]),
      (text) => outcome(() => parseArchitecture(text, "x.file")),
    ),
  );
});

Deno.test("any limits and any plan are read, or refused", async () => {
  bothWays(
    await fuzz(
      "limits",
      3000,
      (draw) => mutated(draw, [LIMITS]),
      (text) => outcome(() => parseLimits(text, "x.file")),
    ),
  );
  const settings = resolveSettings({ model: "Qwen/Qwen3-0.6B", hardware: "H100", tpDegrees: [1] });
  const shots = [{ category: "dense", tp: 1, tokens: 16 }, { category: "dense", tp: 1, tokens: 32 }] as const;
  const header = planHeader(settings, await loadModel(settings.model), []);
  const plan = [...formatPlan(header, [{ category: "dense", tp: 1, shots }])].join("\n");
  bothWays(
    await fuzz("plan", 1500, (draw) => mutated(draw, [plan]), (text) =>
      outcome(() => {
        const read = parsePlan(text.split("\n"), "x.file");
        const written = [...formatPlan(read.header, read.sweeps)];
        assert.deepEqual([...formatPlan(header, parsePlan(written).sweeps)].slice(1), written.slice(1));
      })),
  );
});

Deno.test("validate and openBundle say what is wrong with any bundle, and change none of it", async () => {
  const table = "layer,tokens,time_us\nlayernorm,16,1.5\no_proj,16,2.5\n";
  const names = ["tp1", "tp2", "tp01", "tp0", "tp-1", "tp1e3", "other"];
  await fuzz("bundle", 120, (draw) => {
    const files: Record<string, string> = { "meta.yaml": mutated(draw, [META]) };
    for (let count = draw(6); count > 0; count--) {
      const name = pick(draw, ["dense", "attention", "skew", "skew_fit", "moe", "x"]);
      files[`${pick(draw, names)}/${name}.csv`] = mutated(draw, [table]);
    }
    return files;
  }, async (files) => {
    let found = 0;
    await withBundle(files, async (dir) => {
      for (const issue of await validate(dir)) {
        found++;
        assert.ok(issue.message !== "" && renderIssue(issue) !== "");
      }
      await openBundle(dir).then(({ issues }) => assert.ok(issues.length >= 0), (error) => {
        assert.ok(error instanceof UsageError, String(error));
      });
      for (const [path, text] of Object.entries(files)) {
        assert.equal(await Deno.readTextFile(`${dir}/${path}`), text.toWellFormed());
      }
    });
    return found > 0 ? "with issues" : "clean";
  });
});
