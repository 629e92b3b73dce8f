/** A bundle that is opened again: what its files and its journal say, skew cases and predictions among them. */
import assert from "node:assert/strict";
import type { Meta } from "../../src/bundle/meta.ts";
import { formatSkew } from "../../src/bundle/skew.ts";
import { identityOf } from "../../src/journal/identity.ts";
import type { Sweep } from "../../src/shots/plan_sweeps.ts";
import type { Shot, SkewShot } from "../../src/shots/shot.ts";
import { skewCaseOf } from "../../src/shots/skew_cases.ts";
import {
  openSession,
  type Session,
  type SessionFacts,
  type SessionOptions,
} from "../../src/store/session.ts";
import { fakeHarness, tinyArchitecture } from "../run/fakes.ts";
import {
  attentionSweep,
  denseSweep,
  perSequenceSweep,
  putFile,
  textOfFile,
  withFolder,
} from "../run/tiny_run.ts";

const architecture = tinyArchitecture();
const { info } = fakeHarness();
const identity = identityOf(info, { dtype: "bfloat16", kv_cache_dtype: "auto", quantity: "wall" });
/** Four decodes, one of 512 tokens, three of 128: 224 on average; and as many with other short ones. */
const [KEY, OTHER, THIRD] = [[4, 1, 0, 0, 128, 512], [4, 1, 0, 0, 64, 512], [4, 1, 0, 0, 32, 512]] as const;
const skewShot = (
  key: readonly number[],
  parts: SkewShot["parts"] = ["t_mean", "t_max", "t_skew"],
): SkewShot => ({
  ...skewCaseOf(key),
  ...{ category: "skew", tp: 1, tier: 1, parts },
});
const skewSweep = (...keys: (readonly number[])[]): Sweep =>
  ({ category: "skew", tp: 1, shots: keys.map((key) => skewShot(key)) }) as Sweep;

interface Opened {
  readonly session: Session;
  readonly facts: SessionFacts[];
  readonly told: readonly string[];
}
/** Opens a session, lets it be used, saves and closes it; gives what its last meta.yaml was made of. */
async function open(
  dir: string,
  use: (opened: Opened) => unknown = () => {},
  options: Partial<SessionOptions> = {},
  start: Partial<Parameters<Session["start"]>[0]> = {},
): Promise<Opened & { readonly last: SessionFacts }> {
  const facts: SessionFacts[] = [];
  await using session = await openSession(dir, {
    architecture,
    nowS: () => 100,
    skewMode: "exact",
    ...options,
  });
  session.describe((found) => {
    facts.push(structuredClone(found));
    return { hardware: "TOY" } as Meta;
  });
  const told = session.start({ identity, settings: {}, ...start });
  const opened = { session, facts, told };
  await use(opened);
  await session.save();
  return { ...opened, last: facts.at(-1)! };
}
const linesOf = async (dir: string): Promise<Record<string, unknown>[]> =>
  (await textOfFile(dir, "journal.jsonl")).trim().split("\n").map((line) => JSON.parse(line));
/** Measures the parts of a case: 10 and 20 µs at its ends, between them as told. */
function fire(session: Session, key: readonly number[], skewUs: number): void {
  session.measured(skewShot(key), { t_mean: [10], t_max: [20], t_skew: [skewUs, skewUs, skewUs] });
}

Deno.test("a skew case is asked for part by part, counted, and shown when it is whole", () =>
  withFolder(async (dir) => {
    const { last } = await open(dir, ({ session }) => {
      assert.deepEqual(session.timed(skewShot(KEY, ["t_skew"])), ["t_skew"]);
      assert.deepEqual(session.missing(skewShot(KEY)), ["t_mean", "t_max", "t_skew"]);
      assert.deepEqual(
        session.measured(skewShot(KEY, ["t_mean"]), { t_mean: [9, 10, 30] }),
        { t_mean: 10 },
      );
      assert.deepEqual(session.missing(skewShot(KEY)), ["t_max", "t_skew"]);
      assert.deepEqual([session.count(1, "skew"), session.timeUs(skewShot(KEY))], [0, null]);
      fire(session, KEY, 15);
      assert.deepEqual(session.missing(skewShot(KEY)), []);
      assert.deepEqual([session.count(1, "skew"), session.count(2, "skew")], [1, 0]);
      assert.equal(session.timeUs(skewShot(KEY)), 15);
      session.measured(denseSweep([1]).shots[0]!, { proj: [1], norm: [2] });
      session.measured(denseSweep([1], 2).shots[0]!, { proj: [1] });
    });
    assert.deepEqual(
      [last.tps, last.skewTps, last.estimated, last.samples.skew, last.rows.tp1?.skew],
      [[1, 2], [1], {}, 8, 1],
    );
    assert.match(await textOfFile(dir, "tp1/skew.csv"), /,10\.0,20\.0,15\.0,0\.5\n$/);
  }));

