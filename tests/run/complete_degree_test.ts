/** Degrees of which nothing is left to fire: no engine is booted for them, and whatever could be stale boots one. */
import assert from "node:assert/strict";
import { openBundle } from "../../src/bundle/open.ts";
import { UsageError } from "../../src/errors.ts";
import type { RunEvent } from "../../src/events.ts";
import type { Booted, Harness, SustainedFact } from "../../src/harness/harness.ts";
import { refresh } from "../../src/run/refresh.ts";
import type { ProfileOptions } from "../../src/run/profile.ts";
import type { SettingsInput } from "../../src/settings.ts";
import {
  type CompleteOptions,
  completePlan,
  hashOfAsked,
  limitsWithoutMemory,
} from "../../src/run/complete_degree.ts";
import { WHOLE_CONTEXT } from "../../src/settings/whole_context.ts";
import type { Limits } from "../../src/shots/limits.ts";
import type { Sweep } from "../../src/shots/plan_sweeps.ts";
import type { AttentionShot, Shot, SkewShot } from "../../src/shots/shot.ts";
import { skewCaseOf } from "../../src/shots/skew_cases.ts";
import type { Recorder } from "../../src/store/recorder.ts";
import { fakeHarness, type FakeOptions, textOf } from "./fakes.ts";
import { rowsOfBundle, SMALL, smallBundle } from "./small_model.ts";
import { denseSweep, only, putFile, textOfFile, withFolder } from "./tiny_run.ts";
import { told } from "./told.ts";

/** What a run may have differently, and what of its engines. */
interface Run {
  readonly input?: Partial<SettingsInput>;
  readonly fake?: FakeOptions;
  readonly booted?: (booted: Booted) => Booted;
  readonly options?: ProfileOptions;
}

/** Runs, and gives the degrees that were booted, and what was told. */
async function run(
  dir: string,
  { input = {}, fake = {}, booted = (own) => own, options = {} }: Run = {},
): Promise<{ boots: number[]; events: RunEvent[] }> {
  const boots: number[] = [];
  const open = (): Promise<Harness> => {
    const harness = fakeHarness({ ...fake, booted: boots });
    return Promise.resolve({
      ...harness,
      boot: async (request) => booted(await harness.boot(request)),
    });
  };
  return { boots, events: await told(dir, input, {}, { open, ...options }) };
}

/** The files of a bundle by their names. */
async function filesOf(dir: string): Promise<Map<string, string>> {
  const names = ["meta.yaml", "journal.jsonl"];
  for (const tp of (await openBundle(dir)).tps) {
    for await (const { name } of Deno.readDir(`${dir}/tp${tp}`)) names.push(`tp${tp}/${name}`);
  }
  return new Map(
    await Promise.all(
      names.sort().map(async (name): Promise<[string, string]> => [
        name,
        await textOfFile(dir, name),
      ]),
    ),
  );
}

const complete = (events: readonly RunEvent[]): number[] => only(events, "complete").map(({ tp }) => tp);

Deno.test("a run that has nothing to fire boots no engine, says so for each degree, and leaves the files alone", () =>
  withFolder(async (dir) => {
    const first = await run(dir);
    assert.deepEqual(first.boots, [1, 2]);
    const planned = only(first.events, "planned").map(({ tp, sweeps }) => ({
      type: "complete",
      tp,
      shots: sweeps.reduce((sum, sweep) => sum + sweep.planned, 0),
    }));
    const before = await filesOf(smallBundle(dir));
    const again = await run(dir);
    assert.deepEqual(again.boots, []);
    assert.deepEqual(only(again.events, "complete"), planned);
    assert.deepEqual(only(again.events, "notice"), []);
    assert.equal(only(again.events, "finished")[0]!.measured, 0);
    assert.deepEqual(await filesOf(smallBundle(dir)), before);
  }));

