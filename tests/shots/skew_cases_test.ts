import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Limits } from "../../src/shots/limits.ts";
import { shotKey } from "../../src/shots/shot.ts";
import { SKEW_RATIOS, skewAxes, type SkewGrid } from "../../src/shots/skew_axes.ts";
import { type SkewCase, skewCaseOf, skewCases } from "../../src/shots/skew_cases.ts";
import { fitsEngine } from "../../src/shots/skew_parts.ts";
import { planSkew } from "../../src/shots/skew_plan.ts";

/** Cases of the reference profiler under one setting. */
interface Vector {
  header: {
    setting: string;
    asked: Record<string, number | null>;
    limits: Omit<Limits, "block_size">;
    block_size: number;
  };
  axes: Record<"n" | "ratio" | "pc" | "kp" | "kvs", number[]>;
  tier2_pivots: { n: number; ratio: number; pc: number; kp: number; kvs: number; skews: number[] }[];
  count: number;
  tier1: number;
  tier2: number;
  pure: number;
  mixed: number;
  t_max_over_pool: number;
  sha256: string;
  first20: unknown[][];
  last20: unknown[][];
}

const vectors = await readVectors();

for (const vector of vectors) {
  Deno.test(`planSkew with parity gives the reference's cases: ${vector.header.setting}`, () => {
    const { grid, limits } = reference(vector);
    const { shots, listed } = planSkew(
      { ...grid, limits, tp: 1, parity: true, skewMode: "exact" },
      () => true,
    );
    const count = (test: (skewCase: SkewCase) => boolean): number => shots.filter(test).length;
    assert.deepEqual({
      listed,
      count: shots.length,
      tier1: count(({ tier }) => tier === 1),
      tier2: count(({ tier }) => tier === 2),
      pure: count(({ regime }) => regime === "pure"),
      mixed: count(({ regime }) => regime === "mixed"),
      t_max_over_pool: count((skewCase) =>
        !fitsEngine(skewCase, "t_max", { ...limits, max_model_len: Infinity })
      ),
      first20: shots.slice(0, 20).map(values),
      last20: shots.slice(-20).map(values),
      sha256: createHash("sha256").update(shots.map(canonical).join("\n")).digest("hex"),
    }, {
      listed: vector.count,
      count: vector.count,
      tier1: vector.tier1,
      tier2: vector.tier2,
      pure: vector.pure,
      mixed: vector.mixed,
      t_max_over_pool: vector.t_max_over_pool,
      first20: vector.first20,
      last20: vector.last20,
      sha256: vector.sha256,
    });
  });
}

Deno.test("skewAxes gives the reference's axes", () => {
  for (const vector of vectors) {
    const { n, pc, kp, kvs } = skewAxes(reference(vector).grid);
    assert.deepEqual({ n, ratio: SKEW_RATIOS, pc, kp, kvs }, vector.axes, vector.header.setting);
  }
});

Deno.test("skewCaseOf gives back each listed case from its key, which no other case has", () => {
  for (const vector of vectors.filter(({ count }) => count < 7000)) {
    const { grid, limits } = reference(vector);
    const cases = skewCases(grid, limits);
    const keys = cases.map((skewCase) => shotKey({ category: "skew", tp: 1, parts: [], ...skewCase }));
    assert.equal(new Set(keys.map(String)).size, cases.length, vector.header.setting);
    const found = keys.map((key, i) => ({ ...skewCaseOf(key), tier: cases[i]!.tier }));
    assert.ok(found.map(canonical).join("\n") === cases.map(canonical).join("\n"), vector.header.setting);
  }
});

Deno.test("planSkew without parity leaves out exactly the cases of which a part does not fit", () => {
  const parts = { exact: ["t_mean", "t_max", "t_skew"], interpolated: ["t_skew"] } as const;
  for (const vector of vectors.filter(({ count }) => count < 7000)) {
    const { grid, limits } = reference(vector);
    if (limits.max_num_batched_tokens < grid.maxNumBatchedTokens) continue;
    for (const skewMode of ["exact", "interpolated"] as const) {
      const plan = (parity: boolean): SkewCase[] =>
        planSkew({ ...grid, limits, tp: 1, parity, skewMode }, () => false).shots;
      const fitting = plan(true).filter((shot) =>
        shot.n > 1 && parts[skewMode].every((part) => fitsEngine(shot, part, limits))
      );
      const lines = (cases: SkewCase[]): string => cases.map(canonical).join("\n");
      assert.ok(lines(plan(false)) === lines(fitting), `${vector.header.setting} ${skewMode}`);
    }
  }
});

Deno.test("planSkew says how many cases of the reference's list it leaves out", () => {
  const left = Object.fromEntries(
    vectors.map((vector) => {
      const { grid, limits } = reference(vector);
      const leftOut = (skewMode: "exact" | "interpolated"): number => {
        const { shots, listed } = planSkew({ ...grid, limits, tp: 1, parity: false, skewMode }, () => false);
        return listed - shots.length;
      };
      return [vector.header.setting, [leftOut("exact"), leftOut("interpolated")]];
    }).filter(([, counts]) => (counts as number[]).some((count) => count > 0)),
  );
  assert.deepEqual(left, {
    "mnbt8192-amk131072": [648, 0],
    "pool4096-msq16-small": [178, 3],
    "pool41408-mml4096-msq64": [162, 7],
    "pool41408": [1929, 81],
  });
});

Deno.test("planSkew keeps to the tokens that the engine allows, unless parity asks for the reference's list", () => {
  const { grid, limits } = reference(vectors.find(({ header }) => header.setting === "limits-differ")!);
  const largest = (parity: boolean): number =>
    Math.max(
      ...planSkew({ ...grid, limits, tp: 1, parity, skewMode: "exact" }, () => false).shots.map(({ pc }) =>
        pc
      ),
    );
  assert.equal(largest(true), 4096);
  assert.equal(largest(false), 2048);
});

Deno.test("planSkew has no cases when the engine takes one request", () => {
  const { grid, limits } = reference(vectors.find(({ header }) => header.setting === "msq1")!);
  const plan = planSkew({ ...grid, limits, tp: 1, parity: false, skewMode: "exact" }, () => false);
  assert.deepEqual(plan, { shots: [], listed: 0 });
});

function reference({ header: { asked, limits, block_size } }: Vector): { grid: SkewGrid; limits: Limits } {
  const grid = {
    maxNumBatchedTokens: asked.max_num_batched_tokens ?? limits.max_num_batched_tokens,
    maxNumSeqs: Math.min(asked.max_num_seqs ?? Infinity, limits.max_num_seqs),
    attentionMaxKv: asked.attention_max_kv!,
    skewNFactor: asked.n_factor!,
    skewPcFactor: asked.pc_factor!,
    skewKpFactor: asked.kp_factor!,
    skewKvsFactor: asked.kvs_factor!,
  };
  return { grid, limits: { ...limits, block_size } };
}

function values({ n, nb, skew, ratio, pc, kp, kvs, kv_big, kv_mean, regime, tier }: SkewCase): unknown[] {
  return [n, nb, skew, ratio, pc, kp, kvs, kv_big, kv_mean, regime, tier];
}

function canonical(skewCase: SkewCase): string {
  return values({ ...skewCase }).map((value, index) =>
    index === 2 ? skewCase.skew.toFixed(3) : index === 3 ? skewCase.ratio.toFixed(4) : value
  ).join();
}

async function readVectors(): Promise<Vector[]> {
  const packed = await Deno.open("tests/data/skew-cases.json.gz");
  return await new Response(packed.readable.pipeThrough(new DecompressionStream("gzip"))).json();
}