Deno.test("skew cases of a file stand until one is fired anew, which is told when it differs", () =>
  withFolder(async (dir) => {
    await open(dir, ({ session }) => {
      fire(session, KEY, 15);
      fire(session, OTHER, 12);
    });
    const text = await textOfFile(dir, "tp1/skew.csv");
    const { session } = await open(dir, ({ session }) => {
      assert.deepEqual([session.count(1, "skew"), session.timeUs(skewShot(OTHER))], [2, 12]);
    });
    assert.deepEqual(session.notices, []);
    assert.equal(await textOfFile(dir, "tp1/skew.csv"), text);
    await putFile(dir, "tp1/skew.csv", text.replace(",12.0,", ",13.0,"));
    const edited = await open(dir);
    assert.deepEqual(edited.session.notices, [
      `${dir}/tp1/skew.csv: 1 row differs from the journal, whose values are used`,
    ]);
    assert.equal(await textOfFile(dir, "tp1/skew.csv"), text, "the journal's is written again");
  }));

Deno.test("skew cases of a file without a journal are measured; a faulty one is told and fired", () =>
  withFolder(async (dir) => {
    const whole = { ...skewCaseOf(KEY), t_mean_us: 10, t_max_us: 20, t_skew_us: 15, alpha: 0.5 };
    const text = formatSkew([whole, { ...whole, ...skewCaseOf(OTHER) }]);
    await putFile(dir, "tp1/skew.csv", text.replace(/15\.0(,[^,]*\n)$/, "-1$1"));
    const { session, told } = await open(dir, ({ session }) => {
      const missing = [KEY, OTHER].map((key) => session.missing(skewShot(key)).length);
      assert.deepEqual([missing.toSorted(), session.count(1, "skew")], [[0, 3], 1]);
      assert.ok(session.meta === null);
    });
    assert.match(session.notices.join("\n"), /skew\.csv: what is not valid counts as not measured \(1 found/);
    assert.equal(told.length, 1, "nobody says who measured it");
  }));

Deno.test("rows whose origin nobody names are told once, and recorded as mixed; so are allowed differences", () =>
  withFolder(async (dir) => {
    await putFile(dir, "tp1/dense.csv", "layer,tokens,time_us\nproj,1,5\n");
    const measure = ({ session }: Opened): void =>
      void session.measured(denseSweep([2]).shots[0]!, { proj: [1] });
    const first = await open(dir, measure);
    assert.deepEqual([first.told.length, first.last.mixed.length], [1, 1]);
    assert.ok(first.told[0]!.startsWith(`${dir}: ${first.last.mixed[0]}; they are kept`));
    const other = { ...identity, device: "Slide rule" };
    await assert.rejects(
      open(dir, measure, {}, { identity: other }),
      /it was measured under other conditions/,
    );
    const difference = `device ${identity.device} there, Slide rule now`;
    const mixed = await open(dir, measure, {}, { identity: other, allowMixed: true });
    assert.deepEqual(mixed.told, [`The bundle is mixed from here on: ${difference}`]);
    assert.deepEqual(mixed.last.mixed, [difference]);
    assert.deepEqual((await open(dir, measure, {}, { identity: other })).told, []);
  }));

Deno.test("a session's line says where it was taken from and that its speed was accepted, where that is so", () =>
  withFolder(async (dir) => {
    const measure = ({ session }: Opened): void => {
      session.measured(denseSweep([1]).shots[0]!, { proj: [1], norm: [1] });
    };
    await open(dir, measure, {}, { started: new Date(0) });
    await open(dir, measure, {}, { started: new Date(0), acceptSpeed: true, origin: "other.jsonl" });
    const sessions = (await linesOf(dir)).filter(({ type }) => type === "session");
    const line = {
      type: "session",
      format: sessions[0]!.format,
      started: "1970-01-01T00:00:00.000Z",
      settings: {},
    };
    assert.deepEqual(
      sessions,
      [
        { ...line, identity, watch: null },
        { ...line, identity, watch: null, accept_speed: true, origin: "other.jsonl" },
      ].map((own) => JSON.parse(JSON.stringify(own))),
    );
  }));

Deno.test("who starts twice has both lines, each with what follows it; a session that records nothing has none", () =>
  withFolder(async (dir) => {
    await open(dir);
    await assert.rejects(Deno.stat(`${dir}/journal.jsonl`), Deno.errors.NotFound);
    await open(dir, ({ session }) => {
      const [one, two] = denseSweep([1, 2]).shots as [Shot, Shot];
      session.measured(one, { proj: [1], norm: [1] });
      session.start({ identity, settings: { seed: 2 } });
      session.measured(two, { proj: [1], norm: [1] });
      session.measured(one, { proj: [2], norm: [1] });
    });
    assert.deepEqual((await linesOf(dir)).map(({ type }) => type), [
      "session",
      "shot",
      "session",
      "shot",
      "shot",
    ]);
  }));

Deno.test("nothing is recorded before somebody says who measures", () =>
  withFolder(async (dir) => {
    await using session = await openSession(dir, { architecture });
    assert.throws(() => session.measured(denseSweep([1]).shots[0]!, { proj: [1] }), {
      name: "UsageError",
      message: `Cannot record a shot in ${dir}/journal.jsonl: start the session first`,
    });
  }));

Deno.test("predictions of a file are shown as such again, and go where the journal has a row or a failure", () =>
  withFolder(async (dir) => {
    const [one, two, three] = attentionSweep([1, 2, 3]).shots as [Shot, Shot, Shot];
    const predicted = [1, 2, 3].map((n) => {
      const key = [0, 0, n, 16];
      return { key, expectedError: 0.25, rows: [{ layer: null, key, timeUs: 5 + n }] };
    });
    await open(dir, ({ session }) => session.estimate(1, predicted));
    const rows = (session: Session): string[] =>
      session.attention(1).map(({ key, timeUs }) => `${key[2]}:${timeUs}`).sort();
    const again = await open(dir, ({ session }) => {
      assert.deepEqual(rows(session), ["1:6", "2:7", "3:8"]);
      assert.deepEqual([one, two].map((shot) => [session.missing(shot), session.timeUs(shot as never)]), [
        [["attn"], null],
        [["attn"], null],
      ]);
      session.measured(one, { attn: [9] });
      session.fail(two, "timeout", "too late");
    });
    assert.deepEqual(again.last.estimated, { 1: 1 });
    await open(dir, ({ session }) => {
      assert.deepEqual(rows(session), ["1:9", "3:8"]);
      assert.deepEqual([session.hasFailed(two), session.hasFailed(three)], [true, false]);
    });
    assert.match(await textOfFile(dir, "tp1/estimated.csv"), /0\.25/);
  }));

Deno.test("predictions go where the journal is ahead of the files, as after a kill", () =>
  withFolder(async (dir) => {
    const [one, two] = attentionSweep([1, 2]).shots as [Shot, Shot];
    const predicted = [1, 2, 3].map((n) => {
      const key = [0, 0, n, 16];
      return { key, expectedError: 0.25, rows: [{ layer: null, key, timeUs: 5 + n }] };
    });
    await open(dir, ({ session }) => session.estimate(1, predicted));
    {
      await using killed = await openSession(dir, { architecture, skewMode: "exact" });
      killed.start({ identity, settings: {} });
      killed.measured(one, { attn: [9] });
      killed.fail(two, "timeout", "too late");
    }
    assert.equal((await textOfFile(dir, "tp1/estimated.csv")).trim().split("\n").length, 4);
    const again = await open(dir, ({ session }) => {
      const rows = session.attention(1).map(({ key, timeUs }) => `${key[2]}:${timeUs}`).sort();
      assert.deepEqual(rows, ["1:9", "3:8"]);
    });
    assert.deepEqual(again.last.estimated, { 1: 1 });
    assert.equal((await textOfFile(dir, "tp1/estimated.csv")).trim().split("\n").length, 2);
  }));

Deno.test("skew cases beside the plan are moved into the archive and taken back, also by another session", () =>
  withFolder(async (dir) => {
    const archive = `${dir}/archive/tp1/skew.csv`;
    await open(dir, async ({ session }) => {
      for (const [i, key] of [KEY, OTHER, THIRD].entries()) fire(session, key, 12 + i);
      await session.save();
      assert.deepEqual(await session.reconcileGrid(skewSweep(KEY, OTHER), true), [
        `1 key that the plan does not have was moved into ${archive}`,
      ]);
      assert.equal(session.count(1, "skew"), 2);
      assert.deepEqual(await session.reconcileGrid(skewSweep(KEY), true), [
        `1 key that the plan does not have was moved into ${archive}`,
      ]);
      const rows = (await Deno.readTextFile(archive)).trim().split("\n").slice(1);
      assert.deepEqual(rows.map((row) => row.split(",").at(-2)).sort(), ["13.0", "14.0"]);
    });
    await open(dir, async ({ session }) => {
      assert.deepEqual([session.count(1, "skew"), session.timeUs(skewShot(OTHER))], [1, null]);
      const [told, ...others] = await session.reconcileGrid(skewSweep(KEY, OTHER), true);
      assert.deepEqual([told, others], [
        `1 key that the plan has again was taken back from ${archive}`,
        [],
      ]);
      assert.deepEqual([session.count(1, "skew"), session.timeUs(skewShot(OTHER))], [2, 13]);
    });
    assert.equal((await textOfFile(dir, "tp1/skew.csv")).trim().split("\n").length, 3);
  }));

Deno.test("rows of files alone are taken back from the archive's file when the journal never had them", () =>
  withFolder(async (dir) => {
    const table = "layer,sequences,time_us\nhead,1,5\nhead,2,6\nsampler,1,7\nsampler,2,8\n";
    await putFile(dir, "tp1/per_sequence.csv", table);
    const archive = `${dir}/archive/tp1/per_sequence.csv`;
    await open(dir, async ({ session }) => {
      const told = await session.reconcileGrid(perSequenceSweep([1]), true);
      assert.deepEqual(told, [`1 key that the plan does not have was moved into ${archive}`]);
    });
    const left = await textOfFile(dir, "tp1/per_sequence.csv");
    assert.doesNotMatch(left, /,2,/);
    await open(dir, async ({ session }) => {
      const before = session.count(1, "per_sequence");
      assert.deepEqual(await session.reconcileGrid(perSequenceSweep([1, 2]), false), [
        `1 key that the plan has again was taken back from ${archive}`,
      ]);
      assert.ok(session.count(1, "per_sequence") > before);
    });
    assert.match(await textOfFile(dir, "tp1/per_sequence.csv"), /^sampler,2,8$/m);
  }));

Deno.test("lasting loads are recorded with their shot, and known again", () =>
  withFolder(async (dir) => {
    const [shot, other] = denseSweep([1, 2]).shots as [Shot, Shot];
    const layers = { proj: { time_us: 5, power_w: 700, sm_clock_mhz: 1500 } };
    const { last } = await open(dir, ({ session }) => {
      assert.equal(session.hasSustained(shot), false);
      session.note({ type: "sustained", shot, layers }, { lane: "device 1" });
      assert.deepEqual([session.hasSustained(shot), session.hasSustained(other)], [true, false]);
    });
    assert.deepEqual(last.sustained, [{ category: "dense", tp: 1, key: [1], layer: "proj", ...layers.proj }]);
    const [, line] = await linesOf(dir);
    assert.deepEqual(line, {
      type: "sustained",
      category: "dense",
      tp: 1,
      key: [1],
      layers,
      lane: "device 1",
    });
    await open(dir, ({ session }) => assert.equal(session.hasSustained(shot), true));
  }));

Deno.test("the spread of a degree's attention is told by its quantiles, where samples scatter at all", () =>
  withFolder(async (dir) => {
    await open(dir, ({ session }) => {
      const [one, two, three] = attentionSweep([1, 2, 3]).shots as [Shot, Shot, Shot];
      assert.equal(session.scatter(1, "attention"), null);
      session.measured(one, { attn: [10, 10, 10] });
      assert.equal(session.scatter(1, "attention"), null);
      session.measured(two, { attn: [9, 10, 12] });
      session.measured(three, { attn: [9.9, 10, 10.1] });
      const spread = (distance: number): number => Math.sqrt(Math.PI / 2 * 3 / 2) * distance / 10;
      const [low, high] = [spread(0.2 / 3), spread(1)];
      const { p50, p90, p99 } = session.scatter(1, "attention")!;
      for (
        const [found, expected] of [[p50, low], [p90, low + 0.8 * (high - low)], [
          p99,
          low + 0.98 * (high - low),
        ]]
      ) {
        assert.ok(Math.abs(found! - expected!) < 1e-12, `${found}, by hand ${expected}`);
      }
      assert.equal(session.scatter(2, "attention"), null);
      const [skewed, again] = skewSweep(KEY, OTHER).shots;
      session.measured(skewed!, { t_skew: [10, 10, 10] });
      assert.equal(session.scatter(1, "skew"), null);
      session.measured(again!, { t_skew: [9, 10, 12] });
      assert.equal(session.scatter(1, "skew")!.p50, spread(1) / 2);
    });
  }));
