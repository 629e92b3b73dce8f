import assert from "node:assert/strict";
import process from "node:process";
import { openBundle } from "../../src/bundle/open.ts";
import { validate } from "../../src/bundle/validate.ts";
import { HarnessError } from "../../src/errors.ts";
import type { BootRequest, Harness } from "../../src/harness/harness.ts";
import type { RunEvent } from "../../src/run/events.ts";
import { profile, type ProfileOptions } from "../../src/run/profile.ts";
import { profileEvents } from "../../src/run/profile_events.ts";
import { refresh } from "../../src/run/refresh.ts";
import { resolveSettings, type SettingsInput } from "../../src/settings.ts";
import { fakeHarness, type FakeOptions } from "./fakes.ts";
import { recordSmall, rowsOfBundle, SMALL, smallBundle } from "./small_model.ts";
import { only, putFile, textOfFile, withFolder } from "./tiny_run.ts";

/** Profiles the small model with fakes and gives what was told. */
async function told(
  perfDir: string,
  input: Partial<SettingsInput> = {},
  fake: FakeOptions = {},
  options: ProfileOptions = {},
): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent): void => void events.push(event);
  await profile({ ...SMALL, perfDir, ...input }, {
    open: () => Promise.resolve(fakeHarness(fake)),
    onEvent,
    ...options,
  });
  return events;
}

Deno.test("profile makes a bundle that is valid, and tells what it does", () =>
  withFolder(async (dir) => {
    const events = await told(dir);
    const types = events.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);
    const sweep = ["sweep-started", "shot", "sweep-finished"];
    const degree = ["booting", "booted", "planned", ...sweep, ...sweep, ...sweep, ...sweep];
    assert.deepEqual(types, ["connected", ...degree, ...degree, "fitted", "finished"]);
    const [finished] = only(events, "finished");
    assert.equal(finished?.dir, smallBundle(dir));
    assert.equal(finished?.measured, only(events, "shot").length);
    assert.deepEqual(finished?.failed, []);
    assert.deepEqual((await validate(smallBundle(dir))).filter(({ severity }) => severity === "error"), []);
  }));

Deno.test("profile shards the model for each degree and boots them on one harness", () =>
  withFolder(async (dir) => {
    const requests: BootRequest[] = [];
    let opened = 0;
    const open = (): Promise<Harness> => {
      opened++;
      const harness = fakeHarness();
      return Promise.resolve({
        ...harness,
        boot(request): ReturnType<Harness["boot"]> {
          requests.push(request);
          return harness.boot(request);
        },
      });
    };
    await told(dir, {}, {}, { open });
    assert.equal(opened, 1);
    assert.deepEqual(
      requests.map(({ tp, dtype, config }) => [tp, dtype, config.num_attention_heads, config.head_dim]),
      [[1, "bfloat16", 16, 128], [2, "bfloat16", 8, 128]],
    );
  }));

