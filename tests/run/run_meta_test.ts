/** What meta.yaml says of a run, key by key. */
import { loadModel } from "../../src/model/load_model.ts";
import assert from "node:assert/strict";
import type { Meta } from "../../src/bundle/meta.ts";
import { identityOf } from "../../src/journal/identity.ts";
import { adaptiveProfile } from "../../src/run/adaptive_session.ts";
import { runMeta, type RunMetaOptions } from "../../src/run/run_meta.ts";
import { resolveSettings } from "../../src/settings.ts";
import { attentionGridSpec } from "../../src/shots/axis_spec.ts";
import { skewProfileSpec } from "../../src/shots/skew_axes.ts";
import type { SessionFacts } from "../../src/store/session.ts";
import { VERSION } from "../../src/version.ts";
import { fakeHarness, tinyArchitecture } from "./fakes.ts";
import { SMALL } from "./small_model.ts";
import { TINY_BOOT } from "./tiny_boot.ts";

const harness = fakeHarness();
const booted = { ...await harness.boot(TINY_BOOT), engine_args: { seed: 1, block_size: 1 } };
const settings = resolveSettings(SMALL);
const TYPES = { dtype: "bfloat16", kv_cache_dtype: "auto", quantity: "wall" } as const;
const OPTIONS: RunMetaOptions = {
  settings,
  model: { id: "toy/toy", config: {}, architecture: tinyArchitecture() },
  overrides: (tp) => ({ num_attention_heads: 16 / tp }),
  variant: "bf16",
  identity: identityOf(harness.info, TYPES),
  booted,
  startedAt: new Date("2026-03-01T09:30:00.123Z"),
  sourceSha256: "ab",
  previous: null,
};
const FACTS: SessionFacts = {
  tps: [1, 2],
  skewTps: [],
  estimated: {},
  samples: { dense: 12 },
  rows: { tp1: { dense: 9 } },
  durationS: { tp1: { dense: 1.23456, skew: 0.0004 } },
  deviceBusyS: {},
  noise: null,
  clocks: {},
  sustained: [],
  failed: [],
  mixed: [],
};
const META: Meta = {
  profiler_version: VERSION,
  vllm_version: null,
  cuda_version: null,
  gpu: "Abacus",
  hardware: "TEST",
  profiled_at: "2026-03-01T09:30:00+00:00",
  architecture: "tiny",
  architecture_sha256: "00",
  model: "toy/toy",
  variant: "bf16",
  tp_degrees: [1, 2],
  engine_effective: {
    seed: 1,
    tensor_parallel_size: 1,
    block_size: 16,
    max_num_batched_tokens: 64,
    max_num_seqs: 16,
    hf_overrides: { num_attention_heads: 8 },
  },
  attention_grid: attentionGridSpec(settings, booted.limits),
  measurement_iterations: 3,
  skew_profile: { enabled: false },
  skew_fit: { enabled: false },
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
  samples: { dense: 12 },
  rows: { tp1: { dense: 9 } },
  duration_s: { tp1: { dense: 1.235, skew: 0 } },
  failed_shots: 0,
  source_sha256: "ab",
};

Deno.test("meta.yaml of a plain run, in full", () => {
  assert.deepEqual(runMeta(OPTIONS, FACTS), META);
});

