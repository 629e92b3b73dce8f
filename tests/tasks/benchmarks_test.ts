import assert from "node:assert/strict";
import { makePages } from "../../tasks/benchmarks/pages.ts";

Deno.test("the pages of benchmarks and bundles are what their task makes from perf/", async () => {
  const pages = await makePages("perf");
  const bundles = [...Deno.readDirSync("docs/bundles")].map(({ name }) => `bundles/${name}`).sort();
  assert.deepEqual(["benchmarks.md", ...bundles], [...pages.keys()].sort());
  for (const [path, text] of pages) {
    const there = await Deno.readTextFile(`docs/${path}`);
    assert.equal(there, text, `docs/${path} is not up to date: run deno task benchmarks`);
  }
});
