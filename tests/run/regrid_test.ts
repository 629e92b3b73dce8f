import assert from "node:assert/strict";
import { openBundle } from "../../src/bundle/open.ts";
import { validate } from "../../src/check/validate.ts";
import type { RunEvent } from "../../src/events.ts";
import { extraKeysNotice, findExtraKeys } from "../../src/store/extra_keys.ts";
import { profile } from "../../src/run/profile.ts";
import type { SettingsInput } from "../../src/settings.ts";
import type { AttentionShot } from "../../src/shots/shot.ts";
import { fakeHarness } from "./fakes.ts";
import { rowsOfBundle, SMALL, smallBundle } from "./small_model.ts";
import { only, textOfFile, withFolder } from "./tiny_run.ts";

const GRID: SettingsInput = { ...SMALL, tpDegrees: [1], skipSkew: true };

/** Profiles a grid; gives what was fired and said. */
async function run(
  perfDir: string,
  input: Partial<SettingsInput>,
): Promise<{ fired: string[]; notes: string[]; events: RunEvent[] }> {
  const fired: string[] = [];
  const events: RunEvent[] = [];
  await profile({ ...GRID, ...input, perfDir }, {
    open: () => Promise.resolve(fakeHarness({ fired })),
    onEvent: (event) => void events.push(event),
  });
  return { fired, notes: only(events, "notice").map(({ message }) => message), events };
}

/** The decodes of a bundle's attention table. */
/** A note without its number, as if it told of several keys. */
function uncounted(note: string): string {
  return note.replace(/^[\d,]+ keys? (.*) (?:was|were) /, "N keys $1 were ");
}

async function decodesOf(dir: string): Promise<number[]> {
  const rows = (await openBundle(dir)).table(1, "attention");
  return [...new Set(rows.map(({ key }) => key[2]!))].sort((a, b) => a - b);
}

Deno.test("a sweep that is widened keeps the old end of its axis as a further point, and says so", () =>
  withFolder(async (dir) => {
    const bundle = smallBundle(dir);
    await run(dir, { maxNumSeqs: 100, maxNumBatchedTokens: 128 });
    const { fired, notes } = await run(dir, { maxNumSeqs: 128, maxNumBatchedTokens: 128 });
    assert.deepEqual(await decodesOf(bundle), [0, 1, 2, 4, 8, 16, 32, 64, 100, 128]);
    const kept = (await openBundle(bundle)).table(1, "attention").filter(({ key }) => key[2] === 100).length;
    assert.deepEqual(notes, [
      `${bundle}/tp1/per_sequence.csv: 1 key of another grid is kept, as a further point of this one ` +
      "(sequences 100)",
      `${bundle}/tp1/attention.csv: ${kept} keys of another grid are kept, as further points of this one ` +
      "(n_decode 100)",
    ]);
    assert.ok(fired.every((shot) => !/attention tp1 \d+,\d+,(1|2|4|8|16|32|64|100),/.test(shot)));
    assert.deepEqual((await validate(bundle)).filter(({ severity }) => severity === "error"), []);
  }));

Deno.test("a grid of other factors beside the old one is told to be uneven, with the ways out", () =>
  withFolder(async (dir) => {
    const bundle = smallBundle(dir);
    await run(dir, { attentionKvFactor: 4 });
    const { notes } = await run(dir, { attentionKvFactor: 3 });
    const strays = /^(\S+): (\d+) keys of another grid are kept \((.*)\), so that (.*)$/.exec(notes.at(-1)!)!;
    assert.equal(strays[1], `${bundle}/tp1/attention.csv`);
    assert.equal(strays[3], "kv_prefill 64; kv_decode 64");
    assert.equal(
      strays[4],
      "slices differ in their histories and simulators interpolate unevenly; pass exactGrid (--exact-grid) " +
        "to move them into an archive, or force (--force) to measure all anew",
    );
  }));

