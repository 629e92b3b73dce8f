/** A session by itself, without a run: what it predicts, spends, archives, takes back, and hands to meta.yaml. */
import assert from "node:assert/strict";
import type { Meta } from "../../src/bundle/meta.ts";
import type { Estimate } from "../../src/store/estimates.ts";
import { identityOf } from "../../src/journal/identity.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { openSession, type Session, type SessionFacts } from "../../src/store/session.ts";
import { fakeHarness, tinyArchitecture } from "../run/fakes.ts";
import { TINY_BOOT } from "../run/tiny_boot.ts";
import { attentionSweep, denseSweep, textOfFile, withFolder } from "../run/tiny_run.ts";

const architecture = tinyArchitecture();
const { info } = fakeHarness();
const identity = identityOf(info, { dtype: "bfloat16", kv_cache_dtype: "auto", quantity: "wall" });
const WATCH = { every_s: 30, share: 0.03 };
const [ONE, TWO, THREE, FOUR] = attentionSweep([1, 2, 3, 4]).shots as readonly Extract<
  Shot,
  { category: "attention" }
>[];
const keyOf = (n: number): number[] => [0, 0, n, 16];
const estimate = (n: number, timeUs = 5): Estimate => ({
  key: keyOf(n),
  expectedError: 0.1,
  rows: [{ layer: null, key: keyOf(n), timeUs }],
});

/** Opens a session whose facts are noted whenever meta.yaml is made. */
async function withSession(
  use: (session: Session, dir: string, facts: SessionFacts[]) => Promise<void>,
): Promise<void> {
  await withFolder(async (dir) => {
    const facts: SessionFacts[] = [];
    await using session = await openSession(dir, { architecture, nowS: () => 100 });
    session.describe((found) => {
      facts.push(structuredClone(found));
      return { hardware: "TOY" } as Meta;
    });
    session.start({ identity, settings: {}, watch: WATCH });
    await use(session, dir, facts);
  });
}
const shownAt = (session: Session): string[] =>
  session.attention(1).map(({ key, timeUs }) => `${key[2]}:${timeUs}`).sort();

Deno.test("what is predicted is shown until it is measured or has failed; what was is not predicted", () =>
  withSession(async (session, dir, facts) => {
    session.measured(ONE!, { attn: [7, 8, 9] });
    session.fail(TWO!, "timeout", "too late");
    session.estimate(1, [estimate(1), estimate(2), estimate(3), estimate(4)]);
    assert.deepEqual(shownAt(session), ["1:8", "3:5", "4:5"]);
    assert.deepEqual([ONE, TWO, THREE].map((shot) => session.timeUs(shot!)), [8, null, null]);
    await session.save();
    assert.match(await textOfFile(dir, "tp1/attention.csv"), /\nattention,0,0,0\.0,3,16,1,5\n/);
    assert.equal((await textOfFile(dir, "tp1/estimated.csv")).trim().split("\n").length, 3);
    assert.deepEqual(facts.at(-1)!.estimated, { 1: 2 });
    session.measured(THREE!, { attn: [6] });
    assert.deepEqual(shownAt(session), ["1:8", "3:6", "4:5"]);
    session.estimate(1, []);
    assert.deepEqual(shownAt(session), ["1:8", "3:6"]);
    assert.deepEqual([session.count(1, "attention"), session.hasFailed(TWO!), session.hasFailed(ONE!)], [
      2,
      true,
      false,
    ]);
  }));

Deno.test("an exact grid forgets what is predicted beside the plan; another category's grid does not", () =>
  withSession(async (session) => {
    session.estimate(1, [estimate(3), estimate(4)]);
    assert.deepEqual(await session.reconcileGrid(denseSweep([1]), true), []);
    assert.deepEqual(shownAt(session), ["3:5", "4:5"]);
    await session.reconcileGrid(attentionSweep([3]), false);
    assert.deepEqual(shownAt(session), ["3:5", "4:5"]);
    await session.reconcileGrid(attentionSweep([3]), true);
    assert.deepEqual(shownAt(session), ["3:5"]);
  }));

