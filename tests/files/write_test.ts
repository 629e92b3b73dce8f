import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { type WritableFile, writeAtomic } from "../../src/files/write.ts";

async function withFolder(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function names(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
}

/** Creates a file that takes some bytes, then fails as a disk does. */
function failingAfter(bytes: number, code: string): (path: string) => Promise<WritableFile> {
  return async (path) => {
    const file = await Deno.create(path);
    let room = bytes;
    return {
      write: (part) => {
        if (room === 0) return Promise.reject(Object.assign(new Error("failed"), { code }));
        const taken = part.subarray(0, room);
        room -= taken.length;
        return file.write(taken);
      },
      sync: () => file.sync(),
      close: () => file.close(),
    };
  };
}

Deno.test("writeAtomic writes a new file and replaces an old one, leaving nothing beside it", () =>
  withFolder(async (dir) => {
    for (const text of ["first\n", "second, längér\n", ""]) {
      await writeAtomic(`${dir}/a.csv`, text);
      assert.equal(await Deno.readTextFile(`${dir}/a.csv`), text);
      assert.deepEqual(names(dir), ["a.csv"]);
    }
  }));

Deno.test("writeAtomic writes on when the file takes a part only", () =>
  withFolder(async (dir) => {
    const create = async (path: string): Promise<WritableFile> => {
      const file = await Deno.create(path);
      return {
        write: (part) => file.write(part.subarray(0, 3)),
        sync: () => file.sync(),
        close: () => file.close(),
      };
    };
    await writeAtomic(`${dir}/a.csv`, "0123456789", { create });
    assert.equal(await Deno.readTextFile(`${dir}/a.csv`), "0123456789");
  }));

Deno.test("writeAtomic leaves the old file whole when the disk fails, and says why", () =>
  withFolder(async (dir) => {
    const cases: [string, string][] = [
      ["ENOSPC", "no space is left on the device; free some and run again"],
      ["EDQUOT", "the disk quota is used up; free some and run again"],
      ["EIO", "failed"],
    ];
    const path = `${dir}/a.csv`;
    await Deno.writeTextFile(path, "old\n");
    for (const [code, reason] of cases) {
      await assert.rejects(
        writeAtomic(path, "new text\n", { create: failingAfter(4, code) }),
        new UsageError(`Cannot write ${path}: ${reason}`),
      );
      assert.equal(await Deno.readTextFile(path), "old\n");
      assert.deepEqual(names(dir), ["a.csv"]);
    }
  }));

Deno.test("writeAtomic says why a file cannot be created", async () => {
  const denied = (code: string) => (): Promise<never> =>
    Promise.reject(Object.assign(new Error("denied"), { code }));
  const cases: [string, string][] = [
    ["EACCES", "the folder may not be written to; change its permissions or choose another folder"],
    ["EROFS", "the file system is read-only; choose another folder"],
  ];
  for (const [code, reason] of cases) {
    await assert.rejects(
      writeAtomic("perf/meta.yaml", "x", { create: denied(code) }),
      new UsageError(`Cannot write perf/meta.yaml: ${reason}`),
    );
  }
  await withFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/file`, "x");
    await assert.rejects(
      writeAtomic(`${dir}/none/a.csv`, "x"),
      new UsageError(`Cannot write ${dir}/none/a.csv: its folder does not exist; create it first`),
    );
    await assert.rejects(
      writeAtomic(`${dir}/file/a.csv`, "x"),
      new UsageError(
        `Cannot write ${dir}/file/a.csv: a part of its path is no folder; choose another folder`,
      ),
    );
  });
});

Deno.test("writeAtomic follows no link that stands in the way of its temporary file", () =>
  withFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/mine`, "kept");
    await Deno.symlink(`${dir}/mine`, `${dir}/report.html.tmp`);
    await writeAtomic(`${dir}/report.html`, "new");
    assert.equal(await Deno.readTextFile(`${dir}/mine`), "kept");
    assert.equal(await Deno.readTextFile(`${dir}/report.html`), "new");
  }));
