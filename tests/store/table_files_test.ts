import assert from "node:assert/strict";
import { writeAtomic } from "../../src/files/write.ts";
import { loadArchitecture } from "../../src/model/architecture.ts";
import { readRows } from "../../src/store/rows.ts";
import { tableFiles } from "../../src/store/table_files.ts";
import vectors from "../data/tp-stable-copy.json" with { type: "json" };
import { putFile, textOfFile, withFolder } from "../run/tiny_run.ts";

for (const { architecture, mode, input, output } of vectors.cases) {
  Deno.test(`tableFiles copies tp_stable layers as the reference does: ${architecture}, ${mode}`, () =>
    withFolder(async (dir) => {
      for (const [path, text] of Object.entries(input)) await putFile(dir, path, text);
      const { rows, estimates, issues } = await readRows(dir);
      assert.deepEqual(issues, []);
      const lists = { around: (_: number, writeTable: () => Promise<void>) => writeTable() };
      const source = { rows, estimates, lists, skewRows: () => [] };
      const files = tableFiles(dir, source, await loadArchitecture(architecture, "configs"), writeAtomic);
      files.touch(1, "dense");
      files.touch(1, "per_sequence");
      await files.write();
      for (const [path, text] of Object.entries(output)) {
        assert.equal(await textOfFile(dir, path), text.replaceAll("\r\n", "\n"), path);
      }
    }));
}
