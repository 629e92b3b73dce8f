import assert from "node:assert/strict";
import { HarnessError } from "../../src/errors.ts";
import type { Harness, ShotOutcome } from "../../src/harness/harness.ts";
import { type Lane, openLane } from "../../src/workers/lane.ts";
import { fakeHarness, type FakeOptions, type Mishap, textOf } from "../run/fakes.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { TINY_BOOT } from "../run/tiny_boot.ts";
import { denseSweep } from "../run/tiny_run.ts";

/** Fires a shot per number of tokens, and writes what the lane told. */
async function told(tokens: readonly number[], options: FakeOptions, chunk = 64): Promise<string[]> {
  await using lane = await openLane({ open: () => Promise.resolve(fakeHarness(options)), pauseMs: 1 });
  await lane.boot(TINY_BOOT);
  return await tell(lane, tokens, chunk);
}

async function tell(lane: Lane, tokens: readonly number[], chunk = 64): Promise<string[]> {
  const steps: string[] = [];
  for await (const step of lane.fire(denseSweep(tokens).shots, { iterations: 1, quantity: "wall", chunk })) {
    if (step.type === "engine") continue;
    if (step.type !== "outcome") steps.push(step.type);
    else if (step.outcome.status === "measured") steps.push(textOf(step.shot).slice(10));
    else steps.push(`${textOf(step.shot).slice(10)} ${step.outcome.kind}`);
  }
  return steps;
}

/** Mishaps by tokens, each taken once from the front of its list. */
function mishaps(plan: Record<number, Mishap[]>): (shot: Shot) => Mishap | undefined {
  return (shot) => plan[(shot as { tokens: number }).tokens]?.shift();
}

Deno.test("fire gives one outcome per shot, in order, in chunks", async () => {
  assert.deepEqual(await told([1, 2, 3, 4, 5], {}, 2), ["1", "2", "3", "4", "5"]);
});

Deno.test("fire hands over 64 shots at once unless it is told otherwise", async () => {
  const chunks: number[] = [];
  const harness = fakeHarness();
  const counting: Harness = {
    ...harness,
    fire: (request, options) => {
      chunks.push(request.shots.length);
      return harness.fire(request, options);
    },
  };
  await using lane = await openLane({ harness: counting });
  await lane.boot(TINY_BOOT);
  const { shots } = denseSweep(Array.from({ length: 130 }, (_, at) => at + 1));
  await Array.fromAsync(lane.fire(shots, { iterations: 1, quantity: "wall" }));
  assert.deepEqual(chunks, [64, 64, 2]);
});

for (const mishap of ["die", "dead", "hang"] as const) {
  const kind = mishap === "hang" ? "timeout" : "engine_dead";
  Deno.test(`fire tries the shot in flight once more when the harness breaks (${mishap})`, async () => {
    const fired: string[] = [];
    const steps = await told([1, 2, 3], { fired, mishap: mishaps({ 2: [mishap] }) });
    assert.deepEqual(steps, ["1", "broken", "2", "3"]);
    assert.deepEqual(fired, ["dense tp1 1", "dense tp1 2", "dense tp1 2", "dense tp1 3"]);
  });

  Deno.test(`fire marks a shot as failed that breaks two harnesses (${mishap})`, async () => {
    const fired: string[] = [];
    const steps = await told([1, 2, 3], { fired, mishap: mishaps({ 2: [mishap, mishap] }) });
    assert.deepEqual(steps, ["1", "broken", "broken", `2 ${kind}`, "3"]);
    assert.equal(fired.filter((text) => text === "dense tp1 2").length, 2);
  });
}

Deno.test("fire finds the shot that breaks the harness, whichever of its chunk is blamed", async () => {
  const guilty = 3;
  const chunks: number[][] = [];
  const open = (): Promise<Harness> => {
    const harness = fakeHarness();
    return Promise.resolve({
      ...harness,
      async *fire(request, options): AsyncGenerator<ShotOutcome> {
        const tokens = request.shots.map((shot) => (shot as { tokens: number }).tokens);
        chunks.push(tokens);
        if (!tokens.includes(guilty)) return yield* harness.fire(request, options);
        yield { status: "failed", index: 0, kind: "engine_dead", message: "illegal access" };
      },
    });
  };
  await using lane = await openLane({ open, pauseMs: 1 });
  await lane.boot(TINY_BOOT);
  assert.deepEqual(
    await tell(lane, [1, 2, 3, 4, 5, 6, 7], 4),
    ["broken", "1", "2", "broken", "broken", "3 engine_dead", "4", "5", "6", "7"],
  );
  assert.deepEqual(chunks, [[1, 2, 3, 4], [1], [2], [3], [3], [4], [5, 6, 7]]);
});