Deno.test("of a run with further degrees those alone are booted, and the bundle is that of one run", () =>
  withFolder(async (dir) => {
    const blocks = (own: Booted): Booted => ({
      ...own,
      caches: [{ kind: "full", block_size: 16, span: null }],
    });
    await run(`${dir}/parts`, { booted: blocks });
    const { boots, events } = await run(`${dir}/parts`, { input: { tpDegrees: [1, 2, 4] }, booted: blocks });
    assert.deepEqual([boots, complete(events)], [[4], [1, 2]]);
    await run(`${dir}/whole`, { input: { tpDegrees: [1, 2, 4] }, booted: blocks });
    const [parts, whole] = await Promise.all(
      ["parts", "whole"].map(async (name) => await openBundle(smallBundle(`${dir}/${name}`))),
    );
    assert.deepEqual(await rowsOfBundle(parts!.dir), await rowsOfBundle(whole!.dir));
    const facts = ({ meta }: typeof parts & object): object => {
      const { profiled_at: _, duration_s: __, ...facts } = meta;
      return facts;
    };
    assert.deepEqual(facts(parts!), facts(whole!));
    // The degree that comes last is complete: what meta.yaml tells of the last engine is told of that one.
    await Deno.remove(`${parts!.dir}/meta.yaml`);
    const { boots: none } = await run(`${dir}/parts`, { input: { tpDegrees: [1, 2, 4] }, booted: blocks });
    const { meta } = await openBundle(parts!.dir);
    assert.deepEqual(none, []);
    assert.deepEqual([meta.engine_effective, meta.engine_resolved, meta["kv_groups"]], [
      whole!.meta.engine_effective,
      whole!.meta.engine_resolved,
      whole!.meta["kv_groups"],
    ]);
  }));

/** What makes a run boot again after one that left nothing to fire; the degrees that it boots. */
const BOOTS: readonly (readonly [why: string, first: Run, second: Run, boots: readonly number[]])[] = [
  ["the same", {}, {}, []],
  ["another seed of the order", {}, { input: { seed: 7 } }, []],
  ["fewer devices", { input: { devices: [0, 1] } }, { input: { devices: [0] } }, []],
  ["a coarser grid", {}, { input: { attentionKvFactor: 16 } }, []],
  ["a finer grid", {}, { input: { attentionKvFactor: 2 } }, [1, 2]],
  ["a grid that reaches further", {}, { input: { attentionMaxKv: 512 } }, [1, 2]],
  ["a finer step of dense", {}, { input: { denseStep: 2 } }, [1, 2]],
  ["another size of batches", {}, { input: { maxNumSeqs: 4 } }, [1, 2]],
  ["another version of the harness", {}, { fake: { info: { harness_version: "2" } } }, [1, 2]],
  ["another runtime", {}, { fake: { info: { runtime: "stone" } } }, [1, 2]],
  ["another driver, allowed", {}, { fake: { info: { driver: "551" } }, input: { allowMixed: true } }, [1, 2]],
  ["another device, allowed", {}, { fake: { info: { device: "H200" } }, input: { allowMixed: true } }, [
    1,
    2,
  ]],
  ["another engine, allowed", {}, {
    fake: { info: { engine_version: "2" } },
    input: { allowMixed: true },
  }, [1, 2]],
  ["an accepted speed", {}, { input: { acceptSpeed: true } }, [1, 2]],
  ["a part is to be predicted", {}, { input: { adaptive: { shots: 0.5 } } }, [1, 2]],
  ["a part was predicted", { input: { adaptive: { shots: 0.5 } } }, {}, [1, 2]],
  ["failed shots", failing(2), {}, []],
  ["failed shots that are fired again", failing(2), { input: { retryFailed: true } }, [2]],
  ["skew cases beside", {}, { input: { skipSkew: false } }, [1, 2]],
  ["skew cases whose ends are measured too", { input: { skipSkew: false } }, {
    input: { skipSkew: false, skewMode: "exact", skewKvsFactor: 4 },
  }, [1, 2]],
  ["skew cases too", ...twice({ input: { skipSkew: false } }), []],
  ["a longest request that is not the model's, and bounds nothing", longest(1000), {}, []],
  ["a longest request that bounds the grid", longest(200), {}, [1, 2]],
  ["a longest request that is the model's, and bounds the grid", ...twice(far(40_960)), []],
  ["a longest request that is not the model's, and bounds it", ...twice(far(30_000)), [1, 2]],
  ["a grid up to the longest request, which is the model's", ...twice(whole(40_960)), []],
  ["a grid up to a longest request that is not the model's", ...twice(whole(1000)), [1, 2]],
  ["memory that bounds the grid", { booted: limits({ num_cache_tokens: 400 }) }, {}, [1, 2]],
  ["memory that bounds nothing", { booted: limits({ num_cache_tokens: 40_000 }) }, {}, []],
  ["fewer requests than asked for", { booted: limits({ max_num_seqs: 4 }) }, {}, [1, 2]],
  ["fewer new tokens than asked for", { booted: limits({ max_num_batched_tokens: 32 }) }, {}, [1, 2]],
  ["the reference profiler's plan", ...twice({ input: { parity: true, skipSkew: false } }), []],
  ["groups of a small pool", { booted: pool(40) }, {}, [1, 2]],
  ["groups of a large pool", { booted: pool(10_000) }, {}, []],
];

