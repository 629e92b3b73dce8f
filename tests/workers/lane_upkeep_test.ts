/** What a lane and a pool do with their harnesses beside firing: close, name, log. */
import assert from "node:assert/strict";
import { HarnessError } from "../../src/errors.ts";
import type { Harness, ShotOutcome, SustainedFact } from "../../src/harness/harness.ts";
import { resolveSettings } from "../../src/settings.ts";
import { type Lane, openLane } from "../../src/workers/lane.ts";
import { openLanes } from "../../src/workers/open_lanes.ts";
import { openPool } from "../../src/workers/pool.ts";
import { againWhenKilled } from "../../src/workers/retry.ts";
import { fakeHarness } from "../run/fakes.ts";
import { TINY_BOOT } from "../run/tiny_boot.ts";
import { attentionSweep, denseSweep } from "../run/tiny_run.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { tokensOf } from "./pool_members.ts";

const HOW = { iterations: 1, quantity: "wall" } as const;
const SHOTS = denseSweep([1, 2, 3]).shots;

/** Harnesses with numbers, whose closing is noted. */
function numbered(closed: number[], of: (number: number) => Harness): () => Promise<Harness> {
  let opened = 0;
  return () => {
    const number = opened++;
    const harness = of(number);
    const close = (): Promise<void> => {
      closed.push(number);
      return number === 1 ? Promise.reject(new Error("it is gone")) : harness.close();
    };
    return Promise.resolve({ ...harness, close, [Symbol.asyncDispose]: close });
  };
}

Deno.test("a harness that broke is closed before another takes its place, well or not", async () => {
  const closed: number[] = [];
  const mishap = (number: number) => () => number < 2 ? "dead" as const : undefined;
  const lane = await openLane({
    open: numbered(closed, (n) => fakeHarness({ mishap: mishap(n) })),
    pauseMs: 1,
  });
  await lane.boot(TINY_BOOT);
  for await (const _ of lane.fire(SHOTS, HOW));
  assert.deepEqual(closed, [0, 1]);
  await lane[Symbol.asyncDispose]();
  assert.deepEqual(closed, [0, 1, 2]);
});

Deno.test("a harness that leaves shots unanswered has broken", async () => {
  let fires = 0;
  const short = (harness: Harness): Harness => ({
    ...harness,
    async *fire(request, options): AsyncGenerator<ShotOutcome> {
      fires++;
      let left = fires === 1 ? 2 : request.shots.length;
      for await (const outcome of harness.fire(request, options)) if (left-- > 0) yield outcome;
    },
  });
  const lane = await openLane({ open: () => Promise.resolve(short(fakeHarness())), pauseMs: 1 });
  await lane.boot(TINY_BOOT);
  const steps = await Array.fromAsync(lane.fire(SHOTS, HOW));
  assert.deepEqual(steps.flatMap((step) => "message" in step ? [step.message] : []), [
    "The harness broke and is replaced: The engine died: it left 1 shot of a chunk unanswered",
  ]);
  assert.deepEqual(steps.flatMap((step) => step.type === "outcome" ? [tokensOf(step.shot)] : []), [1, 2, 3]);
});

const layers = { proj: { time_us: 1, power_w: null, sm_clock_mhz: null } };
/** Harnesses that sustain, or break at it. */
function sustaining(error?: Error): () => Promise<Harness> {
  return () =>
    Promise.resolve({
      ...fakeHarness(),
      async *sustain({ shots }): AsyncGenerator<SustainedFact> {
        yield await Promise.resolve({ type: "sustained", shot: shots[0]!, layers });
        if (error !== undefined) throw error;
      },
    });
}
async function sustained(lane: Lane): Promise<string[]> {
  const steps = await Array.fromAsync(lane.sustain({ shots: SHOTS, seconds: 1 }));
  return steps.map((step) => "message" in step ? step.message : step.type);
}

Deno.test("sustain passes facts on; a harness that breaks at it is replaced before the next shots", async () => {
  const lane = await openLane({ open: sustaining(), pauseMs: 1 });
  await lane.boot(TINY_BOOT);
  assert.deepEqual(await sustained(lane), ["fact"]);
  assert.deepEqual(await sustained(lane), ["fact"]);
  const broken = new HarnessError("the frame broke", { stage: "fire", kind: "engine_dead" });
  const other = await openLane({ open: sustaining(broken), pauseMs: 1 });
  await other.boot(TINY_BOOT);
  assert.deepEqual(await sustained(other), [
    "fact",
    "What a lasting load takes was not measured: the frame broke",
  ]);
  assert.deepEqual(await sustained(other), [], "a broken one is not asked again");
  const types = (await Array.fromAsync(other.fire(SHOTS, HOW))).map(({ type }) => type);
  assert.deepEqual(types, ["engine", "outcome", "outcome", "outcome"]);
  assert.deepEqual(await sustained(other), [
    "fact",
    "What a lasting load takes was not measured: the frame broke",
  ]);
  const without = await openLane({ harness: fakeHarness() });
  await without.boot(TINY_BOOT);
  assert.deepEqual(await sustained(without), []);
  const faulty = await openLane({ open: sustaining(new TypeError("ours")), pauseMs: 1 });
  await faulty.boot(TINY_BOOT);
  await assert.rejects(sustained(faulty), { name: "TypeError", message: "ours" });
});

