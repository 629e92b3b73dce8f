import assert from "node:assert/strict";
import type { RunEvent } from "../../src/events.ts";
import { ingest } from "../../src/run/ingest.ts";
import { firePlan } from "../../src/run/fire_plan.ts";
import { resolveSettings, type SettingsInput } from "../../src/settings.ts";
import { parsePlan } from "../../src/shots/plan_file.ts";
import { fakeHarness, type FakeOptions } from "./fakes.ts";
import { filesOf, fire, liveFiles, planLines } from "./results_files.ts";
import { SMALL, smallBundle } from "./small_model.ts";
import { only, textOfFile, withFolder } from "./tiny_run.ts";

Deno.test("a plan that is fired and ingested makes the bundle that a live run makes", () =>
  withFolder(async (dir) => {
    const input = { sentinelS: 30 };
    await fire(await planLines(input), `${dir}/results.jsonl`, {}, input);
    const { measured, known, failed, notices } = await ingest([`${dir}/results.jsonl`], {
      perfDir: `${dir}/perf`,
    });
    assert.deepEqual([known, failed, notices], [0, [], []]);
    assert.ok(measured > 300);
    assert.deepEqual(await filesOf(smallBundle(`${dir}/perf`)), await liveFiles(`${dir}/live`, input));
  }));

Deno.test("two halves make the same bundle in any order, taken in at once, one by one or twice", () =>
  withFolder(async (dir) => {
    const [header, ...shots] = await planLines();
    const half = shots.length >> 1;
    const [a, b] = [`${dir}/a.jsonl`, `${dir}/b.jsonl`] as const;
    await fire([header!, ...shots.slice(0, half + 7)], a);
    await fire([header!, ...shots.slice(half)], b);
    const live = await liveFiles(`${dir}/live`);
    for (
      const [name, turns] of Object.entries({
        ab: [[a, b]],
        ba: [[b, a]],
        b_a: [[b], [a]],
        aab: [[a], [a, b]],
      })
    ) {
      const perfDir = `${dir}/${name}`;
      for (const files of turns) await ingest(files, { perfDir });
      assert.deepEqual(await filesOf(smallBundle(perfDir)), live, name);
      const journal = await textOfFile(smallBundle(perfDir), "journal.jsonl");
      await ingest([b, a], { perfDir });
      assert.equal(
        await textOfFile(smallBundle(perfDir), "journal.jsonl"),
        journal,
        "nothing is taken in twice",
      );
    }
  }));

Deno.test("a file of a processor that emulates the plan's type says so, and its bundle names the processor", () =>
  withFolder(async (dir) => {
    const path = `${dir}/results.jsonl`;
    const processor = { name: "AMD EPYC 7R13", cores: 2, instruction_sets: ["avx2"] };
    const events = await fire((await planLines({ skipSkew: true })).slice(0, 3), path, {
      info: { processor },
    });
    assert.match(only(events, "notice")[0]!.message, /^AMD EPYC 7R13 emulates bfloat16 /);
    const { bundle } = await ingest([path], { perfDir: `${dir}/perf` });
    assert.deepEqual(bundle.meta.processor, processor);
  }));

Deno.test("a file that was cut is fired on, and ingested as far as it goes", () =>
  withFolder(async (dir) => {
    const path = `${dir}/results.jsonl`;
    const lines = await planLines({ skipSkew: true });
    const fired: string[] = [];
    await fire(lines, path, { fired });
    const whole = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, whole.slice(0, whole.length / 2));
    const { measured, notices } = await ingest([path], { perfDir: `${dir}/perf` });
    assert.deepEqual(notices, [`${path}: the last line was cut, its shot counts as not fired`]);
    const again: string[] = [];
    await fire(lines, path, { fired: again });
    assert.equal(again.length, fired.length - measured);
    const rest = await ingest([path], { perfDir: `${dir}/perf` });
    assert.deepEqual([rest.measured, rest.known], [again.length, measured]);
    const none: string[] = [];
    const booted: number[] = [];
    await fire(lines, path, { fired: none, booted });
    assert.deepEqual([none, booted], [[], []], "a whole file boots nothing");
  }));

Deno.test("the plan's seed orders the firing, parity keeps the plan's order", () =>
  withFolder(async (dir) => {
    const order = async (input: Partial<SettingsInput>, name: string): Promise<string[]> => {
      const fired: string[] = [];
      await fire(await planLines({ ...input, skipSkew: true }), `${dir}/${name}.jsonl`, { fired });
      return fired;
    };
    const planned = (await planLines({ parity: true, skipSkew: true })).length - 1;
    assert.deepEqual(await order({ seed: 1 }, "one"), await order({ seed: 1 }, "again"));
    assert.notDeepEqual(await order({ seed: 1 }, "one more"), await order({ seed: 2 }, "two"));
    const parity = await order({ parity: true }, "parity");
    assert.equal(parity.length, planned);
    assert.deepEqual(parity.slice(0, 3), ["dense tp1 1", "dense tp1 2", "dense tp1 3"]);
  }));