Deno.test("profile writes meta.yaml with the contract's keys, then its own", () =>
  withFolder(async (dir) => {
    await told(dir);
    const { meta } = await openBundle(smallBundle(dir));
    const {
      profiled_at,
      architecture_sha256,
      source_sha256,
      duration_s,
      profiler_version,
      skew_fit,
      ...fixed
    } = meta;
    assert.equal(skew_fit?.enabled, true);
    assert.deepEqual(Object.keys(skew_fit?.per_tp ?? {}), ["1", "2"]);
    assert.match(profiled_at!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
    for (const hash of [architecture_sha256, source_sha256]) assert.match(hash!, /^[0-9a-f]{64}$/);
    assert.deepEqual(Object.keys(duration_s!), ["tp1", "tp2"]);
    assert.match(profiler_version!, /^\d+\.\d+\.\d+$/);
    assert.deepEqual(fixed, {
      vllm_version: null,
      cuda_version: null,
      gpu: "Abacus",
      hardware: "TEST",
      architecture: "qwen3",
      model: "Qwen/Qwen3-0.6B",
      variant: "bf16",
      tp_degrees: [1, 2],
      engine_effective: {
        load_format: "dummy",
        tensor_parallel_size: 1,
        block_size: 16,
        max_num_batched_tokens: 64,
        max_num_seqs: 8,
        hf_overrides: {
          num_hidden_layers: 1,
          intermediate_size: 1536,
          num_attention_heads: 8,
          num_key_value_heads: 4,
          vocab_size: 75_968,
        },
      },
      attention_grid: {
        max_kv: 256,
        chunk_factor: 4,
        kv_factor: 4,
        chunks: "0, 16-64 x4",
        n_decode: "0, 1-8 x2",
        kv: "0, 16-256 x4",
      },
      measurement_iterations: 3,
      skew_profile: {
        enabled: true,
        factors: { n: 2, pc: 2, kp: 2, kvs: 2 },
        grid: {
          n: "2-8 x2",
          ratio: [0.0625, 0.125, 0.25, 0.5, 0.75, 0.9],
          pc: "0, 16-64 x2",
          kp: [0, 512],
          kvs: "128-512 x2",
          skew_rep: 4,
        },
        mode: "interpolated",
      },
      harness: "fake",
      harness_version: "1",
      quantity: "wall",
      statistic: "median",
      devices: ["Abacus"],
      engine: "fake",
      engine_version: "1.0",
      driver: "none",
      runtime: "wood",
      kv_block_size: 16,
      num_gpu_blocks: 62_500,
      dtype: "bfloat16",
      kv_cache_dtype: "auto",
      samples: { dense: 168, per_sequence: 48, attention: 696, skew: 30 },
      noise: { spread_p50: 0, spread_p90: 0, sentinels: 0, measured_again: 0, in_doubt: 0 },
      failed_shots: 0,
    });
  }));

Deno.test("profile of a whole bundle fires nothing and changes no file", () =>
  withFolder(async (dir) => {
    await told(dir);
    const files = ["meta.yaml", "journal.jsonl", "tp1/dense.csv", "tp2/per_sequence.csv"];
    const read = (): Promise<string[]> =>
      Promise.all(files.map((path) => textOfFile(smallBundle(dir), path)));
    const before = await read();
    const fired: string[] = [];
    await told(dir, {}, { fired });
    assert.deepEqual(fired, []);
    assert.deepEqual(await read(), before);
  }));

Deno.test("profile resumes a published bundle, without a journal, from its rows", () =>
  withFolder(async (dir) => {
    const bundle = await recordSmall(dir);
    const rows = await rowsOfBundle(bundle);
    await Deno.remove(`${bundle}/journal.jsonl`);
    const text = await textOfFile(bundle, "tp2/attention.csv");
    await putFile(bundle, "tp2/attention.csv", text.replace("\n16,0,1,16,", "\n16,0,1,16,nan\n#"));
    const fired: string[] = [];
    await told(dir, {}, { fired });
    assert.deepEqual(fired, ["attention tp2 16,0,1,16"]);
    assert.deepEqual(await rowsOfBundle(bundle), rows);
  }));

Deno.test("profile lists the shots that failed, before or now", () =>
  withFolder(async (dir) => {
    const fake: FakeOptions = {
      mishap: (shot) =>
        shot.category === "dense" && shot.tp === 1 && shot.tokens > 60
          ? { failed: "out_of_memory" }
          : undefined,
    };
    const failed = [{
      category: "dense",
      tp: 1,
      key: [64],
      kind: "out_of_memory",
      message: "too many beads",
    }];
    assert.deepEqual(only(await told(dir, {}, fake), "finished")[0]?.failed, failed);
    assert.equal((await openBundle(smallBundle(dir))).meta.failed_shots, 1);
    assert.deepEqual(only(await told(dir), "finished")[0]?.failed, failed);
    assert.deepEqual(only(await told(dir, { retryFailed: true }), "finished")[0]?.failed, []);
  }));

Deno.test("refresh measures one sweep again and renews the copies of its stable layers", () =>
  withFolder(async (dir) => {
    await told(dir, {}, { mishap: () => ({ samples: [77] }) });
    const fired: string[] = [];
    const open = (): Promise<Harness> => Promise.resolve(fakeHarness({ fired }));
    await refresh({ ...SMALL, perfDir: dir }, { tp: 1, category: "dense" }, { open });
    assert.deepEqual([...new Set(fired.map((shot) => shot.split(" ").slice(0, 2).join(" ")))], ["dense tp1"]);
    const rows = await rowsOfBundle(smallBundle(dir));
    const old = rows.filter((row) => row.endsWith(" 77")).map((row) => row.split(" ").slice(0, 3).join(" "));
    assert.ok(!old.some((row) => row.startsWith("tp1 dense")));
    assert.ok(!old.includes("tp2 dense layernorm"));
    assert.ok(old.includes("tp2 dense qkv_proj"));
  }));

Deno.test("refresh measures the skew cases of a degree again, and fits the alphas anew", () =>
  withFolder(async (dir) => {
    await told(dir);
    const before = await openBundle(smallBundle(dir));
    const fired: string[] = [];
    const events: RunEvent[] = [];
    const mishap: FakeOptions["mishap"] = (shot) =>
      shot.category === "skew" ? { samples: [77, 77, 77] } : undefined;
    const bundle = await refresh({ ...SMALL, perfDir: dir }, { tp: 1, category: "skew" }, {
      open: () => Promise.resolve(fakeHarness({ fired, mishap })),
      onEvent: (event) => void events.push(event),
    });
    assert.equal(fired.length, bundle.skew(1).length);
    assert.ok(bundle.skew(1).every((row) => row.t_skew_us === 77));
    assert.deepEqual(bundle.skew(2), before.skew(2));
    assert.notDeepEqual(bundle.skewFit(1), before.skewFit(1));
    assert.equal(only(events, "fitted").length, 1);
  }));

Deno.test("profile without the skew sweep leaves the cases and the fit as they are", () =>
  withFolder(async (dir) => {
    await told(dir);
    const files = ["meta.yaml", "tp1/skew.csv", "tp1/skew_fit.csv"];
    const read = (): Promise<string[]> =>
      Promise.all(files.map((path) => textOfFile(smallBundle(dir), path)));
    const before = await read();
    const events = await told(dir, { skipSkew: true });
    assert.deepEqual(await read(), before);
    assert.deepEqual(only(events, "fitted"), []);
  }));

Deno.test("profile of the skew sweep alone fires no other shot", () =>
  withFolder(async (dir) => {
    await told(dir, { skipSkew: true });
    const { meta } = await openBundle(smallBundle(dir));
    assert.deepEqual([meta.skew_profile, meta.skew_fit], [{ enabled: false }, { enabled: false }]);
    const events = await told(dir, { onlySkew: true });
    assert.deepEqual(only(events, "sweep-started").map(({ category }) => category), ["skew", "skew"]);
    assert.equal((await openBundle(smallBundle(dir))).meta.skew_fit?.enabled, true);
  }));

Deno.test("refresh refuses a sweep that is not measured", () =>
  withFolder(async (dir) => {
    const options = { open: () => Promise.resolve(fakeHarness()) };
    await assert.rejects(refresh({ ...SMALL, perfDir: dir }, { tp: 2, category: "moe" }, options), {
      name: "UsageError",
      message: "Cannot measure moe at tp 2 again: it is not measured there; " +
        "choose one of dense, per_sequence, attention, skew, or another tp",
    });
  }));

const REFUSED: Record<string, [Partial<SettingsInput>, string]> = {
  "a degree that does not divide the model": [
    { tpDegrees: [1, 3] },
    "Cannot shard the model to tp 3: num_attention_heads must be divisible by it, got 16; leave this degree out",
  ],
  "a quantity that the harness does not measure": [
    { quantity: "kernel" },
    "Cannot time kernel: the harness fake measures wall; choose one of these as quantity",
  ],
  "the skew sweep alone": [
    { onlySkew: true },
    "Cannot run the skew sweep alone at tp 1: attention.csv has no rows for its alphas to lie between; " +
    "leave onlySkew (--only-skew) out",
  ],
};
for (const [name, [input, message]] of Object.entries(REFUSED)) {
  Deno.test(`profile refuses ${name}, and writes nothing`, () =>
    withFolder(async (dir) => {
      await assert.rejects(told(dir, input), { name: "UsageError", message });
      assert.deepEqual([...Deno.readDirSync(dir)], []);
    }));
}

Deno.test("profile with a harness that cannot be opened or booted leaves nothing behind", () =>
  withFolder(async (dir) => {
    const failure = new HarnessError("Cannot start the harness program 'abacus'", { stage: "spawn" });
    await assert.rejects(told(dir, {}, {}, { open: () => Promise.reject(failure) }), failure);
    await assert.rejects(told(dir, {}, { bootFails: () => true }), { message: "Cannot boot: out of beads" });
    assert.deepEqual([...Deno.readDirSync(dir)], []);
  }));

Deno.test("profile refuses a bundle of another device before it boots", () =>
  withFolder(async (dir) => {
    await told(dir);
    const booted: number[] = [];
    await assert.rejects(told(dir, {}, { booted, info: { device: "Slide rule" } }), /device Abacus there/);
    assert.deepEqual(booted, []);
    await told(dir, { allowMixed: true, retryFailed: true, tpDegrees: [1, 2, 4] }, {
      info: { device: "Slide rule" },
    });
    const { meta } = await openBundle(smallBundle(dir));
    assert.deepEqual(meta.devices, ["Abacus", "Slide rule"]);
    assert.deepEqual(meta.mixed, ["device Abacus there, Slide rule now"]);
    assert.deepEqual(meta.tp_degrees, [1, 2, 4]);
  }));

Deno.test("profile says before it opens a harness that the perf folder cannot be written", {
  ignore: Deno.build.os === "windows",
}, () =>
  withFolder(async (dir) => {
    await Deno.chmod(dir, 0o555);
    const root = Deno.uid() === 0;
    if (root) process.seteuid!(65_534);
    let opened = 0;
    const open = (): Promise<Harness> => Promise.resolve(fakeHarness({ booted: [opened++] }));
    try {
      await assert.rejects(told(dir, {}, {}, { open }), {
        name: "UsageError",
        message: `Cannot write ${smallBundle(dir)}: the folder may not be written to; ` +
          "change its permissions or choose another folder",
      });
    } finally {
      if (root) process.seteuid!(0);
      await Deno.chmod(dir, 0o755);
    }
    assert.equal(opened, 0);
  }));

Deno.test("profile refuses a bundle that another run is writing", () =>
  withFolder(async (dir) => {
    const settings = resolveSettings({ ...SMALL, perfDir: dir });
    for await (const event of profileEvents(settings, { harness: fakeHarness() })) {
      if (event.type !== "shot") continue;
      await assert.rejects(told(dir), /it is being written by process \d+ on /);
      break;
    }
    await told(dir);
  }));

for (const how of ["abort", "break"] as const) {
  Deno.test(`profile that is cancelled (${how}) ends its harness and keeps what was measured`, () =>
    withFolder(async (dir) => {
      let closed = 0;
      const harness = fakeHarness();
      const close = (): Promise<void> => Promise.resolve(void closed++);
      const open = (): Promise<Harness> =>
        Promise.resolve({ ...harness, close, [Symbol.asyncDispose]: close });
      const controller = new AbortController();
      const settings = resolveSettings({ ...SMALL, perfDir: dir });
      let shots = 0;
      const run = async (): Promise<void> => {
        for await (const event of profileEvents(settings, { open, signal: controller.signal })) {
          if (event.type !== "shot" || ++shots < 40) continue;
          if (how === "break") break;
          controller.abort(new DOMException("Interrupted", "AbortError"));
        }
      };
      if (how === "abort") await assert.rejects(run(), { name: "AbortError" });
      else await run();
      assert.equal(closed, 1);
      const fired: string[] = [];
      await told(dir, {}, { fired });
      assert.equal(new Set(fired).size, fired.length);
      assert.equal(fired.length + shots, 314);
    }));
}
