/** What an adaptive run leans on, how it shares its budget, and what meta.yaml keeps of what it found. */
import assert from "node:assert/strict";
import { formatMeta, type Meta } from "../../src/bundle/meta.ts";
import { adaptiveProfile, adaptiveRun } from "../../src/run/adaptive_session.ts";
import { openPrior } from "../../src/run/prior_tables.ts";
import type { RoundEstimate } from "../../src/run/round_sweep.ts";
import { resolveSettings, type SettingsInput } from "../../src/settings.ts";
import type { Session } from "../../src/store/session.ts";
import { type Files, withBundle } from "../bundle/with_bundle.ts";
import { SMALL } from "./small_model.ts";

const ARCHITECTURE = {
  modelType: "tiny",
  sequence: {},
  sha256: "00",
  catalog: { dense: {}, per_sequence: {}, attention: { attention: { vllm: [] } }, moe: {} },
};
const CONFIG = { hidden_size: 64, num_attention_heads: 4, num_key_value_heads: 2, vocab_size: 100 };

function bundle(name: string, meta: Meta, tps: readonly number[], timeUs: number): Files {
  return {
    [`${name}/meta.yaml`]: formatMeta({ architecture: "qwen3", tp_degrees: [...tps], ...meta }),
    ...Object.fromEntries(tps.map((tp) => [
      `${name}/tp${tp}/attention.csv`,
      `prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,1,16,${timeUs * tp}\n`,
    ])),
  };
}
const FILES = {
  ...bundle(
    "known",
    {
      model: "Qwen/Qwen3-0.6B",
      hardware: "H100",
      variant: "bf16",
      gpu: "NVIDIA H100 80GB HBM3",
    },
    [1, 2],
    10,
  ),
  ...bundle("strange", { model: "Qwen/Qwen3-0.6B", hardware: "ABACUS", gpu: "Abacus" }, [4], 100),
  ...bundle("gpuless", { model: "Qwen/Qwen3-0.6B", hardware: "LOOM" }, [1], 7),
  ...bundle("nameless", { hardware: "LOOM" }, [1], 7),
};
const WHERE = resolveSettings(SMALL);

Deno.test("bundles to lean on: their names, and their tables with the heads and the device of each degree", () =>
  withBundle(FILES, async (dir) => {
    const prior = (await openPrior(["known", "strange", "gpuless"].map((name) => `${dir}/${name}`), WHERE))!;
    assert.deepEqual(prior.names, [
      "H100/Qwen/Qwen3-0.6B/bf16",
      "ABACUS/Qwen/Qwen3-0.6B",
      "LOOM/Qwen/Qwen3-0.6B",
    ]);
    assert.deepEqual(prior.tables(77).map(({ kernel, rows, skew }) => [kernel, rows[0]!.timeUs, skew]), [
      [{ heads: 16, kvHeads: 8, multiprocessors: 132 }, 10, []],
      [{ heads: 8, kvHeads: 4, multiprocessors: 132 }, 20, []],
      [{ heads: 4, kvHeads: 2, multiprocessors: 77 }, 400, []],
      [{ heads: 16, kvHeads: 8, multiprocessors: 77 }, 7, []],
    ]);
    assert.equal(await openPrior([], WHERE), null);
    await assert.rejects(openPrior([`${dir}/nameless`], WHERE), {
      name: "UsageError",
      message:
        `Cannot lean on ${dir}/nameless: its meta.yaml names no model, so that its heads are not known`,
    });
  }));

