import assert from "node:assert/strict";
import { findBundles } from "../../src/bundle/find.ts";
import { withBundle } from "./with_bundle.ts";

const FOLDERS: [what: string, path: string, found: boolean][] = [
  ["a bundle itself", "", true],
  ["the variants of a model", "bf16", true],
  ["a folder above the hardware's", "perf/H100/o/m/bf16", true],
  ["one further above", "all/perf/H100/o/m/bf16", false],
  ["a hidden folder", ".trash/bf16", false],
];
for (const [what, path, found] of FOLDERS) {
  Deno.test(`findBundles in ${what}: ${found ? "one" : "none"}`, () =>
    withBundle({ [`${path}/meta.yaml`]: "x: 1\n", "other/meta.yml": "x: 1\n" }, async (dir) => {
      assert.deepEqual(await findBundles(dir), found ? [path === "" ? dir : `${dir}/${path}`] : []);
    }));
}

Deno.test("findBundles finds none in a bundle, sorts them, and follows no link", () =>
  withBundle({
    "b/meta.yaml": "x: 1\n",
    "a/meta.yaml": "x: 1\n",
    "a/inner/meta.yaml": "x: 1\n",
    "c/meta.yaml/d": "",
  }, async (dir) => {
    await Deno.symlink(`${dir}/a`, `${dir}/link`);
    assert.deepEqual(await findBundles(dir), [`${dir}/a`, `${dir}/b`]);
    for (const none of ["none", "a/meta.yaml"]) {
      await assert.rejects(findBundles(`${dir}/${none}`), {
        name: "UsageError",
        message: `Cannot look for bundles in ${dir}/${none}: there is no such folder`,
      });
    }
  }));
