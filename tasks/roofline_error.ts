/**
 * How far the roofline estimate is from measured bundles: `deno run -A tasks/roofline_error.ts <bundle>...` prints a
 * Markdown table of relative errors, layer by layer.
 *
 * @module
 */
import { openBundle } from "../src/bundle/open.ts";
import { rooflineHarness } from "../src/harness/roofline.ts";
import { layersOf } from "../src/model/architecture.ts";
import { loadModel } from "../src/model/load_model.ts";
import { shardConfig } from "../src/model/shard.ts";
import { CATEGORIES, type Category, CATEGORY_ORDER, type Shot } from "../src/sweep/shot.ts";

/** Estimates over measurements, by what they are of. */
type Ratios = Map<string, number[]>;

async function ratiosOf(dir: string): Promise<{ name: string; ratios: Ratios }> {
  const { meta, tps, table } = await openBundle(dir);
  const { config, architecture } = await loadModel(meta.model!);
  const ratios: Ratios = new Map();
  await using harness = await rooflineHarness(meta.hardware!);
  for (const tp of tps) {
    await harness.boot({
      config: shardConfig(config, tp),
      architecture,
      tp,
      dtype: "auto",
      kv_cache_dtype: "auto",
      block_size: null,
      max_num_batched_tokens: meta.engine_effective?.max_num_batched_tokens ?? 2048,
      max_num_seqs: meta.engine_effective?.max_num_seqs ?? 256,
    });
    for (const category of CATEGORY_ORDER) {
      const rows = table(tp, category);
      const shots = rows.map(({ key }) => shotOf(category, tp, key));
      for await (const outcome of harness.fire({ shots, iterations: 1, quantity: "estimate" })) {
        if (outcome.status === "failed") throw new Error(outcome.message);
        const { layer, timeUs } = rows[outcome.index]!;
        const name = layer ?? layersOf(architecture, category)[0]!.name;
        for (const group of [`${category} ${name}`, `${category} (all)`]) {
          const list = ratios.get(group) ?? [];
          list.push(outcome.samples[name]![0]! / timeUs);
          ratios.set(group, list);
        }
      }
    }
  }
  return { name: `${meta.hardware} ${meta.model} tp ${tps.join(", ")}`, ratios };
}

function shotOf(category: Category, tp: number, key: readonly number[]): Shot {
  return {
    category,
    tp,
    ...Object.fromEntries(CATEGORIES[category].columns.map((column, i) => [column, key[i]])),
  } as Shot;
}

/** The value below which a share of the values lies. */
function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(share * (values.length - 1))]!;
}

if (import.meta.main) {
  for (const dir of Deno.args) {
    const { name, ratios } = await ratiosOf(dir);
    const lines = [
      `## ${name}`,
      "",
      "| rows of | rows | p50 error | p90 error | median estimate/measured |",
      "| --- | --- | --- | --- | --- |",
    ];
    for (const [group, list] of [...ratios].sort()) {
      const errors = list.map((ratio) => Math.abs(ratio - 1) * 100);
      lines.push(
        `| ${group} | ${list.length} | ${quantile(errors, 0.5).toFixed(0)}% | ${
          quantile(errors, 0.9).toFixed(0)
        }% | ${quantile(list, 0.5).toFixed(2)} |`,
      );
    }
    // deno-lint-ignore no-console
    console.log(lines.join("\n") + "\n");
  }
}
