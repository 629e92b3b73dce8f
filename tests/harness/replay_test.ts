import assert from "node:assert/strict";
import { replayHarness, type ReplayOptions } from "../../src/harness/replay.ts";
import { DECODE_HISTORY } from "../../src/shots/linear_shots.ts";
import type { HarnessInfo } from "../../src/harness/harness.ts";
import { VERSION } from "../../src/version.ts";
import type { Limits } from "../../src/shots/limits.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { skewCaseOf } from "../../src/shots/skew_cases.ts";
import type { SkewPart } from "../../src/shots/skew_parts.ts";
import { bootRequest, fireAll, withFolder } from "./toy.ts";

const bundle = {
  "meta.yaml": "hardware: BOX\ngpu: Box 9000\nvllm_version: 0.19.0\ncuda_version: '12.8'\n",
  "tp1/dense.csv": "layer,tokens,time_us\nlayernorm,1,2\nlayernorm,2,2.5\no_proj,1,7\nunasked,1,1\n",
  "tp1/attention.csv": "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n16,0,2,100,9.5\n",
  "tp1/moe.csv": "tokens,activated_experts,time_us\n4,8,50\n",
};
const dense = (tokens: number): Shot => ({ category: "dense", tp: 1, tokens });
const attention: Shot = {
  category: "attention",
  tp: 1,
  prefill_chunk: 16,
  kv_prefill: 0,
  n_decode: 2,
  kv_decode: 100,
};
const moe: Shot = { category: "moe", tp: 1, tokens: 4, activated_experts: 8 };
const shots = [dense(1), attention, moe];

Deno.test("replayHarness says that it is the recorded device and grants what was recorded", () =>
  withFolder(bundle, async (dir) => {
    await using harness = await replayHarness(dir);
    const { engine, engine_version, device, driver, runtime, quantities } = harness.info;
    assert.deepEqual(
      [engine, engine_version, device, driver, runtime, quantities],
      ["vllm", "0.19.0", "Box 9000", "unknown", "cuda 12.8", ["kernel"]],
    );
    const { limits, num_gpu_blocks, layers, engine_args } = await harness.boot(bootRequest);
    assert.deepEqual(limits, {
      max_num_batched_tokens: 64,
      max_num_seqs: 8,
      num_cache_tokens: 240, // one request of 16 tokens and two of 101, in blocks of 16
      max_model_len: 4096,
      num_experts: 8,
      top_k: 2,
      block_size: 16,
    });
    assert.equal(num_gpu_blocks, 15);
    const recorded = { class: "recorded", modules: 1 };
    assert.deepEqual(
      Object.entries(layers),
      ["o_proj", "layernorm", "attn", "experts"].map((layer) => [layer, recorded]),
    );
    assert.deepEqual(engine_args, {});
  }));

Deno.test("fire answers with the rows, under the catalogue's names", () =>
  withFolder(bundle, async (dir) => {
    await using harness = await replayHarness(dir);
    await harness.boot(bootRequest);
    assert.deepEqual(await fireAll(harness, shots), [
      { status: "measured", index: 0, samples: { o_proj: [7, 7, 7], layernorm: [2, 2, 2] } },
      { status: "measured", index: 1, samples: { attn: [9.5, 9.5, 9.5] } },
      { status: "measured", index: 2, samples: { experts: [50, 50, 50] } },
    ]);
  }));

Deno.test("fire fails shots that were not recorded", () =>
  withFolder(bundle, async (dir) => {
    await using harness = await replayHarness(dir);
    await harness.boot(bootRequest);
    const outcomes = await fireAll(harness, [dense(3), dense(2), {
      category: "per_sequence",
      tp: 1,
      sequences: 1,
    }]);
    const failed = (index: number, message: string): unknown => ({
      status: "failed",
      index,
      kind: "infeasible",
      message,
    });
    assert.deepEqual(outcomes, [
      failed(0, "The replayed bundle has no row for dense:1:3"),
      failed(1, "The replayed bundle has no row of o_proj for dense:1:2"),
      failed(2, "The replayed bundle has no row for per_sequence:1:1"),
    ]);
  }));

Deno.test("noise depends on the seed and the shot, not on the order", () =>
  withFolder(bundle, async (dir) => {
    const samples = async (seed: number, order: readonly Shot[]): Promise<string[]> => {
      await using harness = await replayHarness(dir, { noise: 0.01, seed });
      await harness.boot(bootRequest);
      const outcomes = await fireAll(harness, order);
      return outcomes.map((outcome) => outcome.status === "measured" ? JSON.stringify(outcome.samples) : "");
    };
    const [first, ...others] = await samples(1, shots);
    assert.deepEqual(await samples(1, shots.toReversed()), [...others.toReversed(), first]);
    assert.notDeepEqual(await samples(2, shots), [first, ...others]);
  }));