Deno.test("failed shots are told, kept failed, and fired again on request", () =>
  withFolder(async (dir) => {
    const path = `${dir}/results.jsonl`;
    const lines = await planLines({ skipSkew: true });
    let full = true;
    const fake: FakeOptions = {
      mishap: (shot) =>
        full && shot.category === "dense" && shot.tokens === 2 ? { failed: "out_of_memory" } : undefined,
    };
    const [finished] = only(await fire(lines, path, fake), "finished");
    assert.deepEqual(finished!.failed.map(({ tp, key, kind }) => [tp, key, kind]), [
      [1, [2], "out_of_memory"],
      [2, [2], "out_of_memory"],
    ]);
    const first = await ingest([path], { perfDir: `${dir}/perf` });
    assert.equal(first.failed.length, 2);
    full = false;
    const fired: string[] = [];
    await fire(lines, path, { ...fake, fired });
    assert.deepEqual(fired, []);
    await fire(lines, path, { ...fake, fired }, { retryFailed: true });
    assert.deepEqual(fired, ["dense tp1 2", "dense tp2 2"]);
    const second = await ingest([path], { perfDir: `${dir}/perf` });
    assert.deepEqual([second.measured, second.failed], [2, []]);
    assert.deepEqual(
      await filesOf(smallBundle(`${dir}/perf`)),
      await liveFiles(`${dir}/live`, { skipSkew: true }),
    );
  }));

Deno.test("what a sentinel in the file puts in doubt gives way to the results that follow", () =>
  withFolder(async (dir) => {
    const path = `${dir}/results.jsonl`;
    // Slow from the third dense shot until its sentinel was fired.
    let dense = 0;
    let sentinels = 0;
    const fake: FakeOptions = {
      mishap(shot): undefined {
        if (shot.category === "dense") dense++;
        else if (dense >= 3) sentinels++;
      },
      factor: () => dense >= 3 && sentinels < 2 ? 1.5 : 1,
    };
    const input = { sentinelS: 30, skipSkew: true };
    await fire(await planLines(input), path, fake, input);
    const text = await Deno.readTextFile(path);
    assert.ok(text.includes('"type":"sentinel"'));
    const { bundle } = await ingest([path], { perfDir: `${dir}/perf` });
    assert.deepEqual([bundle.meta.noise!.in_doubt, bundle.meta.noise!.measured_again! > 0], [0, true]);
    const live = await liveFiles(`${dir}/live`, { skipSkew: true });
    assert.equal((await filesOf(bundle.dir))["tp1/dense.csv"], live["tp1/dense.csv"]);
  }));

