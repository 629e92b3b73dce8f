import assert from "node:assert/strict";
import { HarnessError } from "../../src/errors.ts";
import type { Harness } from "../../src/harness/harness.ts";
import { inProcessHarness } from "../../src/harness/in_process.ts";
import { openPool, type PoolMember } from "../../src/workers/pool.ts";
import { fakeHarness, type FakeOptions } from "../run/fakes.ts";
import { member, outcomes, tell, upTo } from "./pool_members.ts";
import { TINY_BOOT } from "../run/tiny_boot.ts";
import { denseSweep } from "../run/tiny_run.ts";

const OTHERS: Record<string, [FakeOptions["info"], string]> = {
  device: [{ device: "Slide rule" }, "device Abacus on device 0, Slide rule on device 1"],
  driver: [{ driver: "560" }, "driver none on device 0, 560 on device 1"],
  "engine version": [{ engine_version: "2.0" }, "engine_version 1.0 on device 0, 2.0 on device 1"],
};
for (const [name, [info, difference]] of Object.entries(OTHERS)) {
  Deno.test(`openPool: lanes of another ${name} are refused, and joined when that is allowed`, async () => {
    let closed = 0;
    const counted = (options: FakeOptions): PoolMember["open"] => () => {
      const harness = fakeHarness(options);
      const close = (): Promise<void> => Promise.resolve(void closed++);
      return Promise.resolve({ ...harness, close });
    };
    const members = [
      { name: "device 0", open: counted({}) },
      { name: "device 1", open: counted(info === undefined ? {} : { info }) },
    ] as const;
    await assert.rejects(openPool(members), {
      name: "UsageError",
      message:
        `Cannot measure one bundle on lanes that differ (${difference}); choose devices that are equal, ` +
        "or pass allowMixed (--allow-mixed), which is recorded",
    });
    assert.equal(closed, 2);
    await using pool = await openPool(members, { allowMixed: true });
    await pool.boot(TINY_BOOT);
    assert.equal((await tell(pool, [1, 2]))[0], `The lanes differ: ${difference}`);
    const [field, value] = Object.entries(info!)[0]!;
    assert.match(String(pool.info[field as "device"]), new RegExp(` \\+ ${value}$`));
    assert.equal(pool.info.lanes, 2);
  });
}

Deno.test("openPool: a harness that cannot be opened closes the others", async () => {
  let closed = 0;
  const open = (): Promise<Harness> =>
    Promise.resolve({ ...fakeHarness(), close: () => Promise.resolve(void closed++) });
  const failure = new HarnessError("Cannot start it", { stage: "spawn" });
  await assert.rejects(
    openPool([{ name: "a", open }, { name: "b", open: () => Promise.reject(failure) }]),
    failure,
  );
  assert.equal(closed, 1);
});

Deno.test("openPool: what its engine allows, each lane's allows", async () => {
  const limited = (num_cache_tokens: number): PoolMember["open"] => () => {
    const harness = fakeHarness();
    return Promise.resolve({
      ...harness,
      async boot(request): ReturnType<Harness["boot"]> {
        const booted = await harness.boot(request);
        return { ...booted, limits: { ...booted.limits, num_cache_tokens } };
      },
    });
  };
  await using pool = await openPool([{ name: "a", open: limited(900) }, { name: "b", open: limited(400) }]);
  assert.equal((await pool.boot(TINY_BOOT)).limits.num_cache_tokens, 400);
});

/** A lane whose shots take so many times as long. */
const slowed = (name: string, factor: () => number): PoolMember => member(name, { factor });
const slowOnes = (steps: readonly string[]): string[] => steps.filter((step) => step.includes("slow"));
const slow = (name: string, percent: number): string =>
  `${name} is slow: it needs ${percent}% more time than the fastest lane for the same shots`;