Deno.test("noise has the asked spread around the row", () =>
  withFolder(bundle, async (dir) => {
    await using harness = await replayHarness(dir, { noise: 0.02 });
    await harness.boot(bootRequest);
    const [outcome] = await Array.fromAsync(
      harness.fire({ shots: [attention], iterations: 20_000, quantity: "kernel" }),
    );
    assert(outcome?.status === "measured");
    const logs = outcome.samples["attn"]!.map((sample) => Math.log(sample / 9.5));
    const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
    const sigma = Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / logs.length);
    assert(Math.abs(mean) < 0.001 && Math.abs(sigma - 0.02) < 0.001, `mean ${mean}, sigma ${sigma}`);
  }));

const failing: [ReplayOptions, number[]][] = [
  [{ fail: 0 }, []],
  [{ fail: 1 }, [0, 1, 2]],
  [{ fail: ["attention:1:16,0,2,100"] }, [1]],
];
for (const [options, expected] of failing) {
  Deno.test(`the shots that ${JSON.stringify(options)} names fail`, () =>
    withFolder(bundle, async (dir) => {
      await using harness = await replayHarness(dir, options);
      await harness.boot(bootRequest);
      const outcomes = await fireAll(harness, shots);
      assert.deepEqual(
        outcomes.filter(({ status }) => status === "failed").map(({ index }) => index),
        expected,
      );
    }));
}

Deno.test("an abort ends a slow replay with the signal's reason", () =>
  withFolder(bundle, async (dir) => {
    await using harness = await replayHarness(dir, { delayMs: 60_000 });
    await harness.boot(bootRequest);
    const abort = new AbortController();
    const firing = Array.fromAsync(
      harness.fire({ shots, iterations: 1, quantity: "kernel" }, { signal: abort.signal }),
    );
    setTimeout(() => abort.abort(new Error("enough")), 10);
    await assert.rejects(firing, { message: "enough" });
  }));

const refused: [string, (dir: string) => Promise<unknown>, string][] = [
  [
    "a negative noise",
    (dir) => replayHarness(dir, { noise: -1 }),
    "Cannot replay: noise must be 0 or more, got -1",
  ],
  [
    "an endless delay",
    (dir) => replayHarness(dir, { delayMs: Infinity }),
    "Cannot replay: delayMs must be 0 or more, got Infinity",
  ],
  [
    "a share above 1",
    (dir) => replayHarness(dir, { fail: 2 }),
    "Cannot replay: fail must be a share from 0 to 1, got 2",
  ],
  [
    "a degree that was not recorded",
    async (dir) => await (await replayHarness(dir)).boot({ ...bootRequest, tp: 2 }),
    "Cannot boot tp 2: the bundle <dir> has tp 1",
  ],
  [
    "shots before a boot",
    async (dir) => await fireAll(await replayHarness(dir), shots),
    "Cannot fire on harness 'replay': no engine is booted",
  ],
  [
    "another quantity",
    async (dir) => {
      const harness = await replayHarness(dir);
      await harness.boot(bootRequest);
      await Array.fromAsync(harness.fire({ shots, iterations: 1, quantity: "wall" }));
    },
    "Harness 'replay' gives kernel, asked for wall",
  ],
];
for (const [what, act, message] of refused) {
  Deno.test(`replayHarness refuses ${what}`, () =>
    withFolder(bundle, async (dir) => {
      await assert.rejects(act(dir), { message: message.replace("<dir>", dir) });
    }));
}

const told: [string, Partial<HarnessInfo>][] = [
  ["hardware: BOX\n", { engine_version: "unknown", device: "unknown", runtime: "unknown" }],
  [
    "hardware: BOX\nengine: other\nengine_version: '2'\nvllm_version: '1'\ndriver: '560'\nruntime: torch\nquantity: wall\n" +
    "gpu: Box\ndevices: [Box 1, Box 2]\n",
    {
      ...{ engine: "other", engine_version: "2", driver: "560", runtime: "torch", quantities: ["wall"] },
      device: "Box 1",
    },
  ],
];
for (const [meta, info] of told) {
  Deno.test(`what a replay tells of itself: ${JSON.stringify(info)}`, () =>
    withFolder({ "meta.yaml": meta }, async (dir) => {
      await using harness = await replayHarness(dir);
      const usual = {
        harness: "replay",
        engine: "vllm",
        driver: "unknown",
        quantities: ["kernel"],
        lanes: 1,
      };
      assert.deepEqual(harness.info, { ...usual, harness_version: VERSION, ...info });
    }));
}

