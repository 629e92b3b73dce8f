import assert from "node:assert/strict";
import { openBundle } from "../../src/bundle/open.ts";
import type { FireFact } from "../../src/harness/harness.ts";
import type { Quantity } from "../../src/quantity.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { readEvidence } from "../../src/journal/evidence.ts";
import { profile } from "../../src/run/profile.ts";
import { fakeHarness, type FakeOptions, fakeTimeUs } from "./fakes.ts";
import { SMALL, smallBundle } from "./small_model.ts";
import {
  attentionSweep,
  denseSweep,
  only,
  textOfFile,
  type TinyRun,
  tinyRun,
  withFolder,
} from "./tiny_run.ts";

const SENTINEL = attentionSweep([8]).shots[0]!;
/** A sentinel before each shot. */
const WATCHED: TinyRun = { chunk: 1, sentinel: { shot: SENTINEL, everyS: 0, share: 0.03 } };
const SWEEP = denseSweep([1, 2, 3, 4, 5]);

/** A device that is a tenth slower while `isSlow` says so of the dense shot that it fired last. */
function device(isSlow: (tokens: number, time: number) => boolean): FakeOptions & { fired: string[] } {
  const times = new Map<number, number>();
  const fired: string[] = [];
  let slow = false;
  return {
    fired,
    mishap(shot): undefined {
      if (shot.category !== "dense") return;
      const time = (times.get(shot.tokens) ?? 0) + 1;
      times.set(shot.tokens, time);
      slow = isSlow(shot.tokens, time);
    },
    factor: () => slow ? 1.1 : 1,
  };
}

async function run(dir: string, fake: FakeOptions, more: TinyRun = {}): ReturnType<typeof tinyRun> {
  return await tinyRun(dir, [SWEEP], { ...WATCHED, source: { harness: fakeHarness(fake) }, ...more });
}

function denseOf(fired: readonly string[]): number[] {
  return fired.filter((shot) => shot.startsWith("dense")).map((shot) => Number(shot.split(" ").at(-1)));
}

Deno.test("shots in doubt are not measured again when a budget is spent, and a notice says so", () =>
  withFolder(async (perfDir) => {
    let sentinels = 0;
    const factor: FakeOptions["factor"] = (shot, sample) => {
      if (shot.category !== "attention") return 1;
      if (sample === 0) sentinels++;
      return sentinels === 3 ? 1.5 : 1;
    };
    const messages: string[] = [];
    await profile({ ...SMALL, tpDegrees: [1], skipSkew: true, sentinelS: 3600, budget: 0.001, perfDir }, {
      open: () => Promise.resolve(fakeHarness({ factor })),
      onEvent: (event) => event.type === "notice" && messages.push(event.message),
    });
    assert.ok(
      messages.includes(
        "28 shots of dense at tp 1 are in doubt: the device had drifted, and the budget is too small to measure " +
          "them again; their times stand, and the same run measures them again",
      ),
      messages.join("\n"),
    );
  }));

Deno.test("shots that were fired while the device drifted are measured again when it is back", () =>
  withFolder(async (dir) => {
    await tinyRun(`${dir}/quiet`, [SWEEP]);
    const fake = device((tokens, time) => time === 1 && (tokens === 3 || tokens === 4));
    const events = await run(`${dir}/moved`, fake);
    // The fifth began while the device drifted, for all that the sentinel before it says.
    assert.deepEqual(denseOf(fake.fired), [1, 2, 3, 4, 5, 3, 4, 5]);
    assert.deepEqual(only(events, "measuring-again"), [
      { type: "measuring-again", category: "dense", tp: 1, shots: 3 },
    ]);
    assert.deepEqual(
      only(events, "sentinel").filter(({ moved }) => moved).map(({ drift }) => drift.toFixed(2)),
      ["0.10", "0.10"],
    );
    assert.equal(
      await textOfFile(dir, "moved/tp1/dense.csv"),
      await textOfFile(dir, "quiet/tp1/dense.csv"),
      "the rows are those of the device that is back",
    );
    const evidence = await readEvidence(`${dir}/moved`);
    assert.deepEqual(evidence.map(({ key, measured, inDoubt }) => [key[0], measured, inDoubt]), [
      [1, 1, false],
      [2, 1, false],
      [3, 2, false],
      [4, 2, false],
      [5, 2, false],
    ]);
  }));

