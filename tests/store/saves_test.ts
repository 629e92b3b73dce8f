/** When the files of a bundle are written again. */
import assert from "node:assert/strict";
import type { Meta } from "../../src/bundle/meta.ts";
import { identityOf } from "../../src/journal/identity.ts";
import type { Shot } from "../../src/shots/shot.ts";
import { openSession, type Session } from "../../src/store/session.ts";
import { fakeHarness, tinyArchitecture } from "../run/fakes.ts";
import { attentionSweep, denseSweep, putFile, withFolder } from "../run/tiny_run.ts";

const architecture = tinyArchitecture();
const { info } = fakeHarness();
const identity = identityOf(info, { dtype: "bfloat16", kv_cache_dtype: "auto", quantity: "wall" });
const ONE = denseSweep([1]).shots[0]! as Shot;
const META = `engine: fake\nengine_version: "1.0"\ngpu: ${info.device}\n`;
const TABLE = "layer,tokens,time_us\nnorm,1,5\nproj,1,5\n";

/** The files that a save writes into a bundle that has these, after it was used. */
async function writtenBy(
  has: Readonly<Record<string, string>>,
  use: (session: Session) => unknown,
  isDescribed = true,
): Promise<string[]> {
  const written: string[] = [];
  await withFolder(async (dir) => {
    for (const [path, text] of Object.entries(has)) await putFile(dir, path, text);
    const write = (path: string): Promise<void> => {
      written.push(path.slice(dir.length + 1));
      return Promise.resolve();
    };
    await using session = await openSession(dir, { architecture, write });
    if (isDescribed) session.describe(() => ({ hardware: "TOY" }) as Meta);
    session.start({ identity, settings: {}, allowMixed: true });
    use(session);
    await session.save();
  });
  return written;
}

const nothing = (): void => {};
const measure = (session: Session): unknown => session.measured(ONE, { norm: [1], proj: [1] });
const fail = (session: Session): unknown => session.fail(ONE, "timeout", "too late");
const WITH_META = { "meta.yaml": META };
const saves: [
  what: string,
  has: Record<string, string>,
  use: (session: Session) => unknown,
  files: string[],
][] = [
  ["an empty bundle gets its meta.yaml", {}, nothing, ["meta.yaml"]],
  ["a bundle in which nothing happened is left alone", { ...WITH_META, "tp1/dense.csv": TABLE }, nothing, []],
  ["rows that were measured are written, then meta.yaml", WITH_META, measure, ["tp1/dense.csv", "meta.yaml"]],
  ["a failure changes no table, and meta.yaml tells it", WITH_META, fail, ["meta.yaml"]],
  [
    "a table that was not whole is written, and meta.yaml counts its rows",
    {
      ...WITH_META,
      "tp1/dense.csv": `${TABLE}proj,2,nan\n`,
    },
    nothing,
    ["tp1/dense.csv", "meta.yaml"],
  ],
];
for (const [what, has, use, files] of saves) {
  Deno.test(`saved: ${what}`, async () => {
    assert.deepEqual(await writtenBy(has, use), files);
    const tables = files.filter((path) => path !== "meta.yaml");
    assert.deepEqual(await writtenBy(has, use, false), tables, "who does not say how gets no meta.yaml");
  });
}

Deno.test("a save is due 5 s after the one before, or 50 times as long after it as that took", () =>
  withFolder(async (dir) => {
    const { now } = performance;
    let nowMs = 1000;
    performance.now = () => nowMs;
    try {
      let [saves, takesMs] = [0, 0];
      const write = (): Promise<void> => {
        saves++;
        nowMs += takesMs;
        return Promise.resolve();
      };
      await using session = await openSession(dir, { architecture, write });
      session.describe(() => ({ hardware: "TOY" }) as Meta);
      session.start({ identity, settings: {} });
      const dueAfter = async (ms: number): Promise<void> => {
        const before = saves;
        nowMs += ms - 1;
        await session.saveIfDue();
        assert.equal(saves, before, `not after ${ms - 1} ms`);
        nowMs += 1;
        await session.saveIfDue();
        assert.equal(saves, before + 1, `after ${ms} ms`);
      };
      await dueAfter(5000);
      takesMs = 100;
      await dueAfter(5000);
      takesMs = 101;
      await dueAfter(5000);
      takesMs = 200;
      await dueAfter(5050);
      takesMs = 0;
      await dueAfter(10_000);
      await dueAfter(5000);
    } finally {
      performance.now = now;
    }
  }));

Deno.test("an archive that cannot be made is told with its path, and the rows stay", () =>
  withFolder(async (dir) => {
    await Deno.symlink(`${dir}/nowhere`, `${dir}/archive`);
    await using session = await openSession(dir, { architecture });
    session.start({ identity, settings: {} });
    const [one, two] = attentionSweep([1, 2]).shots as [Shot, Shot];
    session.measured(one, { attn: [1] });
    session.measured(two, { attn: [2] });
    await assert.rejects(session.reconcileGrid(attentionSweep([1]), true), {
      name: "UsageError",
      message: new RegExp(`^Cannot write ${dir}/archive/tp1/attention\\.csv: `),
    });
    assert.equal(session.count(1, "attention"), 2);
  }));
