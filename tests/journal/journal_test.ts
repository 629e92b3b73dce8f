import assert from "node:assert/strict";
import { type JournalFile, openJournal, readJournal } from "../../src/journal/file.ts";
import type { JournalLine, ShotLine } from "../../src/journal/line.ts";
import { withFolder } from "../run/tiny_run.ts";

const line = (tokens: number): ShotLine => ({
  type: "shot",
  category: "dense",
  tp: 1,
  key: [tokens],
  samples: { proj: [1.5, 2, 2.5] },
});

async function read(
  path: string,
): Promise<{ lines: JournalLine[]; notices: readonly string[]; bytes: number }> {
  const lines: JournalLine[] = [];
  const { bytes, notices } = await readJournal(path, (found) => lines.push(found));
  return { lines, notices, bytes };
}

Deno.test("openJournal appends lines that readJournal gives back", () =>
  withFolder(async (dir) => {
    const path = `${dir}/journal.jsonl`;
    {
      await using journal = openJournal(path, 0);
      journal.append(line(1));
    }
    const { bytes } = await read(path);
    {
      await using journal = openJournal(path, bytes);
      journal.append(line(2));
    }
    assert.deepEqual((await read(path)).lines, [line(1), line(2)]);
  }));

Deno.test("append hands a line to the system at once: a reader sees it before any sync", () =>
  withFolder(async (dir) => {
    const path = `${dir}/journal.jsonl`;
    await using journal = openJournal(path, 0);
    journal.append(line(1));
    assert.equal(Deno.readTextFileSync(path), JSON.stringify(line(1)) + "\n");
  }));

Deno.test("readJournal leaves a cut last line out, and the next line is written in its place", () =>
  withFolder(async (dir) => {
    const path = `${dir}/journal.jsonl`;
    const whole = JSON.stringify(line(1)) + "\n";
    await Deno.writeTextFile(path, whole + JSON.stringify(line(2)).slice(0, 30));
    const { lines, notices, bytes } = await read(path);
    assert.deepEqual(lines, [line(1)]);
    assert.deepEqual(notices, [`${path}: the last line was cut, its shot counts as not fired`]);
    {
      await using journal = openJournal(path, bytes);
      journal.append(line(3));
    }
    assert.deepEqual((await read(path)).lines, [line(1), line(3)]);
  }));

Deno.test("readJournal reports other bad lines and goes on", () =>
  withFolder(async (dir) => {
    const path = `${dir}/journal.jsonl`;
    const bad = [
      "not JSON",
      '{"type":"shout"}',
      '{"type":"shot","category":"dense","tp":1,"key":[1],"samples":{"proj":[0]}}',
      '{"type":"shot","category":"dense","tp":0,"key":[1],"samples":{"proj":[1]}}',
      '{"type":"failed","category":"dense","tp":1,"key":[1],"kind":"bored","message":""}',
    ];
    await Deno.writeTextFile(path, [JSON.stringify(line(1)), ...bad, JSON.stringify(line(2)), ""].join("\n"));
    const { lines, notices } = await read(path);
    assert.deepEqual(lines, [line(1), line(2)]);
    assert.deepEqual(
      notices,
      bad.map((_, index) => `${path}: line ${index + 2} is no line of a journal, it is left out`),
    );
  }));

Deno.test("readJournal takes a missing file for an empty one", async () => {
  assert.deepEqual(await read("/nonexistent/journal.jsonl"), { lines: [], notices: [], bytes: 0 });
});

const fullDisk = (): Error => Object.assign(new Error("No space left on device"), { code: "ENOSPC" });

function memoryFile(fail: { write?: boolean; sync?: boolean }): { file: JournalFile; text: () => string } {
  let text = "";
  const file: JournalFile = {
    write(bytes): void {
      text += new TextDecoder().decode(fail.write ? bytes.subarray(0, 10) : bytes);
      if (fail.write) throw fullDisk();
    },
    truncate: (bytes) => text = text.slice(0, bytes),
    sync: () => fail.sync ? Promise.reject(fullDisk()) : Promise.resolve(),
    [Symbol.dispose]: () => {},
  };
  return { file, text: () => text };
}

Deno.test("append on a full disk says so and leaves no part of the line", async () => {
  const fail = { write: false };
  const { file, text } = memoryFile(fail);
  await using journal = openJournal("b/journal.jsonl", 0, () => file);
  journal.append(line(1));
  fail.write = true;
  assert.throws(() => journal.append(line(2)), {
    name: "UsageError",
    message: "Cannot write b/journal.jsonl: no space is left on the device; free some and run again",
  });
  assert.equal(text(), JSON.stringify(line(1)) + "\n");
});

Deno.test("sync that fails is told by each sync and the next append, and not once more on closing", async () => {
  const fail = { sync: true };
  const { file } = memoryFile(fail);
  const journal = openJournal("b/journal.jsonl", 0, () => file);
  journal.append(line(1));
  const message = "Cannot write b/journal.jsonl: no space is left on the device; free some and run again";
  await assert.rejects(journal.sync(), { message });
  await assert.rejects(journal.sync(), { message });
  assert.throws(() => journal.append(line(2)), { message });
  await journal[Symbol.asyncDispose]();
});

Deno.test("closing tells of a failure that nobody has heard of", async () => {
  const { file } = memoryFile({ sync: true });
  const journal = openJournal("b/journal.jsonl", 0, () => file);
  journal.append(line(1));
  await assert.rejects(async () => await journal[Symbol.asyncDispose](), /no space is left/);
});

Deno.test("lines are brought to the disk a second behind the first of them, and again behind the next", async () => {
  const { file } = memoryFile({});
  let syncs = 0;
  const { setTimeout } = globalThis;
  const timers: { run: () => void; ms: number }[] = [];
  Object.assign(globalThis, { setTimeout: (run: () => void, ms: number) => (timers.push({ run, ms }), -1) });
  try {
    const counting = { ...file, sync: () => Promise.resolve(void syncs++) };
    await using journal = openJournal("b/journal.jsonl", 0, () => counting);
    for (const round of [1, 2]) {
      journal.append(line(1));
      journal.append(line(2));
      assert.deepEqual(timers.map(({ ms }) => ms), [1000]);
      timers.pop()!.run();
      await journal.sync();
      assert.equal(syncs, 2 * round);
    }
  } finally {
    Object.assign(globalThis, { setTimeout });
  }
});