Deno.test("a device that does not come back is not measured over and over; the next run measures again", () =>
  withFolder(async (dir) => {
    const fake = device((tokens) => tokens >= 3);
    const events = await run(dir, fake);
    assert.deepEqual(denseOf(fake.fired), [1, 2, 3, 4, 5]);
    assert.deepEqual(only(events, "notice").map(({ message }) => message), [
      "3 shots of dense at tp 1 are in doubt: the device has drifted from its baseline and has not come back; " +
      "their times stand, and the same run measures them again",
    ]);
    const later = device(() => false);
    await run(dir, later);
    assert.deepEqual(denseOf(later.fired), [3, 4, 5]);
    const last = device(() => false);
    await run(dir, last);
    assert.deepEqual(last.fired, [], "what is whole fires nothing, no sentinel either");
  }));

Deno.test("a shot is measured again twice at most", () =>
  withFolder(async (dir) => {
    let sentinels = 0;
    const fake = device((tokens) => tokens === 3);
    const restless: FakeOptions = {
      fired: fake.fired,
      mishap(shot): undefined {
        // The device is back with the second sentinel after the shot.
        if (shot.category === "dense") sentinels = 0;
        else if (++sentinels === 2) fake.mishap?.(denseSweep([99]).shots[0]!);
        fake.mishap?.(shot);
      },
      factor: fake.factor!,
    };
    await run(dir, restless);
    assert.deepEqual(denseOf(fake.fired), [1, 2, 3, 4, 5, 3, 4, 3, 4]);
    await run(dir, { fired: fake.fired });
    assert.deepEqual(denseOf(fake.fired).filter((tokens) => tokens === 3).length, 3, "nor by a later run");
  }));

Deno.test("many shots that move the device themselves are measured again once, and left in doubt", () =>
  withFolder(async (dir) => {
    const sweep = denseSweep(Array.from({ length: 70 }, (_, index) => index + 1));
    const fired: string[] = [];
    let sentinels = Infinity;
    const fake: FakeOptions = {
      fired,
      // The device is back with the second sentinel after the shots.
      mishap: ({ category }): undefined => void (sentinels = category === "dense" ? 0 : sentinels + 1),
      factor: ({ category }) => category === "attention" && sentinels === 1 ? 1.1 : 1,
    };
    const watched: TinyRun = { sentinel: { shot: SENTINEL, everyS: 3600, share: 0.03 } };
    const events = await tinyRun(dir, [sweep], { ...watched, source: { harness: fakeHarness(fake) } });
    assert.deepEqual(only(events, "measuring-again").map(({ shots }) => shots), [70]);
    assert.equal(denseOf(fired).length, 140);
    assert.deepEqual(only(events, "notice").map(({ message }) => message), [
      "70 shots of dense at tp 1 are in doubt: the device drifts with these shots (measured again, 0 of 70 were " +
      "settled); their times stand, and the same run measures them again",
    ]);
  }));

