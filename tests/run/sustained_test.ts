import assert from "node:assert/strict";
import { openBundle } from "../../src/bundle/open.ts";
import { HarnessError } from "../../src/errors.ts";
import type { Harness, SustainedFact, SustainRequest } from "../../src/harness/harness.ts";
import { ingest } from "../../src/run/ingest.ts";
import { profile } from "../../src/run/profile.ts";
import { firePlan } from "../../src/run/fire_plan.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { resolveSettings } from "../../src/settings.ts";
import { formatPlan, parsePlan, planHeader } from "../../src/shots/plan_file.ts";
import { planSweeps } from "../../src/shots/plan_sweeps.ts";
import { rowEnergies } from "../../src/predict/energy.ts";
import { predictor } from "../../src/predict/predictor.ts";
import { fakeHarness } from "./fakes.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { SMALL, smallBundle } from "./small_model.ts";

/** A harness whose layers take a tenth longer at a clock that is a fifth lower, but for norms; asked is what it was. */
function lastingHarness(asked: SustainRequest[], broken = false): Harness {
  const fake = fakeHarness();
  return {
    ...fake,
    info: fake.info,
    async *sustain(request): AsyncGenerator<SustainedFact> {
      asked.push(request);
      if (broken) {
        throw new HarnessError("Harness 'fake' exited with 1", { stage: "fire", kind: "engine_dead" });
      }
      for (const shot of request.shots) {
        const [outcome] = await Array.fromAsync(
          fake.fire({ shots: [shot], iterations: 1, quantity: fake.info.quantities[0]! }),
        );
        assert(outcome?.status === "measured");
        const layers = Object.entries(outcome.samples).map(([layer, [us = 0]]) => [layer, {
          time_us: layer === "layernorm" ? us : us * 1.1,
          power_w: 690.5,
          sm_clock_mhz: layer === "layernorm" ? 1980 : 1584,
        }]);
        yield { type: "sustained", shot, layers: Object.fromEntries(layers) };
      }
    },
  };
}

async function withFolder(test: (perfDir: string) => Promise<void>): Promise<void> {
  const perfDir = await Deno.makeTempDir();
  try {
    await test(perfDir);
  } finally {
    await Deno.remove(perfDir, { recursive: true });
  }
}

Deno.test("a run repeats shots of its first degree without a pause, once, and predicts with them", () =>
  withFolder(async (perfDir) => {
    const asked: SustainRequest[] = [];
    const run = { open: () => Promise.resolve(lastingHarness(asked)) };
    const bundle = await profile({ ...SMALL, perfDir, skipSkew: true, sustainS: 0.25 }, run);
    assert.equal(asked.length, 1);
    assert.equal(asked[0]!.seconds, 0.25);
    assert.deepEqual([...new Set(asked[0]!.shots.map(({ tp }) => tp))], [1]);
    assert(asked[0]!.shots.some((shot) => shot.category === "dense" && shot.tokens === 64));
    const entry = bundle.meta.sustained?.find(({ layer, key }) => layer === "qkv_proj" && key[0] === 64);
    assert.deepEqual([entry?.power_w, entry?.sm_clock_mhz], [690.5, 1584]);

    const [cool, atWork] = (["cool", "sustained"] as const).map((state) => predictor(bundle, { state }));
    for (const [layer, ratio] of [["qkv_proj", 1.1], ["layernorm", 1]] as const) {
      assert.equal((atWork!.dense(1, layer, 64) / cool!.dense(1, layer, 64)).toFixed(2), ratio.toFixed(2));
    }
    await profile({ ...SMALL, perfDir, skipSkew: true, sustainS: 0.25 }, run);
    assert.equal(asked.length, 1);
    assert.deepEqual((await openBundle(smallBundle(perfDir))).meta.sustained, bundle.meta.sustained);
  }));

