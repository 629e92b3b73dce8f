/** Devices that tell the clock of each shot: at a power limit, between shots that lower it, and slow for good. */
import assert from "node:assert/strict";
import { openBundle } from "../../src/bundle/open.ts";
import { validate } from "../../src/check/validate.ts";
import type { FireFact } from "../../src/harness/harness.ts";
import { readEvidence } from "../../src/journal/evidence.ts";
import { profile } from "../../src/run/profile.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { fakeHarness, type FakeOptions } from "./fakes.ts";
import { SMALL, smallBundle } from "./small_model.ts";
import { attentionSweep, denseSweep, tinyRun, withFolder } from "./tiny_run.ts";

const SENTINEL = attentionSweep([8]).shots[0]!;
const FULL = 1929;
const LOWERED = 1400;

/** A device at its power limit: shots of 4 tokens and more lower its clock, which NVML tells as a mean. */
class Device {
  readonly fired: number[] = [];
  began = FULL;
  mhz = FULL;

  /** @param isBack Whether the clock is back before a shot. */
  constructor(readonly isBack: (shot: Shot, time: number) => boolean) {}

  get options(): FakeOptions {
    return {
      mishap: (shot): undefined => {
        const tokens = shot.category === "dense" ? shot.tokens : 0;
        if (tokens > 0) this.fired.push(tokens);
        this.began = this.isBack(shot, this.fired.filter((fired) => fired === tokens).length)
          ? FULL
          : this.mhz;
        this.mhz = tokens >= 4 ? LOWERED : this.began;
      },
      factor: () => FULL / this.began,
      clocks: () => [this.began, this.mhz],
      facts: (): FireFact[] => {
        const others = {
          memory_clock_mhz: 3201,
          temperature_c: 50,
          power_w: 690,
          throttle: ["sw_power_cap"],
        };
        return [{ type: "state", sm_clock_mhz: this.mhz, ...others }];
      },
    };
  }
}

interface Outcome {
  readonly fired: readonly number[];
  readonly doubted: readonly number[];
  readonly lowering: readonly number[];
}

/** Fires one to five tokens in turn, with a sentinel behind them; a device that does not count tells no clock of a shot. */
async function outcomeOf(dir: string, device: Device, counts = true): Promise<Outcome> {
  const { clocks, ...others } = device.options;
  await tinyRun(dir, [denseSweep([1, 2, 3, 4, 5])], {
    ...{ chunk: 5, sentinel: { shot: SENTINEL, everyS: 0, share: 0.03 } },
    source: { harness: fakeHarness({ ...others, ...counts && clocks && { clocks } }) },
  });
  const evidence = await readEvidence(dir);
  const tokens = (kind: "inDoubt" | "lowersClock"): number[] =>
    evidence.filter((shot) => shot[kind]).map(({ key }) => key[0]!);
  return { fired: device.fired, doubted: tokens("inDoubt"), lowering: tokens("lowersClock") };
}

Deno.test("shots that lower the clock themselves are told and not measured again, nor are their neighbours", () =>
  withFolder(async (dir) => {
    assert.deepEqual(await outcomeOf(dir, new Device(() => true)), {
      ...{ fired: [1, 2, 3, 4, 5], doubted: [], lowering: [4, 5] },
    });
    const [one, , , four] = await readEvidence(dir);
    assert.deepEqual([one!.clocksMhz, four!.clocksMhz], [
      { before: FULL, behind: FULL },
      { before: FULL, behind: LOWERED },
    ]);
  }));

Deno.test("without clocks of their own, all shots of the chunk are in doubt, as they were", () =>
  withFolder(async (dir) => {
    const { doubted, lowering, fired } = await outcomeOf(dir, new Device(() => true), false);
    assert.deepEqual([doubted, lowering], [[1, 2, 3, 4, 5], []]);
    assert.ok(fired.length > 5);
  }));

Deno.test("a shot that others have slowed is in doubt, and measured again until it has begun at the full clock", () =>
  withFolder(async (dir) => {
    const device = new Device((shot, time) => shot.category !== "dense" || shot.tokens < 5 || time > 1);
    assert.deepEqual(await outcomeOf(dir, device), {
      ...{ fired: [1, 2, 3, 4, 5, 5], doubted: [], lowering: [4, 5] },
    });
  }));

Deno.test("a device that has lowered its clock for good leaves all in doubt that it has measured since", () =>
  withFolder(async (dir) => {
    let isSlow = false;
    const device = new Device((shot) => {
      isSlow ||= shot.category === "dense" && shot.tokens === 5;
      return !isSlow;
    });
    const { doubted, lowering } = await outcomeOf(dir, device);
    assert.deepEqual([doubted, lowering], [[5], [4]]);
  }));

Deno.test("a bundle says how many shots lower the clock, a run with no others is done", () =>
  withFolder(async (perfDir) => {
    const device = new Device(() => true);
    const finished: number[] = [];
    await profile({ ...SMALL, tpDegrees: [1], skipSkew: true, sentinelS: 30, perfDir }, {
      open: () => Promise.resolve(fakeHarness({ ...device.options, info: { quantities: ["kernel"] } })),
      onEvent: (event) => event.type === "finished" && finished.push(event.inDoubt),
    });
    const dir = smallBundle(perfDir);
    const lowering = (await readEvidence(dir)).filter(({ lowersClock }) => lowersClock);
    assert.ok(
      lowering.length > 0 && lowering.every(({ category, key }) => category === "dense" && key[0]! >= 4),
    );
    assert.deepEqual(finished, [0]);
    const { noise } = (await openBundle(dir)).meta;
    assert.deepEqual([noise!.in_doubt, noise!.lowers_clock], [0, lowering.length]);
    const codes = (await validate(dir)).map(({ code, found }) => `${code} ${found}`);
    assert.ok(codes.includes(`lowers-clock ${lowering.length}`), codes.join());
  }));