Deno.test("fire boots the replacement as the one before", async () => {
  const booted: number[] = [];
  await told([1, 2], { booted, mishap: mishaps({ 2: ["die"] }) });
  assert.deepEqual(booted, [1, 1]);
});

Deno.test("fire gives up when harnesses break six times without a measured shot", async () => {
  const fired: string[] = [];
  await assert.rejects(told([1, 2, 3, 4, 5], { fired, mishap: () => "die" }), {
    name: "HarnessError",
    message: "Cannot go on: the harness broke 6 times without a measured shot between, " +
      "at last: Cannot fire dense tp1 3: die",
  });
  assert.equal(fired.length, 6);
});

Deno.test("fire goes on as long as shots are measured between the breaks", async () => {
  const plan = Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8, 9].map((tokens) => [tokens, ["die" as const]]));
  const steps = await told([1, 2, 3, 4, 5, 6, 7, 8, 9], { mishap: mishaps(plan) });
  assert.deepEqual(steps.filter((step) => step !== "broken"), ["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
});

Deno.test("fire counts replacements that cannot be booted, and blames no shot for them", async () => {
  let boots = 0;
  const bootFails = (): boolean => ++boots === 2 || boots === 3;
  const steps = await told([1, 2], { bootFails, mishap: mishaps({ 2: ["die"] }) });
  assert.deepEqual(steps, ["1", "broken", "broken", "broken", "2"]);
});

Deno.test("fire passes other failures on as outcomes, with the harness kept", async () => {
  const booted: number[] = [];
  const steps = await told([1, 2, 3], { booted, mishap: mishaps({ 2: [{ failed: "out_of_memory" }] }) });
  assert.deepEqual(steps, ["1", "2 out_of_memory", "3"]);
  assert.deepEqual(booted, [1]);
});

Deno.test("fire throws when a harness breaks that cannot be replaced, and leaves it to its owner", async () => {
  await using harness = fakeHarness({ mishap: mishaps({ 2: ["die"] }) });
  await using lane = await openLane({ harness });
  await lane.boot(TINY_BOOT);
  await assert.rejects(tell(lane, [1, 2]), HarnessError);
});

Deno.test("fire refuses another device in place of a harness that broke", async () => {
  let opened = 0;
  const open = (): Promise<Harness> =>
    Promise.resolve(
      fakeHarness({ mishap: mishaps({ 2: ["die"] }), info: { device: `Abacus ${++opened}` } }),
    );
  await using lane = await openLane({ open });
  await lane.boot(TINY_BOOT);
  await assert.rejects(tell(lane, [1, 2]), {
    name: "UsageError",
    message:
      "Cannot replace the harness that broke by another kind (device Abacus 1 on the one that broke, " +
      "Abacus 2 on the new one); run again where it is the same, or with allowMixed (--allow-mixed), " +
      "which is recorded",
  });
});

Deno.test("boot replaces a harness that broke on the last shot", async () => {
  await using lane = await openLane({
    open: () => Promise.resolve(fakeHarness({ mishap: mishaps({ 2: ["die", "die"] }) })),
  });
  await lane.boot(TINY_BOOT);
  await tell(lane, [1, 2]);
  await lane.boot({ ...TINY_BOOT, tp: 2 });
  assert.deepEqual(await tell(lane, [3]), ["3"]);
});

Deno.test("replacements that cannot be booted are followed by pauses that double, a shot that breaks by none", async () => {
  let boots = 0;
  const bootFails = (): boolean => ++boots === 2 || boots === 3;
  const mishap = mishaps({ 2: ["die"] });
  const open = (): Promise<Harness> => Promise.resolve(fakeHarness({ bootFails, mishap }));
  await using lane = await openLane({ open, pauseMs: 40 });
  await lane.boot(TINY_BOOT);
  const begun = performance.now();
  assert.deepEqual(await tell(lane, [1, 2]), ["1", "broken", "broken", "broken", "2"]);
  // The second and the third break in a row: twice and four times as long; a busy machine only adds to it.
  assert.ok(performance.now() - begun >= 40 * (2 + 4) - 2);
});