function failing(tp: number): Run {
  return {
    fake: {
      mishap: (shot) => shot.category === "dense" && shot.tp === tp ? { failed: "out_of_memory" } : undefined,
    },
  };
}

function limits(own: Partial<Booted["limits"]>): (booted: Booted) => Booted {
  return (booted) => ({ ...booted, limits: { ...booted.limits, ...own } });
}

function longest(max_model_len: number): Run {
  return { booted: limits({ max_model_len }) };
}

/** A grid beyond the longest request. */
function far(max_model_len: number): Run {
  return { input: { attentionMaxKv: 100_000 }, ...longest(max_model_len) };
}

/** The grid of v1.2, up to the longest request. */
function whole(max_model_len: number): Run {
  const grid = {
    grid: "v1.2",
    attentionMaxKv: WHOLE_CONTEXT,
    attentionChunkFactor: 64,
  } as const;
  return { input: grid, ...longest(max_model_len) };
}

function twice(run: Run): readonly [Run, Run] {
  return [run, run];
}

/** An engine whose groups share so many blocks. */
function pool(num_gpu_blocks: number): (booted: Booted) => Booted {
  return (booted) => ({
    ...booted,
    num_gpu_blocks,
    caches: [{ kind: "full", block_size: 16, span: null }, { kind: "sliding", block_size: 16, span: 4096 }],
  });
}

for (const [why, first, second, expected] of BOOTS) {
  Deno.test(`a second run boots ${expected.join(", ") || "nothing"}: ${why}`, () =>
    withFolder(async (dir) => {
      const without = ({ input, ...others }: Run): Run => ({
        ...others,
        input: { skipSkew: true, ...input },
      });
      await run(dir, without(first));
      const { boots, events } = await run(dir, without(second));
      assert.deepEqual(boots, expected);
      const degrees = SMALL.tpDegrees as readonly number[];
      assert.deepEqual(complete(events), degrees.filter((tp) => !expected.includes(tp)));
    }));
}

