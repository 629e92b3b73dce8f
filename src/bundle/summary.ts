/**
 * A bundle in one sentence.
 *
 * @module
 */
import { type Category, CATEGORY_ORDER } from "../shots/shot.ts";
import type { Meta } from "./meta.ts";

/**
 * Says what a bundle is.
 *
 * @param bundle What it states, its degrees and its tables.
 * @returns Model, hardware, degrees, rows, quantity, engine and date, as far as they are known.
 *
 * @example
 * ```ts
 * import { bundleSummary } from "./summary.ts";
 * import assert from "node:assert/strict";
 * const meta = { model: "o/Small-1B", hardware: "H100", variant: "bf16", quantity: "kernel" } as const;
 * const table = (_: number, name: string) => name === "dense" ? [{ layer: "o_proj", key: [1], timeUs: 5 }] : [];
 * assert.equal(bundleSummary({ meta, tps: [1], table }), "o/Small-1B on H100 (bf16), tp 1: 1 row; kernel times");
 * ```
 */
export function bundleSummary(
  { meta, tps, table }: {
    readonly meta: Meta;
    readonly tps: readonly number[];
    readonly table: (tp: number, category: Category) => readonly unknown[];
  },
): string {
  const rows = tps.flatMap((tp) => CATEGORY_ORDER.map((name) => table(tp, name).length))
    .reduce((sum, count) => sum + count, 0);
  const quantity = meta.quantity === "estimate"
    ? "roofline estimate, not measured"
    : `${meta.quantity} times`;
  const variant = meta.variant === undefined ? "" : ` (${meta.variant})`;
  const parts = [
    `${meta.model ?? "?"} on ${meta.hardware ?? "?"}${variant}, tp ${tps.join(", ")}: ${
      rows.toLocaleString("en-US")
    } ${rows === 1 ? "row" : "rows"}`,
    ...(meta.quantity === undefined ? [] : [quantity]),
    ...(meta.engine === undefined ? [] : [`${meta.engine} ${meta.engine_version ?? ""}`.trim()]),
    ...(meta.profiled_at === undefined ? [] : [String(meta.profiled_at).slice(0, 10)]),
  ];
  return parts.join("; ");
}