Deno.test("openPool: lanes that are slow for the shots that all lanes fire are named, each once", async () => {
  await using pool = await openPool([
    member("device 0"),
    slowed("device 1", () => 1.4),
    slowed("device 2", () => 1.3),
  ]);
  await pool.boot(TINY_BOOT);
  const steps = await tell(pool, upTo(300));
  assert.deepEqual(outcomes(steps), upTo(300).map(String));
  assert.deepEqual(slowOnes(steps), [slow("device 1", 40), slow("device 2", 30)]);
  assert.deepEqual(slowOnes(await tell(pool, upTo(300))), []);
});

Deno.test("openPool: one that has become slow is named beside one that was", async () => {
  let factor = 1;
  await using pool = await openPool([
    member("device 0"),
    slowed("device 1", () => 1.4),
    slowed("device 2", () => factor),
  ]);
  await pool.boot(TINY_BOOT);
  assert.deepEqual(slowOnes(await tell(pool, upTo(300))), [slow("device 1", 40)]);
  factor = 1.5;
  assert.deepEqual(slowOnes(await tell(pool, upTo(300))), [slow("device 2", 50)]);
});

Deno.test("openPool: the one shot that all lanes fire of fifty is fired by each, and has one outcome", async () => {
  const fired: string[][] = [[], []];
  await using pool = await openPool([
    member("a", { fired: fired[0]! }),
    member("b", { fired: fired[1]! }),
  ]);
  await pool.boot(TINY_BOOT);
  assert.deepEqual(outcomes(await tell(pool, upTo(50))), upTo(50).map(String));
  const both = fired[0]!.filter((shot) => fired[1]!.includes(shot));
  assert.deepEqual(both, ["dense tp1 26"]);
  assert.equal(fired.flat().length, 51);
});

Deno.test("openPool: two lanes take little more than half of the time of one", async () => {
  const sleeper = (name: string): PoolMember => ({
    name,
    open: () =>
      Promise.resolve(inProcessHarness({
        info: { ...fakeHarness().info, harness: "sleeper" },
        delayMs: 5,
        boot: () => ({
          booted: {
            limits: {
              max_num_batched_tokens: 64,
              max_num_seqs: 16,
              num_cache_tokens: 1e6,
              max_model_len: 1e5,
              num_experts: null,
              top_k: null,
              block_size: 16,
            },
            num_gpu_blocks: 1,
            layers: {},
            engine_args: {},
          },
          answer: () => ({ samples: { proj: [1] } }),
        }),
      })),
  });
  async function seconds(members: readonly [PoolMember, ...PoolMember[]]): Promise<number> {
    await using pool = await openPool(members);
    await pool.boot(TINY_BOOT);
    const begun = performance.now();
    assert.equal((await tell(pool, upTo(200), 64)).length, 200);
    return performance.now() - begun;
  }
  const one = await seconds([sleeper("a")]);
  const two = await seconds([sleeper("a"), sleeper("b")]);
  // Idle it is 1.9 and more (tests/bench/pool_bench.ts); a machine that does other things may take longer.
  assert.ok(one / two > 1.5, `${one} ms alone, ${two} ms together`);
});

Deno.test("openPool: lanes that are to rest fire nothing, unless all are to", async () => {
  for (
    const [resting, working] of [[["device 1"], [8, 0]], [["device 0"], [0, 8]], [["other"], null]] as const
  ) {
    const fired: string[][] = [[], []];
    await using pool = await openPool([
      member("device 0", { fired: fired[0]! }),
      member("device 1", { fired: fired[1]! }),
    ]);
    await pool.boot(TINY_BOOT);
    const how = { iterations: 1, quantity: "wall", resting } as const;
    await Array.fromAsync(pool.fire(denseSweep(upTo(8)).shots, how));
    const counts = fired.map((own) => own.length);
    if (working === null) assert.ok(Math.min(...counts) > 0 && counts[0]! + counts[1]! === 8, counts.join());
    else assert.deepEqual(counts, working);
    const all = { ...how, resting: ["device 0", "device 1"] };
    const steps = await Array.fromAsync(pool.fire(denseSweep(upTo(8)).shots, all));
    assert.equal(steps.filter(({ type }) => type === "outcome").length, 8);
  }
});