Deno.test("an adaptive run leans on earlier bundles, and on its prior last", () =>
  withBundle(FILES, async (dir) => {
    const of = async (
      input: Partial<SettingsInput>,
      earlier: string[],
    ): Promise<[string | undefined, number | undefined]> => {
      const settings = resolveSettings({ ...SMALL, adaptive: { shots: 0.5 }, ...input });
      const run = (await adaptiveRun(settings, {} as Session, { earlier }))!;
      return [run.profile().prior, run.booted(1, CONFIG, ARCHITECTURE, 0).prior?.at(-1)?.rows[0]?.timeUs];
    };
    const [known, strange] = [`${dir}/known`, `${dir}/strange`];
    assert.deepEqual(await of({}, []), [undefined, undefined]);
    assert.deepEqual(await of({}, [strange]), ["ABACUS/Qwen/Qwen3-0.6B", 400]);
    assert.deepEqual(await of({ prior: known }, []), ["H100/Qwen/Qwen3-0.6B/bf16", 20]);
    assert.deepEqual(await of({ prior: known }, [strange]), [
      "ABACUS/Qwen/Qwen3-0.6B, H100/Qwen/Qwen3-0.6B/bf16",
      20,
    ]);
  }));

Deno.test("a run is adaptive by a share, an error or a budget, and else not at all", async () => {
  const asked: [Partial<SettingsInput>, boolean][] = [
    [{}, false],
    [{ adaptive: { shots: 0.5 } }, true],
    [{ adaptive: { error: 0.1 } }, true],
    [{ budget: 60 }, true],
  ];
  for (const [input, isAdaptive] of asked) {
    const run = await adaptiveRun(resolveSettings({ ...SMALL, ...input }), {} as Session);
    assert.equal(run !== null, isAdaptive, JSON.stringify(input));
  }
});

Deno.test("the device: a processor's cores, a sheet's multiprocessors, else those of an A100, which is told", async () => {
  const settings = resolveSettings({ ...SMALL, adaptive: { shots: 0.5 } });
  const devices = [
    [{ device: "NVIDIA H100 80GB HBM3" }, 132, []],
    [{ device: "Abacus", processor: { name: "Abacus", cores: 12, instruction_sets: [] } }, 12, []],
    [{ device: "Abacus" }, 108, [
      `${settings.configDir}/hardware describes no Abacus: 108 multiprocessors are assumed, with another number ` +
      "predictions are worse",
    ]],
  ] as const;
  for (const [info, multiprocessors, told] of devices) {
    const run = (await adaptiveRun(settings, {} as Session))!;
    assert.deepEqual(await run.setDevice(info), told);
    const { kernel, layers, target, seed, prior } = run.booted(1, CONFIG, ARCHITECTURE, 0);
    assert.deepEqual(kernel, { heads: 4, kvHeads: 2, multiprocessors });
    assert.deepEqual([layers, target, seed, prior], [
      [{ layer: null }],
      { shots: 0.5 },
      settings.seed,
      undefined,
    ]);
  }
});

Deno.test("a degree is left out when less is left than the one before took, and not when just as much is", async () => {
  const settings = resolveSettings({ ...SMALL, budget: 60 });
  for (
    const [connectS, expected] of [
      [20, null],
      [21, "tp 2, 4 are left out: the degree before took 20 s of the budget, of which 19 s are left"],
      [50, "tp 2, 4 are left out: the degree before took 20 s of the budget, of which 0.0 s are left"],
    ] as const
  ) {
    let nowMs = 1000 * connectS;
    const run = (await adaptiveRun(settings, {} as Session, { nowMs: () => nowMs, begunMs: 0 }))!;
    run.begin(1);
    nowMs += 4000;
    run.booted(1, CONFIG, ARCHITECTURE, 0);
    nowMs += 16_000;
    run.end();
    assert.equal(run.shortFor([2, 4]), expected);
  }
});

Deno.test("a budget that nobody has begun begins with the run", async () => {
  let nowMs = 50_000;
  const run = (await adaptiveRun(resolveSettings({ ...SMALL, budget: 60 }), {} as Session, {
    nowMs: () => nowMs,
  }))!;
  nowMs += 10_000;
  run.begin(1);
  assert.equal(run.booted(1, CONFIG, ARCHITECTURE, 0).budget!.seconds, 50);
});

