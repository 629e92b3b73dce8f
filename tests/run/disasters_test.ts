import assert from "node:assert/strict";
import { validate } from "../../src/check/validate.ts";
import { writeAtomic } from "../../src/files/write.ts";
import type { JournalFile } from "../../src/journal/file.ts";
import { fakeHarness } from "./fakes.ts";
import {
  attentionSweep,
  denseSweep,
  only,
  perSequenceSweep,
  putFile,
  textOfFile,
  type TinyRun,
  tinyRun,
  withFolder,
} from "./tiny_run.ts";

const SWEEPS = [
  denseSweep([1, 2, 3]),
  perSequenceSweep([1, 2]),
  attentionSweep([1, 2]),
  denseSweep([1, 2], 2),
];
const TABLES = ["tp1/dense.csv", "tp1/per_sequence.csv", "tp1/attention.csv", "tp2/dense.csv"];

/** The bundle's tables. */
async function tablesOf(dir: string): Promise<string[]> {
  return await Promise.all(TABLES.map((path) => textOfFile(dir, path)));
}

/** A disk that is full from its n-th operation on: journal writes and syncs, and every step of writing a file. */
function diskFullFrom(n: number): { disk: Pick<TinyRun, "write" | "openFile">; operations: () => number } {
  let count = 0;
  const step = (): void => {
    if (++count >= n) throw Object.assign(new Error("No space left on device"), { code: "ENOSPC" });
  };
  const openFile = (path: string): JournalFile => {
    step();
    const file = Deno.openSync(path, { write: true, create: true });
    return {
      write(bytes): void {
        // A full disk takes a part of what it is given.
        file.writeSync(count + 1 >= n ? bytes.subarray(0, bytes.length >> 1) : bytes);
        step();
      },
      truncate(bytes): void {
        file.truncateSync(bytes);
        file.seekSync(bytes, Deno.SeekMode.Start);
      },
      sync(): Promise<void> {
        step();
        return file.syncData();
      },
      [Symbol.dispose]: () => file.close(),
    };
  };
  const create = async (path: string): Promise<Pick<Deno.FsFile, "write" | "sync" | "close">> => {
    step();
    const file = await Deno.create(path);
    return {
      async write(bytes): Promise<number> {
        if (count + 1 >= n) await file.write(bytes.subarray(0, bytes.length >> 1));
        step();
        return await file.write(bytes);
      },
      sync(): Promise<void> {
        step();
        return file.sync();
      },
      close: () => file.close(),
    };
  };
  const write = (path: string, text: string): Promise<void> => writeAtomic(path, text, { create });
  return { disk: { write, openFile }, operations: () => count };
}

Deno.test("a disk that is full at any write leaves every file whole, and what is resumed ends as undisturbed", () =>
  withFolder(async (dir) => {
    const undisturbed = diskFullFrom(Infinity);
    await tinyRun(`${dir}/whole`, SWEEPS, undisturbed.disk);
    const whole = await tablesOf(`${dir}/whole`);
    assert.ok(undisturbed.operations() > 25, `${undisturbed.operations()} operations`);
    for (let n = 1; n <= undisturbed.operations(); n++) {
      const here = `${dir}/${n}`;
      const fired: string[] = [];
      const source = { harness: fakeHarness({ fired }) };
      await assert.rejects(tinyRun(here, SWEEPS, { ...diskFullFrom(n).disk, source }), {
        name: "UsageError",
        message: /^Cannot write \S+: no space is left on the device; free some and run again$/,
      });
      const there = await Deno.stat(here).then(() => true, () => false);
      const faults = there
        ? (await validate(here)).filter(({ code }) => /row|header|cell|csv/.test(code))
        : [];
      assert.deepEqual(faults, [], `at operation ${n}`);
      const lost = fired.length;
      await tinyRun(here, SWEEPS, { source });
      assert.deepEqual(await tablesOf(here), whole, `at operation ${n}`);
      const twice = fired.length - new Set(fired).size;
      assert.ok(twice <= 1, `at operation ${n}: ${lost} fired before, ${twice} of them again`);
      assert.deepEqual(leftovers(here), [], `at operation ${n}`);
    }
  }));

/** Temporary files and locks that nobody has removed. */
function leftovers(dir: string): string[] {
  return [...Deno.readDirSync(dir), ...Deno.readDirSync(`${dir}/tp1`)].map(({ name }) => name)
    .filter((name) => name.endsWith(".tmp") || name === ".lock");
}

Deno.test("a disk that is full at any write of a resumed run leaves what the bundle had", () =>
  withFolder(async (dir) => {
    await tinyRun(`${dir}/first`, [denseSweep([1, 2])]);
    const before = await textOfFile(`${dir}/first`, "tp1/dense.csv");
    const journal = await textOfFile(`${dir}/first`, "journal.jsonl");
    const undisturbed = diskFullFrom(Infinity);
    await putFile(`${dir}/all`, "tp1/dense.csv", before);
    await putFile(`${dir}/all`, "journal.jsonl", journal);
    await tinyRun(`${dir}/all`, [denseSweep([1, 2, 3])], undisturbed.disk);
    const after = await textOfFile(`${dir}/all`, "tp1/dense.csv");
    for (let n = 1; n <= undisturbed.operations(); n++) {
      const here = `${dir}/${n}`;
      await putFile(here, "tp1/dense.csv", before);
      await putFile(here, "journal.jsonl", journal);
      await assert.rejects(tinyRun(here, [denseSweep([1, 2, 3])], diskFullFrom(n).disk), /no space is left/);
      assert.ok([before, after].includes(await textOfFile(here, "tp1/dense.csv")), `at operation ${n}`);
      assert.ok((await textOfFile(here, "journal.jsonl")).startsWith(journal), `at operation ${n}`);
    }
  }));

/** Sets the clock that programs see, back or forth, by milliseconds. */
function shiftClock(byMs: number): Disposable {
  const Real = Date;
  const now = (): number => Real.now() + byMs;
  const Shifted = class extends Real {
    constructor(...args: [] | [number | string]) {
      super(args.length === 0 ? now() : args[0]);
    }
    static override now = now;
  };
  globalThis.Date = Shifted as unknown as DateConstructor;
  return {
    [Symbol.dispose](): void {
      globalThis.Date = Real;
    },
  };
}

Deno.test("a clock that goes backwards between two runs or in one changes nothing but the times in the records", () =>
  withFolder(async (dir) => {
    await tinyRun(`${dir}/whole`, SWEEPS);
    const here = `${dir}/back`;
    const fired: string[] = [];
    const source = { harness: fakeHarness({ fired }) };
    await tinyRun(here, SWEEPS, { source, onEvent: (event) => event.type === "shot" && event.key[0] === 2 });
    using _yesterday = shiftClock(-86_400_000);
    let jumps = 0;
    const clocks = new DisposableStack();
    const events = await tinyRun(here, SWEEPS, {
      source,
      onEvent(event): void {
        if (event.type === "shot") clocks.use(shiftClock(-3_600_000 * ++jumps));
      },
    });
    clocks.dispose();
    assert.deepEqual(await tablesOf(here), await tablesOf(`${dir}/whole`));
    assert.equal(new Set(fired).size, fired.length);
    for (const { seconds } of only(events, "sweep-finished")) assert.ok(seconds >= 0);
    assert.deepEqual(only(events, "notice"), []);
    const starts = (await textOfFile(here, "journal.jsonl")).trimEnd().split("\n").map((line) =>
      JSON.parse(line)
    )
      .flatMap(({ started }) => started ?? []);
    assert.ok(starts[1] < starts[0], "the second run began before the first");
  }));