/** Changes of a complete bundle's journal; the degrees that are booted then. */
const JOURNALS: readonly (readonly [what: string, (journal: string) => string, readonly number[]])[] = [
  ["of a version that did not say what was asked for", (text) => text.replaceAll(/,"asked":"\w+"/g, ""), [
    1,
    2,
  ]],
  ["whose limits are none", (text) => text.replaceAll('"max_model_len":100000', '"max_model_len":-1'), [
    1,
    2,
  ]],
  ["whose first engine is cut", (text) => text.replace(/^\{"type":"engine","tp":1.*$/m, '{"type":"engine"'), [
    1,
  ]],
  ["that lacks a shot", (text) => text.replace(/^\{"type":"shot".*"tp":2.*\n/m, ""), [2]],
];
for (const [what, change, expected] of JOURNALS) {
  Deno.test(`a journal ${what} boots ${expected.join(", ")}`, () =>
    withFolder(async (dir) => {
      await run(dir);
      const bundle = smallBundle(dir);
      const text = change(await textOfFile(bundle, "journal.jsonl"));
      await putFile(bundle, "journal.jsonl", text);
      for (const tp of expected) await Deno.remove(`${bundle}/tp${tp}`, { recursive: true });
      assert.deepEqual((await run(dir)).boots, expected);
    }));
}

Deno.test("shots that are in doubt boot the engine of their degree", () =>
  withFolder(async (dir) => {
    // The device slows down among the shots of the second degree, and stays so.
    let fired = 0;
    const slow: FakeOptions = { factor: (shot) => shot.tp === 2 && fired++ > 40 ? 1.2 : 1 };
    const watched = { sentinelS: 10, driftShare: 0.03 };
    await run(dir, { input: watched, fake: slow });
    const { boots, events } = await run(dir, { input: watched });
    assert.deepEqual([boots, complete(events)], [[2], [1]]);
  }));

Deno.test("shots that no sentinel came after, as of a run that was killed, boot the engine of their degree", () =>
  withFolder(async (dir) => {
    const watched = { sentinelS: 10 };
    await run(dir, { input: watched });
    assert.deepEqual((await run(dir, { input: watched })).boots, []);
    const journal = await textOfFile(smallBundle(dir), "journal.jsonl");
    await putFile(
      smallBundle(dir),
      "journal.jsonl",
      journal.slice(0, journal.lastIndexOf('{"type":"sentinel"')),
    );
    assert.deepEqual((await run(dir, { input: watched })).boots, [2]);
  }));

Deno.test("shots that a lasting load is to be told of boot the first degree, where the device can tell", () =>
  withFolder(async (dir) => {
    const sustains = (own: Booted): Booted => ({ ...own, sustains: true });
    await run(dir, { input: { sustainS: 0 }, booted: sustains });
    const asked: number[] = [];
    const open = (): Promise<Harness> => {
      const harness = fakeHarness();
      return Promise.resolve({
        ...harness,
        boot: async (request) => sustains(await harness.boot(request)),
        async *sustain({ shots }): AsyncGenerator<SustainedFact> {
          asked.push(shots.length);
          for (const shot of shots) {
            const layers = { proj: { time_us: 2, power_w: 300, sm_clock_mhz: 1500 } };
            yield { type: "sustained", shot, layers };
          }
        },
      });
    };
    const { events } = await run(dir, { options: { open } });
    assert.deepEqual(complete(events), [2]);
    assert.equal(asked.length, 1);
    const cannot = await run(`${dir}/cannot`, { input: { sustainS: 0 } });
    assert.deepEqual(cannot.boots, [1, 2]);
    assert.deepEqual((await run(`${dir}/cannot`)).boots, []);
  }));

for (const device of [1, undefined]) {
  Deno.test(`${device === undefined ? "all devices are" : "one of two devices is"} lent where no engine boots`, () =>
    withFolder(async (dir) => {
      const input = { devices: [0, 1] };
      await run(dir, { input });
      const done: string[] = [];
      const loan = {
        ...device !== undefined && { device },
        prepare: () => void done.push("prepare"),
        begin: () => void done.push("begin"),
        use: "serves",
      };
      const { boots, events } = await run(dir, { input, options: { loan } });
      assert.deepEqual([boots, complete(events), done], [[], [1, 2], ["prepare", "begin"]]);
    }));
}

Deno.test("a sweep that is measured again boots its engine", () =>
  withFolder(async (dir) => {
    await run(dir);
    const boots: number[] = [];
    const open = (): Promise<Harness> => Promise.resolve(fakeHarness({ booted: boots }));
    await refresh({ ...SMALL, perfDir: dir }, { tp: 2, category: "dense" }, { open });
    assert.deepEqual(boots, [2]);
  }));

Deno.test("a complete degree settles what its tables have beside the plan", () =>
  withFolder(async (dir) => {
    await run(dir, { input: { attentionKvFactor: 2 } });
    const { boots, events } = await run(dir, { input: { attentionKvFactor: 4, exactGrid: true } });
    assert.deepEqual(boots, []);
    const notes = only(events, "notice").map(({ message }) => message);
    assert.equal(notes.filter((note) => /archive\/tp[12]\/attention\.csv$/.test(note)).length, 2);
    await run(`${dir}/fresh`, { input: { attentionKvFactor: 4 } });
    assert.deepEqual(await rowsOfBundle(smallBundle(dir)), await rowsOfBundle(smallBundle(`${dir}/fresh`)));
  }));

Deno.test("a degree whose skew cases lean on rows that go into the archive boots, and its bundle is that of one run", () =>
  withFolder(async (dir) => {
    const input = {
      ...{ tpDegrees: [1], attentionMaxKv: 1024, skewKvsFactor: 4 },
      skewMode: "exact",
    } as const;
    const coarse = { ...input, attentionKvFactor: 4, exactGrid: true };
    await run(`${dir}/parts`, { input: { ...input, attentionKvFactor: 2 } });
    const { boots, events } = await run(`${dir}/parts`, { input: coarse });
    assert.deepEqual([boots, complete(events)], [[1], []]);
    assert.deepEqual((await run(`${dir}/parts`, { input: coarse })).boots, []);
    await run(`${dir}/whole`, { input: coarse });
    const [parts, whole] = await Promise.all(
      ["parts", "whole"].map((name) => rowsOfBundle(smallBundle(`${dir}/${name}`))),
    );
    assert.deepEqual(parts, whole);
  }));

Deno.test("whatever is asked for, and whoever answers, names the engine", () => {
  const identity = { device: "H100", processor: { name: "EPYC", cores: 2, instruction_sets: [] } } as never;
  const request = { tp: 1, config: { hidden_size: 64 }, dtype: "auto" } as never;
  const asked = { identity, request, sourceSha256: "00" };
  const others = [
    { ...asked, identity: { device: "H200" } as never },
    { ...asked, request: { tp: 1, config: { hidden_size: 128 }, dtype: "auto" } as never },
    { ...asked, sourceSha256: "01" },
  ];
  assert.equal(hashOfAsked(structuredClone(asked)), hashOfAsked(asked));
  assert.equal(new Set([asked, ...others].map(hashOfAsked)).size, 4);
});

Deno.test("without a bound of memory the rest of the limits stands", () => {
  const groups = [{ kind: "sliding", block_size: 16, span: 128 }] as const;
  const free = (asked: Parameters<typeof limitsWithoutMemory>[2]): Limits =>
    limitsWithoutMemory({ ...LIMITS, pool: { blocks: 100, groups } }, {
      text_config: { max_position_embeddings: 512 },
    }, asked);
  const expected = { ...LIMITS, num_cache_tokens: 2 ** 30, pool: { blocks: 2 ** 30, groups } };
  assert.deepEqual(free(LIMITS), expected);
  assert.deepEqual(free({ max_num_batched_tokens: 32, max_num_seqs: 4 }), expected);
  const asked = { max_num_batched_tokens: 128, max_num_seqs: 16 };
  assert.deepEqual(free(asked), { ...expected, ...asked });
});

const LIMITS: Limits = {
  ...{ max_num_batched_tokens: 64, max_num_seqs: 8, num_cache_tokens: 2000, max_model_len: 512 },
  ...{ num_experts: 8, top_k: 2, block_size: 16 },
};

/** Whether a plan is complete of whose shots some lack rows, are in doubt, or lack what a lasting load makes of them. */
function isComplete(
  sweeps: readonly Sweep[],
  known: {
    readonly missing?: string[];
    readonly failed?: string[];
    readonly doubtful?: string[];
    readonly unsustained?: string[];
    readonly skewProblem?: string;
  },
  more: Partial<CompleteOptions> = {},
): boolean {
  const { missing = [], failed = [], doubtful = [], unsustained = [], skewProblem = null } = known;
  const session = {
    skewMode: "exact",
    missing: (shot: Shot) =>
      shot.category === "skew"
        ? shot.parts.filter((part) => missing.includes(part))
        : missing.includes(textOf(shot))
        ? ["moe"]
        : [],
    hasFailed: (shot: Shot) => failed.includes(textOf(shot)),
    inDoubt: (shot: Shot) => doubtful.includes(textOf(shot)),
    hasSustained: (shot: Shot) => !unsustained.includes(textOf(shot)),
    skewProblem: () => skewProblem,
    // The lanes of the run before have all drifted: nothing is worth firing before the sentinel.
    judge: { allMoved: true },
  } as unknown as Recorder;
  return completePlan({
    ...{
      plan: () => sweeps,
      lasting: () => [],
      limits: LIMITS,
      config: {},
      request: LIMITS,
      session,
      retryFailed: false,
    },
    ...more,
  }) !== null;
}

const EXPERTS: Sweep = {
  ...{ category: "moe", tp: 1, ep: 2 },
  shots: [{ category: "moe", tp: 1, tokens: 16, activated_experts: 4, ep: 2 }],
};
const SKEW: Sweep = { category: "skew", tp: 1, shots: [] };

Deno.test("a plan is complete when nothing of it is missing, in doubt, or left out", () => {
  const dense = denseSweep([1, 2]);
  assert.equal(isComplete([dense, SKEW, EXPERTS], {}), true);
  assert.equal(isComplete([dense, EXPERTS], { missing: ["dense tp1 2"] }), false);
  assert.equal(isComplete([dense, EXPERTS], { missing: [textOf(EXPERTS.shots[0]!)] }), false);
  assert.equal(isComplete([dense, EXPERTS], { doubtful: ["dense tp1 1"] }), false);
  assert.equal(isComplete([dense, SKEW], { skewProblem: "attention has no rows" }), false);
  const lasting = (planned: readonly Sweep[]): readonly Shot[] => planned[0]!.shots;
  assert.equal(isComplete([dense], { unsustained: ["dense tp1 2"] }), true);
  assert.equal(isComplete([dense], { unsustained: ["dense tp1 2"] }, { lasting }), false);
  assert.equal(isComplete([dense], {}, { lasting }), true);
});

Deno.test("a skew case is to be fired with a batch that attention was to give and failed at", () => {
  const shot: SkewShot = {
    ...{ category: "skew", tp: 1, ...skewCaseOf([4, 1, 0, 0, 128, 512]), tier: 1 },
    parts: ["t_mean", "t_skew"],
  };
  const batch: AttentionShot = {
    ...{ category: "attention", tp: 1, prefill_chunk: 0, kv_prefill: 0, n_decode: 4, kv_decode: 512 },
  };
  const sweeps = [
    { category: "attention", tp: 1, shots: [batch] },
    { category: "skew", tp: 1, shots: [shot] },
  ] as const;
  const [longest, failed] = ["t_max", [textOf(batch)]];
  assert.equal(isComplete(sweeps, { missing: [longest] }), true);
  assert.equal(isComplete(sweeps, { missing: [longest, ...failed], failed }), false);
  assert.equal(isComplete(sweeps, { missing: failed, failed }), true);
});

Deno.test("a grid that is too large without a bound of memory is not known to be complete", () => {
  const fails = (error: Error): () => boolean => () =>
    isComplete([], {}, {
      plan: ({ max_model_len, num_cache_tokens }) => {
        assert.ok(max_model_len > LIMITS.max_model_len && num_cache_tokens > LIMITS.num_cache_tokens);
        throw error;
      },
    });
  assert.equal(
    fails(new UsageError("Cannot plan attention: its grid must span 5000000 shots at most"))(),
    false,
  );
  assert.throws(fails(new TypeError("a mistake")), { name: "TypeError" });
});
