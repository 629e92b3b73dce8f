import assert from "node:assert/strict";
import type { Harness } from "../../src/harness/harness.ts";
import { openPool, type PoolMember } from "../../src/workers/pool.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { fakeHarness, type Mishap } from "../run/fakes.ts";
import { member, outcomes, tell, tokensOf, upTo } from "./pool_members.ts";
import { TINY_BOOT } from "../run/tiny_boot.ts";
import { denseSweep } from "../run/tiny_run.ts";

async function told(
  members: readonly [PoolMember, ...PoolMember[]],
  tokens: readonly number[],
): Promise<string[]> {
  await using pool = await openPool(members, { pauseMs: 1 });
  await pool.boot(TINY_BOOT);
  return await tell(pool, tokens);
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
  await pool.boot(TINY_BOOT);
  const first = await tell(pool, upTo(8));
  assert.equal(first[0], "device 1 is left out, the other lanes go on: Cannot boot: out of beads");
  assert.deepEqual(outcomes(first), upTo(8).map(String));
  await pool.boot({ ...TINY_BOOT, tp: 2 });
  assert.deepEqual((await tell(pool, upTo(8))).length, 8);
});

Deno.test("openPool: boot throws when no engine boots", async () => {
  const bootFails = (): boolean => true;
  await using pool = await openPool([member("a", { bootFails }), member("b", { bootFails })]);
  await assert.rejects(pool.boot(TINY_BOOT), { message: "Cannot boot: out of beads" });
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
  await pool.boot(TINY_BOOT);
  for await (const step of pool.fire(denseSweep(upTo(20)).shots, { iterations: 1, quantity: "wall" })) {
    if (step.type === "outcome") break;
  }
  assert.equal(aborted, true);
});

Deno.test("openPool: an abort rejects with the signal's reason", async () => {
  await using pool = await openPool([member("device 0"), member("device 1")]);
  await pool.boot(TINY_BOOT);
  const controller = new AbortController();
  await assert.rejects(async () => {
    const how = { iterations: 1, quantity: "wall", signal: controller.signal } as const;
    for await (const _ of pool.fire(denseSweep(upTo(20)).shots, how)) controller.abort(new Error("enough"));
  }, { message: "enough" });
});

Deno.test("openPool: a lane that is released ends for good, and the others go on; the last one stays", async () => {
  const fired: string[][] = [[], []];
  const closed: string[] = [];
  const members = ["device 0", "device 1"].map((name, at): PoolMember => ({
    name,
    open: () => {
      const harness = fakeHarness({ fired: fired[at]! });
      return Promise.resolve({
        ...harness,
        close: async () => {
          closed.push(name);
          await harness.close();
        },
      });
    },
  }));
  await using pool = await openPool([members[0]!, members[1]!], { pauseMs: 1 });
  await pool.boot(TINY_BOOT);
  assert.equal(pool.info.lanes, 2);
  await pool.release!("device 1");
  assert.deepEqual([closed, pool.info.lanes], [["device 1"], 1]);
  await pool.boot({ ...TINY_BOOT, tp: 2 });
  assert.deepEqual(outcomes(await tell(pool, upTo(8))), upTo(8).map(String));
  assert.deepEqual(fired.map(({ length }) => length), [8, 0]);
  await pool.release!("device 0");
  assert.deepEqual(closed, ["device 1"]);
});

Deno.test("openPool: a release ends the lane of its name and no other", async () => {
  const closed: string[] = [];
  const members = ["device 0", "device 1", "device 2"].map((name): PoolMember => ({
    name,
    open: () => Promise.resolve({ ...fakeHarness(), close: () => Promise.resolve(void closed.push(name)) }),
  }));
  await using pool = await openPool([members[0]!, ...members.slice(1)], { pauseMs: 1 });
  await pool.release!("device 3");
  assert.deepEqual(closed, []);
  await pool.release!("device 0");
  assert.deepEqual(closed, ["device 0"]);
});