const PROCESSOR = { name: "AMD EPYC", cores: 2, instruction_sets: ["avx2"] };
const NOISE = { spread_p50: 0.01 } as unknown as NonNullable<SessionFacts["noise"]>;
const limits = booted.limits;
const SCOUT = await loadModel("meta-llama/Llama-4-Scout-17B-16E");
/** What quantized layers run by at two degrees. */
const METHODS: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  1: { o_proj: "AutoAWQMarlinLinearMethod MacheteLinearKernel" },
  2: { o_proj: "AutoAWQMarlinLinearMethod MarlinLinearKernel" },
};
const resolved = { block_size: 16, max_model_len: 100_000, num_cache_tokens: 1_000_000 };
const info = (more: object): RunMetaOptions["identity"] => identityOf({ ...harness.info, ...more }, TYPES);
const COLD = { cache_bytes: 64, residual: true };
const cases: [string, Partial<RunMetaOptions>, Partial<SessionFacts>, Partial<Meta>][] = [
  ["no degree yet", {}, { tps: [] }, {
    tp_degrees: [],
    engine_effective: { ...META.engine_effective, hf_overrides: { num_attention_heads: 16 } },
  }],
  [
    "vLLM on CUDA",
    { identity: info({ engine: "vllm", engine_version: "0.19.0", runtime: "torch 2.11.0+cu128" }) },
    {},
    {
      vllm_version: "0.19.0",
      cuda_version: "12.8",
      engine: "vllm",
      engine_version: "0.19.0",
      runtime: "torch 2.11.0+cu128",
    },
  ],
  ["CUDA 13", { identity: info({ runtime: "torch 2.11.0+cu130 x" }) }, {}, {
    cuda_version: "13.0",
    runtime: "torch 2.11.0+cu130 x",
  }],
  ["a processor", { identity: info({ processor: PROCESSOR }) }, {}, { processor: PROCESSOR }],
  [
    "a revision of the hub",
    { identity: identityOf(harness.info, { ...TYPES, model_revision: "c0ffee" }) },
    {},
    { model_revision: "c0ffee" },
  ],
  ["layers that no simulator reads", { model: SCOUT }, {}, {
    architecture: "llama4_text",
    architecture_sha256: SCOUT.architecture.sha256,
    model: SCOUT.id,
    unread_layers: ["rotary_emb", "qk_norm", "chunked_attention"],
  }],
  ["conditions", { booted: { ...booted, conditions: { cold: true } } }, {}, { conditions: { cold: true } }],
  [
    "other conditions than its rows of before",
    {
      booted: { ...booted, conditions: { ...COLD, inputs: "direct", layer_before: true, clock_mhz: 1545 } },
      previous: { conditions: { ...COLD, inputs: "scheduled", methods: METHODS[1]! } },
    },
    { mixed: ["driver 1 there, 2 now"] },
    {
      conditions: { ...COLD, inputs: "direct", layer_before: true, clock_mhz: 1545 },
      mixed: [
        "driver 1 there, 2 now",
        "inputs scheduled there, direct now",
        "layer_before not told there, true now",
      ],
    },
  ],
  [
    "other conditions under which nothing was measured",
    {
      booted: { ...booted, conditions: { inputs: "direct" } },
      previous: { conditions: { inputs: "scheduled" }, duration_s: META.duration_s! },
    },
    {},
    { conditions: { inputs: "scheduled" } },
  ],
  [
    "conditions where those of before are not known",
    { booted: { ...booted, conditions: COLD }, previous: {} },
    {},
    { conditions: COLD },
  ],
  ["a rule of precision", { settings: { ...settings, precision: { relative: 0.01, min: 3, max: 30 } } }, {}, {
    precision: { relative: 0.01, min: 3, max: 30 },
  }],
  ["what engines came to", { enginesByTp: new Map([[2, { limits }]]) }, {}, {
    engine_resolved: { per_tp: { 2: resolved } },
  }],
  [
    "kernels that differ between degrees",
    {
      enginesByTp: new Map([1, 2].map((tp) => [tp, { limits, conditions: { methods: METHODS[tp]! } }])),
      booted: { ...booted, conditions: { methods: METHODS[2]! } },
    },
    {},
    {
      conditions: { methods: METHODS[2]! },
      engine_resolved: {
        per_tp: { 1: { ...resolved, methods: METHODS[1]! }, 2: { ...resolved, methods: METHODS[2]! } },
      },
    },
  ],
  [
    "what engines came to before",
    {
      enginesByTp: new Map([[2, { limits }]]),
      previous: {
        engine_resolved: {
          per_tp: { 1: { ...resolved, block_size: 32 }, 2: { ...resolved, block_size: 32 } },
        },
      },
    },
    {},
    { engine_resolved: { per_tp: { 1: { ...resolved, block_size: 32 }, 2: resolved } } },
  ],
  ["a finer axis of dense", { settings: { ...settings, denseStep: 4 } }, {}, { dense_step: 4 }],
  ["the axis of dense whose step was another before", { previous: { dense_step: 4 } }, {}, {}],
  ["skew cases", {}, { skewTps: [1] }, {
    skew_profile: { ...skewProfileSpec(settings), mode: "interpolated" },
  }],
  ["skew cases left out", { settings: { ...settings, skipSkew: true } }, { skewTps: [1] }, {
    skew_profile: { enabled: false },
  }],
  [
    "skew cases of before, left out now",
    {
      settings: { ...settings, skipSkew: true },
      previous: { skew_profile: { enabled: true }, skew_fit: { enabled: true } } as Meta,
    },
    {},
    { skew_profile: { enabled: true }, skew_fit: { enabled: true } } as Meta,
  ],
  ["a device that tells how long it works", {}, { deviceBusyS: { tp2: { moe: 0.99951 } } }, {
    device_busy_s: { tp2: { moe: 1 } },
  }],
  ["noise", {}, { noise: NOISE }, { noise: NOISE }],
  [
    "noise of estimates, which is none",
    { identity: identityOf(harness.info, { ...TYPES, quantity: "estimate" }) },
    { noise: NOISE },
    { quantity: "estimate" },
  ],
  ["shots that failed", {}, { failed: [1, 2] as unknown as SessionFacts["failed"] }, { failed_shots: 2 }],
  ["mixed conditions", {}, { mixed: ["driver 1 there, 2 now"] }, { mixed: ["driver 1 there, 2 now"] }],
  [
    "devices of before and keys that are not ours",
    { previous: { devices: ["Slide rule", "Abacus"], notes: "mine" } as Meta },
    {},
    { devices: ["Slide rule", "Abacus"], notes: "mine" } as Meta,
  ],
];
for (const [what, options, facts, expected] of cases) {
  Deno.test(`meta.yaml of a run with ${what}`, () => {
    assert.deepEqual(runMeta({ ...OPTIONS, ...options }, { ...FACTS, ...facts }), { ...META, ...expected });
  });
}