Deno.test("a pool sustains on its first lane that is not left out", async () => {
  const bootFails = (): Promise<Harness> => Promise.resolve(fakeHarness({ bootFails: () => true }));
  await using pool = await openPool([{ name: "a", open: bootFails }, { name: "b", open: sustaining() }]);
  await pool.boot(TINY_BOOT);
  assert.deepEqual(await sustained(pool), ["fact"]);
  await using none = await openPool([{ name: "a", open: () => Promise.resolve(fakeHarness()) }]);
  await none.boot(TINY_BOOT);
  assert.deepEqual(await sustained(none), []);
});

Deno.test("a pool hands over no more than half of a lane's share at once, nor more than a chunk", async () => {
  for (
    const [count, chunk, sizes] of [
      [16, undefined, [8, 4, 2, 1, 1]],
      [16, 3, [3, 3, 3, 3, 2, 1, 1]],
      [49, 100, [25, 12, 6, 3, 2, 1]],
    ] as const
  ) {
    const handed: number[] = [];
    const harness = fakeHarness();
    const open = (): Promise<Harness> =>
      Promise.resolve({
        ...harness,
        fire(request, options): AsyncIterable<ShotOutcome> {
          handed.push(request.shots.length);
          return harness.fire(request, options);
        },
      });
    await using pool = await openPool([{ name: "a", open }]);
    await pool.boot(TINY_BOOT);
    const { shots } = denseSweep(Array.from({ length: count }, (_, n) => n + 1));
    await Array.fromAsync(pool.fire(shots, { ...HOW, ...chunk && { chunk } }));
    assert.deepEqual(handed, sizes);
  }
});

for (
  const [devices, prefixes] of [[[], [""]], [[3], [""]], [[0, 3], ["device 0: ", "device 3: "]]] as const
) {
  Deno.test(`logs of the devices [${devices}] begin with '${prefixes.join("', '")}'`, async () => {
    const settings = resolveSettings(
      { model: "Qwen/Qwen3-0.6B", hardware: "TOY", devices, harness: "cmd:sh -c 'echo up >&2; exit 3'" },
      {},
    );
    const logs: string[] = [];
    await assert.rejects(openLanes(settings, { onLog: (line) => logs.push(line) }), {
      message: "Harness 'sh' exited with 3 while saying hello; its last words: up",
    });
    assert.deepEqual(logs.sort(), prefixes.map((prefix) => `${prefix}up`));
  });
}

Deno.test("an engine that was booted anew has its sentinel fired before the next shots", async () => {
  const deaths = ["dead" as const];
  const mishap = (shot: Shot) => shot.category === "dense" && tokensOf(shot) === 2 ? deaths.pop() : undefined;
  const lane = await openLane({ open: () => Promise.resolve(fakeHarness({ mishap })), pauseMs: 1 });
  await lane.boot(TINY_BOOT);
  const sentinel = { shot: attentionSweep([1]).shots[0]! as Shot, everyS: 1000, share: 0.03 };
  const told = async (shots: readonly Shot[]): Promise<string[]> =>
    (await Array.fromAsync(lane.fire(shots, { ...HOW, chunk: 1, sentinel })))
      .map((step) => step.type === "outcome" ? `${tokensOf(step.shot)}` : step.type);
  assert.deepEqual(await told(SHOTS), ["engine", "sentinel", "1", "broken", "engine", "sentinel", "2", "3"]);
  assert.deepEqual(await told(SHOTS), ["1", "2", "3"], "none is due so soon");
  await lane.boot({ ...TINY_BOOT, tp: 2 });
  assert.deepEqual(await told([]), ["engine", "sentinel"], "a boot's is fired without shots too");
  await lane[Symbol.asyncDispose]();
});