Deno.test("rows beside the plan are told, moved into the archive, and taken back from it once", () =>
  withSession(async (session, dir) => {
    for (const [n, shot] of [ONE, TWO, THREE, FOUR].entries()) session.measured(shot!, { attn: [n + 1] });
    await session.save();
    const [kept] = await session.reconcileGrid(attentionSweep([1, 2]), false);
    assert.match(
      kept!,
      /attention\.csv: 2 keys of another grid are kept, as further points of this one \(n_decode 3, 4\)$/,
    );
    const archive = `${dir}/archive/tp1/attention.csv`;
    assert.deepEqual(await session.reconcileGrid(attentionSweep([1, 2]), true), [
      `2 keys that the plan does not have were moved into ${archive}`,
    ]);
    assert.deepEqual(shownAt(session), ["1:1", "2:2"]);
    assert.deepEqual((await Deno.readTextFile(archive)).trim().split("\n").slice(1), [
      "attention,0,0,0.0,3,16,1,3",
      "attention,0,0,0.0,4,16,1,4",
    ]);
    assert.deepEqual(await session.reconcileGrid(attentionSweep([1]), true), [
      `1 key that the plan does not have was moved into ${archive}`,
    ]);
    assert.equal((await Deno.readTextFile(archive)).trim().split("\n").length, 4, "what was there stays");
    assert.deepEqual(await session.reconcileGrid(attentionSweep([1, 4]), true), [
      `1 key that the plan has again was taken back from ${archive}`,
    ]);
    assert.deepEqual(shownAt(session), ["1:1", "4:4"]);
    assert.deepEqual(await session.reconcileGrid(attentionSweep([1, 4]), true), []);
    await session.save();
    assert.equal((await textOfFile(dir, "tp1/attention.csv")).trim().split("\n").length, 3);
  }));

Deno.test("what sweeps took adds up, the device's share where it is told, over what meta.yaml had", () =>
  withSession(async (session, _, facts) => {
    session.measured(ONE!, { attn: [1] });
    session.spend(1, "attention", { seconds: 2 });
    session.spend(1, "attention", { seconds: 3, deviceBusyS: 1 });
    session.spend(2, "dense", { seconds: 4, deviceBusyS: 0.5 });
    session.spend(2, "dense", { seconds: 1, deviceBusyS: 0.5 });
    await session.save();
    const { durationS, deviceBusyS, tps, samples, failed, mixed, noise } = facts.at(-1)!;
    assert.deepEqual(durationS, { tp1: { attention: 5 }, tp2: { dense: 5 } });
    assert.deepEqual(deviceBusyS, { tp1: { attention: 1 }, tp2: { dense: 1 } });
    assert.deepEqual([tps, samples, failed, mixed, noise], [[1], { attention: 1 }, [], [], null]);
  }));

Deno.test("noise is that of rows and sentinels; a sentinel is judged by the session's own watch", () =>
  withSession(async (session, dir, facts) => {
    const verdicts = [100, 102, 104].map((timeUs) => {
      session.measured(TWO!, { attn: [10, 10, 10] });
      return session.sentinel(ONE!, { samples: { attn: [timeUs] }, clocks: { latest: null } });
    });
    assert.deepEqual(verdicts.map(({ moved }) => moved), [false, false, true]);
    session.measured(THREE!, { attn: [9, 10, 12] });
    await session.save();
    const { noise } = facts.at(-1)!;
    assert.deepEqual([noise?.sentinels, noise?.sentinel_drift_max, noise?.spread_p50], [3, 0.04, 0.07675]);
    const lines = (await textOfFile(dir, "journal.jsonl")).trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(lines.map(({ type }) => type), [
      "session",
      ...["shot", "sentinel", "shot", "sentinel", "shot", "sentinel", "shot"],
    ]);
    assert.deepEqual(lines[2].at_s, 100);
  }));

Deno.test("an engine's line has what it allows, its conditions and its lane", () =>
  withSession(async (session, dir) => {
    const booted = await fakeHarness().boot(TINY_BOOT);
    session.engine({ tp: 2, booted });
    session.engine({ tp: 1, booted: { ...booted, conditions: { cold: true } } }, "device 1");
    await session.save();
    const lines = (await textOfFile(dir, "journal.jsonl")).trim().split("\n").slice(1).map((line) =>
      JSON.parse(line)
    );
    const { limits, num_gpu_blocks, layers, engine_args } = booted;
    const engine = { type: "engine", limits, num_gpu_blocks, layers, engine_args };
    assert.deepEqual(lines, [
      { ...engine, tp: 2 },
      { ...engine, tp: 1, conditions: { cold: true }, lane: "device 1" },
    ]);
  }));

Deno.test("files are saved at most every few seconds, and nothing is written where nothing changed", () =>
  withFolder(async (dir) => {
    const written: string[] = [];
    const write = async (path: string, text: string): Promise<void> => {
      written.push(path.slice(dir.length + 1));
      await Deno.writeTextFile(path, text);
    };
    await using session = await openSession(dir, { architecture, write });
    session.describe(() => ({ hardware: "TOY" }) as Meta);
    session.start({ identity, settings: {} });
    await session.saveIfDue();
    assert.deepEqual(written, [], "the last save was just now");
    await session.save();
    assert.deepEqual(written, ["meta.yaml"]);
    session.measured(ONE!, { attn: [1] });
    await session.save();
    assert.deepEqual(written.slice(1), ["tp1/attention.csv", "meta.yaml"]);
    await session.save();
    assert.deepEqual(written.slice(3), ["meta.yaml"], "its times go on");
  }));