const BOUND = { estimate: 0.123456, upper: 0.234567 };
const FOUND: RoundEstimate = {
  category: "attention",
  tp: 1,
  measured: 3,
  estimated: 40,
  errors: {
    shots: 9,
    p50: BOUND,
    p90: { estimate: 0.2, upper: Infinity },
    p99: { estimate: NaN, upper: Infinity },
  },
  scatter: null,
  prior: null,
  skew: [],
};
const ENTRY = {
  ...{ estimated: 40, held_out: 9 },
  ...{ rel_err_p50: 0.1235, rel_err_p90: 0.2, rel_err_p99: null },
  ...{ upper_p50: 0.2346, upper_p90: null, upper_p99: null },
};

Deno.test("what is found of a degree is kept by category, the last estimate of each, rounded to four places", async () => {
  const row = { n: 4 } as unknown as RoundEstimate["skew"][number];
  const run =
    (await adaptiveRun(resolveSettings({ ...SMALL, adaptive: { error: 0.1 }, seed: 5 }), {} as Session))!;
  const { onEstimate } = run.booted(1, CONFIG, ARCHITECTURE, 0);
  onEstimate({ ...FOUND, estimated: 99 });
  onEstimate(FOUND);
  onEstimate({
    ...FOUND,
    category: "skew",
    estimated: 7,
    scatter: { p50: 0.000_04, p90: 0.000_06, p99: 0.5 } as never,
    prior: { without: 0.3, with: 0.22222 },
    skew: [row],
  });
  run.booted(2, CONFIG, ARCHITECTURE, 0).onEstimate({ ...FOUND, tp: 2 });
  assert.deepEqual(run.profile(), {
    target: { error: 0.1 },
    seed: 5,
    per_tp: {
      1: {
        attention: ENTRY,
        skew: {
          ...ENTRY,
          ...{ estimated: 7, scatter_p50: 0, scatter_p90: 0.0001, scatter_p99: 0.5 },
          ...{ p90_without_prior: 0.3, p90_with_prior: 0.2222 },
        },
      },
      2: { attention: ENTRY },
    },
  });
  assert.deepEqual([...run.skewRows()], [[1, [row]], [2, []]]);
});

Deno.test("meta.yaml's block: this run's degrees in place of those before, without what is predicted no more", () => {
  const block = (per_tp: Record<string, object>, seed = 1) => ({ seed, per_tp }) as never;
  const [attention, skew] = [ENTRY, { ...ENTRY, estimated: 7 }];
  const facts = { estimated: { 1: 30, 2: 5 } } as never;
  assert.equal(adaptiveProfile(undefined, undefined, facts, []), undefined);
  assert.deepEqual(adaptiveProfile(block({ 1: { attention, skew } }), undefined, facts, []), {
    seed: 1,
    per_tp: { 1: { attention: { ...attention, estimated: 30 }, skew } },
  });
  assert.deepEqual(
    adaptiveProfile(
      block({ 1: { attention, skew }, 2: { attention } }),
      block({ 1: { attention } }, 2),
      facts,
      [],
    ),
    {
      seed: 2,
      per_tp: {
        1: { attention: { ...attention, estimated: 30 }, skew },
        2: { attention: { ...attention, estimated: 5 } },
      },
    },
  );
  assert.deepEqual(adaptiveProfile(block({ 1: { attention, skew } }), undefined, facts, [1]), {
    seed: 1,
    per_tp: { 1: { attention: { ...attention, estimated: 30 } } },
  });
  assert.equal(adaptiveProfile(block({ 3: { attention } }), undefined, facts, []), undefined);
  assert.equal(
    adaptiveProfile(block({ 3: { skew: { ...skew, estimated: 0 } } }), undefined, facts, []),
    undefined,
  );
  assert.deepEqual(adaptiveProfile(block({ 3: { skew: { ...skew, estimated: 1 } } }), undefined, facts, []), {
    seed: 1,
    per_tp: { 3: { skew: { ...skew, estimated: 1 } } },
  });
});