Deno.test("many shots whose clock the power limit lowers, the sentinel's time the same, are not measured again", () =>
  withFolder(async (dir) => {
    const table: [throttle: string[], factor: number, again: number[]][] = [
      [["sw_power_cap"], 1, []],
      [["sw_power_cap"], 1.1, [70]],
      [["hw_thermal_slowdown"], 1, [70]],
    ];
    for (const [number, [throttle, factor, again]] of table.entries()) {
      let dense = 0;
      let sentinels = Infinity;
      const mishap = ({ category }: Shot): undefined => {
        if (category === "attention") sentinels++;
        else [dense, sentinels] = [dense + 1, 0];
      };
      // After the first time, and its sentinel.
      const isSlow = (): boolean => dense === 70 && sentinels < 2;
      const facts = (): FireFact[] => {
        const mhz = isSlow() ? 1400 : 1980;
        return [{
          ...{ type: "state", sm_clock_mhz: mhz, memory_clock_mhz: 2619, temperature_c: 40, power_w: 690 },
          throttle,
        }];
      };
      const events = await tinyRun(`${dir}/${number}`, [
        denseSweep(Array.from({ length: 70 }, (_, index) => index + 1)),
      ], {
        sentinel: { shot: SENTINEL, everyS: 3600, share: 0.03 },
        chunk: 70,
        source: {
          harness: fakeHarness({
            mishap,
            facts,
            factor: ({ category }) => category === "attention" && isSlow() ? factor : 1,
          }),
        },
      });
      assert.deepEqual(only(events, "measuring-again").map(({ shots }) => shots), again, throttle.join());
      if (again.length > 0) continue;
      assert.deepEqual(only(events, "notice").map(({ message }) => message), [
        "70 shots of dense at tp 1 are in doubt: the device lowers its clock with these shots, at its power limit, " +
        "and the sentinel's time stands; their times stand, and the same run measures them again",
      ]);
    }
  }));

Deno.test("the first sentinel is fired until two in a row agree, so that a cold device does not set the measure", () =>
  withFolder(async (dir) => {
    let fired = 0;
    const warming: FakeOptions = { factor: () => 1 + 0.5 / (1 + fired++) ** 2 };
    const events = await run(dir, warming);
    assert.ok(only(events, "sentinel").every(({ moved }) => !moved));
  }));

Deno.test("a clock that moves by more than a tenth puts shots in doubt though the sentinel's time is the same", () =>
  withFolder(async (dir) => {
    let mhz = 1980;
    const fired: string[] = [];
    const facts = (): FireFact[] => {
      const state = { memory_clock_mhz: 2619, temperature_c: 40, power_w: 300, throttle: [] };
      return [{ type: "state", sm_clock_mhz: mhz, ...state }, {
        type: "cost",
        device_busy_us: 500,
        wall_us: 900,
      }];
    };
    let threes = 0;
    const mishap: FakeOptions["mishap"] = (shot) => {
      if (shot.category === "dense") mhz = shot.tokens === 3 && threes++ === 0 ? 1400 : 1980;
      return undefined;
    };
    const events = await run(dir, { facts, mishap, fired });
    assert.deepEqual(only(events, "sentinel").filter(({ moved }) => moved).map(({ clockMhz }) => clockMhz), [
      1400,
    ]);
    assert.deepEqual(denseOf(fired), [1, 2, 3, 4, 5, 3, 4]);
    assert.ok(only(events, "sweep-finished")[0]!.deviceBusyS! > 0.002);
    const [first] = await readEvidence(dir);
    assert.equal(first!.rows["proj"]!.clockMhz, 1980);
  }));

Deno.test("a sentinel that cannot be fired ends the watching, not the run", () =>
  withFolder(async (dir) => {
    const mishap: FakeOptions["mishap"] = (shot) =>
      shot.category === "attention" ? { failed: "infeasible" } : undefined;
    const events = await run(dir, { mishap });
    assert.deepEqual(only(events, "notice").map(({ message }) => message), [
      "The sentinel attention tp1 0,0,8,16 failed, the device is not watched at tp 1 from here on: too many beads",
    ]);
    assert.equal(only(events, "shot").length, 5);
  }));