Deno.test("exactGrid moves what is off the plan into the archive: the bundle is that of the plan alone", () =>
  withFolder(async (dir) => {
    const bundle = smallBundle(`${dir}/moved`);
    await run(`${dir}/moved`, { attentionKvFactor: 4, maxNumSeqs: 8 });
    const before = await rowsOfBundle(bundle);
    const { notes } = await run(`${dir}/moved`, { attentionKvFactor: 3, maxNumSeqs: 6, exactGrid: true });
    await run(`${dir}/fresh`, { attentionKvFactor: 3, maxNumSeqs: 6 });
    const after = await rowsOfBundle(bundle);
    assert.deepEqual(after, await rowsOfBundle(smallBundle(`${dir}/fresh`)));

    const archived = ["per_sequence", "attention"].map((table) => `${bundle}/archive/tp1/${table}.csv`);
    assert.deepEqual(
      notes.map((note) => uncounted(note)),
      archived.map((path) => `N keys that the plan does not have were moved into ${path}`),
    );
    const lines = (await Promise.all(archived.map((path) => Deno.readTextFile(path)))).join("");
    const gone = before.filter((row) => !after.includes(row));
    assert.equal(lines.match(/\n/g)!.length - 2, gone.length, "no row is lost");
    assert.deepEqual((await validate(bundle)).filter(({ severity }) => severity === "error"), []);

    // Neither the journal nor a table brings them back.
    const again = await run(`${dir}/moved`, { attentionKvFactor: 3, maxNumSeqs: 6 });
    assert.deepEqual([again.fired, again.notes], [[], []]);
    assert.deepEqual(await rowsOfBundle(bundle), after);
    // A plan that has them again takes them back, and measures nothing twice.
    const back = await run(`${dir}/moved`, { attentionKvFactor: 4, maxNumSeqs: 8, exactGrid: true });
    assert.deepEqual(back.fired, []);
    assert.deepEqual(
      back.notes.map((note) => uncounted(note)).filter((note) => note.includes("taken back")),
      archived.map((path) => `N keys that the plan has again were taken back from ${path}`),
    );
    assert.deepEqual(await rowsOfBundle(bundle), before);
    const rest = await run(`${dir}/moved`, { attentionKvFactor: 4, maxNumSeqs: 8, exactGrid: true });
    assert.deepEqual([rest.fired, rest.notes], [[], []]);
  }));

Deno.test("archived rows that no line of the journal tells of are taken back from the archive's file", () =>
  withFolder(async (dir) => {
    const bundle = smallBundle(dir);
    await run(dir, { attentionKvFactor: 4 });
    const before = await rowsOfBundle(bundle);
    await Deno.remove(`${bundle}/journal.jsonl`);
    await run(dir, { attentionKvFactor: 3, exactGrid: true });
    const back = await run(dir, { attentionKvFactor: 4, exactGrid: true });
    assert.deepEqual(back.fired, []);
    assert.deepEqual(await rowsOfBundle(bundle), before);
  }));

Deno.test("skew cases are taken back too", () =>
  withFolder(async (dir) => {
    const bundle = smallBundle(dir);
    const skewed = { skipSkew: false, attentionMaxKv: 2048, exactGrid: true };
    await run(dir, { ...skewed, skewKvsFactor: 2 });
    const before = await rowsOfBundle(bundle);
    await run(dir, { ...skewed, skewKvsFactor: 4 });
    assert.deepEqual((await run(dir, { ...skewed, skewKvsFactor: 2 })).fired, []);
    assert.deepEqual(await rowsOfBundle(bundle), before);
  }));

Deno.test("rows that were archived when the run was killed before the table was written are archived", () =>
  withFolder(async (dir) => {
    const bundle = smallBundle(dir);
    await run(dir, { maxNumSeqs: 8 });
    const old = await textOfFile(bundle, "tp1/per_sequence.csv");
    await run(dir, { maxNumSeqs: 6, exactGrid: true });
    const exact = await textOfFile(bundle, "tp1/per_sequence.csv");
    await Deno.writeTextFile(`${bundle}/tp1/per_sequence.csv`, old);
    await run(dir, { maxNumSeqs: 6 });
    assert.equal(await textOfFile(bundle, "tp1/per_sequence.csv"), exact);
  }));

