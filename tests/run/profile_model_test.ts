import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { writeOrigin } from "../../src/model/origin.ts";
import { profile } from "../../src/run/profile.ts";
import type { SettingsInput } from "../../src/settings.ts";
import { withFolder } from "./tiny_run.ts";

const TINY = {
  model: "org/name",
  hardware: "H100",
  harness: "roofline:H100",
  tpDegrees: [1, 16],
  maxNumBatchedTokens: 16,
  maxNumSeqs: 2,
  attentionMaxKv: 16,
  skipSkew: true,
} satisfies SettingsInput;

Deno.test("a quantized model of few KV heads is profiled as the engine runs it, and notices say so", async () => {
  await using folders = await temporary({
    quantization_config: { quant_method: "fp8", kv_cache_scheme: { num_bits: 8, type: "float" } },
    auto_map: { AutoConfig: "configuration_x.XConfig" },
  });
  const notices: string[] = [];
  const { perfDir, configDir } = folders;
  const bundle = await profile({ ...TINY, perfDir, configDir }, {
    onEvent: (event) => event.type === "notice" && notices.push(event.message),
  });
  assert.equal(bundle.dir, `${perfDir}/H100/org/name/fp8-kvfp8`);
  assert.deepEqual([bundle.meta.dtype, bundle.meta.kv_cache_dtype], ["bfloat16", "fp8"]);
  assert.equal(bundle.meta.engine_effective?.hf_overrides?.num_key_value_heads, 1);
  assert.deepEqual(notices, [
    "The simulator takes this model for bfloat16 by its config: tell it fp8 for the variant 'fp8-kvfp8'",
    "The model has 8 KV heads: at tp 16 each rank has a copy of one, as vLLM replicates them",
    "The model's config names code of its own (auto_map): it is not run, the engine measures its own modules " +
    "for the model_type",
  ]);
});

Deno.test("under parity, fewer KV heads than ranks are the reference's error, before anything is made", async () => {
  await using folders = await temporary();
  const { perfDir, configDir } = folders;
  await assert.rejects(
    profile({ ...TINY, perfDir, configDir, parity: true }),
    new UsageError(
      "Cannot shard the model to tp 16: num_key_value_heads must be divisible by it, got 8; leave this degree out",
    ),
  );
  assert.deepEqual([...Deno.readDirSync(perfDir)], []);
});

Deno.test("a bundle behind a link is refused, and nothing is written there", async () => {
  await using folders = await temporary();
  await using elsewhere = await temporary();
  const { perfDir, configDir } = folders;
  await Deno.symlink(elsewhere.perfDir, `${perfDir}/H100`);
  await assert.rejects(
    profile({ ...TINY, perfDir, configDir }),
    (error: Error) =>
      error.message.startsWith(
        `Cannot write to ${perfDir}/H100: it is a link to ${elsewhere.perfDir}, `,
      ),
  );
  assert.deepEqual([...Deno.readDirSync(elsewhere.perfDir)], []);
});

Deno.test("the revision that a config was downloaded of is recorded, and a bundle is bound to it", async () => {
  await using folders = await temporary();
  const { perfDir, configDir } = folders;
  const input = { ...TINY, tpDegrees: [1], perfDir, configDir };
  const path = `${configDir}/model/org/name.json`;
  const text = await Deno.readTextFile(path);
  assert.equal((await profile(input)).meta.model_revision, undefined);

  await writeOrigin(path, text, "0123abc");
  const { meta } = await profile({ ...input, force: true, yes: true });
  assert.equal(meta.model_revision, "0123abc");

  await writeOrigin(path, text, "4567def");
  await assert.rejects(
    profile({ ...input, tpDegrees: [1, 2] }),
    /\(model_revision 0123abc there, 4567def now\)/,
  );
  const mixed = await profile({ ...input, tpDegrees: [1, 2], allowMixed: true });
  assert.deepEqual(mixed.meta.mixed, ["model_revision 0123abc there, 4567def now"]);

  await Deno.remove(`${configDir}/model/org/name.revision`);
  assert.deepEqual((await profile({ ...input, tpDegrees: [1, 2, 4] })).tps, [1, 2, 4]);
});

/** A perf folder, and a config folder with one model: Qwen3-0.6B with other fields. */
async function temporary(
  fields: object = {},
): Promise<AsyncDisposable & { perfDir: string; configDir: string }> {
  const path = await Deno.makeTempDir();
  const { config } = await loadModel("Qwen/Qwen3-0.6B");
  for (const name of ["perf", "configs/model/org", "configs/architecture", "configs/hardware"]) {
    await Deno.mkdir(`${path}/${name}`, { recursive: true });
  }
  for (const file of ["architecture/qwen3.yaml", "hardware/H100.yaml"]) {
    await Deno.copyFile(`configs/${file}`, `${path}/configs/${file}`);
  }
  await Deno.writeTextFile(`${path}/configs/model/org/name.json`, JSON.stringify({ ...config, ...fields }));
  return {
    perfDir: `${path}/perf`,
    configDir: `${path}/configs`,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

Deno.test("what onEvent throws ends the run, also where it does so later", () =>
  withFolder(async (dir) => {
    const input = {
      model: "Qwen/Qwen3-0.6B",
      hardware: "H100",
      harness: "roofline:H100",
      preset: "quick",
    } as const;
    await assert.rejects(
      profile({ ...input, perfDir: dir }, {
        onEvent: async () => {
          await Promise.resolve();
          throw new Error("no bars left");
        },
      }),
      { message: "no bars left" },
    );
  }));

Deno.test("a prior that is the run's own bundle is noted", () =>
  withFolder(async (dir) => {
    const messages: string[] = [];
    const input = {
      model: "Qwen/Qwen3-0.6B",
      hardware: "H100",
      harness: "roofline:H100",
      preset: "quick",
    } as const;
    const own = await profile({ ...input, perfDir: dir });
    await profile({ ...input, perfDir: dir, adaptive: { shots: 0.5 }, prior: own.dir }, {
      onEvent: (event) => event.type === "notice" && messages.push(event.message),
    });
    assert.ok(messages.includes(
      "The prior is this run's own bundle: its rows are known anyway, and bound no error of others",
    ));
  }));
