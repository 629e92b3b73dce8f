import assert from "node:assert/strict";
import { HarnessError } from "../../src/errors.ts";
import type { Harness } from "../../src/harness/harness.ts";
import { inProcessHarness } from "../../src/harness/in_process.ts";
import type { Lane } from "../../src/run/lane.ts";
import { openPool, type PoolMember } from "../../src/run/pool.ts";
import type { Shot } from "../../src/sweep/shot.ts";
import { fakeHarness, type FakeOptions, type Mishap, tinyArchitecture } from "./fakes.ts";
import { denseSweep } from "./tiny_run.ts";

const REQUEST = {
  config: {},
  architecture: tinyArchitecture(),
  tp: 1,
  dtype: "auto",
  kv_cache_dtype: "auto",
  block_size: null,
  max_num_batched_tokens: 64,
  max_num_seqs: 16,
};

const tokensOf = (shot: Shot): number => (shot as { tokens: number }).tokens;
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** A member whose every harness is a fake with these options. */
function member(name: string, options: FakeOptions = {}): PoolMember {
  return { name, open: () => Promise.resolve(fakeHarness(options)) };
}

/** Fires a shot per number of tokens, and writes what the pool told. */
async function tell(pool: Lane, tokens: readonly number[], chunk = 4): Promise<string[]> {
  const steps: string[] = [];
  for await (const step of pool.fire(denseSweep(tokens).shots, { iterations: 1, quantity: "wall", chunk })) {
    if (step.type === "outcome") {
      const kind = step.outcome.status === "failed" ? ` ${step.outcome.kind}` : "";
      steps.push(`${tokensOf(step.shot)}${kind}`);
    } else steps.push("message" in step ? step.message : step.type);
  }
  return steps;
}

async function told(
  members: readonly [PoolMember, ...PoolMember[]],
  tokens: readonly number[],
): Promise<string[]> {
  await using pool = await openPool(members, { pauseMs: 1 });
  await pool.boot(REQUEST);
  return await tell(pool, tokens);
}

/** The shots that have an outcome, ascending; a failed one with its kind. */
function outcomes(steps: readonly string[]): string[] {
  return steps.filter((step) => /^\d+( [a-z_]+)?$/.test(step)).sort((a, b) => parseInt(a) - parseInt(b));
}

Deno.test("openPool: every shot is fired once, by whichever lane is free", async () => {
  const fired: string[][] = [[], []];
  const steps = await told(
    [member("device 0", { fired: fired[0]! }), member("device 1", { fired: fired[1]! })],
    upTo(40),
  );
  assert.deepEqual(outcomes(steps), upTo(40).map(String));
  assert.equal(new Set(fired.flat()).size, 40);
  assert.equal(fired.flat().length, 40);
  assert.ok(fired.every((shots) => shots.length >= 10), String(fired.map((shots) => shots.length)));
});

Deno.test("openPool: a lane that breaks is replaced, its shot tried once more, and nothing is fired twice", async () => {
  const deaths: Mishap[] = ["die"];
  const fired: string[] = [];
  const options = { fired, mishap: (shot: Shot) => tokensOf(shot) === 7 ? deaths.pop() : undefined };
  const steps = await told([member("device 0", options), member("device 1", options)], upTo(20));
  assert.deepEqual(outcomes(steps), upTo(20).map(String));
  assert.deepEqual(fired.filter((text) => text === "dense tp1 7").length, 2);
  assert.equal(fired.length, 21);
  const [message] = steps.filter((step) => step.includes("broke"));
  assert.match(
    message!,
    /^device [01]: The harness broke and is replaced: Cannot fire dense tp1 7: die$/,
  );
});

Deno.test("openPool: a shot that breaks two harnesses has failed, and the lanes go on", async () => {
  const mishap = (shot: Shot): Mishap | undefined => tokensOf(shot) === 7 ? "die" : undefined;
  const steps = await told([member("device 0", { mishap }), member("device 1", { mishap })], upTo(20));
  assert.deepEqual(outcomes(steps), upTo(20).map((tokens) => tokens === 7 ? "7 engine_dead" : `${tokens}`));
});

Deno.test("openPool: a lane that breaks too often is left out, its shots go to the others", async () => {
  const steps = await told([member("device 0"), member("device 1", { mishap: () => "die" })], upTo(40));
  const failed = outcomes(steps).filter((step) => step.includes(" "));
  assert.equal(outcomes(steps).length, 40);
  assert.ok(
    failed.length <= 2,
    "each shot that broke two harnesses has failed, three breaks make one and a half",
  );
  const left = steps.filter((step) => step.includes("left out"));
  assert.equal(left.length, 1);
  assert.match(
    left[0]!,
    /^device 1 is left out, the other lanes go on: Cannot go on: the harness broke 6 times/,
  );
});

