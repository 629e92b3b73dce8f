import assert from "node:assert/strict";
import { writeAtomic } from "../../src/files/write.ts";
import { loadArchitecture } from "../../src/model/architecture.ts";
import type { Architecture } from "../../src/model/model.ts";
import { readRows } from "../../src/store/rows.ts";
import { tableFiles } from "../../src/store/table_files.ts";
import vectors from "../data/tp-stable-copy.json" with { type: "json" };
import { putFile, textOfFile, withFolder } from "../run/tiny_run.ts";

/** A model's layers as the reference has them: it takes qk_norm for the same at every degree, whose heads a degree divides. */
async function referenceLayers(modelType: string): Promise<Architecture> {
  const architecture = await loadArchitecture(modelType, "configs");
  const { qk_norm: norm, ...dense } = architecture.catalog.dense;
  if (norm === undefined) return architecture;
  const catalog = { ...architecture.catalog, dense: { ...dense, qk_norm: { ...norm, tp_stable: true } } };
  return { ...architecture, catalog };
}

for (const { architecture, mode, input, output } of vectors.cases) {
  Deno.test(`tableFiles copies tp_stable layers as the reference does: ${architecture}, ${mode}`, () =>
    withFolder(async (dir) => {
      for (const [path, text] of Object.entries(input)) await putFile(dir, path, text);
      const { rows, estimates, issues } = await readRows(dir);
      assert.deepEqual(issues, []);
      const lists = { around: (_: number, writeTable: () => Promise<void>) => writeTable() };
      const source = { rows, estimates, lists, skewRows: () => [] };
      const files = tableFiles(dir, source, await referenceLayers(architecture), writeAtomic);
      files.touch(1, "dense");
      files.touch(1, "per_sequence");
      await files.write();
      for (const [path, text] of Object.entries(output)) {
        assert.equal(await textOfFile(dir, path), text.replaceAll("\r\n", "\n"), path);
      }
    }));
}