Deno.test("a sentinel takes nine samples, whatever a shot takes", async () => {
  const counts: Record<string, number> = {};
  const factor = (shot: Shot): number => {
    counts[shot.category] = (counts[shot.category] ?? 0) + 1;
    return 1;
  };
  await using lane = await openLane({ harness: fakeHarness({ factor }) });
  await lane.boot(TINY_BOOT);
  const sentinel = { shot: attentionSweep([1]).shots[0]! as Shot, everyS: 1000, share: 0.03 };
  const precision = { relative: 0, min: 3, max: 4 };
  const steps = await Array.fromAsync(lane.fire(SHOTS.slice(0, 1), { ...HOW, precision, sentinel }));
  const times = steps.flatMap((step) =>
    step.type === "sentinel" && step.outcome.status === "measured" ? Object.values(step.outcome.samples) : []
  );
  assert.deepEqual(times.map((own) => own.length), [9]);
  assert.deepEqual(
    counts,
    { attention: 18, dense: 3 },
    "the first two agree; three samples of one time are precise",
  );
});

Deno.test("the last shot of a lane that is left out goes to the others, also when they had ended", async () => {
  let opened = 0;
  const breaks = (): Promise<Harness> => {
    const isFirst = opened++ === 0;
    return Promise.resolve(fakeHarness({ mishap: () => "die", bootFails: () => !isFirst }));
  };
  const good = (): Promise<Harness> => Promise.resolve(fakeHarness());
  for (const members of [[breaks, good], [good, breaks]]) {
    opened = 0;
    const [first, second] = members.map((open, n) => ({ name: `device ${n}`, open }));
    await using pool = await openPool([first!, second!], { pauseMs: 1 });
    await pool.boot(TINY_BOOT);
    const steps = await Array.fromAsync(pool.fire(denseSweep([1, 2]).shots, HOW));
    const outcomes = steps.flatMap((step) =>
      step.type === "outcome" ? [`${tokensOf(step.shot)} ${step.outcome.status}`] : []
    );
    assert.deepEqual(outcomes.sort(), ["1 measured", "2 measured"]);
    assert.ok(steps.some((step) => "message" in step && step.message.includes("is left out")));
  }
});

Deno.test("a shot that all lanes fire is fired by each, and has one outcome", async () => {
  for (const [count, common] of [[49, 0], [50, 1], [100, 2]] as const) {
    const fired: string[][] = [[], []];
    const members = fired.map((own, n) => ({
      name: `device ${n}`,
      open: () => Promise.resolve(fakeHarness({ fired: own })),
    }));
    await using pool = await openPool([members[0]!, members[1]!], { pauseMs: 1 });
    await pool.boot(TINY_BOOT);
    const { shots } = denseSweep(Array.from({ length: count }, (_, n) => n + 1));
    const steps = await Array.fromAsync(pool.fire(shots, HOW));
    const outcomes = steps.flatMap((step) => step.type === "outcome" ? [tokensOf(step.shot)] : []);
    assert.deepEqual(outcomes.sort((a, b) => a - b), shots.map(tokensOf));
    assert.equal(fired[0]!.filter((text) => fired[1]!.includes(text)).length, common);
    assert.equal(fired.flat().length, count + common);
  }
});

Deno.test("an abort is the reason, whatever the harness throws over it, and nothing more is tried", async () => {
  const reason = new Error("enough");
  for (const at of ["fire", "boot", "open"] as const) {
    const abort = new AbortController();
    let attempts = 0;
    const dies = (): never => {
      attempts++;
      abort.abort(reason);
      throw new HarnessError("killed", {
        stage: at === "open" ? "hello" : at,
        kind: "engine_dead",
        signal: "SIGKILL",
      });
    };
    const harness = fakeHarness();
    const lane = await openLane({
      open: () =>
        Promise.resolve({
          ...harness,
          ...at === "boot" && { boot: async () => await dies() },
          async *fire(): AsyncGenerator<ShotOutcome> {
            yield await dies();
          },
        }),
      pauseMs: 1,
    });
    const signal = abort.signal;
    await assert.rejects(async () => {
      await lane.boot(TINY_BOOT, { signal });
      await Array.fromAsync(lane.fire(SHOTS, { ...HOW, signal }));
    }, (error) => error === reason);
    assert.equal(attempts, 1);
  }
});

Deno.test("attempts that were killed are followed by pauses that double", async () => {
  const begun = performance.now();
  let attempts = 0;
  const killed = new HarnessError("killed", { stage: "hello", kind: "engine_dead", signal: "SIGKILL" });
  const told: string[] = [];
  const failing = againWhenKilled(() => {
    attempts++;
    return Promise.reject(killed);
  }, { pauseMs: 10, tell: (message) => told.push(message) });
  await assert.rejects(failing, killed);
  assert.equal(attempts, 4);
  assert.equal(told.length, 3);
  assert.ok(performance.now() - begun >= 10 + 20 + 40 - 3, "a timer may be a millisecond early");
});