Deno.test("precision: a shot is repeated until it is precise, and its row can tell why it stopped", () =>
  withFolder(async (dir) => {
    const factor: FakeOptions["factor"] = (shot, sample) => {
      const noise = shot.category === "dense" ? [0, 0.001, 0.05, 0.5, 0][shot.tokens - 1]! : 0;
      return 1 + (sample % 3 - 1) * noise;
    };
    const precision = { relative: 0.01, min: 3, max: 12 };
    await tinyRun(dir, [denseSweep([1, 2, 3, 4])], {
      source: { harness: fakeHarness({ factor }) },
      precision,
    });
    const evidence = await readEvidence(dir);
    const told = evidence.map(({ rows }) => rows["proj"]!).map(({ samples, spread, stop }) => [
      samples,
      spread!.toFixed(4),
      stop,
    ]);
    assert.deepEqual(told, [
      [3, "0.0000", "precision"],
      [3, "0.0010", "precision"],
      [12, "0.0436", "max"],
      [12, "0.4363", "max"],
    ]);
  }));

Deno.test("names of kernels stand in the journal once, and evidence gives them back", () =>
  withFolder(async (dir) => {
    const facts = (): FireFact[] => [{ type: "kernels", names: { ab: "gemm_bf16" } }];
    const run = { source: { harness: fakeHarness({ facts }) }, chunk: 1 };
    await tinyRun(dir, [denseSweep([1, 2])], run);
    await tinyRun(dir, [denseSweep([3])], run);
    const lines = (await textOfFile(dir, "journal.jsonl")).split("\n").filter((line) =>
      line.includes("gemm")
    );
    assert.deepEqual(lines, ['{"type":"kernels","names":{"ab":"gemm_bf16"}}']);
  }));

Deno.test("the seed shuffles the order of a sweep and changes no row", () =>
  withFolder(async (dir) => {
    const orders: Record<string, number[]> = {};
    for (const [name, seed] of Object.entries({ plain: null, one: 1, again: 1, two: 2 })) {
      const fired: string[] = [];
      await tinyRun(`${dir}/${name}`, [SWEEP], { source: { harness: fakeHarness({ fired }) }, seed });
      orders[name] = denseOf(fired);
      assert.equal(
        await textOfFile(dir, `${name}/tp1/dense.csv`),
        await textOfFile(dir, "plain/tp1/dense.csv"),
      );
    }
    assert.deepEqual(orders["plain"], [1, 2, 3, 4, 5]);
    assert.deepEqual(orders["one"], orders["again"]);
    assert.notDeepEqual(orders["one"], orders["two"]);
    assert.deepEqual(orders["one"]!.toSorted(), [1, 2, 3, 4, 5]);
  }));

Deno.test("profile writes what is known of the noise into meta.yaml", () =>
  withFolder(async (perfDir) => {
    const factor: FakeOptions["factor"] = (_, sample) => 1 + (sample % 3 - 1) / 100;
    const quantities: Quantity[] = ["kernel"];
    const open = (): Promise<ReturnType<typeof fakeHarness>> =>
      Promise.resolve(fakeHarness({ factor, info: { quantities } }));
    const precision = { relative: 0.5, min: 3, max: 3 };
    await profile({ ...SMALL, perfDir, skipSkew: true, sentinelS: 30, precision }, { open });
    const { meta } = await openBundle(smallBundle(perfDir));
    assert.deepEqual(meta.precision, precision);
    assert.deepEqual(meta.noise, {
      spread_p50: 0.01023,
      spread_p90: 0.01023,
      sentinels: 8,
      sentinel_drift_p50: 0,
      sentinel_drift_max: 0,
      measured_again: 0,
      in_doubt: 0,
    });
  }));

/** Times of the rows of dense.csv over those of a device at its usual speed. */
async function factorsOf(dir: string): Promise<string[]> {
  const rows = (await textOfFile(dir, "tp1/dense.csv")).trimEnd().split("\n").slice(1);
  return [
    ...new Set(rows.map((row) => {
      const [layer, tokens, timeUs] = row.split(",");
      const shot = { category: "dense", tp: 1, tokens: Number(tokens) } as const;
      return (Number(timeUs) / fakeTimeUs(shot, layer!)).toFixed(2);
    })),
  ].sort();
}

/** A device that needs so many times the time, from the first shot on. */
function slowed(factor: number): FakeOptions & { fired: string[] } {
  return { fired: [], factor: () => factor };
}

