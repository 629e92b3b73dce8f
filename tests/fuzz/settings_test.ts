import assert from "node:assert/strict";
import { isAbsolute, relative } from "node:path";
import { bundlePath } from "../../src/bundle/layout.ts";
import { folderName } from "../../src/files/folder_name.ts";
import { UsageError } from "../../src/errors.ts";
import { moeParameters } from "../../src/model/config.ts";
import type { ModelConfig } from "../../src/model/model.ts";
import { modelNotices } from "../../src/model/notices.ts";
import { hfOverrides, shardConfig } from "../../src/model/shard.ts";
import { resolveKvDtype, variantName, variantNotices } from "../../src/model/variant.ts";
import { resolveFlags, resolveSettings } from "../../src/settings.ts";
import { OPTIONS, SETTINGS } from "../../src/settings/table.ts";
import { anyValue, type Draw, fuzz, mutated, pick } from "./mutate.ts";

const REQUIRED = { model: "Qwen/Qwen3-0.6B", hardware: "H100" };
const TEXTS = [
  "Qwen/Qwen3-0.6B",
  "H100",
  "1,2,4",
  "2048",
  "2.0",
  "auto",
  "fp8",
  "yes",
  "vllm",
  "ssh 'gpu 1'",
  "0.01,3,30",
];

/** A value, or an error of ours with a message of one line. */
function outcome(attempt: () => void): string {
  try {
    attempt();
    return "accepted";
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    // deno-lint-ignore no-control-regex
    assert.match(error.message, /^[A-Z][^\x00-\x1f]*[^.]$/);
    return "refused";
  }
}

/** Where a bundle goes, which is inside the folder of all bundles. */
function assertInside(path: string): void {
  const inside = relative("perf", path);
  assert.ok(!isAbsolute(inside) && !inside.split("/").includes("..") && inside.split("/").length === 4, path);
}

Deno.test("any settings are resolved to a bundle inside the perf folder, or refused", async () => {
  const option = (draw: Draw): string =>
    draw(30) === 0 ? mutated(draw, ["model", "tpDegrees"]) : pick(draw, OPTIONS);
  const counts = await fuzz("settings", 6000, (draw) => {
    const values: Record<string, unknown> = draw(4) > 0 ? { ...REQUIRED } : {};
    const texts: Record<string, string> = {};
    const env: Record<string, string> = {};
    for (let count = draw(3); count > 0; count--) values[option(draw)] = anyValue(draw);
    for (let count = draw(3); count > 0; count--) texts[option(draw)] = mutated(draw, TEXTS);
    for (let count = draw(3); count > 0; count--) {
      env[SETTINGS[pick(draw, OPTIONS)].env] = mutated(draw, TEXTS);
    }
    return { values, texts: { ...REQUIRED, ...texts }, env };
  }, ({ values, texts, env }) => {
    const resolvers = [() => resolveSettings(values, env), () => resolveFlags(texts, env)];
    const outcomes = resolvers.map((resolve) =>
      outcome(() => {
        const settings = resolve();
        assert.ok(Object.isFrozen(settings) && settings.tpDegrees[0] === 1);
        assert.deepEqual(resolveSettings(settings), settings);
        assertInside(bundlePath("perf", settings.hardware, settings.model, settings.variant ?? "bf16"));
      })
    );
    return outcomes.join(" as options, ") + " as flags";
  });
  assert.ok(Object.keys(counts).length === 4 && Object.values(counts).every((count) => count > 20));
});

Deno.test("any names lead to a folder inside the perf folder, or are refused", async () => {
  const names = [
    "H100",
    "Qwen",
    "Qwen3-0.6B",
    "bf16",
    "../..",
    "/etc",
    "con",
    "a/b",
    "nul.txt",
    "~",
    "C:\\x",
  ];
  const counts = await fuzz("names", 6000, (draw) => {
    const name = (): string => draw(3) === 0 ? mutated(draw, names) : pick(draw, ["H100", "bf16", "x.y-z"]);
    return [name(), `${name()}${draw(9) === 0 ? "" : "/"}${name()}`, name()] as const;
  }, ([hardware, model, variant]) =>
    outcome(() => {
      assertInside(bundlePath("perf", hardware, model, variant));
      for (const name of [hardware, variant]) assert.equal(folderName("hardware", name), name);
    }));
  assert.ok(counts.accepted! > 500 && counts.refused! > 500);
});

const FIELDS = [
  ...["num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size", "vocab_size"],
  ...["hidden_size", "head_dim", "qk_rope_head_dim", "torch_dtype", "dtype", "text_config", "auto_map"],
  ...["num_experts", "num_local_experts", "num_experts_per_tok", "moe_topk", "first_k_dense_replace"],
  ...["mlp_only_layers", "moe_layer_freq", "mlp_layer_types", "layer_types", "decoder_sparse_step"],
  ...[
    "quantization_config",
    "compression_config",
    "sliding_window",
    "use_sliding_window",
    "max_window_layers",
  ],
  ...["quant_method", "bits", "config_groups", "weights", "kv_cache_scheme", "quantization", "quant_algo"],
];

Deno.test("any configuration is sharded and named, or refused", async () => {
  const config = (draw: Draw, depth: number): Record<string, unknown> => {
    const nested = (): unknown => depth > 0 && draw(3) === 0 ? config(draw, depth - 1) : anyValue(draw, 2);
    const numbers = { num_attention_heads: 8, num_key_value_heads: 4, vocab_size: 64, num_hidden_layers: 2 };
    const fields = Array.from({ length: draw(6) }, () => [pick(draw, FIELDS), nested()]);
    return { ...(draw(4) > 0 ? numbers : {}), ...Object.fromEntries(fields) };
  };
  const counts = await fuzz(
    "configurations",
    6000,
    (draw) => ({ config: config(draw, 2), tp: 1 + draw(8) }),
    (input) => {
      const { config, tp }: { config: ModelConfig; tp: number } = input;
      return outcome(() => {
        const before = structuredClone(config);
        const options = { config, dtype: null, kvCacheDtype: "auto", variant: null };
        moeParameters(config);
        hfOverrides(config, tp);
        assert.notEqual(shardConfig(config, tp), config);
        assert.equal(typeof resolveKvDtype(config, "auto"), "string");
        assertInside(bundlePath("perf", "H100", "a/b", variantName(options)));
        for (const notice of [...variantNotices(options), ...modelNotices(config, { tpDegrees: [tp] })]) {
          assert.match(notice, /^[A-Z].*[^.]$/);
        }
        assert.deepEqual(config, before);
      });
    },
  );
  assert.ok(counts.accepted! > 500 && counts.refused! > 500);
});
