// deno-lint-ignore-file no-console
/**
 * Writes `docs/benchmarks.md` and the pages of `docs/bundles` from the published bundles and their evidence.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { makePages } from "./benchmarks/pages.ts";

const DOCS = "docs";

await Deno.remove(join(DOCS, "bundles"), { recursive: true }).catch(() => {});
for (const [path, text] of await makePages("perf")) {
  await Deno.mkdir(dirname(join(DOCS, path)), { recursive: true });
  await Deno.writeTextFile(join(DOCS, path), text);
  console.log(join(DOCS, path));
}