Deno.test("a resumed run is held against the first one's speed, not its own", () =>
  withFolder(async (dir) => {
    await run(dir, slowed(1), { onEvent: (event) => event.type === "shot" && event.key[0] === 2 });
    const slow = slowed(1.19);
    const events = await run(dir, slow);
    // The second shot came after the last sentinel of the run that was killed.
    assert.deepEqual(denseOf(slow.fired), [3, 4, 5]);
    assert.deepEqual(only(events, "notice").map(({ message }) => message), [
      "The device is slower than what was measured before at tp 1 (the sentinel takes 19.0% more time): what it " +
      "measures is in doubt until it is back; if this is its speed from now on, acceptSpeed (--accept-speed) measures " +
      "again what was measured before",
      "3 shots of dense at tp 1 are in doubt: the device has drifted from its baseline and has not come back; " +
      "their times stand, and the same run measures them again",
    ]);
    const still = slowed(1.19);
    await run(dir, still);
    assert.deepEqual(denseOf(still.fired), [], "measuring again would only repeat the same speed");
    const inDoubt = (await readEvidence(dir)).filter((shot) => shot.inDoubt).map(({ key }) => key[0]);
    assert.deepEqual(inDoubt, [2, 3, 4, 5]);
    const back = slowed(1);
    await run(dir, back);
    assert.deepEqual(denseOf(back.fired), [2, 3, 4, 5]);
    assert.deepEqual(await factorsOf(dir), ["1.00"]);
  }));

Deno.test("an accepted speed is that of all rows: what was measured at another is measured again", () =>
  withFolder(async (dir) => {
    await run(dir, device((tokens) => tokens >= 4));
    const slow = slowed(1.1);
    const events = await run(dir, slow, { acceptSpeed: true });
    assert.deepEqual(
      denseOf(slow.fired),
      [1, 2, 3, 4],
      "the fifth was measured between two sentinels of this speed",
    );
    assert.deepEqual(only(events, "notice").map(({ message }) => message), [
      "The device has another speed than what was measured before at tp 1, which is accepted: what was measured " +
      "before is in doubt",
    ]);
    assert.deepEqual(await factorsOf(dir), ["1.10"]);
    const later = slowed(1.1);
    await run(dir, later);
    assert.deepEqual(later.fired, [], "the next run needs no flag");
  }));

Deno.test("the sentinel of a bundle stays the same shot, though another plan would choose another", () =>
  withFolder(async (perfDir) => {
    const options = { ...SMALL, perfDir, skipSkew: true, sentinelS: 30, tpDegrees: [1] };
    const open = (): Promise<ReturnType<typeof fakeHarness>> => Promise.resolve(fakeHarness());
    await profile({ ...options, attentionMaxKv: 64 }, { open });
    await profile(options, { open });
    const journal = await textOfFile(smallBundle(perfDir), "journal.jsonl");
    const sentinels = journal.split("\n").filter((line) => line.includes('"type":"sentinel"'));
    assert.ok(sentinels.length > 3);
    assert.equal(new Set(sentinels.map((line) => JSON.parse(line).key.join())).size, 1);
    assert.equal(journal.split('"type":"session"').length - 1, 2);
  }));

Deno.test("a journal of a newer format is refused, and nothing is appended", () =>
  withFolder(async (dir) => {
    await run(dir, slowed(1));
    const path = `${dir}/journal.jsonl`;
    const newer = (await textOfFile(dir, "journal.jsonl")).replace('"format":2', '"format":99');
    await Deno.writeTextFile(path, newer);
    const message =
      `Cannot read ${path}: line 1 begins format 99, and this version reads formats 1 to 2; use the ` +
      "version of shotlab that wrote it, or a later one";
    await assert.rejects(run(dir, slowed(1)), { name: "UsageError", message });
    await assert.rejects(readEvidence(dir), { name: "UsageError", message });
    assert.equal(await textOfFile(dir, "journal.jsonl"), newer);
  }));