/** Times of a bundle that says less or more of its engine, and the limits that they grant. */
const granted: [string, Record<string, string>, Record<string, unknown>, Partial<Limits>][] = [
  ["no pool, no positions: its largest shot", {}, { max_position_embeddings: null }, {
    ...{ num_cache_tokens: 240, max_model_len: 101 + 2, block_size: 16 },
  }],
  [
    "blocks that it names",
    { "meta.yaml": `${bundle["meta.yaml"]}kv_block_size: 32\nnum_gpu_blocks: 100\n` },
    {},
    { num_cache_tokens: 3200, max_model_len: 4096, block_size: 32 },
  ],
  [
    "blocks of its engine",
    { "meta.yaml": `${bundle["meta.yaml"]}engine_effective:\n  block_size: 64\n` },
    {},
    // One request of 16 tokens and two of 101.
    { num_cache_tokens: 64 + 2 * 128, max_model_len: 4096, block_size: 64 },
  ],
  [
    "a recurrent state beside decodes",
    {
      "tp1/attention.csv": "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n",
      "tp1/linear_attention.csv": "layer,prefill_tokens,n_decode,time_us\ngdn,400,3,5\n",
    },
    { max_position_embeddings: null },
    {
      num_cache_tokens: 16 * (25 + 3 * Math.ceil((1 + DECODE_HISTORY) / 16)),
      max_model_len: 402,
      block_size: 16,
    },
  ],
  [
    "sequences, experts and new tokens",
    {
      "tp1/attention.csv": "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n",
      "tp1/per_sequence.csv": "layer,sequences,time_us\nlm_head,20,5\n",
      "tp1/moe.csv": "tokens,activated_experts,time_us\n300,8,50\n",
    },
    { max_position_embeddings: null },
    // A block for each of 20 sequences; of 300 tokens 19.
    { num_cache_tokens: 320, max_model_len: 302, block_size: 16 },
  ],
  ["a model without experts", {}, { num_experts: undefined }, {
    ...{ num_cache_tokens: 240, max_model_len: 4096, block_size: 16, num_experts: null, top_k: null },
  }],
];
for (const [what, files, config, limits] of granted) {
  Deno.test(`a replay grants ${what}`, () =>
    withFolder({ ...bundle, ...files }, async (dir) => {
      await using harness = await replayHarness(dir);
      const booted = await harness.boot({ ...bootRequest, config: { ...bootRequest.config, ...config } });
      const asked = { max_num_batched_tokens: 64, max_num_seqs: 8, num_experts: 8, top_k: 2 };
      assert.deepEqual(booted.limits, { ...asked, ...limits });
      const { num_cache_tokens, block_size } = booted.limits;
      assert.equal(booted.num_gpu_blocks, num_cache_tokens / block_size);
      assert.deepEqual(booted.engine_args, what === "blocks of its engine" ? { block_size: 64 } : {});
    }));
}

Deno.test("100,000 shots leave no memory behind", () =>
  withFolder(bundle, async (dir) => {
    await using harness = await replayHarness(dir);
    await harness.boot(bootRequest);
    const before = Deno.memoryUsage().rss;
    const chunk = Array.from({ length: 100 }, (_, n) => shots[n % 3]!);
    for (let n = 0; n < 1000; n++) {
      for await (const { status } of harness.fire({ shots: chunk, iterations: 3, quantity: "kernel" })) {
        assert.equal(status, "measured");
      }
    }
    const grownMiB = (Deno.memoryUsage().rss - before) / 2 ** 20;
    assert(grownMiB < 100, `grown by ${grownMiB} MiB`);
  }));

Deno.test("fire answers skew cases by part, from the three times of skew.csv", () => {
  const skew = "regime,n,nb,ratio,skew,pc,kp,kvs,kv_big,kv_mean,t_mean_us,t_max_us,t_skew_us,alpha\n" +
    "mixed,4,1,0.25,4.0,16,0,128,512,224,10.5,20.5,12.5,0.2\n";
  const shot = (kvs: number, parts: SkewPart[]): Shot => ({
    category: "skew",
    tp: 1,
    ...skewCaseOf([4, 1, 16, 0, kvs, 4 * kvs]),
    tier: 1,
    parts,
  });
  return withFolder({ ...bundle, "tp1/skew.csv": skew }, async (dir) => {
    await using harness = await replayHarness(dir);
    const { limits } = await harness.boot(bootRequest);
    assert.equal(limits.num_cache_tokens, 16 + 528 + 3 * 144);
    assert.deepEqual(await fireAll(harness, [shot(128, ["t_mean", "t_skew"]), shot(256, ["t_skew"])]), [
      { status: "measured", index: 0, samples: { t_mean: [10.5, 10.5, 10.5], t_skew: [12.5, 12.5, 12.5] } },
      {
        status: "failed",
        index: 1,
        kind: "infeasible",
        message: "The replayed bundle has no row for skew:1:4,1,16,0,256,1024",
      },
    ]);
  });
});
