/**
 * What a roofline estimates for a bundle's own shots, to be drawn beside what was measured.
 *
 * @module
 */
import type { Bundle } from "../bundle/open.ts";
import { CONFIG_DIR } from "../config_dir.ts";
import { UsageError } from "../errors.ts";
import { rooflineHarness } from "../harness/estimate/roofline.ts";
import { loadModel } from "../model/load_model.ts";
import { shardConfig } from "../model/shard.ts";
import type { Row } from "../bundle/tables.ts";
import type { Shot } from "../shots/shot.ts";

/** Tables that are estimated. */
export type EstimatedTable = "dense" | "per_sequence";

/** Options of {@linkcode estimateRows}. */
export interface EstimateOptions {
  /** Folder of `model/`, `architecture/` and `hardware/`. @default {"the project's own"} */
  readonly configDir?: string;
  /** Name of the hardware's sheet. @default {"the bundle's hardware"} */
  readonly hardware?: string;
}

/**
 * Estimates the rows of a bundle's table.
 *
 * @param bundle The bundle.
 * @param tp Tensor-parallel degree.
 * @param table The table.
 * @param options Where model and sheet are.
 * @returns A row for every row of the bundle whose layer the model has; null when there is no sheet of the hardware or
 * no configuration of the model, and for a bundle that is an estimate itself.
 *
 * @example
 * ```ts
 * import { openBundle } from "shotlab";
 * import { estimateRows } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * const rows = await estimateRows(bundle, 1, "dense");
 * assert.equal(rows?.length, bundle.table(1, "dense").length);
 * ```
 */
export async function estimateRows(
  bundle: Bundle,
  tp: number,
  table: EstimatedTable,
  options: EstimateOptions = {},
): Promise<Row[] | null> {
  const { configDir = CONFIG_DIR, hardware = bundle.meta.hardware ?? "" } = options;
  if (bundle.meta.quantity === "estimate") return null;
  try {
    const { config, architecture } = await loadModel(bundle.meta.model ?? "", {
      configDir,
      download: false,
    });
    await using harness = await rooflineHarness(hardware, { configDir });
    const sizes = [...new Set(bundle.table(tp, table).map(({ key }) => key[0]!))];
    await harness.boot({
      config: shardConfig(config, tp),
      architecture,
      tp,
      dtype: bundle.meta.dtype ?? "auto",
      kv_cache_dtype: bundle.meta.kv_cache_dtype ?? "auto",
      block_size: null,
      max_num_batched_tokens: Math.max(...sizes),
      max_num_seqs: Math.max(...sizes),
    });
    const shots = sizes.map((size): Shot =>
      table === "dense" ? { category: table, tp, tokens: size } : { category: table, tp, sequences: size }
    );
    const rows: Row[] = [];
    for await (const outcome of harness.fire({ shots, iterations: 1, quantity: "estimate" })) {
      if (outcome.status !== "measured") continue;
      for (const [layer, samples] of Object.entries(outcome.samples)) {
        rows.push({ layer, key: [sizes[outcome.index]!], timeUs: samples[0]! });
      }
    }
    return rows;
  } catch (error) {
    if (error instanceof UsageError) return null;
    throw error;
  }
}