const entry = (estimated: number): Record<string, number> => ({ estimated, held_out: 5 });
type Profile = Parameters<typeof adaptiveProfile>[0];
const block = (per_tp: object, seed = 1): Profile => ({ seed, per_tp }) as unknown as Profile;
const blocks: [string, Profile, Profile, Record<string, number>, number[], Profile][] = [
  ["nothing is predicted", undefined, undefined, { 1: 5 }, [], undefined],
  [
    "this run's block takes the place of the one before, degree by degree",
    block({ 1: { attention: entry(3) }, 2: { attention: entry(4) } }, 1),
    block({ 2: { attention: entry(9) } }, 2),
    { 1: 30, 2: 90 },
    [],
    block({ 1: { attention: entry(30) }, 2: { attention: entry(90) } }, 2),
  ],
  [
    "a table that is all measured by now",
    block({ 1: { attention: entry(3) }, 2: { attention: entry(4) } }),
    undefined,
    { 2: 1 },
    [],
    block({ 2: { attention: entry(1) } }),
  ],
  ["all tables are", block({ 1: { attention: entry(3) } }), undefined, {}, [], undefined],
  [
    "skew cases stay predicted until they are fired as a whole",
    block({ 1: { skew: entry(3) }, 2: { skew: entry(4) } }),
    undefined,
    {},
    [2],
    block({ 1: { skew: entry(3) } }),
  ],
  ["no case is predicted", block({ 1: { skew: entry(0) } }), undefined, {}, [], undefined],
  [
    "a run of attention keeps what was found of skew",
    block({ 1: { attention: entry(3), skew: entry(7) } }),
    block({ 1: { attention: entry(2) } }),
    { 1: 2 },
    [],
    block({ 1: { attention: entry(2), skew: entry(7) } }),
  ],
];
for (const [what, previous, now, estimated, wholeSkew, expected] of blocks) {
  Deno.test(`meta.yaml's adaptive block: ${what}`, () => {
    assert.deepEqual(adaptiveProfile(previous, now, { estimated }, wholeSkew), expected);
  });
}