Deno.test("a session begins when the file says, and a chunk's cost is shared by the sweeps of its shots", () =>
  withFolder(async (dir) => {
    const path = `${dir}/results.jsonl`;
    const input = { skipSkew: true, tpDegrees: [1] };
    await fire(await planLines(input), path, {}, input);
    const lines = (await Deno.readTextFile(path)).trimEnd().split("\n").map((line) => JSON.parse(line));
    const kept = lines.filter(({ type }) => type !== "cost")
      .map((line) => line.type === "session" ? { ...line, started: "2026-03-01T09:29:20.500Z" } : line);
    const shots = kept.filter(({ type }) => type === "shot").length;
    kept.push({ type: "cost", wall_us: 1000 * shots });
    await Deno.writeTextFile(path, kept.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const { bundle } = await ingest([path], { perfDir: `${dir}/perf` });
    const { samples, measurement_iterations, duration_s } = bundle.meta;
    for (const category of ["dense", "per_sequence", "attention"] as const) {
      const fired = samples![category]! / measurement_iterations!;
      assert.equal(duration_s!["tp1"]![category], fired / 1000, category);
    }
    const [session] = (await textOfFile(bundle.dir, "journal.jsonl")).split("\n");
    assert.equal(JSON.parse(session!).started, "2026-03-01T09:29:20.500Z");
  }));

Deno.test("files of different bundles, other plans and what is no results file are refused", () =>
  withFolder(async (dir) => {
    const [a, b, c] = [`${dir}/a.jsonl`, `${dir}/b.jsonl`, `${dir}/c.jsonl`] as const;
    const lines = await planLines({ skipSkew: true, tpDegrees: [1] });
    await fire(lines, a);
    await fire(await planLines({ skipSkew: true, tpDegrees: [1], variant: "mine" }), b);
    await assert.rejects(ingest([a, b]), {
      message:
        `Cannot ingest ${b} with ${a}: variant must be the same, got mine and bf16; ingest them one by one`,
    });
    await assert.rejects(fire(await planLines({ skipSkew: true, tpDegrees: [1], maxNumSeqs: 4 }), a), {
      message: `Cannot go on in ${a}: it holds results of another plan; choose another file`,
    });
    await assert.rejects(fire(lines, a, { info: { quantities: ["kernel"] } }), {
      message: `Cannot go on in ${a}: it holds times of quantity wall, asked for kernel; choose another file`,
    });
    await Deno.writeTextFile(c, "notes");
    await assert.rejects(fire(lines, c), {
      message: `Cannot write results to ${c}: it is another file; choose another name or remove it`,
    });
    await Deno.writeTextFile(c, lines.join("\n"));
    await assert.rejects(ingest([c]), {
      message: `Cannot read ${c}, line 1: type must be plan, got nothing`,
    });
    await assert.rejects(ingest([`${dir}/none`]), /^UsageError: Cannot read .*none: No such file/);
    await assert.rejects(ingest([]), { message: "Cannot ingest: name one results file or more" });
    const perfDir = `${dir}/perf`;
    await ingest([a], { perfDir });
    const other = `${dir}/other.jsonl`;
    await fire(lines, other, { info: { device: "Slide rule" } });
    await assert.rejects(
      ingest([other], { perfDir }),
      /measured under other conditions \(device Abacus there, Slide rule now\)/,
    );
  }));

Deno.test("two devices of which one is steadily slower have a reference each, fired and taken in too", () =>
  withFolder(async (dir) => {
    const path = `${dir}/journal.jsonl`;
    const input = { sentinelS: 30, driftShare: 0.05, skipSkew: true, devices: [0, 1] };
    const settings = resolveSettings({ ...SMALL, ...input });
    const plan = parsePlan(await planLines(input));
    const events = await Array.fromAsync(firePlan(plan, path, settings, {
      open: ([device]) => Promise.resolve(fakeHarness({ factor: () => device === 1 ? 1.1 : 1 })),
    }));
    const fired = only(events, "sentinel");
    assert.ok(fired.length > 8);
    assert.deepEqual(fired.filter(({ moved }) => moved), []);
    assert.deepEqual(new Set(fired.map(({ lane }) => lane)), new Set(["device 0", "device 1"]));
    const { bundle, inDoubt, notices } = await ingest([path], { perfDir: `${dir}/perf`, driftShare: 0.05 });
    assert.deepEqual([inDoubt, notices, bundle.meta.noise!.sentinel_drift_max], [0, [], 0]);
  }));

Deno.test("a file of a slower machine is in doubt beside the others, until its speed is accepted", () =>
  withFolder(async (dir) => {
    const input = { sentinelS: 30, skipSkew: true, tpDegrees: [1] };
    const [header, ...shots] = await planLines(input);
    const [a, b] = [`${dir}/a.jsonl`, `${dir}/b.jsonl`] as const;
    await fire([header!, ...shots.filter((_, i) => i % 2 === 0)], a, {}, input);
    await fire([header!, ...shots.filter((_, i) => i % 2 === 1)], b, { factor: () => 1.5 }, input);
    const perfDir = `${dir}/perf`;
    const { inDoubt, notices, measured } = await ingest([a, b], { perfDir });
    assert.equal(measured, shots.length);
    assert.equal(inDoubt, Math.floor(shots.length / 2));
    assert.match(
      notices[0]!,
      /b.jsonl: The device is slower than what was measured before at tp 1 \(the sentinel takes 50/,
    );
    const { bundle, ...accepted } = await ingest([a, b], { perfDir: `${dir}/accepted`, acceptSpeed: true });
    assert.equal(accepted.inDoubt, Math.ceil(shots.length / 2));
    assert.equal(bundle.meta.noise!.in_doubt, accepted.inDoubt);
  }));

Deno.test("fire counts the shots that it measured, none at the second go", () =>
  withFolder(async (dir) => {
    const lines = await planLines();
    const count = (events: readonly RunEvent[]): [shots: number, measured: number] => [
      events.filter(({ type }) => type === "shot").length,
      events.findLast((event) => event.type === "finished")!.measured,
    ];
    const [shots, measured] = count(await fire(lines, `${dir}/results.jsonl`));
    assert.ok(shots > 0);
    assert.equal(measured, shots);
    assert.deepEqual(count(await fire(lines, `${dir}/results.jsonl`)), [0, 0]);
  }));
