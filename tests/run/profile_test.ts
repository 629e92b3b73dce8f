import assert from "node:assert/strict";
import { openBundle } from "../../src/bundle/open.ts";
import { validate } from "../../src/check/validate.ts";
import type { BootRequest, Harness } from "../../src/harness/harness.ts";
import { replayHarness } from "../../src/harness/replay.ts";
import { profileEvents } from "../../src/run/profile_events.ts";
import { resolveSettings } from "../../src/settings.ts";
import { fakeHarness, type FakeOptions } from "./fakes.ts";
import { recordSmall, rowsOfBundle, SMALL, smallBundle } from "./small_model.ts";
import { only, putFile, textOfFile, withFolder } from "./tiny_run.ts";
import { told } from "./told.ts";

Deno.test("profile makes a bundle that is valid, and tells what it does", () =>
  withFolder(async (dir) => {
    const events = await told(dir);
    const types = events.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);
    const sweep = ["sweep-started", "shot", "sweep-finished"];
    const degree = ["booting", "booted", "planned", ...sweep, ...sweep, ...sweep, ...sweep];
    assert.deepEqual(types, ["starting", "connected", ...degree, ...degree, "fitted", "finished"]);
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

Deno.test("a lone device is lent when its last engine is gone; who gets it may prepare as that engine boots", () =>
  withFolder(async (dir) => {
    const done: string[] = [];
    const open = (): Promise<Harness> => {
      const harness = fakeHarness();
      return Promise.resolve({
        ...harness,
        boot(request): ReturnType<Harness["boot"]> {
          done.push(`boot tp ${request.tp}`);
          return harness.boot(request);
        },
        async close(): Promise<void> {
          await harness.close();
          done.push("close");
        },
      });
    };
    const loan = {
      prepare: () => void done.push("prepare"),
      begin: () => void done.push("begin"),
      use: "serves",
    };
    const events = await told(dir, {}, {}, { open, loan });
    assert.deepEqual(done.slice(0, 5), ["boot tp 1", "prepare", "boot tp 2", "close", "begin"]);
    assert.equal(events.at(-1)?.type, "finished");
  }));

Deno.test("one of several devices is lent behind the first degree, once, and the others go on", () =>
  withFolder(async (dir) => {
    const done: string[] = [];
    const open = ([device]: readonly number[]): Promise<Harness> => {
      const harness = fakeHarness();
      return Promise.resolve({
        ...harness,
        boot(request): ReturnType<Harness["boot"]> {
          done.push(`device ${device} boots tp ${request.tp}`);
          return harness.boot(request);
        },
      });
    };
    const loan = { device: 1, begin: () => void done.push("begin"), use: "serves" };
    const events = await told(dir, { devices: [0, 1] }, {}, { open, loan });
    assert.deepEqual(done.toSorted(), [
      ...["begin", "device 0 boots tp 1", "device 0 boots tp 2", "device 1 boots tp 1"],
    ]);
    assert.deepEqual(done.slice(-2), ["begin", "device 0 boots tp 2"]);
    assert.deepEqual(
      events.flatMap((event) =>
        event.type === "notice" && / serves;/.test(event.message) ? [event.message] : []
      ),
      ["device 1 serves; the others go on with the rows"],
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
    assert.equal(skew_fit?.enabled, false);
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
      engine_resolved: {
        per_tp: {
          1: { block_size: 16, max_model_len: 100_000, num_cache_tokens: 1_000_000 },
          2: { block_size: 16, max_model_len: 100_000, num_cache_tokens: 1_000_000 },
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
      rows: Object.fromEntries(
        ["tp1", "tp2"].map((tp) => [tp, { dense: 280, per_sequence: 16, attention: 116, skew: 5 }]),
      ),
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

Deno.test("profile records the processor that was measured, and replays of the bundle have it", () =>
  withFolder(async (dir) => {
    const processor = { name: "AMD EPYC 7R13", cores: 2, instruction_sets: ["avx2"] };
    await told(dir, {}, { info: { processor } });
    const bundle = smallBundle(dir);
    const block = "\nprocessor:\n  name: AMD EPYC 7R13\n  cores: 2\n  instruction_sets: [avx2]\n";
    assert.ok((await textOfFile(bundle, "meta.yaml")).includes(block));
    await using harness = await replayHarness(bundle);
    assert.deepEqual(harness.info.processor, processor);
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
    await putFile(
      bundle,
      "tp2/attention.csv",
      text.replace("\nattention,16,0,8.0,1,16,1,", "\nattention,16,0,8.0,1,16,1,nan\n#"),
    );
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

Deno.test("profile of the skew sweep alone measures attention first where the bundle has none, and says so", () =>
  withFolder(async (dir) => {
    const events = await told(dir, { onlySkew: true });
    assert.deepEqual(
      events.filter((event) => event.type === "sweep-started").map(({ category, tp }) => `${category} ${tp}`),
      ["attention 1", "skew 1", "attention 2", "skew 2"],
    );
    assert.ok(
      events.some((event) =>
        event.type === "notice" &&
        event.message ===
          "The bundle has no rows of attention at tp 1, 2, between which alphas lie: they are " +
            "measured before the skew cases"
      ),
    );
  }));

Deno.test("profile of the skew sweep alone fires no other shot", () =>
  withFolder(async (dir) => {
    await told(dir, { skipSkew: true });
    const { meta } = await openBundle(smallBundle(dir));
    assert.deepEqual([meta.skew_profile, meta.skew_fit], [{ enabled: false }, { enabled: false }]);
    const events = await told(dir, { onlySkew: true });
    assert.deepEqual(only(events, "sweep-started").map(({ category }) => category), ["skew", "skew"]);
    const { skew_fit } = (await openBundle(smallBundle(dir))).meta;
    assert.deepEqual([skew_fit?.enabled, Object.keys(skew_fit?.per_tp ?? {})], [false, ["1", "2"]]);
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

Deno.test("profile says of rows without meta.yaml and journal that their origin is not known, and records it", () =>
  withFolder(async (dir) => {
    await told(dir);
    const bundle = smallBundle(dir);
    for (const file of ["meta.yaml", "journal.jsonl"]) await Deno.remove(`${bundle}/${file}`);
    const origin = "rows of unknown origin: neither meta.yaml nor a journal says who measured them";
    const messages = only(await told(dir), "notice").map(({ message }) => message);
    assert.ok(
      messages.includes(
        `${bundle}: ${origin}; they are kept, which is recorded; force (--force) measures all anew`,
      ),
      messages.join("\n"),
    );
    assert.deepEqual((await openBundle(bundle)).meta.mixed, [origin]);
    const again = only(await told(dir), "notice").map(({ message }) => message);
    assert.ok(!again.some((message) => message.includes("unknown origin")), again.join("\n"));
    assert.deepEqual((await openBundle(bundle)).meta.mixed, [origin]);
  }));
