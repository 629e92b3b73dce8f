import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { readEvidence } from "../../src/journal/evidence.ts";
import { packJournal, unpackJournal } from "../../src/journal/packed.ts";
import { wipeBundle } from "../../src/store/wipe.ts";
import { type Outcome, runMain } from "../cli/run_main.ts";
import { denseSweep, only, textOfFile, tinyRun, withFolder } from "../run/tiny_run.ts";

const PLAIN = "journal.jsonl";
const PACKED = "journal.jsonl.gz";

/** Calls with the folder of a small bundle whose journal is packed, and the journal's text. */
function withPacked(action: (dir: string, text: string) => Promise<void>): Promise<void> {
  return withFolder(async (dir) => {
    await tinyRun(dir, [denseSweep([1, 2])]);
    const text = await textOfFile(dir, PLAIN);
    await packJournal(`${dir}/${PLAIN}`);
    await action(dir, text);
  });
}

function there(dir: string): string[] {
  return [PLAIN, PACKED].filter((name) => existsSync(`${dir}/${name}`));
}

Deno.test("packJournal leaves the packed journal alone, with every byte of the plain one", () =>
  withPacked(async (dir, text) => {
    assert.deepEqual(there(dir), [PACKED]);
    assert.equal(gunzipSync(await Deno.readFile(`${dir}/${PACKED}`)).toString(), text);
    assert.equal(await packJournal(`${dir}/${PLAIN}`), null);
  }));

Deno.test("a packed journal is read wherever a plain one is", () =>
  withPacked(async (dir) => {
    const shots = await readEvidence(dir);
    assert.deepEqual(shots.map(({ key }) => key), [[1], [2]]);
  }));

Deno.test("a run that has nothing to measure leaves the journal packed", () =>
  withPacked(async (dir) => {
    const events = await tinyRun(dir, [denseSweep([1, 2])]);
    assert.deepEqual([only(events, "shot").length, only(events, "notice").length], [0, 0]);
    assert.deepEqual(there(dir), [PACKED]);
  }));

Deno.test("a run that measures more unpacks the journal and appends to it", () =>
  withPacked(async (dir, text) => {
    const events = await tinyRun(dir, [denseSweep([1, 2, 3])]);
    assert.equal(only(events, "shot").length, 1);
    assert.deepEqual(there(dir), [PLAIN]);
    assert.ok((await textOfFile(dir, PLAIN)).startsWith(text));
    assert.deepEqual((await readEvidence(dir)).map(({ key }) => key), [[1], [2], [3]]);
  }));

Deno.test("where a plain and a packed journal are there, the plain one counts and the packed one goes", () =>
  withPacked(async (dir, text) => {
    await Deno.writeTextFile(`${dir}/${PLAIN}`, text);
    await Deno.writeFile(`${dir}/${PACKED}`, gzipSync("something else\n"));
    assert.equal((await readEvidence(dir)).length, 2);
    unpackJournal(`${dir}/${PLAIN}`);
    assert.deepEqual(there(dir), [PLAIN]);
    assert.equal(await textOfFile(dir, PLAIN), text);
  }));

Deno.test("a packed journal that is broken is refused, and stays", () =>
  withPacked(async (dir) => {
    const path = `${dir}/${PACKED}`;
    await Deno.writeFile(path, (await Deno.readFile(path)).subarray(0, 40));
    const broken = {
      name: "UsageError",
      message: `Cannot read ${path}: unexpected end of file; restore it or remove it`,
    };
    await assert.rejects(tinyRun(dir, [denseSweep([3])]), broken);
    assert.throws(() => unpackJournal(`${dir}/${PLAIN}`), broken);
    assert.deepEqual(there(dir), [PACKED]);
  }));

Deno.test("wiping a bundle removes a packed journal too", () =>
  withPacked(async (dir) => {
    await wipeBundle(dir);
    assert.deepEqual(there(dir), []);
  }));

Deno.test("shotlab pack says what it came to", () =>
  withFolder(async (dir) => {
    const pack = (dir: string): Promise<Outcome> => runMain(["pack", dir]);
    const refused = (message: string): Outcome => ({ status: 2, out: "", err: `error: ${message}\n` });
    assert.deepEqual(
      await pack(dir),
      refused(
        `Cannot pack ${dir}/${PLAIN}: there is no such file; name the folder of a bundle that has one`,
      ),
    );
    await Deno.writeTextFile(`${dir}/${PLAIN}`, "line\n".repeat(100));
    const bytes = gzipSync("line\n".repeat(100), { level: 9 }).length;
    assert.deepEqual(await pack(dir), {
      status: 0,
      out: `${dir}: the journal has ${bytes} bytes now, unpacked 500\n`,
      err: "",
    });
    assert.deepEqual(await pack(dir), {
      status: 0,
      out: `${dir}: the journal is packed already\n`,
      err: "",
    });
    assert.deepEqual(await pack(`${dir}/none`), refused(`Cannot pack ${dir}/none: there is no such folder`));
  }));
