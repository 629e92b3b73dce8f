import assert from "node:assert/strict";
import { populatedTps, readFiles } from "../../src/bundle/files.ts";
import { withBundle } from "./with_bundle.ts";

Deno.test("readFiles takes folders and links to some, degrees in their order, and texts as they are", () =>
  withBundle({
    "meta.yaml": "hardware: X\n",
    "tp10/dense.csv": "a\n",
    "tp2/moe.csv": new Uint8Array([0x61, 0xff]),
    "tp4": null,
    "real/dense.csv": "linked\n",
    "notes.txt": "x",
  }, async (dir) => {
    await Deno.symlink(`${dir}/real`, `${dir}/tp8`);
    await Deno.symlink(`${dir}/notes.txt`, `${dir}/tp16`);
    await Deno.symlink(`${dir}/nowhere`, `${dir}/tp32`);
    const files = await readFiles(dir);
    assert.deepEqual(files.folders, ["real", "tp10", "tp2", "tp4", "tp8"]);
    assert.deepEqual(files.tps, [2, 4, 8, 10]);
    assert.equal(files.meta, "hardware: X\n");
    assert.deepEqual([2, 4, 8, 10].map((tp) => files.tables.get(tp)?.dense), [
      undefined,
      undefined,
      "linked\n",
      "a\n",
    ]);
    assert.equal(files.tables.get(2)?.moe, null, "no UTF-8");
    assert.equal((await readFiles(dir, { strict: false })).tables.get(2)?.moe, "a\uFFFD");
    assert.deepEqual(populatedTps(files), [2, 8, 10]);
  }));
