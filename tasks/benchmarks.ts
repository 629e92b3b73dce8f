// deno-lint-ignore-file no-console
/**
 * Writes `docs/benchmarks.md`, and the pages of `docs/bundles` with their pictures, from the published bundles and their evidence.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { saveFigure } from "../src/view/render/render.ts";
import { makePages, makePictures } from "./benchmarks/pages.ts";
import { runScript } from "./script.ts";

const DOCS = "docs";

await runScript({ usage: "deno task benchmarks" }, async () => {
  await Deno.remove(join(DOCS, "bundles"), { recursive: true }).catch(() => {});
  for (const [path, figure] of await makePictures("perf")) {
    await Deno.mkdir(dirname(join(DOCS, path)), { recursive: true });
    await saveFigure(figure, join(DOCS, path), { scale: 1.5 });
  }
  for (const [path, text] of await makePages("perf", DOCS)) {
    await Deno.mkdir(dirname(join(DOCS, path)), { recursive: true });
    await Deno.writeTextFile(join(DOCS, path), text);
    console.log(join(DOCS, path));
  }
});
