import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { openBundle } from "../../src/bundle/open.ts";
import { validate } from "../../src/check/validate.ts";
import { formatCount } from "../../src/count_text.ts";
import { UsageError } from "../../src/errors.ts";
import { readBytes, readBytesSync, readIfThere, readText, readTextIfThere } from "../../src/files/read.ts";
import { readEvidence } from "../../src/journal/evidence.ts";
import { withBundle } from "../bundle/with_bundle.ts";

const FILES = {
  "meta.yaml": "tp_degrees: [1]\n",
  "tp1/dense.csv": "layer,tokens,time_us\no_proj,1,5\n",
};

const NOT_REGULAR = "it is no regular file; name a file in its place";

Deno.test("what is no regular file is refused unread, wherever it lies in a bundle", async () => {
  for (
    const name of ["meta.yaml", "tp1/dense.csv", "tp1/attention.csv", "journal.jsonl", "journal.jsonl.gz"]
  ) {
    for (const make of ["device", "pipe", "folder"]) {
      await withBundle(FILES, async (dir) => {
        const path = `${dir}/${name}`;
        await Deno.remove(path).catch(() => {});
        if (make === "device") await Deno.symlink("/dev/zero", path);
        if (make === "pipe") await new Deno.Command("mkfifo", { args: [path] }).output();
        if (make === "folder") await Deno.mkdir(path);
        const refused = new UsageError(`Cannot read ${path}: ${NOT_REGULAR}`);
        if (name.startsWith("journal")) await assert.rejects(readEvidence(dir), refused);
        else {
          await assert.rejects(validate(dir), refused);
          await assert.rejects(openBundle(dir), refused);
        }
      });
    }
  }
});

Deno.test("a link to a regular file is followed, as stores of data make them", () =>
  withBundle(FILES, async (dir) => {
    await Deno.rename(`${dir}/tp1/dense.csv`, `${dir}/object`);
    await Deno.symlink(`${dir}/object`, `${dir}/tp1/dense.csv`);
    assert.equal((await openBundle(dir)).table(1, "dense").length, 1);
  }));

Deno.test("a file beyond the limit is refused unread, by its bytes", () =>
  withBundle(FILES, async (dir) => {
    const path = `${dir}/meta.yaml`;
    const refused = new UsageError(`Cannot read ${path}: it must have 8 bytes at most, got 16`);
    await assert.rejects(readBytes(path, 8), refused);
    await assert.rejects(readIfThere(path, 8), refused);
    assert.equal((await readBytes(path, 16)).length, 16);
    await Deno.truncate(path, 2 ** 28 + 1);
    const long = new UsageError(
      `Cannot read ${path}: it must have 268,435,456 bytes at most, got 268,435,457`,
    );
    await assert.rejects(readText(path), long);
    await assert.rejects(readTextIfThere(path), long);
    await assert.rejects(validate(dir), long);
  }));

Deno.test("a packed journal that unpacks to more than any journal does is refused early", () =>
  withBundle(FILES, async (dir) => {
    const path = `${dir}/journal.jsonl.gz`;
    await Deno.writeFile(path, gzipSync(new Uint8Array(2 ** 26).fill(32)));
    await assert.rejects(
      readEvidence(dir),
      new UsageError(
        `Cannot read ${path}: it unpacks to more than 100 times its size, as no journal does; restore it`,
      ),
    );
  }));

Deno.test("what is not there is told apart from what cannot be read", async () => {
  assert.equal(await readIfThere("none"), null);
  assert.equal(await readTextIfThere("none"), null);
  await assert.rejects(readText("none"), { name: "UsageError", message: /^Cannot read none: No such file/ });
  await assert.rejects(readBytes("none"), Deno.errors.NotFound);
});

Deno.test("files of more than a GiB are refused unread, texts of more than a quarter of one", async () => {
  const path = await Deno.makeTempFile();
  try {
    for (
      const [read, limit] of [[readBytes, 2 ** 30], [readBytesSync, 2 ** 30], [readText, 2 ** 28]] as const
    ) {
      await Deno.truncate(path, limit + 1); // a hole: it takes no space
      await assert.rejects(async () => await read(path), {
        name: "UsageError",
        message: `Cannot read ${path}: it must have ${formatCount(limit)} bytes at most, got ${
          formatCount(limit + 1)
        }`,
      });
    }
  } finally {
    await Deno.remove(path);
  }
});
