/**
 * How far the roofline estimate is from a measured bundle.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Bundle } from "../../src/bundle/open.ts";
import { CONFIG_DIR } from "../../src/config_dir.ts";
import { quantile } from "../../src/stats.ts";
import { rooflineHarness } from "../../src/harness/estimate/roofline.ts";
import { layersOf } from "../../src/model/layers.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { shardConfig } from "../../src/model/shard.ts";
import { KNOWN_LAYERS } from "../../src/roofline/layer_work.ts";
import { CATEGORIES, type Category, CATEGORY_ORDER, type Shot } from "../../src/shots/shot.ts";

/** How far the estimates of some rows are from their times, as shares of these. */
export interface RooflineError {
  /** Category of the rows. */
  readonly category: Category;
  /** Their layer, null for all of the category. */
  readonly layer: string | null;
  /** How many there are. */
  readonly rows: number;
  /** Median of the error's size. */
  readonly p50: number;
  /** The size that 90% of the errors stay within. */
  readonly p90: number;
  /** Median of estimate over measurement. */
  readonly ratio: number;
}

/**
 * Estimates every row of a bundle whose hardware has a sheet.
 *
 * @param bundle The bundle, its model among the configurations of the project.
 * @returns The errors, by category and layer in the order of the catalogue, of each category all rows first; none
 * without a sheet, or of a model with a layer that has no formula.
 */
export async function rooflineErrors({ meta, tps, table }: Bundle): Promise<RooflineError[]> {
  if (!existsSync(join(CONFIG_DIR, "hardware", `${meta.hardware}.yaml`))) return [];
  const { config, architecture } = await loadModel(meta.model!);
  const named = [...layersOf(architecture, "dense"), ...layersOf(architecture, "per_sequence")];
  const hasFormulas = named.every(({ name }) => KNOWN_LAYERS.includes(name));
  if (!hasFormulas || layersOf(architecture, "linear_attention").length > 0) return [];
  await using harness = await rooflineHarness(meta.hardware!);
  const ratios = new Map<string, number[]>();
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
        const ratio = outcome.samples[name]![0]! / timeUs;
        for (const group of [category, `${category} ${name}`]) {
          const list = ratios.get(group) ?? [];
          list.push(ratio);
          ratios.set(group, list);
        }
      }
    }
  }
  return CATEGORY_ORDER.flatMap((category) =>
    [null, ...layersOf(architecture, category).map(({ name }) => name)].flatMap((layer) => {
      const list = ratios.get(layer === null ? category : `${category} ${layer}`);
      return list === undefined ? [] : [errorOf(category, layer, list)];
    })
  );
}

function errorOf(category: Category, layer: string | null, ratios: readonly number[]): RooflineError {
  const errors = Float64Array.from(ratios, (ratio) => Math.abs(ratio - 1)).sort();
  return {
    category,
    layer,
    rows: ratios.length,
    p50: quantile(errors, 0.5),
    p90: quantile(errors, 0.9),
    ratio: quantile(Float64Array.from(ratios).sort(), 0.5),
  };
}

function shotOf(category: Category, tp: number, key: readonly number[]): Shot {
  const named = CATEGORIES[category].columns.map((column, i) => [column, key[i]]);
  return { category, tp, ...Object.fromEntries(named) } as Shot;
}
