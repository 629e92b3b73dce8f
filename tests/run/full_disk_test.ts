import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import type { JournalFile } from "../../src/journal/file.ts";
import { firedBy, WHOLE } from "./dense_run.ts";
import { denseSweep, textOfFile, tinyRun, withFolder } from "./tiny_run.ts";

const fullDisk = (): Error => Object.assign(new Error("No space left on device"), { code: "ENOSPC" });

Deno.test("a disk that is full at the journal ends the run; what was journaled is resumed", () =>
  withFolder(async (dir) => {
    let lines = 0;
    const openFile = (path: string): JournalFile => {
      const file = Deno.openSync(path, { write: true, create: true });
      return {
        write(bytes): void {
          file.writeSync(++lines > 4 ? bytes.subarray(0, 9) : bytes);
          if (lines > 4) throw fullDisk();
        },
        truncate(bytes): void {
          file.truncateSync(bytes);
          file.seekSync(bytes, Deno.SeekMode.Start);
        },
        sync: () => file.syncData(),
        [Symbol.dispose]: () => file.close(),
      };
    };
    const run = tinyRun(dir, [denseSweep([1, 2, 3, 4])], { openFile });
    await assert.rejects(run, {
      name: "UsageError",
      message: `Cannot write ${dir}/journal.jsonl: no space is left on the device; free some and run again`,
    });
    assert.equal(await textOfFile(dir, "tp1/dense.csv"), WHOLE);
    assert.deepEqual(await firedBy(dir, [denseSweep([1, 2, 3, 4])]), ["dense tp1 3", "dense tp1 4"]);
  }));

Deno.test("a disk that is full at a table ends the run; the old table stands and the journal has the rest", () =>
  withFolder(async (dir) => {
    await tinyRun(dir, [denseSweep([1, 2])]);
    const write = (path: string): Promise<void> =>
      Promise.reject(
        new UsageError(`Cannot write ${path}: no space is left on the device; free some and run again`),
      );
    await assert.rejects(tinyRun(dir, [denseSweep([1, 2, 3])], { write }), {
      name: "UsageError",
      message: `Cannot write ${dir}/tp1/dense.csv: no space is left on the device; free some and run again`,
    });
    assert.equal(await textOfFile(dir, "tp1/dense.csv"), WHOLE);
    assert.deepEqual(await firedBy(dir, [denseSweep([1, 2, 3])]), []);
    assert.match(await textOfFile(dir, "tp1/dense.csv"), /^proj,3,/m);
  }));
