import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { lockBundle, lockFile } from "../../src/files/lock.ts";
import { withFolder } from "../run/tiny_run.ts";

Deno.test("lockBundle refuses a second writer and names the first", () =>
  withFolder(async (dir) => {
    using _lock = await lockBundle(dir);
    await assert.rejects(lockBundle(dir), (error: Error) => {
      assert.ok(error instanceof UsageError);
      assert.equal(
        error.message.replace(/since \S+;/, "since T;"),
        `Cannot write ${dir}: it is being written by process ${Deno.pid} on ${Deno.hostname()} since T; ` +
          "wait for it or stop it",
      );
      return true;
    });
  }));

Deno.test("lockBundle lets the next writer in after release, and leaves nothing behind", () =>
  withFolder(async (dir) => {
    {
      using first = await lockBundle(dir);
      assert.equal(first.takenFrom, null);
    }
    assert.deepEqual([...Deno.readDirSync(dir)], []);
    using second = await lockBundle(dir);
    assert.equal(second.takenFrom, null);
  }));

Deno.test("lockBundle takes over from a dead owner of this host", () =>
  withFolder(async (dir) => {
    const owner = { pid: 999_999_999, host: Deno.hostname(), since: "2026-01-01T00:00:00.000Z" };
    await Deno.writeTextFile(`${dir}/.lock`, JSON.stringify(owner));
    using lock = await lockBundle(dir);
    assert.deepEqual(lock.takenFrom, owner);
  }));

Deno.test("lockBundle takes over a lock file that was cut when its owner was killed", () =>
  withFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/.lock`, '{"pid":12');
    using lock = await lockBundle(dir);
    assert.equal(lock.takenFrom, null);
  }));

Deno.test("lockBundle reads no owner of a file that was made to fill the memory", () =>
  withFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/.lock`, "");
    await Deno.truncate(`${dir}/.lock`, 2 ** 33);
    using lock = await lockBundle(dir);
    assert.equal(lock.takenFrom, null);
  }));

Deno.test("lockBundle waits for no pipe and writes through no link", () =>
  withFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/mine`, "kept");
    const made = {
      link: () => Deno.symlink(`${dir}/mine`, `${dir}/link/.lock`),
      pipe: async () => void await new Deno.Command("mkfifo", { args: [`${dir}/pipe/.lock`] }).output(),
      folder: () => Deno.mkdir(`${dir}/folder/.lock`),
    };
    for (const [name, make] of Object.entries(made)) {
      await Deno.mkdir(`${dir}/${name}`);
      await make();
      await assert.rejects(lockBundle(`${dir}/${name}`), {
        name: "UsageError",
        message: `Cannot write ${dir}/${name}: its lock ${dir}/${name}/.lock is no regular file; remove it`,
      });
    }
    assert.equal(await Deno.readTextFile(`${dir}/mine`), "kept");
  }));

Deno.test("lockBundle refuses a lock of another host, naming owner and file", () =>
  withFolder(async (dir) => {
    const owner = { pid: 12, host: "gpu7", since: "2026-01-01T00:00:00.000Z" };
    await Deno.writeTextFile(`${dir}/.lock`, JSON.stringify(owner));
    await assert.rejects(lockBundle(dir, "gpu8"), {
      name: "UsageError",
      message:
        `Cannot write ${dir}: process 12 on gpu7 since 2026-01-01T00:00:00.000Z left it locked, and whether ` +
        `it lives cannot be seen from gpu8; when it is over, remove ${dir}/.lock`,
    });
  }));

Deno.test("lockBundle removes the folders that it made when nothing was written", () =>
  withFolder(async (dir) => {
    {
      using _lock = await lockBundle(`${dir}/H100/org/name/bf16`);
    }
    assert.deepEqual([...Deno.readDirSync(dir)], []);
  }));

Deno.test("lockBundle says that a part of the path is a file", () =>
  withFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/H100`, "");
    await assert.rejects(lockBundle(`${dir}/H100/bf16`), {
      name: "UsageError",
      message: `Cannot write ${dir}/H100/bf16: a part of its path is no folder; choose another folder`,
    });
  }));

Deno.test("lockFile refuses a second writer of a file, and leaves nothing behind", () =>
  withFolder(async (dir) => {
    const file = `${dir}/new/results.jsonl`;
    {
      using _lock = await lockFile(file);
      await assert.rejects(lockFile(file), (error: Error) => {
        assert.ok(error instanceof UsageError);
        assert.ok(
          error.message.startsWith(`Cannot write ${file}: it is being written by process ${Deno.pid} on `),
        );
        return true;
      });
      using _other = await lockFile(`${dir}/new/others.jsonl`);
    }
    assert.deepEqual([...Deno.readDirSync(dir)], []);
  }));

Deno.test("lockBundle keeps the folders that it made when something was written", () =>
  withFolder(async (dir) => {
    {
      using _lock = await lockBundle(`${dir}/H100/org/name`);
      await Deno.writeTextFile(`${dir}/H100/org/README`, "");
    }
    assert.deepEqual([...Deno.readDirSync(`${dir}/H100/org`)].map(({ name }) => name), ["README"]);
  }));

Deno.test("a lock that was taken over names its new owner alone, and a refusal keeps none", () =>
  withFolder(async (dir) => {
    const owner = { pid: 999_999_999, host: "gpu7", since: "2026-01-01T00:00:00.000Z" };
    await Deno.writeTextFile(`${dir}/.lock`, JSON.stringify(owner) + " ".repeat(200));
    for (let time = 0; time < 2; time++) {
      await assert.rejects(lockBundle(dir, "gpu8"), /process 999999999 on gpu7 since .* left it locked/);
    }
    using lock = await lockBundle(dir, "gpu7");
    assert.deepEqual(lock.takenFrom, owner);
    const { since, ...mine } = JSON.parse(await Deno.readTextFile(`${dir}/.lock`));
    assert.deepEqual(mine, { pid: Deno.pid, host: "gpu7" });
    assert.ok(Math.abs(Date.parse(since) - Date.now()) < 60_000);
    assert.ok((await Deno.stat(`${dir}/.lock`)).size < 200);
  }));

for (const madeAnew of [false, true]) {
  Deno.test(`lockFile opens its file again when the owner before removed it meanwhile${madeAnew ? ", and another made it anew" : ""}`, () =>
    withFolder(async (dir) => {
      const usual = Deno.open;
      const opened: string[] = [];
      Deno.open = async (path, options) => {
        const file = await usual(path, options);
        opened.push(String(path));
        if (opened.length > 1) return file;
        await Deno.remove(path);
        if (madeAnew) await Deno.writeTextFile(path, "");
        return file;
      };
      try {
        using _lock = await lockFile(`${dir}/journal.jsonl`);
        assert.equal(opened.length, 2);
        await assert.rejects(lockFile(`${dir}/journal.jsonl`), { name: "UsageError" });
      } finally {
        Deno.open = usual;
      }
    }));
}