Deno.test("a shot that failed is not repeated: what it takes is not known", () =>
  withFolder(async (perfDir) => {
    const asked: SustainRequest[] = [];
    const harness = lastingHarness(asked);
    const mishap = (shot: Shot): { failed: "infeasible" } | undefined =>
      shot.category === "dense" && shot.tokens === 64 ? { failed: "infeasible" } : undefined;
    const failing = fakeHarness({ mishap });
    const open = (): Promise<Harness> =>
      Promise.resolve({
        ...harness,
        boot: (request) => (harness.boot(request), failing.boot(request)),
        fire: failing.fire,
      });
    await profile({ ...SMALL, perfDir, skipSkew: true, sustainS: 0.25 }, { open });
    const dense = asked.flatMap(({ shots }) =>
      shots.flatMap((shot) => shot.category === "dense" ? [shot.tokens] : [])
    );
    assert.ok(asked.length === 1 && !dense.includes(64), dense.join());
  }));

Deno.test("with sustainShots all, every shot of every degree is repeated, and every row's energy is measured", () =>
  withFolder(async (perfDir) => {
    const asked: SustainRequest[] = [];
    const bundle = await profile(
      { ...SMALL, perfDir, skipSkew: true, sustainShots: "all" },
      { open: () => Promise.resolve(lastingHarness(asked)) },
    );
    assert.deepEqual(asked.map(({ shots }) => [...new Set(shots.map(({ tp }) => tp))]), [[1], [2]]);
    for (const tp of bundle.tps) {
      const rows = rowEnergies(bundle, tp);
      assert(rows.length > 0);
      assert.deepEqual(rows.filter(({ measured }) => !measured), []);
    }
  }));

Deno.test("with sustainS 0, and on a harness that cannot, nothing is repeated", () =>
  withFolder(async (perfDir) => {
    const asked: SustainRequest[] = [];
    const off = { ...SMALL, perfDir, skipSkew: true, sustainS: 0 };
    const bundle = await profile(off, { open: () => Promise.resolve(lastingHarness(asked)) });
    assert.deepEqual([asked, bundle.meta.sustained], [[], undefined]);
    const plain = await profile({ ...off, sustainS: 0.5 }, { open: () => Promise.resolve(fakeHarness()) });
    assert.equal(plain.meta.sustained, undefined);
  }));

Deno.test("a harness that breaks while it repeats shots is said, and the run goes on", () =>
  withFolder(async (perfDir) => {
    const notices: string[] = [];
    const bundle = await profile({ ...SMALL, perfDir, skipSkew: true }, {
      open: () => Promise.resolve(lastingHarness([], true)),
      onEvent: (event) => {
        if (event.type === "notice") notices.push(event.message);
      },
    });
    assert.deepEqual(bundle.tps, [1, 2]);
    assert(notices.includes("What a lasting load takes was not measured: Harness 'fake' exited with 1"));
  }));

Deno.test("what a plan says is repeated comes into the bundle by way of a results file", () =>
  withFolder(async (perfDir) => {
    const settings = resolveSettings({ ...SMALL, perfDir, tpDegrees: [1], skipSkew: true });
    const model = await loadModel("Qwen/Qwen3-0.6B");
    const limits = {
      ...{ max_num_batched_tokens: 64, max_num_seqs: 8, num_cache_tokens: 65536, max_model_len: 40960 },
      ...{ num_experts: null, top_k: null, block_size: 16 },
    };
    const sweeps = planSweeps({ ...settings, architecture: model.architecture, limits, tp: 1 });
    const plan = parsePlan(formatPlan(planHeader(settings, model, sweeps), sweeps));
    const asked: SustainRequest[] = [];
    const path = `${perfDir}/results.jsonl`;
    const fire = (): Promise<unknown> =>
      Array.fromAsync(
        firePlan(plan, path, settings, { open: () => Promise.resolve(lastingHarness(asked)) }),
      );
    await fire();
    await fire();
    assert.equal(asked.length, 1);
    const { bundle, notices } = await ingest([path], { perfDir });
    assert.deepEqual(notices, []);
    assert.equal(bundle.meta.sustained?.filter(({ layer }) => layer === "qkv_proj").length, 5);
  }));
