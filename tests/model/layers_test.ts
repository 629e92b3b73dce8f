/** Layers of a catalogue, which of them no degree changes, and the files of a folder. */
import assert from "node:assert/strict";
import { layersOf, stableLayers } from "../../src/model/layers.ts";
import { listFiles } from "../../src/model/list_files.ts";

const ARCHITECTURE = {
  catalog: {
    dense: {
      norm: { vllm: ["N"], tp_stable: true },
      qkv: { vllm: ["Q"] },
      o: { vllm: ["O"], tp_stable: false },
    },
    per_sequence: { sampler: { vllm: ["S"], tp_stable: true } },
    attention: { attention: { vllm: ["A"] } },
    moe: {},
  },
};

Deno.test("layers are those of a category, with whether a degree changes them", () => {
  assert.deepEqual(layersOf(ARCHITECTURE, "dense"), [
    { name: "norm", tpStable: true },
    { name: "qkv", tpStable: false },
    { name: "o", tpStable: false },
  ]);
  assert.deepEqual(layersOf(ARCHITECTURE, "moe"), []);
});

Deno.test("stable layers are those of all categories, or of some", () => {
  assert.deepEqual([...stableLayers(ARCHITECTURE)], ["norm", "sampler"]);
  assert.deepEqual([...stableLayers(ARCHITECTURE, ["dense"])], ["norm"]);
  assert.deepEqual([...stableLayers(ARCHITECTURE, [])], []);
  assert.deepEqual([...stableLayers(undefined)], []);
});

Deno.test("files of a kind are listed with their folders, sorted; a folder that is not there has none, another fault is told", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${dir}/b/c`, { recursive: true });
    for (const name of ["z.yaml", "a.yaml", "b/c/d.yaml", "b/e.yaml", "b/no.json", "yaml"]) {
      await Deno.writeTextFile(`${dir}/${name}`, "");
    }
    assert.deepEqual(await listFiles(dir, ".yaml"), ["a", "b/c/d", "b/e", "z"]);
    assert.deepEqual(await listFiles(`${dir}/none`, ".yaml"), []);
    await assert.rejects(listFiles(`${dir}/a.yaml`, ".yaml"));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
