/**
 * Inspection by vLLM's CPU build: one worker for all models, as importing it takes longer than booting. It takes
 * five minutes: `deno test -A tests/bench/families/inspect_on_vllm.ts`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CONFIG_DIR } from "../../../src/config_dir.ts";
import { HarnessError } from "../../../src/errors.ts";
import type { Harness } from "../../../src/harness/harness.ts";
import { openHarness } from "../../../src/harness/open.ts";
import type { Walk } from "../../../src/harness/walk.ts";
import { architectureCoverage, inspectModel } from "../../../src/inspect/inspect_model.ts";
import { loadArchitecture } from "../../../src/model/architecture.ts";
import { loadModel } from "../../../src/model/load_model.ts";
import type { Architecture } from "../../../src/model/model.ts";
import { predictIteration } from "../../../src/predict/iteration.ts";
import { predictor } from "../../../src/predict/predictor.ts";
import { profile } from "../../../src/run/profile.ts";
import { putFile, withFolder } from "../../run/tiny_run.ts";
import { tinyModel } from "../../inspect/tiny_models.ts";

/** Those written by hand, and one whose class derives the width of heads. */
const KNOWN = ["llama", "qwen3", "qwen3_moe", "mixtral", "phimoe", "qwen2"];
const GROUPS = ["dense", "per_sequence", "attention", "moe"] as const;
/** Layers by group, with whether they depend on the degree. */
function meaning(architecture: Architecture): unknown {
  return GROUPS.map((group) =>
    Object.entries(architecture.catalog[group]).map(([name, entry]) => [name, entry.tp_stable ?? false])
      .sort()
  );
}

/** Families with layers of two kinds, or two mixers in one, and a layer of each in the order in which they run. */
const PER_KIND: Readonly<Record<string, readonly string[]>> = {
  gemma3_text: ["sliding_attention", "attention"],
  glm4_moe: ["down_proj", "moe"],
  qwen3_next: ["gdn", "attention"],
  falcon_h1: ["attention", "ssm"],
};

async function hasStates(dir: string): Promise<boolean> {
  const text = await Deno.readTextFile(`${dir}/tp1/linear_attention.csv`).catch(() => "");
  return text.split("\n").length > 10;
}

/** The layer of every call, by its path. */
function bound(walk: Walk): Record<string, string | null> {
  return Object.fromEntries(
    walk.batches["mixed"]!.nodes.map(({ path, class: name, layer }) => [`${path} ${name}`, layer]),
  );
}

