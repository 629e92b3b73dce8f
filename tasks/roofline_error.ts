// deno-lint-ignore-file no-console
/**
 * How far the roofline estimate is from measured bundles: `deno run -A tasks/roofline_error.ts <bundle>...` prints a
 * Markdown table of relative errors, layer by layer.
 *
 * @module
 */
import { openBundle } from "../src/bundle/open.ts";
import { percents, table } from "./benchmarks/markdown.ts";
import { rooflineErrors } from "./benchmarks/roofline.ts";
import { runScript } from "./script.ts";

await runScript({ usage: "roofline_error.ts BUNDLE...", words: [1, Infinity] }, async (_, ...dirs) => {
  for (const dir of dirs) {
    const bundle = await openBundle(dir);
    const { hardware, model } = bundle.meta;
    const rows = (await rooflineErrors(bundle)).map(({ category, layer, rows, p50, p90, ratio }) => [
      layer ?? `**${category}**`,
      String(rows),
      percents(p50, p90),
      ratio.toFixed(2),
    ]);
    const columns = ["rows of", "rows", "error p50 / p90, %", "median of estimate / measurement"];
    console.log(`## ${hardware} ${model} tp ${bundle.tps.join(", ")}\n\n${table(columns, rows)}\n`);
  }
});
