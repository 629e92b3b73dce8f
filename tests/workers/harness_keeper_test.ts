import assert from "node:assert/strict";
import type { Harness, SustainRequest } from "../../src/harness/harness.ts";
import { resolveSettings, type SettingsInput } from "../../src/settings.ts";
import { type HarnessKeeper, keepHarnesses } from "../../src/workers/harness_keeper.ts";
import { fakeHarness, type FakeOptions } from "../run/fakes.ts";
import { TINY_BOOT } from "../run/tiny_boot.ts";
import { denseSweep } from "../run/tiny_run.ts";

const settings = (more: Partial<SettingsInput> = {}): ReturnType<typeof resolveSettings> =>
  resolveSettings({ model: "Qwen/Qwen3-0.6B", hardware: "H100", ...more });

/** A keeper of fakes, and what happened to them. */
function keeperOf(fake: FakeOptions = {}): { keeper: HarnessKeeper; told: string[] } {
  const told: string[] = [];
  let count = 0;
  const keeper = keepHarnesses(({ harness }, devices, { onLog }) => {
    const name = `${harness} ${++count} on ${devices.join() || "all"}`;
    told.push(`open ${name}`);
    const inner = fakeHarness(fake);
    return Promise.resolve({
      ...inner,
      boot: (request) => {
        onLog?.(`boot ${name}`);
        return inner.boot(request);
      },
      close: () => {
        told.push(`close ${name}`);
        return inner.close();
      },
    } as Harness);
  });
  return { keeper, told };
}

/** Boots and fires; what is thrown is what became of it. */
async function use(harness: Harness, stopAt = Infinity): Promise<string> {
  try {
    await harness.boot(TINY_BOOT);
    let count = 0;
    for await (
      const _ of harness.fire({ shots: denseSweep([1, 2, 3]).shots, iterations: 1, quantity: "wall" })
    ) {
      if (++count === stopAt) break;
    }
    return `${count} outcomes`;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await harness.close();
    await harness.close();
  }
}

Deno.test("keepHarnesses: a run takes over what the one before has left, with a log of its own", async () => {
  const { keeper, told } = keeperOf();
  const logs: string[][] = [[], []];
  for (const log of logs) {
    const harness = await keeper.open(settings(), [], { onLog: (line) => void log.push(line) });
    assert.equal(await use(harness), "3 outcomes");
  }
  assert.deepEqual(told, ["open vllm 1 on all"]);
  assert.deepEqual(logs, [["boot vllm 1 on all"], ["boot vllm 1 on all"]]);
  await keeper[Symbol.asyncDispose]();
  assert.deepEqual(told, ["open vllm 1 on all", "close vllm 1 on all"]);
});

Deno.test("keepHarnesses: each device has its own", async () => {
  const { keeper, told } = keeperOf();
  for (let run = 0; run < 2; run++) {
    const both = [0, 1].map((device) => keeper.open(settings({ devices: [0, 1] }), [device], {}));
    for (const harness of await Promise.all(both)) await use(harness);
  }
  assert.deepEqual(told, ["open vllm 1 on 0", "open vllm 2 on 1"]);
  await keeper[Symbol.asyncDispose]();
});

Deno.test("keepHarnesses: a run that asks for another one does not meet what was left: it holds the device", async () => {
  const { keeper, told } = keeperOf();
  const runs: Partial<SettingsInput>[] = [{}, { harness: "ray" }, { devices: [0] }, { bootTimeoutS: 7 }];
  for (const run of runs) await use(await keeper.open(settings(run), run.devices ?? [], {}));
  assert.deepEqual(told, [
    ...["open vllm 1 on all", "close vllm 1 on all"],
    ...["open ray 2 on all", "close ray 2 on all"],
    ...["open vllm 3 on 0", "close vllm 3 on 0"],
    "open vllm 4 on all",
  ]);
  await keeper[Symbol.asyncDispose]();
});

Deno.test("keepHarnesses: one whose call failed, was left or ended early is not the next run's", async () => {
  const table: [what: string, fake: FakeOptions, stopAt: number, outcome: RegExp][] = [
    ["dies", { mishap: () => "die" }, Infinity, /^Cannot fire dense tp1 1: die$/],
    ["engine dead", { mishap: () => "dead" }, Infinity, /^1 outcomes$/],
    ["does not boot", { bootFails: () => true }, Infinity, /^Cannot boot: out of beads$/],
    ["left", {}, 2, /^2 outcomes$/],
  ];
  for (const [what, fake, stopAt, outcome] of table) {
    const { keeper, told } = keeperOf(fake);
    for (let run = 0; run < 2; run++) {
      assert.match(await use(await keeper.open(settings(), [], {}), stopAt), outcome);
    }
    const both = [1, 2].flatMap((run) => [`open vllm ${run} on all`, `close vllm ${run} on all`]);
    assert.deepEqual(told, both, what);
    await keeper[Symbol.asyncDispose]();
  }
});

Deno.test("keepHarnesses: one that sustained shots, none among them, is the next run's; one that was left meanwhile is not", async () => {
  const table: [what: string, facts: number, stopAt: number, kept: boolean][] = [
    ["nothing could be sustained", 0, Infinity, true],
    ["two layers", 2, Infinity, true],
    ["left", 2, 1, false],
  ];
  for (const [what, facts, stopAt, kept] of table) {
    let opened = 0;
    await using keeper = keepHarnesses(() => {
      opened++;
      return Promise.resolve({
        ...fakeHarness(),
        async *sustain(request: SustainRequest): AsyncGenerator<unknown> {
          for (let count = 0; count < facts; count++) yield await Promise.resolve(request.seconds);
        },
      } as unknown as Harness);
    });
    for (let run = 0; run < 2; run++) {
      const harness = await keeper.open(settings(), [], {});
      const found: unknown[] = [];
      for await (const fact of harness.sustain!({ shots: denseSweep([1]).shots, seconds: 7 })) {
        found.push(fact);
        if (found.length === stopAt) break;
      }
      assert.deepEqual(found, Array(Math.min(facts, stopAt)).fill(7), what);
      await harness.close();
    }
    assert.equal(opened, kept ? 1 : 2, what);
  }
});

Deno.test("keepHarnesses: a harness that is kept walks, and a run may give up its opening", async () => {
  const { signal } = new AbortController();
  const given: unknown[] = [];
  await using keeper = keepHarnesses((_, __, options) => {
    given.push(options.signal);
    return Promise.resolve(
      { ...fakeHarness(), walk: (batches: unknown) => Promise.resolve(batches) } as Harness,
    );
  });
  const harness = await keeper.open(settings(), [], { signal });
  assert.deepEqual([given, await harness.walk!({ decode: [] })], [[signal], { decode: [] }]);
});

Deno.test("keepHarnesses: what a harness cannot do, it cannot when it is kept", async () => {
  const { sustain: _, walk: __, ...plain } = fakeHarness();
  await using keeper = keepHarnesses(() => Promise.resolve(plain as Harness));
  const harness = await keeper.open(settings(), [], {});
  assert.deepEqual([harness.sustain, harness.walk], [undefined, undefined]);
});
