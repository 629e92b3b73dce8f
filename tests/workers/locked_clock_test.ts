import assert from "node:assert/strict";
import { HarnessError } from "../../src/errors.ts";
import { refuseUnlocked } from "../../src/workers/locked_clock.ts";
import { profile } from "../../src/run/profile.ts";
import type { Booted, BootRequest, Harness } from "../../src/harness/harness.ts";
import { fakeHarness } from "../run/fakes.ts";
import { SMALL, smallBundle } from "../run/small_model.ts";
import { openBundle } from "../../src/bundle/open.ts";

const CASES: [
  what: string,
  asked: number | undefined,
  conditions: Record<string, unknown>,
  refused: boolean,
][] = [
  ["no clock is asked, none is told", undefined, {}, false],
  ["no clock is asked", undefined, { clock_mhz: 1545 }, false],
  ["the asked one is told", 1545, { clock_mhz: 1545 }, false],
  ["another is told", 1545, { clock_mhz: 1530 }, true],
  ["none is told", 1545, {}, true],
];
for (const [what, asked, conditions, refused] of CASES) {
  Deno.test(`an engine where ${what} is ${refused ? "refused" : "taken"}`, () => {
    const check = (): void =>
      refuseUnlocked("toy", { tp: 2, ...asked !== undefined && { clock_mhz: asked } }, { conditions });
    if (!refused) return check();
    assert.throws(check, {
      name: "HarnessError",
      message:
        "Harness 'toy' cannot boot tp 2 with the clock locked at 1545 MHz: it does not say that it locked it; " +
        "leave --clock out, or use a harness that can (vllm, on an NVIDIA GPU that you may lock)",
    });
  });
}

/** A harness that locks its clock. */
function lockable(asked: BootRequest[]): Harness {
  const fake = fakeHarness();
  return {
    ...fake,
    info: fake.info,
    async boot(request, options): Promise<Booted> {
      asked.push(request);
      const booted = await fake.boot(request, options);
      const { clock_mhz } = request;
      return clock_mhz === undefined
        ? booted
        : { ...booted, conditions: { ...booted.conditions, clock_mhz } };
    },
  };
}

Deno.test("a run with a locked clock asks for it, says so in meta.yaml, and is not mixed with others", async () => {
  const perfDir = await Deno.makeTempDir();
  const small = { ...SMALL, perfDir, skipSkew: true, tpDegrees: [1] };
  try {
    const asked: BootRequest[] = [];
    const run = { open: () => Promise.resolve(lockable(asked)) };
    const bundle = await profile({ ...small, clock: 1545 }, run);
    assert.deepEqual(asked.map(({ clock_mhz }) => clock_mhz), [1545]);
    assert.equal(bundle.meta.conditions?.clock_mhz, 1545);
    for (const [clock, now] of [[null, "unlocked"], [1530, "1530 MHz"]] as const) {
      await assert.rejects(
        profile({ ...small, clock }, run),
        { name: "UsageError", message: new RegExp(`clock 1545 MHz there, ${now} now`) },
      );
    }
    assert.equal((await openBundle(smallBundle(perfDir))).meta.conditions?.clock_mhz, 1545);
  } finally {
    await Deno.remove(perfDir, { recursive: true });
  }
});

Deno.test("a harness that cannot lock is refused before anything is fired", async () => {
  const perfDir = await Deno.makeTempDir();
  try {
    await assert.rejects(
      profile({ ...SMALL, perfDir, skipSkew: true, clock: 1545 }, {
        open: () => Promise.resolve(fakeHarness()),
      }),
      HarnessError,
    );
  } finally {
    await Deno.remove(perfDir, { recursive: true });
  }
});