const decode = (n_decode: number, kv_decode: number): AttentionShot => ({
  category: "attention",
  tp: 1,
  prefill_chunk: 0,
  kv_prefill: 0,
  n_decode,
  kv_decode,
});

Deno.test("extraKeysNotice: keys that break no axis are left out by the plan, long lists are cut", () => {
  const planned = [decode(1, 16), decode(2, 32)];
  const rows = (...keys: [number, number][]): number[][] => keys.map(([n, kv]) => [0, 0, n, kv]);
  const notice = (...keys: [number, number][]): string =>
    extraKeysNotice("b", findExtraKeys(1, "attention", planned, rows(...keys))!);
  assert.equal(findExtraKeys(1, "attention", planned, rows([1, 16])), null);
  assert.equal(notice([1, 16], [1, 32]), "b/tp1/attention.csv: 1 key is kept that this plan leaves out");
  assert.match(
    notice(...[9, 3, 4, 5, 6, 7, 8, 10].map((n) => [n, 16] as [number, number])),
    /\(n_decode 3, 4, 5, 6, 7, 8, and 2 more\)$/,
  );
});

Deno.test("exactGrid moves skew cases too, and the fit is that of the plan alone", () =>
  withFolder(async (dir) => {
    const skewed = { skipSkew: false, attentionMaxKv: 2048 };
    await run(`${dir}/moved`, { ...skewed, skewKvsFactor: 2 });
    const kept = await run(`${dir}/moved`, { ...skewed, skewKvsFactor: 4 });
    assert.match(
      kept.notes.at(-1)!,
      /tp1\/skew\.csv: \d+ keys of another grid are kept, .* \(kvs 256\)$/,
    );
    const { notes } = await run(`${dir}/moved`, { ...skewed, skewKvsFactor: 4, exactGrid: true });
    assert.match(
      notes.at(-1)!,
      /^\d+ keys that the plan does not have were moved into \S+archive\/tp1\/skew\.csv$/,
    );
    await run(`${dir}/fresh`, { ...skewed, skewKvsFactor: 4 });
    const exact = await rowsOfBundle(smallBundle(`${dir}/moved`));
    assert.deepEqual(exact, await rowsOfBundle(smallBundle(`${dir}/fresh`)));
    await run(`${dir}/moved`, { ...skewed, skewKvsFactor: 4 });
    assert.deepEqual(await rowsOfBundle(smallBundle(`${dir}/moved`)), exact);
  }));

Deno.test("a run with fewer degrees keeps the tables, skew fits and blocks of the others", () =>
  withFolder(async (dir) => {
    const skewed = { skipSkew: false, attentionMaxKv: 512, maxNumSeqs: 8 };
    await run(dir, { ...skewed, tpDegrees: [1, 2, 4] });
    const before = await rowsOfBundle(smallBundle(dir));
    const meta = (await openBundle(smallBundle(dir))).meta;
    assert.ok(before.some((row) => row.startsWith("tp4 skew_fit")));
    await run(dir, { ...skewed, tpDegrees: [1] });
    assert.deepEqual(await rowsOfBundle(smallBundle(dir)), before);
    const after = (await openBundle(smallBundle(dir))).meta;
    assert.deepEqual(after.tp_degrees, [1, 2, 4]);
    assert.deepEqual(Object.keys(after.skew_fit!.per_tp!), Object.keys(meta.skew_fit!.per_tp!));
    // One degree measured anew leaves the others' fits alone, too.
    await run(dir, { ...skewed, tpDegrees: [1], skewKvsFactor: 4 });
    const others = (rows: readonly string[]): string[] => rows.filter((row) => !row.startsWith("tp1"));
    assert.deepEqual(others(await rowsOfBundle(smallBundle(dir))), others(before));
  }));