Deno.test("openPool: fire throws when the last lane breaks too often", async () => {
  const mishap = (): Mishap => "die";
  await assert.rejects(told([member("a", { mishap }), member("b", { mishap })], upTo(40)), {
    name: "HarnessError",
    message: /^Cannot go on: the harness broke 6 times without a measured shot between/,
  });
});

Deno.test("openPool: a lane whose engine does not boot is left out until the next boot", async () => {
  let boots = 0;
  await using pool = await openPool([
    member("device 0"),
    member("device 1", { bootFails: () => ++boots === 1 }),
  ], { pauseMs: 1 });
  await pool.boot(REQUEST);
  const first = await tell(pool, upTo(8));
  assert.equal(first[0], "device 1 is left out, the other lanes go on: Cannot boot: out of beads");
  assert.deepEqual(outcomes(first), upTo(8).map(String));
  await pool.boot({ ...REQUEST, tp: 2 });
  assert.deepEqual((await tell(pool, upTo(8))).length, 8);
});

Deno.test("openPool: boot throws when no engine boots", async () => {
  const bootFails = (): boolean => true;
  await using pool = await openPool([member("a", { bootFails }), member("b", { bootFails })]);
  await assert.rejects(pool.boot(REQUEST), { message: "Cannot boot: out of beads" });
});

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
    await pool.boot(REQUEST);
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
  assert.equal((await pool.boot(REQUEST)).limits.num_cache_tokens, 400);
});

Deno.test("openPool: a lane that is slow for the shots that all lanes fire is named, once", async () => {
  const slow = fakeHarness();
  const throttled: Harness = {
    ...slow,
    async *fire(request, options): ReturnType<Harness["fire"]> & AsyncGenerator {
      for await (const outcome of slow.fire(request, options)) {
        if (outcome.status === "failed") yield outcome;
        else {
          const samples = Object.entries(outcome.samples).map(([layer, values]) =>
            [layer, values.map((value) => value * 1.4)] as const
          );
          yield { ...outcome, samples: Object.fromEntries(samples) };
        }
      }
    },
  };
  await using pool = await openPool([
    member("device 0"),
    { name: "device 1", open: () => Promise.resolve(throttled) },
  ]);
  await pool.boot(REQUEST);
  const steps = await tell(pool, upTo(300));
  assert.deepEqual(outcomes(steps), upTo(300).map(String));
  assert.deepEqual(steps.filter((step) => step.includes("slow")), [
    "device 1 is slow: it needs 40% more time than the fastest lane for the same shots",
  ]);
  assert.deepEqual((await tell(pool, upTo(300))).filter((step) => step.includes("slow")), []);
});

Deno.test("openPool: leaving the loop ends what the lanes are at", async () => {
  const hangs = fakeHarness();
  let aborted = false;
  const open = (): Promise<Harness> =>
    Promise.resolve({
      ...hangs,
      async *fire(_request, { signal } = {}): ReturnType<Harness["fire"]> & AsyncGenerator {
        await new Promise((_, reject) =>
          signal!.addEventListener("abort", () => {
            aborted = true;
            reject(signal!.reason);
          })
        );
        yield { status: "failed", index: 0, kind: "timeout", message: "never" };
      },
    });
  await using pool = await openPool([member("device 0"), { name: "device 1", open }]);
  await pool.boot(REQUEST);
  for await (const step of pool.fire(denseSweep(upTo(20)).shots, { iterations: 1, quantity: "wall" })) {
    if (step.type === "outcome") break;
  }
  assert.equal(aborted, true);
});

Deno.test("openPool: an abort rejects with the signal's reason", async () => {
  await using pool = await openPool([member("device 0"), member("device 1")]);
  await pool.boot(REQUEST);
  const controller = new AbortController();
  await assert.rejects(async () => {
    const how = { iterations: 1, quantity: "wall", signal: controller.signal } as const;
    for await (const _ of pool.fire(denseSweep(upTo(20)).shots, how)) controller.abort(new Error("enough"));
  }, { message: "enough" });
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
    await pool.boot(REQUEST);
    const begun = performance.now();
    assert.equal((await tell(pool, upTo(200), 64)).length, 200);
    return performance.now() - begun;
  }
  const one = await seconds([sleeper("a")]);
  const two = await seconds([sleeper("a"), sleeper("b")]);
  // Idle it is 1.9 and more (tests/bench/pool_bench.ts); a machine that does other things may take longer.
  assert.ok(one / two > 1.5, `${one} ms alone, ${two} ms together`);
});