Deno.test("inspection on vLLM", async (t) => {
  let harness: Harness | undefined;
  const opened = async (): Promise<Harness> => harness ??= await openHarness("vllm");
  try {
    for (const modelType of KNOWN) {
      await t.step(
        `${modelType} comes out equal in meaning to its file`,
        async () => {
          const options = { harness: await opened() };
          const model = tinyModel(modelType);
          const found = await inspectModel(model, options);
          const architecture = await loadArchitecture(modelType, CONFIG_DIR);
          assert.deepEqual(found.architecture.sequence, architecture.sequence);
          assert.deepEqual(meaning(found.architecture), meaning(architecture));
          const written = await architectureCoverage({ ...model, architecture }, options);
          assert.deepEqual(bound(found.walk), bound(written.walk));
          assert.deepEqual(found.coverage.map(({ batch }) => batch), ["prefill", "decode", "mixed"]);
        },
      );
    }

    await t.step(
      "kinds of attention come out as blocks of their own, with a name for each kernel",
      async () => {
        const { architecture, kinds, text } = await inspectModel(tinyModel("gemma3_text"), {
          harness: await opened(),
        });
        assert.deepEqual(kinds.map(({ attn }) => attn), ["sliding_attention", "full_attention"]);
        assert.deepEqual(Object.keys(architecture.blocks!.attn), ["sliding_attention", "full_attention"]);
        assert.deepEqual(Object.keys(architecture.catalog.attention), ["sliding_attention", "attention"]);
        assert.match(text, /^# Drafted from tiny\/gemma3_text, vllm \d/);
      },
    );

    for (const [modelType, perKind] of Object.entries(PER_KIND)) {
      await t.step(
        `${modelType} is drafted, measured into one bundle and predicted, each kind of layer by its own rows`,
        () =>
          withFolder(async (dir) => {
            const tiny = tinyModel(modelType);
            const { text, kinds } = await inspectModel(tiny, { harness: await opened() });
            await putFile(dir, `configs/architecture/${modelType}.yaml`, text);
            await putFile(dir, `configs/model/${tiny.id}.json`, JSON.stringify(tiny.config));
            const bundle = await profile({
              model: tiny.id,
              hardware: "CPU",
              harness: "vllm",
              tpDegrees: [1],
              maxNumBatchedTokens: 64,
              maxNumSeqs: 4,
              attentionMaxKv: 128,
              attentionChunkFactor: 4,
              attentionKvFactor: 4,
              measurementIterations: 3,
              skipSkew: true,
              sentinelS: 0,
              configDir: `${dir}/configs`,
              perfDir: `${dir}/perf`,
            });
            const model = await loadModel(tiny.id, { configDir: `${dir}/configs` });
            const { contributions, skipped } = predictIteration(predictor(bundle, { simulator: "v1.2" }), {
              model,
              tp: 1,
              prefills: [{ chunk: 32, history: 16 }],
              decodes: [{ kv: 64, count: 2 }],
            });
            assert.deepEqual(skipped, []);
            const names = contributions.map(({ layer }) => layer);
            assert.deepEqual(names.filter((name) => perKind.includes(name)), perKind);
            assert.equal(kinds.length, 2);
            assert.equal(
              await hasStates(bundle.dir),
              perKind.some((name) => name === "gdn" || name === "ssm"),
            );
          }),
      );
    }

    await t.step(
      "layers that cover too little are refused with the module that launches the rest",
      async () => {
        const model = tinyModel("llama");
        const written = await loadArchitecture("llama", CONFIG_DIR);
        const { gate_up_proj: _, ...dense } = written.catalog.dense;
        const sequence = { ...written.sequence, mlp_dense: ["act_fn", "down_proj"] };
        const architecture = { ...written, sequence, catalog: { ...written.catalog, dense } };
        const harness = await opened();
        await assert.rejects(
          architectureCoverage({ ...model, architecture }, { harness }),
          (error: Error) => {
            assert.ok(error instanceof HarnessError);
            assert.equal(error.details.stage, "walk");
            assert.match(
              error.message,
              /^Cannot use the layers of llama for tiny\/llama: of a (prefill|decode|mixed) /,
            );
            assert.match(
              error.message,
              /in MergedColumnParallelLinear model\.layers\.0\.mlp\.gate_up_proj \(/,
            );
            return true;
          },
        );
      },
    );

    await t.step("a layer of kernels alone is refused where nothing tells their names", async () => {
      const model = tinyModel("llama");
      const written = await loadArchitecture("llama", "configs");
      const catalog = {
        ...written.catalog,
        dense: {
          ...written.catalog.dense,
          act_fn: { vllm: [], within: ["LlamaMLP"], kernels: ["silu_and_mul"] },
        },
      };
      const harness = await opened();
      await assert.rejects(
        architectureCoverage({ ...model, architecture: { ...written, catalog } }, { harness }),
        /layer 'act_fn' was found, but no kernel silu_and_mul was seen \(the quantity kernel alone sees them\)/,
      );
    });

    await t.step("a family that the build cannot run is refused with the engine's reason", async () => {
      const harness = await opened();
      const model = tinyModel("llama");
      const config = { ...model.config, architectures: ["NoSuchModel"], model_type: "no_such_model" };
      await assert.rejects(inspectModel({ ...model, config }, { harness }), (error: Error) => {
        assert.ok(error instanceof HarnessError);
        assert.match(error.message, /cannot boot tp 1: .*no_such_model/);
        return true;
      });
    });
  } finally {
    await harness?.close();
  }
});
