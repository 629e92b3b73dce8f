/**
 * One table of several degrees and bundles below each other.
 *
 * @module
 */
import pl from "nodejs-polars";
import type { Bundle } from "../../bundle/open.ts";
import type { Category } from "../../shots/shot.ts";
import { attentionFrame, skewFitFrame, skewFrame, tableFrame } from "./table_frame.ts";

/** A table of a bundle. */
export type LongTable = Category | "skew" | "skew_fit";

/**
 * Puts one table of all bundles and all their degrees below each other.
 *
 * @param bundles The bundles.
 * @param table Which table.
 * @returns The columns hardware, model, variant and tp, then the table's own.
 *
 * @example
 * ```ts
 * import { longFrame } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = {
 *   dir: "", meta: { hardware: "H100", model: "a/b", variant: "bf16" }, tps: [1, 2], issues: [],
 *   table: () => [{ layer: "o_proj", key: [16], timeUs: 5 }], skew: () => [], skewFit: () => [], estimated: () => [],
 * };
 * const frame = longFrame([bundle], "dense");
 * assert.deepEqual(frame.getColumn("tp").toArray(), [1, 2]);
 * assert.deepEqual(frame.columns, ["hardware", "model", "variant", "tp", "layer", "tokens", "time_us"]);
 * ```
 */
export function longFrame(bundles: readonly Bundle[], table: LongTable): pl.DataFrame {
  const parts = bundles.flatMap((bundle) => bundle.tps.map((tp) => labelled(bundle, tp, table)));
  return parts.length === 0 ? tableOf(undefined, 1, table) : pl.concat(parts);
}

function labelled(bundle: Bundle, tp: number, table: LongTable): pl.DataFrame {
  const { hardware = "", model = "", variant = "" } = bundle.meta;
  const frame = tableOf(bundle, tp, table);
  return frame.select(
    pl.lit(hardware).alias("hardware"),
    pl.lit(model).alias("model"),
    pl.lit(variant).alias("variant"),
    pl.lit(tp).cast(pl.Int64).alias("tp"),
    ...frame.columns.map((column) => pl.col(column)),
  );
}

function tableOf(bundle: Bundle | undefined, tp: number, table: LongTable): pl.DataFrame {
  if (table === "skew") return skewFrame(bundle?.skew(tp) ?? []);
  if (table === "skew_fit") return skewFitFrame(bundle?.skewFit(tp) ?? []);
  if (table === "attention") return attentionFrame(bundle, tp);
  return tableFrame(table, bundle?.table(tp, table) ?? []);
}
